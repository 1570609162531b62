"""Bindings of versions that expire: whose they are is told, and they are deleted, without a read.

A binding is a copy of the record of a version of its key, written after that record. So what lies
there when all versions are listed later can only be of a version in that listing, and where one
version alone has the key, of that one, for as long as the stamp of the binding stays the same.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from versioning import layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from versioning.catalog import Catalog
    from versioning.digest import Key
    from versioning.repository import Repository

# Bindings that are deleted at once.
PAGE = 5000


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
        stamps = repository.store.stamps(map(layout.binding, keys.values()))
        catalog.refresh()
        shared = catalog.shared_keys()
        self.stamps = {
            version_id: stamp
            for (version_id, key), stamp in zip(keys.items(), stamps, strict=True)
            if stamp is None or (stamp and shared is not None and key not in shared)
        }

    def delete(self, ids: Iterable[str]) -> None:
        """Let versions answer no more that were bound and need not be read for that."""
        store = self._repository.store
        # By key, since that is how they lie.
        going = iter(sorted((i for i in ids if self.stamps.get(i)), key=self.keys.__getitem__))
        while page := list(islice(going, PAGE)):
            names = [layout.binding(self.keys[version_id]) for version_id in page]
            now = store.stamps(names)
            looked = list(zip(page, names, now, strict=True))
            store.delete_all([name for i, name, stamp in looked if stamp == self.stamps[i]])
            # Somebody bound these anew.
            changed = [i for i, _, stamp in looked if stamp not in {None, self.stamps[i]}]
            self._repository.unbind_all({i: self.keys[i] for i in changed})
