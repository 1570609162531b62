"""An exact rerun as a flow: the table and the verdict on the run's page, the old run linked."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

import pandas as pd
from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from flows.report import log_progress, show_table
from flows.runs import upkeep_name
from versioning import open_repository
from versioning.errors import VersioningError
from versioning.units import duration

if TYPE_CHECKING:
    from versioning.records import VersionRecord
    from versioning.rerun import Rerun

Side = Literal["captured", "current"]
STEPS = ["step", "version", "verdict", "before", "after", "took", "note"]
SUSPECTS, DIFFERENCES = ["not as it was", "then", "now"], ["differs", "before", "after"]
log = logging.getLogger(__name__)


class NotTheSameError(VersioningError):
    """A version did not come out as it was recorded."""


@flow(flow_run_name=upkeep_name("rerun"))
def rerun(  # noqa: PLR0913 - each is a choice of the caller's
    version: str,
    *,
    env: Side = "captured",
    code: Side = "captured",
    tolerance: float = 0.0,
    everything: bool = False,
    explain: bool = False,
    fresh: bool = False,
    archive: bool = False,
    against: str | None = None,
) -> str:
    """Make a version again from what was captured with it, and compare; fails if it differs.

    With `against`, two versions are compared instead, which fails for no difference.

    Args:
        version: Which one, as the command line names it.
        env: `captured` installs what was installed then; `current` is the test of an upgrade.
        code: `captured` runs the source of then; `current` that of the project here.
        tolerance: Within which numbers and predictions count as equal.
        everything: Make also those ancestors again whose bytes are there.
        explain: Swap one suspect at a time, and name those that make the difference alone.
        fresh: Make an environment even where this one is the recorded one.
        archive: Keep the wheels of the recorded environment, so that the next rerun needs no index.
        against: Another version: find out what makes it another one than `version`. Single things
            that it was made of (files, distributions, parameters, the seed, inputs, variables,
            threads) are put into the run of `version`, which is otherwise as recorded.

    Returns:
        The verdict; with `against`, whether the two versions are of one value.

    Raises:
        NotTheSameError: If a step is different, or failed.
    """
    repository = open_repository()
    record = repository.record(repository.resolve(version))
    other = repository.record(repository.resolve(against)) if against else None
    found = repository.rerun(
        record.id,
        env=env,
        code=code,
        tolerance=tolerance,
        everything=everything,
        explain=explain,
        fresh=fresh,
        archive=archive,
        against=other.id if other else None,
        progress=log_progress,
    )
    _show(record, found, other)
    if other is None and not found.is_same:
        told = ", ".join(found.differs[:5]) or "nothing that is known"
        emit_event(
            event="versioning.rerun-different",
            resource={"prefect.resource.id": f"versioning.version.{record.id}"},
            payload={"version": record.id, "step": record.step, "verdict": found.verdict},
        )
        raise NotTheSameError(
            f"{record.step} {record.id[:12]} is {found.verdict}; not as it was: {told}. "
            f"`versioning rerun {record.id[:12]} --explain` looks for the cause",
            id=record.id,
        )
    return found.verdict


def _show(record: VersionRecord, found: Rerun, other: VersionRecord | None) -> None:
    rows = [
        (
            s.step,
            s.id[:12],
            s.verdict,
            s.before[:12],
            (s.after or "-")[:12],
            duration(s.seconds),
            s.note,
        )
        for s in found.steps
    ]
    about = f"{record.step} {record.id[:12]}: {found.verdict}"
    show_table("rerun", pd.DataFrame(rows, columns=STEPS), about=about)
    suspects = [(s.name, s.before, s.after) for s in found.suspects]
    if suspects:
        columns = DIFFERENCES if other else SUSPECTS
        show_table("suspects", pd.DataFrame(suspects, columns=columns), about=f"{about}: suspects")
    create_markdown_artifact(_verdict(record, found, other), key="verdict", description=about)
    log.info("%s in %s", about, duration(found.seconds))


def _verdict(record: VersionRecord, found: Rerun, other: VersionRecord | None) -> str:
    causes = [f"- `{c.name}`: {c.before} -> {c.after}" for c in found.causes or ()]
    lines = [
        f"# {record.step} `{record.id[:12]}`: {found.verdict}",
        _made(record),
        f"Made again with {found.code} code in the {found.env} environment ({found.environment}).",
        *([f"Compared with {other.step} `{other.id[:12]}`. {_made(other)}"] if other else []),
        *(["What makes the difference, alone:", "\n".join(causes)] if causes else []),
        *found.remarks(),
    ]
    return "\n\n".join(lines)


def _made(record: VersionRecord) -> str:
    """Where and when a version was made, with a link to its run."""
    run = record.meta.get("run", {})
    old = run.get("flow_run")
    name = run.get("flow_run_name") or "outside a flow"
    made = f"[{name}](/runs/flow-run/{old})" if old else name
    return f"Made in {made} on {record.created:%Y-%m-%d %H:%M} UTC."
