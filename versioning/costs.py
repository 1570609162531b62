"""Costs: what versions hold, what that costs and how it grows, and what making them again takes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from versioning.errors import FormatError
from versioning.expiry import Expiry
from versioning.growth import growth_per_day, reached, series, spans_of
from versioning.names import named
from versioning.retention import GB, Candidate, Holding, limits
from versioning.status import CORRUPT, EXPIRED, statuses
from versioning.trash import ERASED, TRASHED
from versioning.usage import usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from versioning.catalog import Catalog
    from versioning.growth import Span
    from versioning.repository import Repository
    from versioning.retention import Policy
    from versioning.retention.budget import Limit
    from versioning.rows import Row

STEP, FLOW, NAME, AGE = "step", "flow", "name", "age"
NONE = "(none)"
# Each from this age on, until the next; the youngest first.
AGES = {
    "under a day": timedelta(0),
    "1 to 7 days": timedelta(days=1),
    "7 to 30 days": timedelta(days=7),
    "30 to 90 days": timedelta(days=30),
    "90 days to a year": timedelta(days=90),
    "a year and more": timedelta(days=365),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What some versions cost.

    Attributes:
        name: The step, flow, name or age that they have in common.
        versions: How many there are.
        held_bytes: Length of what they hold; bytes that others hold too are in it.
        exclusive_bytes: Length of what nobody else holds.
        per_month: What the exclusive bytes cost a month.
        rebuild_seconds: How long it took to make them.
        rebuild_money: What that costs.
        growth_per_day: By how many bytes what they hold grew a day, of late.
    """

    name: str
    versions: int
    held_bytes: int
    exclusive_bytes: int
    per_month: float
    rebuild_seconds: float
    rebuild_money: float
    growth_per_day: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a budget is reached, if all goes on as it did.

    Attributes:
        budget: As the policy says it; of a rule, as `rule 1: max_bytes`.
        most: What may be held: bytes, or money a month.
        held: What is held now and counts, in the same: blobs that are not in the trash.
        per_day: By how much that grows a day.
        at: When it is reached; None when that is not to be expected.
    """

    budget: str
    most: float
    held: float
    per_day: float
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Costs:
    """What a repository costs.

    Attributes:
        now: The moment this was found out; timezone-aware.
        by: What is in common: `step`, `flow`, `name` or `age`.
        rows: Costs by that, dearest first; ages from the youngest on.
        total: Costs of all versions.
        history: How many bytes were held when, until now.
        forecasts: Of each budget of the policy, those of rules first.
    """

    now: datetime
    by: str
    rows: tuple[Cost, ...]
    total: Cost
    history: tuple[tuple[datetime, float], ...]
    forecasts: tuple[Forecast, ...]


def costs(
    repository: Repository, catalog: Catalog, policy: Policy, now: datetime, by: str = STEP
) -> Costs:
    """What versions cost by what they have in common.

    Args:
        repository: Where they are.
        catalog: Its index.
        policy: Its prices and budgets.
        now: The moment up to which ages count; timezone-aware.
        by: `step`, `flow`, `age`, or `name` for what names name now.

    Raises:
        FormatError: If `by` is something else, or a name's history cannot be read.
    """
    counting = _Counting(repository, catalog, policy, now)
    groups = _groups(counting.rows, repository, by, now)
    found = [counting.cost(name, members) for name, members in groups.items()]
    if by == AGE:
        found.sort(key=lambda cost: list(AGES).index(cost.name))
    else:
        found.sort(key=lambda cost: (-cost.exclusive_bytes, -cost.held_bytes, cost.name))
    total = counting.cost("all", counting.rows)
    spans = counting.spans(counting.rows)
    return Costs(
        now,
        by,
        tuple(found),
        total,
        tuple(series(spans, now)),
        tuple(counting.forecasts(total.growth_per_day)),
    )


class _Counting:
    """What each version holds, and until when those that hold nothing did."""

    def __init__(
        self, repository: Repository, catalog: Catalog, policy: Policy, now: datetime
    ) -> None:
        self._repository = repository
        self._policy = policy
        self._now = now
        rows = catalog.versions(captured=True)
        blobs = catalog.blobs(row.id for row in rows)
        found = statuses(repository, blobs)
        gone = {i for i, status in found.items() if status in {EXPIRED, CORRUPT}}
        ended = {i: e.cause.at for i, e in Expiry(repository).entries() if e.state == ERASED}
        # Of what was lost otherwise, nobody knows when.
        self.rows = [row for row in rows if row.id not in gone or row.id in ended]
        # What lies in its record is shared with nobody.
        self._needed = {
            row.id: dict(blobs.get(row.id, [(row.id, row.size_bytes)])) for row in self.rows
        }
        self._lives = {row.id: (row.created, ended.get(row.id)) for row in self.rows}
        self._ended = ended
        self._counted = [r for r in self.rows if r.id in blobs and found.get(r.id) != TRASHED]
        self._all = self._holding(self.rows)

    def cost(self, name: str, members: Sequence[Row]) -> Cost:
        """What `members` cost."""
        live = [row for row in members if row.id not in self._ended]
        own = self._holding(live)
        exclusive = [b for b in own.sizes if own.uses[b] == self._all.uses[b]]
        seconds = sum(row.seconds for row in live)
        return Cost(
            name,
            len(live),
            own.bytes,
            sum(own.sizes[blob] for blob in exclusive),
            sum(self._all.prices[blob] for blob in exclusive),
            seconds,
            self._policy.compute_money(seconds),
            growth_per_day(self.spans(members), self._now),
        )

    def forecasts(self, of_all: float) -> Iterator[Forecast]:
        """When budgets are reached, which count blobs that are not in the trash.

        What lies in its record stays anyway.

        Args:
            of_all: By how much all that is held grew a day.
        """
        for limit in limits(self._policy, self._numbers()):
            counted, growth = self._counted, of_all
            if (ids := limit.ids) is not None:
                counted = [row for row in counted if row.id in ids]
                spans = self.spans(row for row in self.rows if row.id in ids)
                growth = growth_per_day(spans, self._now)
            yield _forecast(limit, self._holding(counted), growth, self._policy, self._now)

    def _numbers(self) -> dict[str, int]:
        """The number of each version's rule, where budgets of rules need it."""
        policy = self._policy
        if not any(rule.has_budget for rule in policy.rules):
            return {}
        known = usage(self._repository, self.rows, policy)
        found = ((row, self._candidate(row, **known.facts(row))) for row in self.rows)
        return {row.id: policy.number_of(item) for row, item in found if not item.is_archive}

    def spans(self, members: Iterable[Row]) -> list[Span]:
        """From when until when `members` held what."""
        return spans_of({row.id: self._needed[row.id] for row in members}, self._lives)

    def _holding(self, members: Iterable[Row]) -> Holding:
        candidates = (self._candidate(row) for row in members if row.id not in self._ended)
        return Holding(candidates, self._policy, self._now)

    def _candidate(self, row: Row, **facts: Any) -> Candidate:
        needed = self._needed[row.id]
        return Candidate(row.id, row.step, row.flow, row.created, row.seconds, needed, **facts)


