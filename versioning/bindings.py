"""Bindings of versions that expire: whose they are is told, and they are deleted, without a read.

A binding is a copy of the record of a version of its key, written after that record. So what lies
there when all versions are listed later can only be of a version in that listing, and where one
version alone has the key, of that one, for as long as the stamp of the binding stays the same.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from versioning import layout
from versioning.shards import each, shard_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from versioning.catalog import Catalog
    from versioning.digest import Key
    from versioning.repository import Repository


class Bindings:
    """The bindings of some versions at one moment.

    Attributes:
        keys: The keys of the versions, by id.
        stamps: Of each version that is bound, the stamp of its binding, and None of each whose key
            nothing is bound to, by id; others are left out: what is bound there is to be read.
    """

    def __init__(self, repository: Repository, catalog: Catalog, keys: Mapping[str, Key]) -> None:
        """Look at bindings, and then refresh the catalog.

        Args:
            repository: Where they are.
            catalog: Its index.
            keys: The keys of the versions, by id.
        """
        self._repository = repository
        self.keys = keys
        # First the stamps, then the versions: whatever is bound by then is known.
        by_key = self._by_key(keys)
        looks = each(repository.store, lambda shard: self._looked(by_key[shard]), list(by_key))
        stamps = {
            i: stamp
            for shard, found in looks
            for i, stamp in zip(by_key[shard], found, strict=True)
        }
        catalog.refresh()
        shared = catalog.shared_keys()
        self.stamps = {
            version_id: stamp
            for version_id, stamp in stamps.items()
            if stamp is None or (stamp and shared is not None and keys[version_id] not in shared)
        }

    def delete(self, ids: Iterable[str]) -> None:
        """Let versions answer no more that were bound and need not be read for that."""
        by_key = self._by_key(version_id for version_id in ids if self.stamps.get(version_id))
        for _ in each(self._repository.store, lambda s: self._delete(by_key[s]), list(by_key)):
            pass

    def _delete(self, ids: list[str]) -> None:
        looked = dict(zip(ids, self._looked(ids), strict=True))
        same = [i for i, stamp in looked.items() if stamp == self.stamps[i]]
        self._repository.store.delete_all([layout.binding(self.keys[i]) for i in same])
        # Somebody bound these anew.
        changed = [i for i, stamp in looked.items() if stamp not in {None, self.stamps[i]}]
        self._repository.unbind_all({i: self.keys[i] for i in changed})

    def _looked(self, ids: list[str]) -> list[str | None]:
        return self._repository.store.stamps([layout.binding(self.keys[i]) for i in ids])

    def _by_key(self, ids: Iterable[str]) -> dict[str, list[str]]:
        """Versions by the shard of their keys, since that is how bindings lie."""
        found: dict[str, list[str]] = defaultdict(list)
        for version_id in ids:
            found[shard_of(self.keys[version_id])].append(version_id)
        return found
