"""Flow runs as the repository remembers them: which ended last, what it did, what was reused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from versioning import layout
from versioning.errors import NotFoundError

if TYPE_CHECKING:
    from versioning.repository import Repository


def last_run(repository: Repository, flow: str | None = None) -> dict[str, Any]:
    """The record of the run that ended last, of `flow` or of any.

    Newest files are read first, so that a long history costs one listing and a few reads.

    Raises:
        NotFoundError: If no such run ended.
    """
    written = _written(repository)
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


@dataclass(frozen=True, slots=True)
class Hit:
    """A version that a flow run reused.

    Attributes:
        version: Its id.
        step: Its step.
        flow: Name of the flow.
        run: Prefect's id of the run.
    """

    version: str
    step: str
    flow: str
    run: str


def recent_hits(repository: Repository, since: datetime) -> list[Hit]:
    """What runs reused that ended at `since` (timezone-aware) or later; a version once."""
    found: dict[str, Hit] = {}
    for run, moment in _written(repository).items():
        # A record is written when a run ends: what is older need not be read.
        if moment is not None and moment < since:
            continue
        for part in repository.run_parts(run):
            if "ended" in part and datetime.fromisoformat(part["ended"]).astimezone(UTC) >= since:
                for row in part["steps"]:
                    if row["status"] in _REUSED:
                        hit = Hit(row["version"], row["step"], str(part["flow"]), run)
                        found.setdefault(hit.version, hit)
    return sorted(found.values(), key=lambda hit: hit.version)


_REUSED = {"hit", "audit"}


def _written(repository: Repository) -> dict[str, datetime | None]:
    """When each run wrote last, where the store tells."""
    written: dict[str, datetime | None] = {}
    for entry in repository.store.list(layout.RUNS):
        if found := layout.entry(entry.name):
            run = found[0]
            written[run] = max(filter(None, [written.get(run), entry.modified]), default=None)
    return written


def _age(written: dict[str, datetime | None]) -> Any:
    """Sort key of runs, newest first; where the store tells no time, all are equally old."""
    return lambda run: -moment.timestamp() if (moment := written[run]) else 0.0
