"""The commands, and what their end means to a script.

Exit codes: 0 done; 1 the answer is no (damage was found, bytes are not what was written); 2 wrong
use, such as a name that names nothing; 3 the store cannot be reached or written.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from cyclopts import App, CycloptsError

from versioning.cli import (
    browse,
    costs,
    explain,
    exports,
    inspection,
    invalidation,
    models,
    protect,
    reruns,
    retention,
)
from versioning.errors import (
    IntegrityError,
    ReadOnlyError,
    RefusedError,
    StorageError,
    VersioningError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

NO, WRONG_USE, UNREACHABLE = 1, 2, 3


def _version() -> str:
    from importlib import metadata  # 30 ms, which every other command can do without

    try:
        return metadata.version("prefect-versioning")
    except metadata.PackageNotFoundError:
        return "not installed, run from its source"


app = App(
    name="versioning",
    help="Versions of the outputs of Prefect tasks: what is there, why, and whether it is sound.",
    help_epilogue="A version is named by its id, 4 or more characters of it, `step` (its latest), "
    "`step~N` (N before it), or `model@alias`.",
    help_format="plaintext",
    version=_version,
    result_action="return_value",
)

for command, name, example in (
    (browse.list_, "list", "versioning list --step train --since 7d --limit 10"),
    (browse.show, "show", "versioning show train"),
    (browse.get, "get", "versioning get clean~1 -o clean.csv"),
    (explain.why, "why", "versioning why train --against train~2; versioning why --miss retrain"),
    (explain.lineage, "lineage", "versioning lineage train --up --mermaid"),
    (explain.diff, "diff", "versioning diff clean~1 clean"),
    (explain.history, "history", "versioning history delays --at 2026-01-31"),
    (models.promote, "promote", "versioning promote train delays@champion --reason 'looked at it'"),
    (models.rollback, "rollback", "versioning rollback delays --suspect week~1 --apply"),
    (models.reconcile, "reconcile", "versioning reconcile delays --apply"),
    (protect.pin, "pin", "versioning pin delays@champion --reason 'audit of March'"),
    (protect.unpin, "unpin", "versioning unpin delays@champion"),
    (
        retention.prune,
        "prune",
        "versioning prune; versioning prune --apply --plan 3f9c2a1b5d6e7f80",
    ),
    (costs.cost, "cost", "versioning cost --by flow"),
    (
        invalidation.invalidate,
        "invalidate",
        "versioning invalidate load~1 --down --reason 'wrong export' --apply",
    ),
    (retention.undo, "undo", "versioning undo 3f9c2a1b5d6e7f80"),
    (exports.export, "export", "versioning export delays@champion --as mlbom -o champion.cdx.json"),
    (
        reruns.rerun,
        "rerun",
        "versioning rerun train; versioning rerun train --env current --explain",
    ),
    (exports.report, "report", "versioning report -o site/"),
    (inspection.verify, "verify", "versioning verify --json"),
    (inspection.trust, "trust", "versioning trust --since 1d"),
    (inspection.doctor, "doctor", "versioning doctor --repository s3://bucket/versioning"),
):
    app.command(command, name=name, help_epilogue=f"Example: {example}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    code = run(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing is left to be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code; errors are said on stderr in one message."""
    try:
        return int(app(arguments, exit_on_error=False, print_error=False) or 0)
    except CycloptsError as error:
        return _fail(f"{error} See `versioning --help`.", WRONG_USE)
    except BrokenPipeError:
        return 0
    except (StorageError, ReadOnlyError) as error:
        return _fail(error, UNREACHABLE)
    except (IntegrityError, RefusedError) as error:
        return _fail(error, NO)
    except (VersioningError, OSError) as error:
        return _fail(error, WRONG_USE)


def _fail(error: object, code: int) -> int:
    sys.stderr.write(f"versioning: {error}\n")
    return code
