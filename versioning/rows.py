"""The tables of the catalog: what their columns are, and what a version record puts into them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from versioning.digest import digest_bytes
from versioning.errors import FormatError, VersioningError
from versioning.records import VersionRecord
from versioning.references import archive_of, captured

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from versioning.digest import Digest, Key

LAYOUT = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_KEPT = {
    "versions": "id PRIMARY KEY, key, digest, step, flow, created, size_bytes, seconds, seal,"
    " is_rebuildable, tags, witness",
    "inputs": "id, name, input, PRIMARY KEY (id, name, input)",
    "captured": "id, input, PRIMARY KEY (id, input)",
    "blobs": "id, name, size_bytes, PRIMARY KEY (id, name)",
    "revoked": "id PRIMARY KEY",
    "gone": "id PRIMARY KEY, step, created",
    "journals": "name PRIMARY KEY, entries",
}
TABLES = (
    *(f"DROP TABLE IF EXISTS {name}" for name in _KEPT),
    *(f"CREATE TABLE {name} ({columns}) WITHOUT ROWID" for name, columns in _KEPT.items()),
    "CREATE INDEX by_created ON versions (created, id)",
    "CREATE INDEX by_step ON versions (step, created, id)",
    "CREATE INDEX by_input ON inputs (input)",
    "CREATE INDEX by_blob ON blobs (name)",
)
# What came back is missed no longer.
_PARDON = "DELETE FROM gone WHERE id = ?"

logger = logging.getLogger("versioning")


class Row(NamedTuple):
    """What the catalog says of one version; most fields are those of its record."""

    id: str
    key: Key
    digest: Digest
    step: str
    flow: str | None
    created: datetime
    size_bytes: int
    seconds: float
    seal: Digest
    is_rebuildable: bool
    tags: tuple[str, ...] = ()


def insertions(
    outcomes: Mapping[str, VersionRecord | VersioningError | None], stamps: Mapping[str, str | None]
) -> dict[str, list[tuple[Any, ...]]]:
    """Statements that put versions into the tables, each with the rows that it is for.

    Args:
        outcomes: The record of each version by its id; None when it never was committed, and the
            error when it cannot be read.
        stamps: What the store said of each record before it was read, by the id of the version.
    """
    read = [item for item in outcomes.values() if isinstance(item, VersionRecord)]
    return {
        "INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)": [
            (*_cells(record), witness_of(record.id, record.blobs, stamps.get(record.id)))
            for record in read
        ],
        "INSERT OR IGNORE INTO inputs VALUES (?, ?, ?)": [
            (record.id, item.name, item.id) for record in read for item in record.inputs
        ],
        "INSERT OR IGNORE INTO captured VALUES (?, ?)": [
            pair for record in read for pair in _captured(record)
        ],
        "INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)": [
            (record.id, blob.name, blob.size_bytes)
            for record in read
            for blob in record.manifest
            if blob.name is not None
        ],
        "INSERT OR IGNORE INTO revoked VALUES (?)": [
            (version_id,) for version_id, item in outcomes.items() if item is None
        ],
        _PARDON: [(version_id,) for version_id in outcomes],
    }


def row_of(cells: tuple[Any, ...]) -> Row:
    """The row that a query of all columns found."""
    tags = tuple(orjson.loads(cells[10]))
    return Row._make((*cells[:5], moment_of(cells[5]), *cells[6:9], bool(cells[9]), tags))


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, which sort and lose nothing."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(microseconds: int) -> datetime:
    """The moment of which `microseconds` were kept."""
    return _EPOCH + microseconds * _MICROSECOND


def witness_of(version_id: str, blobs: Iterable[str], stamp: str | None) -> str:
    """What makes sure that a record, and what is kept here of it, are as they were."""
    if not stamp:
        return ""
    return digest_bytes(" ".join([version_id, stamp, *sorted(set(blobs))]).encode())


def _cells(record: VersionRecord) -> tuple[Any, ...]:
    return (
        record.id,
        record.key,
        record.digest,
        record.step,
        record.flow,
        microseconds(record.created),
        record.size_bytes,
        record.seconds,
        record.seal,
        record.is_rebuildable,
        orjson.dumps(record.tags).decode(),
    )


def _captured(record: VersionRecord) -> list[tuple[str, str]]:
    """A version with what holds what its rerun needs; of an archive, its environment with it."""
    try:
        if (environment := archive_of(record)) is not None:
            return [(environment, record.id)]
        return [(record.id, item.id) for item in captured(record)]
    except FormatError as error:
        logger.warning("%s", error)
        return []
