"""What the flows share about the run they are in: its day and its name."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from prefect.runtime import flow_run

if TYPE_CHECKING:
    from collections.abc import Callable


def first_unknown_day(as_of: date | None) -> date:
    """`as_of`, or the day (UTC) that this run was scheduled for when it is None."""
    if as_of is not None:
        return as_of
    scheduled = flow_run.scheduled_start_time
    return (scheduled or datetime.now(UTC)).date()


def run_name(action: str) -> Callable[[], str]:
    """Names runs `<action>-<problem>-<day>`; Prefect calls it when a run begins."""

    def name() -> str:
        parameters = flow_run.parameters
        as_of = parameters.get("as_of")
        day = date.fromisoformat(as_of) if isinstance(as_of, str) else as_of
        return f"{action}-{parameters.get('problem', '')}-{first_unknown_day(day)}"

    return name
