"""The register: version records, found by id or key, and checked before anybody believes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from versioning import layout, records
from versioning.errors import FormatError, IntegrityError, NotFoundError
from versioning.keys import root_key
from versioning.notes import Notes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from versioning.digest import Key
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
        data = self.store.get(name)
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

    def ids(self) -> Iterator[str]:
        """Ids of all versions, in no order; a few may be of writers that were revoked."""
        for entry in self.store.list(layout.VERSIONS):
            if version_id := layout.version_id(entry.name):
                yield version_id

    def bindings(self) -> Iterator[Key]:
        """All keys that are bound, in no order."""
        for entry in self.store.list(layout.KEYS):
            if key := layout.bound_key(entry.name):
                yield key

    def _checked(self, data: bytes, name: str) -> VersionRecord:
        record = records.parse_version(data, name=name)
        if record.repository != self.id:
            raise IntegrityError(
                f"{name} was written to another repository, {record.repository}, and copied here: "
                "run the step again, here",
                name=name,
            )
        return record


def _is_own_key(record: VersionRecord) -> bool:
    try:
        return root_key(record.leaves) == record.key
    except ValueError:
        return False
