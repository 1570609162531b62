"""This library."""

import os

from runner import chained

from versioning import versioned
from versioning.capture.process import installed

TITLE = "prefect-versioning"
CONFIGURATION = "`versioned(function)`"
_made = []
# What every process would read anew, once for all of them.
installed()


def run(functions, call, state):
    os.environ |= {
        "VERSIONING_REPOSITORY": str(state / "repository"),
        "VERSIONING_CACHE": str(state / "cache"),
        "VERSIONING_LEASE_SECONDS": "2",
    }
    _made.append(chained([versioned(function) for function in functions], call))
    return _made[-1].load()


def why():
    return [change.leaf for change in _made[-1].why().changed]
