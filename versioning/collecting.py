"""What a collector does to one shard: each function is a step of a sweep, safe to do again.

`sweep` says in which order the steps go, and what lies between them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING

from versioning import layout, marks
from versioning.envelope import UNREADABLE
from versioning.errors import IntegrityError, NotFoundError, ReadOnlyError
from versioning.expiry import Expiry
from versioning.shards import shard_of
from versioning.trash import ERASED, TRASHED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from versioning.catalog import Catalog
    from versioning.expiry import Bound
    from versioning.outlines import Outline
    from versioning.repository import Repository
    from versioning.storage import Store
    from versioning.trash import Cause, Entry

ID_BYTES, NONCE_BYTES = 16, 8
NONCE = 2 * NONCE_BYTES


@dataclass(frozen=True, slots=True)
class Survey:
    """What the versions of one shard need, in few bytes, as it travels between machines.

    Attributes:
        seen: Ids of the versions that were looked at.
        needed: Nonces of the blobs that they need, by the shard of the blob. Another blob of that
            shard with the same nonce is kept too, and no other is deleted.
    """

    seen: bytes = b""
    needed: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deleted:
    """Names of the blobs that were deleted, and their length together; what the store refused."""

    blobs: list[str] = field(default_factory=list)
    freed_bytes: int = 0
    left: dict[str, str] = field(default_factory=dict)


def erase(
    repository: Repository,
    shard: str,
    cause: Cause,
    is_due: Callable[[str, Entry], bool],
    bound: Bound,
) -> list[str]:
    """Give up the bytes of trashed versions whose time is over; returns their ids.

    Args:
        repository: Where they are.
        shard: Of which versions.
        cause: By whom and when.
        is_due: Whether it is time for a version, which is in the trash.
        bound: The bindings that there were before.
    """
    expiry = Expiry(repository).of(shard)
    trashed = ((i, last) for i, last in expiry.last.items() if last.state == TRASHED)
    due = [version_id for version_id, last in trashed if is_due(version_id, last)]
    return Expiry(repository).erase_all(expiry, due, cause, bound=bound)


def survey(
    repository: Repository,
    shard: str,
    before: Survey | None = None,
    *,
    catalog: Catalog | None = None,
) -> Survey:
    """What the versions of a shard need that are not erased.

    Args:
        repository: Where they are.
        shard: Of which versions.
        before: What was looked at already: records never change, so each is read once.
        catalog: An index; what it proves to be in a record as it is now need not be read again.

    Raises:
        IntegrityError: If a record cannot be read, so that what it needs is not known.
    """
    ids = list(repository.ids(shard))
    if before is None:
        last = Expiry(repository).of(shard).last
        asked = [i for i in ids if i not in last or last[i].state != ERASED]
    else:
        known = _pieces(before.seen, ID_BYTES)
        asked = [version_id for version_id in ids if bytes.fromhex(version_id) not in known]
    needed: dict[str, bytearray] = defaultdict(bytearray)
    indexed = catalog.needs(shard) if catalog is not None and before is None else {}
    outlines = _outlines(repository, [i for i in asked if i not in indexed])
    for blobs in chain((indexed[i] for i in asked if i in indexed), (o.blobs for o in outlines)):
        for blob in blobs:
            needed[shard_of(blob)] += bytes.fromhex(blob[-NONCE:])
    seen = b"".join(map(bytes.fromhex, ids))
    return Survey(seen, {found: bytes(nonces) for found, nonces in needed.items()})


def needs_all(
    repository: Repository, shard: str, catalog: Catalog, erased: Collection[str]
) -> bool:
    """Whether each blob of a shard is needed, as the catalog was refreshed.

    Args:
        repository: Where they are.
        shard: Of which blobs.
        catalog: The index of the repository.
        erased: Ids of the versions that need nothing any more.
    """
    stored = catalog.stored(shard)
    needed = {layout.blob(name) for version_id, name, _ in stored if version_id not in erased}
    return needed.issuperset(repository.store.names(layout.blobs(shard)))


def mark(repository: Repository, shard: str, needed: bytes) -> str | None:
    """Mark blobs of a shard that nobody needs, as many as a page holds; its name, None without any.

    Less than all may be marked: the rest is left to the next sweep.
    """
    prefix = layout.BLOBS
    names = (name.removeprefix(prefix) for name in repository.store.names(layout.blobs(shard)))
    unneeded = list(islice(_without(filter(layout.is_blob, names), needed), marks.PAGE))
    return marks.put(repository.store, shard, unneeded) if unneeded else None


def delete(repository: Repository, shard: str, page: str, needed: bytes) -> Deleted:
    """Delete what a page marks and nobody needs, then the marks of all that is gone."""
    store = repository.store
    blobs = list(_without(marks.read(store, page), needed))
    names = [layout.blob(blob) for blob in blobs]
    sizes = store.sizes(names)
    left = _refused(store, blobs)
    marks.withdraw(store, shard)
    # What another collector deleted before was freed by that one.
    there = zip(blobs, sizes, strict=True)
    found = [(b, size) for b, size in there if size is not None and b not in left]
    return Deleted([blob for blob, _ in found], sum(size for _, size in found), left)


def _refused(store: Store, blobs: Sequence[str]) -> dict[str, str]:
    """Delete blobs; those that the store refuses to delete, with what it says."""
    try:
        store.delete_all(map(layout.blob, blobs))
    except ReadOnlyError:
        return dict(_each_refused(store, blobs))
    return {}


def _each_refused(store: Store, blobs: Iterable[str]) -> Iterator[tuple[str, str]]:
    for blob in blobs:
        try:
            store.delete(layout.blob(blob))
        except ReadOnlyError as error:
            yield blob, str(error)


def _outlines(repository: Repository, ids: list[str]) -> Iterator[Outline]:
    try:
        yield from repository.outlines(ids)
    except (NotFoundError, *UNREADABLE) as error:
        raise IntegrityError(
            f"nothing was deleted: which blobs a version needs is not known, since {error}",
            **error.facts,
        ) from error


def _without(blobs: Iterable[str], needed: bytes) -> Iterator[str]:
    kept = _pieces(needed, NONCE_BYTES)
    return (blob for blob in blobs if bytes.fromhex(blob[-NONCE:]) not in kept)


def _pieces(data: bytes, size: int) -> set[bytes]:
    return {data[start : start + size] for start in range(0, len(data), size)}
