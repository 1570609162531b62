"""Rerun: make a version again from what was captured, and say whether it came out the same."""

from versioning.rerun.execution import CAPTURED, CURRENT, Terms
from versioning.rerun.run import against, rerun
from versioning.rerun.twice import rebuilt, twice
from versioning.rerun.verdicts import (
    DIFFERENT,
    EQUAL,
    FAILED,
    IDENTICAL,
    Rerun,
    StepVerdict,
    Suspect,
)

__all__ = [
    "CAPTURED",
    "CURRENT",
    "DIFFERENT",
    "EQUAL",
    "FAILED",
    "IDENTICAL",
    "Rerun",
    "StepVerdict",
    "Suspect",
    "Terms",
    "against",
    "rebuilt",
    "rerun",
    "twice",
]
