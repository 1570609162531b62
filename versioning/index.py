"""The index: a SQLite file that keeps up with the version records, on this machine.

It is derived. Every question first lists the ids in the repository and reads the records that are
new, so it is never behind; a file that is damaged or of another layout is thrown away and built
again. What it says selects records; it never stands in for one.

It is a witness, too: versions are never deleted, so one that was in it and is in the repository no
more tells of a store that lost something, or was set back.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from versioning import layout
from versioning.derived import DerivedFile
from versioning.digest import digest_bytes
from versioning.envelope import FORMAT_VERSION
from versioning.errors import FormatError, NotFoundError, VersioningError
from versioning.garbage import no_collections
from versioning.rows import LAYOUT, TABLES, insertions, microseconds, moment_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from versioning.records import VersionRecord
    from versioning.repository import Repository
    from versioning.written import Line

BATCH = 2000
_LOST = "SELECT 1 FROM gone LIMIT 1"
_LENGTHS = """
INSERT INTO journals VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET entries = max(entries, excluded.entries)
"""
_ACCEPT = ("DELETE FROM gone", "DELETE FROM journals")
_MISS_WRITTEN = "INSERT OR IGNORE INTO gone VALUES (?, ?, ?)"
_MISS = "INSERT OR IGNORE INTO gone SELECT id, step, created FROM versions WHERE id = ?"
_FORGET = (
    "DELETE FROM versions WHERE id = ?",
    "DELETE FROM inputs WHERE id = ?",
    "DELETE FROM captured WHERE id = ?",
    "DELETE FROM blobs WHERE id = ?",
)

logger = logging.getLogger("versioning")


class Index:
    """The file of one repository; every method may be called from any thread."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        # Two copies of a repository have one id, and need not hold the same.
        place = digest_bytes(repository.url.encode())[:16]
        folder = repository.settings.cache / repository.id
        path = folder / f"catalog-{place}.sqlite"
        self._file = DerivedFile(path, TABLES, layout=LAYOUT, fill=self.refresh)
        self._newer: set[str] = set()
        self._left_out: set[str] = set()
        self._told: set[str] = set()

    def refresh(self) -> None:
        """Make the catalog say what the records in the repository say now."""
        # What is known is asked first: what others add meanwhile is in the listing, too.
        written, files = self._repository.written.take()
        known = {row[0] for row in self._ask("SELECT id FROM versions")}
        revoked = {row[0] for row in self._ask("SELECT id FROM revoked")}
        ids = set(self._repository.ids())
        self._newer.clear()
        # What was left out before was told before.
        self._told, self._left_out = self._left_out, set()
        self._forget(known - ids)
        self._miss([line for line in written if line.id not in ids])
        missing = sorted(ids - known - revoked)
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            # Before what is read: of what is replaced meanwhile, the stamp is another one then.
            stamps = self._repository.store.stamps(map(layout.version, batch))
            stamped = dict(zip(batch, stamps, strict=True))
            found = zip(batch, self._repository.records(batch), strict=True)
            with no_collections():
                outcomes = {i: self._known(i, read) for i, read in found}
                self._write(insertions(outcomes, stamped))
        self._repository.written.drop(files)

    def check_format(self) -> None:
        """Make sure that every version could be read, as of the last refresh.

        Raises:
            FormatError: If a newer release wrote some; what they were made from is not known.
        """
        if self._newer:
            raise FormatError(
                f"{len(self._newer)} versions in {self._repository.url} are of a newer format, "
                f"as {min(self._newer)}: what they need is not known, so nothing is done; upgrade "
                "prefect-versioning",
                ids=sorted(self._newer),
            )

    def is_whole(self) -> bool:
        """Whether every version could be read, and none is gone, as of the last refresh."""
        return not (self._left_out or self._ask(_LOST))

    def gone(self) -> dict[str, tuple[str, datetime]]:
        """Versions that this machine saw and that are gone: step and moment of each, by id."""
        self.refresh()
        found = self._ask("SELECT id, step, created FROM gone ORDER BY created, id")
        return {cells[0]: (cells[1], moment_of(cells[2])) for cells in found}

    def longest(self) -> dict[str, int]:
        """How many entries each journal had when most were seen."""
        return dict(self._ask("SELECT name, entries FROM journals"))

    def remember(self, journals: Mapping[str, int]) -> None:
        """Note how many entries each journal has now."""
        self._write({_LENGTHS: list(journals.items())})

    def accept(self) -> None:
        """Forget what is gone, and how long journals were: somebody removed it on purpose."""
        self._write({statement: [()] for statement in _ACCEPT})

    def close(self) -> None:
        """Close the file; the next question opens it again."""
        self._file.close()

    def _known(
        self, version_id: str, read: VersionRecord | VersioningError
    ) -> VersionRecord | VersioningError | None:
        """A record; None when it never was committed, and the error when it cannot be read."""
        if isinstance(read, NotFoundError):
            return None
        if isinstance(read, VersioningError):
            if version_id not in self._told:
                logger.warning("the catalog leaves out %s: %s", version_id, read)
            self._left_out.add(version_id)
            if isinstance(version := read.facts.get("format"), int) and version > FORMAT_VERSION:
                self._newer.add(version_id)
        return read

    def _forget(self, ids: Iterable[str]) -> None:
        if not (lost := [(version_id,) for version_id in ids]):
            return
        gone = [row for row in lost if not self._is_aside(*row)]
        self._write({_MISS: gone, **dict.fromkeys(_FORGET, lost)})
        self._warn(len(gone))

    def _miss(self, lines: Iterable[Line]) -> None:
        """Note what was written from here and is not there, whether or not it was seen since."""
        gone = [line for line in lines if not self._is_aside(line.id)]
        if gone:
            self._write({_MISS_WRITTEN: [(id_, step, microseconds(at)) for id_, step, at in gone]})
        self._warn(len(gone))

    def _warn(self, count: int) -> None:
        if count:
            logger.warning(
                "%d versions that were in %s are gone, and nothing here deletes versions: "
                "`versioning verify` names them",
                count,
                self._repository.url,
            )

    def _is_aside(self, version_id: str) -> bool:
        """Whether `verify` found a record damaged and moved it away."""
        return self._repository.store.exists(layout.quarantined(layout.version(version_id)))

    def _ask(self, query: str, values: Any = ()) -> list[tuple[Any, ...]]:
        return self._file.use(lambda db: db.execute(query, values).fetchall())

    def _write(self, rows: dict[str, list[tuple[Any, ...]]]) -> None:
        def write(db: sqlite3.Connection) -> None:
            with db:
                for statement, values in rows.items():
                    db.executemany(statement, values)

        self._file.use(write)
