"""Marks: what a collector means to delete, so that no writer uses it again.

A page of marks names blobs of one shard, `marks/<aa>/<nonce>`. A mark stays while its blob is
there: a page only ever shrinks, by what is gone, and goes when nothing of it is left.
"""

from __future__ import annotations

import logging
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from versioning import layout
from versioning.envelope import UNREADABLE, dump, parse
from versioning.errors import FormatError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from versioning.storage import Store

KIND = "marks"
# Blobs of a page: about half of what a record may hold.
PAGE = 100_000
logger = logging.getLogger("versioning")


def put(store: Store, shard: str, blobs: Sequence[str]) -> str:
    """Mark blobs of a shard, and give the name of the page."""
    name = layout.marks(shard, secrets.token_hex(8))
    store.put(name, dump(KIND, {"blobs": list(blobs)}))
    return name


def read(store: Store, name: str) -> list[str]:
    """The blobs that a page marks; none when it is gone, as all of them are then.

    Raises:
        FormatError: If it is no page of marks.
        IntegrityError: If it is damaged.
    """
    try:
        found = parse(store.get(name), KIND, name=name).get("blobs")
    except NotFoundError:
        return []
    if not isinstance(found, list) or not all(map(layout.is_blob, found)):
        raise FormatError(f"{name} marks no blobs: remove it while nothing is written", name=name)
    return found


def unmarked(store: Store, shard: str, blobs: Sequence[str]) -> list[str]:
    """Those of some blobs of a shard that nobody has marked, as far as marks can be read."""
    try:
        marked = {blob for name in _pages(store, shard) for blob in read(store, name)}
    except UNREADABLE as error:
        logger.warning("no blob of shard %s is used again: %s", shard, error)
        return []
    return [blob for blob in blobs if blob not in marked]


def withdraw(store: Store, shard: str) -> None:
    """Withdraw the marks of blobs that are gone."""
    pages: dict[str, list[str]] = {}
    for name in _pages(store, shard):
        with suppress(*UNREADABLE):
            pages[name] = read(store, name)
    # Pages first: a blob that is marked after a look at the blobs would seem to be gone.
    there = set(store.names(layout.blobs(shard))) if pages else set()
    for name, blobs in pages.items():
        left = [blob for blob in blobs if layout.blob(blob) in there]
        if not left:
            store.delete(name)
        elif len(left) < len(blobs):
            store.put(name, dump(KIND, {"blobs": left}))


def shards(store: Store) -> list[str]:
    """The shards that have marks."""
    names = filter(layout.is_marks, store.names(layout.MARKS))
    return sorted({name.removeprefix(layout.MARKS).partition("/")[0] for name in names})


def _pages(store: Store, shard: str) -> Iterator[str]:
    return filter(layout.is_marks, store.names(layout.marks(shard)))
