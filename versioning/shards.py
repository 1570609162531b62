"""Shards: versions and blobs by the two characters that their names begin with.

What is done to many of them is done shard by shard: little is held in memory, and shards can be
worked on by several threads, processes or machines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from versioning.storage import Store

T = TypeVar("T")
SHARDS = tuple(f"{number:02x}" for number in range(256))
# Told what is done, and to how many of how many.
Progress = Callable[[str, int, int], None]


def in_silence(step: str, done: int, of: int) -> None:
    """Progress that nobody watches."""


def shard_of(name: str) -> str:
    """The shard of a version, by its id, or of a blob, by its name or digest."""
    return name[:2]


def by_shard(names: Iterable[str]) -> dict[str, list[str]]:
    """Names by their shard, shards in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        found[shard_of(name)].append(name)
    return dict(sorted(found.items()))


def each(store: Store, act: Callable[[str], T], shards: Sequence[str]) -> Iterator[tuple[str, T]]:
    """Each shard with what `act` gave; several at once where a store answers several at once."""
    if store.callers == 1:
        yield from ((shard, act(shard)) for shard in shards)
        return
    callers = ThreadPoolExecutor(store.callers)
    try:
        yield from zip(shards, callers.map(act, shards), strict=True)
    finally:
        # Whoever asks for no more, or hears of an error, need not wait for the rest.
        callers.shutdown(cancel_futures=True)
