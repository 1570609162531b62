"""What one rule keeps of the versions of one step."""

from __future__ import annotations

from datetime import UTC
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from versioning.retention.candidates import Candidate
    from versioning.retention.policy import Rule

# What tells two periods apart, by the field of a rule that counts them.
_PERIODS = {
    "keep_hourly": "%Y-%m-%d %H",
    "keep_daily": "%Y-%m-%d",
    "keep_weekly": "%G-W%V",
    "keep_monthly": "%Y-%m",
    "keep_yearly": "%Y",
}


def kept_by(
    rule: Rule, members: Sequence[Candidate], now: datetime
) -> Iterator[tuple[Candidate, str]]:
    """What is kept, with a reason; a version may come several times.

    Args:
        rule: The rule that is about the versions.
        members: Versions of one step, newest first.
        now: The moment up to which ages count.
    """
    reason = f"keep_last = {rule.keep_last}"
    for item in members[: rule.keep_last]:
        yield item, reason
    is_limit = not rule.keeps
    for item in members:
        if is_limit:
            yield item, "within its budget"
        yield from ((item, reason) for reason in _reasons(rule, item, now))
    for field, period in _PERIODS.items():
        if count := getattr(rule, field):
            reason = f"{field} = {count}"
            for item in _newest_of_each(period, members)[:count]:
                yield item, reason


def _reasons(rule: Rule, item: Candidate, now: datetime) -> Iterator[str]:
    """Why a rule keeps a version, whatever else there is."""
    if rule.keep_all:
        yield "keep_all"
    for tag in sorted(item.tags):
        if any(fnmatchcase(tag, pattern) for pattern in rule.keep_tagged):
            yield f"tagged {tag}"
    if now - item.created < rule.keep_within:
        yield "keep_within"
    if rule.only_rebuildable and not item.is_rebuildable:
        yield "it cannot be computed again"


def _newest_of_each(period: str, members: Sequence[Candidate]) -> list[Candidate]:
    newest: dict[str, Candidate] = {}
    for item in members:
        newest.setdefault(item.created.astimezone(UTC).strftime(period), item)
    return list(newest.values())
