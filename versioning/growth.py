"""Growth: how much was held when, how fast that grows, and when a budget is reached. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# Growth is that of the last days; a repository that is younger has fewer.
WINDOW = timedelta(days=30)
DAY = timedelta(days=1)
POINTS = 60
# What is further away than people plan.
FAR = timedelta(days=100 * 365)


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when something is held; `end` is None while it is.

    The moment of `start` belongs to the span, that of `end` does not.
    """

    start: datetime
    end: datetime | None
    amount: float


def together(spans: Iterable[Span]) -> Span:
    """From the first of some spans of the same bytes to the last."""
    first, *rest = spans
    start, end = first.start, first.end
    for span in rest:
        start = min(start, span.start)
        end = None if end is None or span.end is None else max(end, span.end)
    return Span(start, end, first.amount)


def held_at(spans: Iterable[Span], moment: datetime) -> float:
    """How much is held at a moment."""
    return sum(
        span.amount
        for span in spans
        if span.start <= moment and (span.end is None or moment < span.end)
    )


def growth_per_day(spans: Sequence[Span], now: datetime) -> float:
    """By how much what is held grew a day, over the last 30 days or since the first version."""
    first = min((span.start for span in spans), default=now)
    window = min(WINDOW, max(now - first, DAY))
    # Of a young repository, all that is held has come since its first version.
    before = held_at(spans, now - WINDOW)
    return (held_at(spans, now) - before) / (window / DAY)


def series(spans: Sequence[Span], now: datetime) -> list[tuple[datetime, float]]:
    """How much was held at equally distant moments from the first version until now."""
    first = min((span.start for span in spans), default=now)
    steps = range(POINTS + 1)
    moments = [first + (now - first) * (step / POINTS) for step in steps]
    changes = sorted(_changes(spans))
    found, total, position = [], 0.0, 0
    for moment in moments:
        while position < len(changes) and changes[position][0] <= moment:
            total += changes[position][1]
            position += 1
        found.append((moment, total))
    return found


def reached(held: float, per_day: float, budget: float, now: datetime) -> datetime | None:
    """When a budget is reached at this rate; now when it is, None when never or far away."""
    if held >= budget:
        return now
    if per_day <= 0 or (budget - held) / per_day > FAR / DAY:
        return None
    return now + (budget - held) / per_day * DAY


def spans_of(
    needed: Mapping[str, Mapping[str, float]], lives: Mapping[str, tuple[datetime, datetime | None]]
) -> list[Span]:
    """The spans of blobs, each held by the versions that need it.

    Args:
        needed: How much each blob of each version counts, by the version's id.
        lives: From when until when each of these versions had its bytes.
    """
    by_blob: dict[str, list[Span]] = {}
    for version_id, blobs in needed.items():
        start, end = lives[version_id]
        for blob, amount in blobs.items():
            by_blob.setdefault(blob, []).append(Span(start, end, amount))
    return [together(spans) for spans in by_blob.values()]


def _changes(spans: Iterable[Span]) -> Iterable[tuple[datetime, float]]:
    for span in spans:
        yield span.start, span.amount
        if span.end is not None:
            yield span.end, -span.amount
