"""What the flows share about the run they are in: its day and its name."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from prefect.runtime import flow_run

from versioning.settings import Settings

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


def upkeep_name(action: str) -> Callable[[], str]:
    """Names runs `<action>-<repository>-<day>`, or, of one version, `<action>-<version>-...`."""

    def name() -> str:
        parameters = flow_run.parameters
        url = parameters.get("url") or Settings.load().repository_url()
        about = [str(parameters["version"])] if "version" in parameters else []
        return "-".join([action, *about, _short(url), str(first_unknown_day(None))])

    return name


def _short(url: str) -> str:
    """The end of a URL, by which people tell repositories; without a password."""
    pieces = [piece for piece in url.rpartition("://")[2].split("/") if piece]
    return "/".join(piece.rpartition("@")[2] for piece in pieces[-2:])
