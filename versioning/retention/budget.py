"""The budget: what else goes when the rules keep more bytes than `max_bytes`."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from versioning.retention.candidates import Candidate

# What a step costs at the least, so that the ratio stays finite and tiny steps go by their size.
MIN_SECONDS = 0.1


def over_budget(
    kept: Iterable[Candidate], firm: Collection[str], max_bytes: int | None
) -> dict[str, str]:
    """What of `kept` goes so that no more than `max_bytes` are held, with the reason.

    What frees most bytes for each second that making it again takes goes first, the older of two
    that are alike. Bytes count as freed when no other kept version needs them.

    Args:
        kept: What the rules keep.
        firm: Ids of those that may not go.
        max_bytes: The budget; None for none.
    """
    members = list(kept)
    if max_bytes is None:
        return {}
    uses = Counter(blob for item in members for blob in item.blobs)
    sizes = {blob: size for item in members for blob, size in item.blobs.items()}
    held = sum(sizes.values())
    heap = [
        (-_worth(item, uses), item.created, item.id, item)
        for item in members
        if item.id not in firm and item.is_rebuildable
    ]
    heapq.heapify(heap)
    dropped: dict[str, str] = {}
    while held > max_bytes and heap:
        worth, created, version_id, item = heapq.heappop(heap)
        # What shared its bytes with one that went frees more by now.
        if (now := -_worth(item, uses)) < worth:
            heapq.heappush(heap, (now, created, version_id, item))
            continue
        dropped[version_id] = f"more than max_bytes = {max_bytes} is held, and it is cheap to make"
        for blob in item.blobs:
            uses[blob] -= 1
            held -= 0 if uses[blob] else sizes[blob]
    return dropped


def exclusive_bytes(item: Candidate, uses: Counter[str]) -> int:
    """Bytes that go when `item` goes: those of blobs that nobody else uses."""
    return sum(size for blob, size in item.blobs.items() if uses[blob] == 1)


def _worth(item: Candidate, uses: Counter[str]) -> float:
    """Bytes freed for each second of making it again."""
    return exclusive_bytes(item, uses) / max(item.seconds, MIN_SECONDS)
