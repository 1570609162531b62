"""Audits as a flow: a share of what runs reused lately is made again, and compared."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
from prefect import flow
from prefect.events import emit_event
from prefect.runtime import flow_run

from flows.report import log_progress, show_table
from flows.runs import first_unknown_day
from versioning import open_repository
from versioning.digest import digest_bytes
from versioning.errors import FormatError, NotFoundError, VersioningError
from versioning.rerun import DIFFERENT, FAILED, twice
from versioning.runs import recent_hits
from versioning.trust import label
from versioning.units import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from versioning import Repository
    from versioning.records import VersionRecord

COLUMNS = ["step", "version", "made again", "reproducible", "took", "what to do"]
NOT_RUN = "not run"
log = logging.getLogger(__name__)


class NotReproducibleError(VersioningError):
    """What was reused comes out otherwise when it is made again."""


@dataclass(frozen=True, slots=True)
class Audited:
    """What making one version again gave: a verdict of `rerun`, or that it could not be tried."""

    record: VersionRecord
    verdict: str
    note: str = ""
    other: str | None = None
    seconds: float = 0.0


def _name() -> str:
    given = flow_run.parameters
    about = given.get("step") or given.get("flow") or "everything"
    return f"audit-{about}-{first_unknown_day(None)}"


@flow(name="audit", flow_run_name=_name)
def audit(
    *,
    share: float = 0.1,
    days: int = 7,
    most: int = 20,
    flow: str | None = None,
    step: str | None = None,
) -> int:
    """Make a share of what runs reused lately again, and fail where a value differs.

    Each version is made again from what was captured with it, in a process of its own, so nothing
    that is recorded changes. A value that differs is kept beside the old one, which stays; its step
    is shown as not reproducible until it is edited.

    Args:
        share: Which part of the reused versions is made again, above 0 up to 1; at least one is.
        days: How far back runs are looked at.
        most: At most so many versions are made again, however many the share would be.
        flow: Only what runs of this flow reused; empty for all.
        step: Only versions of this step; empty for all.

    Returns:
        How many versions were made again.

    Raises:
        FormatError: If a number is none of those.
        NotReproducibleError: If a value differs.
        NotFoundError: If none of those that were due could be made again.
    """
    if not (0 < share <= 1 and days > 0 and most > 0):
        raise FormatError(
            f"share {share}, days {days}, most {most}: a share is above 0 up to 1, the others are "
            "above 0; correct them"
        )
    repository = open_repository()
    since = datetime.now(UTC) - timedelta(days=days)
    due = _due(_reused(repository, since, flow, step), share, most, str(flow_run.id))
    found = [_audited(repository, record, f"{n} of {len(due)}") for n, record in enumerate(due, 1)]
    _show(repository, found)
    _judge(found)
    return sum(item.verdict != NOT_RUN for item in found)


def _reused(
    repository: Repository, since: datetime, flow: str | None, step: str | None
) -> list[VersionRecord]:
    """Records of what was reused and can be made again."""
    found = []
    for hit in recent_hits(repository, since):
        if flow in {None, hit.flow} and step in {None, hit.step, hit.step.partition("[")[0]}:
            try:
                record = repository.record(hit.version)
            except VersioningError as error:
                log.warning("%s %s is left out: %s", hit.step, hit.version[:12], error)
                continue
            if record.is_rebuildable and record.erased is None:
                found.append(record)
    return found


def _due(reused: Sequence[VersionRecord], share: float, most: int, run: str) -> list[VersionRecord]:
    """Those that this run makes again: chosen by chance, and the same ones when it is retried."""
    drawn = sorted(reused, key=lambda item: digest_bytes(f"audit {item.key} {run}".encode()))
    return drawn[: min(most, math.ceil(share * len(drawn)))]


def _audited(repository: Repository, record: VersionRecord, which: str) -> Audited:
    try:
        found = twice(repository, record, progress=log_progress)
    except VersioningError as error:
        log.warning("%s: %s %s was not made again: %s", which, record.step, record.id[:12], error)
        return Audited(record, NOT_RUN, str(error))
    note = next((step.note for step in reversed(found.steps) if step.note), "")
    if found.verdict == DIFFERENT and found.other is None:
        note = f"{note}; not as it was: {', '.join(found.differs[:5])}"
    log.info("%s: %s %s is %s", which, record.step, record.id[:12], found.verdict)
    if found.verdict == DIFFERENT:
        _tell(record, found.other)
    return Audited(record, found.verdict, note, found.other, found.seconds)


def _tell(record: VersionRecord, other: str | None) -> None:
    facts = {"step": record.step, "version": record.id, "key": record.key}
    emit_event(
        event="versioning.differs",
        resource={
            "prefect.resource.id": f"versioning.version.{record.id}",
            "prefect.resource.name": record.step,
        },
        payload={**facts, "digest": record.digest, "other": other},
    )


def _show(repository: Repository, found: Sequence[Audited]) -> None:
    rows = [
        (
            item.record.step,
            item.record.id[:12],
            item.verdict,
            label(repository, item.record),
            duration(item.seconds),
            _advice(item),
        )
        for item in found
    ]
    show_table("audit", pd.DataFrame(rows, columns=COLUMNS), about=_told(found))
    log.info("%s", _told(found))


def _told(found: Sequence[Audited]) -> str:
    if not found:
        return "nothing that can be made again was reused in that time"
    count = {verdict: sum(item.verdict == verdict for item in found) for verdict in _WORDS}
    said = [f"{count[verdict]} {text}" for verdict, text in _WORDS.items() if count[verdict]]
    return f"{len(found)} reused versions were due: {', '.join(said)}"


_WORDS = {
    "identical": "came out identical",
    "equal": "came out equal",
    DIFFERENT: "differ",
    FAILED: "failed",
    NOT_RUN: "could not be tried",
}


def _advice(item: Audited) -> str:
    about = item.record.id[:12]
    if item.verdict == DIFFERENT and item.other:
        return f"{item.note}; versioning diff {about} {item.other[:12]}"
    if item.verdict in {DIFFERENT, FAILED}:
        return f"{item.note}; versioning rerun {about} --explain"
    return item.note


def _judge(found: Sequence[Audited]) -> None:
    if differ := [item for item in found if item.verdict == DIFFERENT]:
        named = "; ".join(f"{i.record.step} {i.record.id[:12]}: {_advice(i)}" for i in differ[:5])
        raise NotReproducibleError(
            f"{len(differ)} of {len(found)} audited versions differ when they are made again: "
            f"{named}. Seed and pin what they draw, or mark what reads the world volatile=True",
            versions=[item.record.id for item in differ],
        )
    if found and not any(item.verdict in {"identical", "equal"} for item in found):
        first = found[0]
        raise NotFoundError(
            f"none of {len(found)} versions that were due could be made again; "
            f"{first.record.step} {first.record.id[:12]}: {first.note}"
        )
