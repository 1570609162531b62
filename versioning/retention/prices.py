"""Prices: what holding bytes costs a month, and what making them again costs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from versioning.retention.candidates import Candidate
    from versioning.retention.policy import Policy

GB = 10**9


class Holding:
    """What some versions hold together, less what is released.

    Attributes:
        sizes: Length in bytes of each blob.
        prices: What each blob costs a month.
        uses: How many of the versions need each blob.
        bytes: All of them.
        money: What all of them cost.
    """

    def __init__(self, versions: Iterable[Candidate], policy: Policy, now: datetime) -> None:
        """Count what `versions` hold, at the prices of `policy`.

        A blob is as old as the oldest of the versions that need it, and is of the storage class of
        that age.
        """
        self.sizes: dict[str, int] = {}
        self.uses: Counter[str] = Counter()
        oldest: dict[str, datetime] = {}
        for item in versions:
            self.sizes.update(item.blobs)
            self.uses.update(item.blobs.keys())
            for blob in item.blobs:
                oldest[blob] = min(item.created, oldest.get(blob, item.created))
        self.prices = {
            blob: size_bytes / GB * policy.price_at(now - oldest[blob])
            for blob, size_bytes in self.sizes.items()
        }
        self.bytes = sum(self.sizes.values())
        self.money = sum(self.prices.values())

    def exclusive(self, item: Candidate) -> list[str]:
        """The blobs that only `item` needs."""
        return [blob for blob in item.blobs if self.uses[blob] == 1]

    def release(self, item: Candidate) -> None:
        """Count without `item`."""
        for blob in self.exclusive(item):
            self.bytes -= self.sizes[blob]
            self.money -= self.prices[blob]
        self.uses.subtract(item.blobs.keys())
