"""Whether all is well: `verify`, `trust` and `doctor`."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from versioning.cli.output import (
    PLAIN,
    Flag,
    Options,
    add,
    line,
    moment,
    parse_moment,
    short,
    table,
)
from versioning.cli.reruns import verify_twice
from versioning.settings import Settings
from versioning.trust import DIFFERS, found_by_audits
from versioning.units import size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from versioning.cli.checkup import Check
    from versioning.findings import Report

SHOWN = 20


def verify(
    version: str | None = None,
    /,
    *,
    set_aside: Flag = False,
    accept_gone: Flag = False,
    twice: Flag = False,
    options: Options = PLAIN,
) -> int:
    """Digest every stored byte again, and follow every reference; 1 when something is wrong.

    Args:
        version: Only this one; everything by default.
        set_aside: Move damaged blobs and bindings out of the way, so that steps that need them run
            again; write damaged records again where a whole copy is.
        accept_gone: What is gone was removed on purpose: forget on this machine that it was there.
        twice: Make this version, or the latest of this step, again as it was made: is its step
            reproducible? `list`, `show` and `trust` tell from then on.
    """
    repository = options.open(write=set_aside or twice)
    if twice:
        return verify_twice(repository, version, options)
    if accept_gone:
        repository.catalog.accept()
    report = repository.verify(version, set_aside=set_aside)
    options.answer(asdict(report), lambda: _findings(report))
    return 0 if report.is_sound else 1


def trust(*, step: str | None = None, since: str | None = None, options: Options = PLAIN) -> int:
    """Whether hits that ran again (`VERSIONING_AUDIT`) gave the same value; 1 when one did not.

    Args:
        step: Only of this step.
        since: Only what was found from this moment on: 36h, 7d, 2w ago, or an ISO date or time.
    """
    now = datetime.now(UTC)
    earliest = parse_moment(since, now) if since else None
    found = found_by_audits(options.open(), step=step, since=earliest)
    options.answer(found, lambda: _audits(found, now))
    return 1 if any(entry["verdict"] == DIFFERS for entry in found) else 0


def doctor(*, options: Options = PLAIN) -> int:
    """Look at the environment, the store, Prefect and MLflow, and say what to do.

    Exit code 3 when the store cannot be used, 1 when something else is wrong.
    """
    from versioning.cli.checkup import BAD, UNREACHABLE, checkup  # imports what speaks HTTP

    checks = checkup(options.repository, Settings.load(), os.environ)
    states = {check.state for check in checks}
    document = {"ok": not states & {BAD, UNREACHABLE}, "checks": [asdict(c) for c in checks]}
    options.answer(document, lambda: _checks(checks))
    return 3 if UNREACHABLE in states else 1 if BAD in states else 0


def _findings(report: Report) -> Iterator[RenderableType]:
    yield line(f"{report.checked} versions checked, {size(report.checked_bytes)}")
    damaged = table("damaged", "blob", "reason")
    for item in report.damaged:
        add(damaged, short(item.id), item.blob or "the record", item.reason)
    dangling = table("dangling", "refers to", "reason")
    for reference in report.dangling:
        add(dangling, reference.name, reference.target, reference.reason)
    gone = table("gone", "what it was")
    for lost in report.gone:
        add(gone, lost.name, lost.reason)
    yield from (found for found in (damaged, dangling, gone) if found.row_count)
    yield from _notes(report)
    yield line("All is sound." if report.is_sound else "Something is wrong: see above.")


def _notes(report: Report) -> Iterator[RenderableType]:
    yield from _withdrawn(report)
    if report.replaced:
        yield line(f"{len(report.replaced)} lost their bytes and were made again since")
    if report.set_aside:
        yield line(f"{len(report.set_aside)} set aside: run their steps again")
    elif (report.damaged or report.dangling) and not report.restored:
        yield line("`versioning verify --set-aside` restores what has a whole copy and makes the ")
        yield line("next run compute the rest again")
    if report.restored:
        yield line(f"{len(report.restored)} written again from a copy; verify once more")
    if report.gone:
        yield line(
            "Restore what is gone from a backup, or run the steps again; when it was removed"
        )
        yield line("on purpose, `versioning verify --accept-gone` forgets it")
    if report.orphans:
        count = len(report.orphans)
        left = "1 leftover" if count == 1 else f"{count} leftovers"
        yield line(f"{left} of interrupted or running writers: harmless")
        yield from (line(f"  {name}") for name in report.orphans[:SHOWN])


def _withdrawn(report: Report) -> Iterator[RenderableType]:
    if report.expired:
        yield line(f"{len(report.expired)} expired: retention deleted their bytes")
    if report.erased:
        yield line(f"{len(report.erased)} erased on request: tombstones say why and by whom")
    if report.invalid and not report.set_aside:
        yield line(f"{len(report.invalid)} invalid versions still answer their keys, as somebody")
        yield line("was stopped: `versioning verify --set-aside` ends that")


def _audits(found: Sequence[Mapping[str, Any]], now: datetime) -> Iterator[RenderableType]:
    if not found:
        yield line("no audit found anything; VERSIONING_AUDIT=0.01 runs one hit in a hundred again")
        return
    made = table("step", "result", "version", "value now", "found")
    for entry in found:
        versions = (short(entry[name]) if entry[name] else None for name in ("version", "other"))
        when = moment(datetime.fromisoformat(entry["at"]), now)
        add(made, entry["step"], entry["verdict"], *versions, when)
    yield made
    if differing := next((e for e in found if e["verdict"] == DIFFERS), None):
        yield line(
            f"See `versioning diff {short(differing['version'])} {short(differing['other'])}`. The "
            "step depends on something that its key does not say; pass that on, or fix its seed."
        )


def _checks(checks: Sequence[Check]) -> Iterator[RenderableType]:
    made: Any = table("", "check", "found", "advice")
    for check in checks:
        add(made, check.state, check.name, check.found, check.advice)
    yield made
