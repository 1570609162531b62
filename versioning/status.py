"""Whether versions can be loaded: live, or why not.

`live`: every byte is there. `trashed`: retention will delete its bytes unless that is undone.
`expired`: bytes are gone, the record stays. `corrupt`: bytes were found damaged and set aside.
Presence and length are looked at here; `verify` checks digests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from versioning import layout
from versioning.expiry import Expiry
from versioning.shards import SHARDS, each
from versioning.trash import TRASHED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from versioning.catalog import Catalog
    from versioning.repository import Repository
    from versioning.storage import Store

LIVE, EXPIRED, CORRUPT = "live", "expired", "corrupt"
MANY = 200


def statuses(
    repository: Repository, blobs: Mapping[str, Sequence[tuple[str, int]]]
) -> dict[str, str]:
    """The status of each version that is not `live`.

    Args:
        repository: Where they are.
        blobs: Name and size in bytes of the blobs that each version needs, by its id; versions
            that lie in their records need none.
    """
    store = repository.store
    sizes = _sizes(store, {name for needed in blobs.values() for name, _ in needed})
    lost = {
        version_id: [name for name, size_bytes in needed if sizes[name] != size_bytes]
        for version_id, needed in blobs.items()
    }
    aside = {entry.name for entry in store.list(layout.QUARANTINE)} if any(lost.values()) else set()
    found = {
        version_id: _status(names, sizes, aside) for version_id, names in lost.items() if names
    }
    return dict.fromkeys(Expiry(repository).states(TRASHED, among=blobs.keys()), TRASHED) | found


def lost(repository: Repository, catalog: Catalog) -> set[str]:
    """The versions that miss a byte, as the catalog was refreshed; shard by shard."""
    found: set[str] = set()

    def look(shard: str) -> set[str]:
        stored = catalog.stored(shard)
        sizes = repository.store.sizes([layout.blob(name) for _, name, _ in stored])
        there = zip(stored, sizes, strict=True)
        return {version_id for (version_id, _, wanted), size in there if size != wanted}

    for _, ids in each(repository.store, look, SHARDS):
        found |= ids
    return found


def _status(lost: list[str], sizes: dict[str, int | None], aside: set[str]) -> str:
    damaged = (sizes[name] is not None or layout.quarantined(name) in aside for name in lost)
    return CORRUPT if any(damaged) else EXPIRED


def _sizes(store: Store, names: set[str]) -> dict[str, int | None]:
    """Lengths of blobs; one listing is cheaper than many questions."""
    if len(names) < MANY:
        asked = sorted(names)
        return dict(zip(asked, store.sizes(map(layout.blob, asked)), strict=True))
    there = {entry.name: entry.size_bytes for entry in store.list(layout.BLOBS)}
    return {name: there.get(layout.blob(name)) for name in names}
