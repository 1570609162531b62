"""The command line: a thin layer over `versioning.Repository`."""

from versioning.cli.app import app, main

__all__ = ["app", "main"]
