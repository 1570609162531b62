"""Standing: what a version is to whoever wants to use it, all told.

Beside `live`, `trashed`, `expired` and `corrupt`, which are about bytes, it may be `invalid`, never
to be a hit again although its bytes are there, or `erased` for good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from versioning.envelope import UNREADABLE
from versioning.errors import NotFoundError
from versioning.status import LIVE, statuses
from versioning.trash import ERASED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from versioning.records import VersionRecord
    from versioning.repository import Repository

INVALID = "invalid"


def standings(
    repository: Repository, ids: Iterable[str], blobs: Mapping[str, Sequence[tuple[str, int]]]
) -> dict[str, str]:
    """What each version is that is not `live`; the worst of several.

    Args:
        repository: Where they are.
        ids: The versions.
        blobs: Name and size in bytes of the blobs of those that have any, by id.
    """
    said = withdrawn(repository, ids)
    erased = {version_id: ERASED for version_id, what in said.items() if what == ERASED}
    return said | statuses(repository, blobs) | erased


def standing(repository: Repository, record: VersionRecord) -> str:
    """What one version is."""
    blobs = [(blob.name, blob.size_bytes) for blob in record.manifest if blob.name]
    return standings(repository, [record.id], {record.id: blobs}).get(record.id, LIVE)


def withdrawn(repository: Repository, ids: Iterable[str]) -> dict[str, str]:
    """Which of some versions are `invalid` or `erased`."""
    return {i: _withdrawal(repository, i) for i in repository.invalidations.among(ids)}


def _withdrawal(repository: Repository, version_id: str) -> str:
    try:
        return INVALID if repository.record(version_id).erased is None else ERASED
    except (NotFoundError, *UNREADABLE):
        return INVALID