def _forecast(
    limit: Limit, held: Holding, growth_per_day: float, policy: Policy, now: datetime
) -> Forecast:
    budget = limit.told.partition(" = ")[0]
    if limit.max_bytes is not None:
        at = reached(held.bytes, growth_per_day, limit.max_bytes, now)
        return Forecast(budget, limit.max_bytes, held.bytes, growth_per_day, at)
    most = limit.max_money or 0.0
    # What comes is new, and has the price of what is new.
    per_day = growth_per_day / GB * policy.price_per_gb_month
    return Forecast(budget, most, held.money, per_day, reached(held.money, per_day, most, now))


def _groups(
    rows: Iterable[Row], repository: Repository, by: str, now: datetime
) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    names = named(repository) if by == NAME else {}
    for row in rows:
        match by:
            case "step":
                groups[row.step].append(row)
            case "flow":
                groups[row.flow or NONE].append(row)
            case "name":
                for name in names.get(row.id, [NONE]):
                    groups[name].append(row)
            case "age":
                groups[_age(now - row.created)].append(row)
            case _:
                raise FormatError(f"costs are told by step, flow, name or age, not by {by!r}")
    return groups


def _age(age: timedelta) -> str:
    """The range that an age is in; one that lies ahead of our clock is the youngest."""
    return [name for name, least in AGES.items() if least <= max(age, timedelta(0))][-1]
