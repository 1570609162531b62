"""`python -m versioning` is the command line."""

from versioning.cli import main

main()
