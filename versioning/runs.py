"""Flow runs as the repository remembers them: which ended last, and what it did."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from versioning import layout
from versioning.errors import NotFoundError

if TYPE_CHECKING:
    from datetime import datetime

    from versioning.repository import Repository


def last_run(repository: Repository, flow: str | None = None) -> dict[str, Any]:
    """The record of the run that ended last, of `flow` or of any.

    Newest files are read first, so that a long history costs one listing and a few reads.

    Raises:
        NotFoundError: If no such run ended.
    """
    written: dict[str, datetime | None] = {}
    for entry in repository.store.list(layout.RUNS):
        if found := layout.entry(entry.name):
            run = found[0]
            written[run] = max(filter(None, [written.get(run), entry.modified]), default=None)
    for _, runs in groupby(sorted(written, key=_age(written)), _age(written)):
        parts = [part for run in runs for part in repository.run_parts(run)]
        ended = [part for part in parts if "ended" in part and flow in {None, part.get("flow")}]
        if ended:
            return max(ended, key=lambda part: str(part["ended"]))
    what = f"of flow {flow!r}" if flow else "of a flow"
    raise NotFoundError(
        f"no run {what} is recorded in {repository.url}; a run is recorded when it ends and has "
        "called a versioned step",
        flow=flow,
    )


def _age(written: dict[str, datetime | None]) -> Any:
    """Sort key of runs, newest first; where the store tells no time, all are equally old."""
    return lambda run: -moment.timestamp() if (moment := written[run]) else 0.0
