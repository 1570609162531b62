"""The register: version records, found by id or key, and checked before anybody believes them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from versioning import layout, records
from versioning.envelope import SEAL_BYTES, UNREADABLE
from versioning.errors import FormatError, IntegrityError, NotFoundError, VersioningError
from versioning.keys import root_key
from versioning.notes import Notes
from versioning.outlines import parse_outline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from versioning.digest import Key
    from versioning.outlines import Outline
    from versioning.records import VersionRecord


class Register(Notes):
    """The part of a repository that reads version records and bindings.

    Attributes:
        id: 32 hexadecimal characters, random; tells this repository from every other.
    """

    id: str

    def record(self, version_id: str) -> VersionRecord:
        """The record of a version.

        Raises:
            NotFoundError: If there is no such version, or its writer was revoked.
            FormatError: If it is no record of a version, or of another one.
            IntegrityError: If it is damaged, edited or from another repository.
        """
        name = layout.version(version_id)
        return self._record(version_id, name, self.store.get(name))

    def records(self, ids: Sequence[str]) -> Iterator[VersionRecord | VersioningError]:
        """The record of each version, or the error that `record` raises, in the order of `ids`."""
        names = [layout.version(version_id) for version_id in ids]
        for version_id, name, data in zip(ids, names, self.store.get_all(names), strict=True):
            if data is None:
                yield NotFoundError(f"{name} is not in {self.store.url}", name=name)
                continue
            try:
                yield self._record(version_id, name, data)
            except (NotFoundError, *UNREADABLE) as error:
                yield error

    def _record(self, version_id: str, name: str, data: bytes) -> VersionRecord:
        if records.is_revoked(data):
            raise NotFoundError(
                f"version {version_id} was never committed, its writer was revoked; name another",
                id=version_id,
            )
        record = self._checked(data, name)
        if record.id != version_id:
            raise FormatError(f"{name} is the record of another version, {record.id}", name=name)
        if not _is_own_key(record):
            raise IntegrityError(f"{name} was edited: its leaves do not make its key", name=name)
        return record

    def outlines(self, ids: Sequence[str]) -> Iterator[Outline]:
        """What deletion needs to know of versions; those that were revoked are left out.

        Raises:
            NotFoundError: If one has no record.
            FormatError: As `record`.
            IntegrityError: As `record`, but for leaves that do not make the key.
        """
        names = [layout.version(version_id) for version_id in ids]
        for version_id, name, data in zip(ids, names, self.store.get_all(names), strict=True):
            if data is None:
                raise NotFoundError(f"{name} is not in {self.store.url}: name another", name=name)
            if records.is_revoked(data):
                continue
            outline = parse_outline(data, name=name)
            self._check_repository(outline.repository, name)
            if outline.id != version_id:
                raise FormatError(f"{name} is the record of another version, {outline.id}")
            yield outline

    def keys_of(self, ids: Sequence[str]) -> dict[str, Key]:
        """The key of each version.

        Raises:
            NotFoundError: If one of them is no version.
            FormatError: As `outlines`.
            IntegrityError: As `outlines`.
        """
        keys = {outline.id: outline.key for outline in self.outlines(ids)}
        if lost := [version_id for version_id in ids if version_id not in keys]:
            raise NotFoundError(f"there is no version {lost[0]}: name another", id=lost[0])
        return keys

    def answering(
        self, keys: Mapping[str, Key], seen: dict[str, bytes] | None = None
    ) -> Iterator[str]:
        """Those of some versions that their bindings name.

        Args:
            keys: Their keys, by id.
            seen: Seals of bindings that were read before, by id: what ends in the same is the same.
                Those that are found come to it.
        """
        seen = {} if seen is None else seen
        names = [layout.binding(key) for key in keys.values()]
        for version_id, name, data in zip(keys, names, self.store.get_all(names), strict=True):
            if data is None:
                continue
            if (seal := data[-SEAL_BYTES:]) == seen.get(version_id):
                yield version_id
                continue
            # A binding that cannot be read is a miss.
            with suppress(*UNREADABLE):
                outline = parse_outline(data, name=name)
                if outline[:3] == (version_id, self.id, keys[version_id]):
                    seen[version_id] = seal
                    yield version_id

    def bound(self, key: Key) -> VersionRecord:
        """The record in the binding of a key; its blobs may be gone.

        Raises:
            NotFoundError: If the key is not bound.
            FormatError: If it is no binding, or one of another key.
            IntegrityError: If it is damaged, edited or from another repository.
        """
        name = layout.binding(key)
        record = self._checked(self.store.get(name), name)
        if record.key != key:
            raise FormatError(
                f"{name} binds {record.id}, a version of another key; run the step again",
                name=name,
                id=record.id,
            )
        return record

    def ids(self, shard: str | None = None) -> Iterator[str]:
        """Ids of all versions, in no order; a few may be of writers that were revoked.

        Args:
            shard: Only those that begin with it.
        """
        prefix = layout.VERSIONS if shard is None else layout.versions(shard)
        for name in self.store.names(prefix):
            if version_id := layout.version_id(name):
                yield version_id

    def bindings(self) -> Iterator[Key]:
        """All keys that are bound, in no order."""
        for name in self.store.names(layout.KEYS):
            if key := layout.bound_key(name):
                yield key

    def _checked(self, data: bytes, name: str) -> VersionRecord:
        record = records.parse_version(data, name=name)
        self._check_repository(record.repository, name)
        return record

    def _check_repository(self, repository_id: str, name: str) -> None:
        if repository_id != self.id:
            raise IntegrityError(
                f"{name} was written to another repository, {repository_id}, and copied here: "
                "run the step again, here",
                name=name,
            )


def _is_own_key(record: VersionRecord) -> bool:
    try:
        return root_key(record.leaves) == record.key
    except ValueError:
        return False
