"""Budgets: what else goes when the rules keep more than `max_bytes` or `max_money`.

What goes first saves most money a month for each unit of money that making it again costs. A step
that audits found reproducible counts in full, one that nobody audited for half, one that gave
another value for a tenth. Each 30 days without a use count for it once more.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from versioning.retention.prices import Holding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from versioning.retention.candidates import Candidate
    from versioning.retention.policy import Policy

# What a step costs at the least, so that the ratio stays finite and tiny steps go by their size.
MIN_SECONDS = 0.1
# Without a price, holding and computing are still weighed by how much there is of them.
MIN_PRICE = 1e-9
TRUST = {"reproducible": 1.0, "unknown": 0.5, "not reproducible": 0.1}
MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Limit:
    """A budget, of all versions or of those of one rule.

    Attributes:
        told: As the policy says it.
        max_bytes: The most bytes, or None.
        max_money: The most money a month, or None.
        ids: The versions whose budget it is; None for all.
    """

    told: str
    max_bytes: int | None = None
    max_money: float | None = None
    ids: frozenset[str] | None = None

    def is_exceeded(self, within: Holding) -> bool:
        """Whether more is held than may be."""
        if self.max_bytes is not None:
            return within.bytes > self.max_bytes
        # Sums of prices are as exact as numbers are.
        return within.money > (self.max_money or 0.0) + 1e-12


def limits(policy: Policy, numbers: Mapping[str, int]) -> list[Limit]:
    """The budgets of a policy, those of rules first.

    Args:
        policy: What to keep.
        numbers: The number of each version's rule, from 1.
    """
    found = []
    for number, rule in enumerate(policy.rules, 1):
        ids = frozenset(i for i, its in numbers.items() if its == number)
        found += _limits(f"rule {number}: ", rule.max_bytes, rule.max_money, ids)
    return found + _limits("", policy.max_bytes, policy.max_money, None)


def exceeded(kept: Iterable[Candidate], policy: Policy, now: datetime) -> list[str]:
    """The budgets of all versions that what is kept exceeds, as none of it may go."""
    within = Holding(kept, policy, now)
    return [
        limit.told
        for limit in _limits("", policy.max_bytes, policy.max_money, None)
        if limit.is_exceeded(within)
    ]


def _limits(
    told: str, max_bytes: int | None, max_money: float | None, ids: frozenset[str] | None
) -> list[Limit]:
    found = []
    if max_bytes is not None:
        found.append(Limit(f"{told}max_bytes = {max_bytes}", max_bytes=max_bytes, ids=ids))
    if max_money is not None:
        found.append(Limit(f"{told}max_money = {max_money:g}", max_money=max_money, ids=ids))
    return found


def over_budget(
    kept: Iterable[Candidate],
    firm: Collection[str],
    policy: Policy,
    budgets: Iterable[Limit],
    now: datetime,
) -> dict[str, str]:
    """What of `kept` goes so that no budget is exceeded, with the reason.

    What is worth most goes first, the older of two that are alike. Bytes count as freed when no
    other kept version needs them; a version whose bytes all stay for others that may not go stays.

    Args:
        kept: What the rules keep.
        firm: Ids of those that may not go.
        policy: Whose prices count.
        budgets: What may be held.
        now: The moment up to which ages count; timezone-aware.
    """
    members = list(kept)
    dropped: dict[str, str] = {}
    for limit in budgets:
        left = [item for item in members if item.id not in dropped]
        dropped |= _Round(left, policy, limit, now).run(firm)
    return dropped


@dataclass
class _Round:
    """Keeping to one budget."""

    members: list[Candidate]
    policy: Policy
    limit: Limit
    now: datetime
    dropped: dict[str, str] = field(default_factory=dict)

    def run(self, firm: Collection[str]) -> dict[str, str]:
        # What is freed in the store counts for the order, what the limit is about for its end.
        held = Holding(self.members, self.policy, self.now)
        own = [item for item in self.members if self._is_about(item)]
        within = Holding(own, self.policy, self.now)
        may_go = {i.id for i in self.members if i.id not in firm and i.is_rebuildable}
        stays = {blob for i in self.members if i.id not in may_go for blob in i.blobs}
        heap = [
            (-self._worth(item, held), item.created, item.id, item)
            for item in own
            # What frees nothing, whatever else goes, would be computed again for nothing. Without
            # bytes, it may be all that needs something else.
            if item.id in may_go and not (item.blobs and stays.issuperset(item.blobs))
        ]
        heapq.heapify(heap)
        while heap and self.limit.is_exceeded(within):
            worth, created, version_id, item = heapq.heappop(heap)
            # What shared its bytes with one that went frees more by now.
            if (now := -self._worth(item, held)) < worth:
                heapq.heappush(heap, (now, created, version_id, item))
                continue
            self.dropped[version_id] = self._told(item, held)
            held.release(item)
            within.release(item)
        return self.dropped

    def _is_about(self, item: Candidate) -> bool:
        return self.limit.ids is None or item.id in self.limit.ids

    def _worth(self, item: Candidate, held: Holding) -> float:
        """Money saved a month for each unit that making it again costs, by trust and last use."""
        saved = sum(
            held.prices[blob] or held.sizes[blob] * MIN_PRICE for blob in held.exclusive(item)
        )
        seconds = max(item.seconds, MIN_SECONDS)
        cost = self.policy.compute_money(seconds) or seconds * MIN_PRICE
        disuse = 1 + max(self._unused(item) / MONTH, 0.0)
        return saved / cost * TRUST.get(item.trust, TRUST["unknown"]) * disuse

    def _unused(self, item: Candidate) -> timedelta:
        return self.now - max(filter(None, (item.created, item.last_used)))

    def _told(self, item: Candidate, held: Holding) -> str:
        saved = sum(held.prices[blob] for blob in held.exclusive(item))
        days = max(self._unused(item).days, 0)
        return (
            f"more than {self.limit.told} is held: it saves {saved:.3g} a month, costs "
            f"{self.policy.compute_money(item.seconds):.3g} to make again, is "
            f"{'of unknown trust' if item.trust == 'unknown' else item.trust}, and was unused for "
            f"{days} days"
        )
