"""A SQLite file of this machine that holds nothing but what can be found out again."""

from __future__ import annotations

import logging
import os
import sqlite3
from threading import RLock
from typing import TYPE_CHECKING, TypeVar

from versioning.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

T = TypeVar("T")
# The disk is full, or the file another user's.
_NOT_OURS_TO_WRITE = frozenset({
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_READONLY_DIRECTORY,
})  # fmt: skip
logger = logging.getLogger("versioning")


class DerivedFile:
    """A file that is made when it is missing, and again when it is damaged or of another layout.

    May be used from any thread, by any number of processes, and on both sides of a fork.
    """

    def __init__(
        self, path: Path, tables: Sequence[str], *, layout: int, fill: Callable[[], None]
    ) -> None:
        """Name the file; it is opened when it is first used.

        Args:
            path: Where it is. When it cannot be written, a file in memory stands in for it.
            tables: Statements that make its tables, or make them again.
            layout: Number of what those make; a file of another number is made again.
            fill: Fills the empty file that takes the place of a damaged one.
        """
        self._path = path
        self._tables = (*tables, f"PRAGMA user_version = {layout}")
        self._layout = layout
        self._fill = fill
        self._lock = RLock()
        self._db: sqlite3.Connection | None = None
        self._inherited: sqlite3.Connection | None = None
        self._is_healing = False
        self._process = os.getpid()

    def use(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """`act` on the file; once more on an empty, filled one when the file proves damaged.

        Raises:
            StorageError: If the new file cannot be used either.
        """
        with self._lock:
            try:
                return act(self._opened())
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", None) in _NOT_OURS_TO_WRITE:
                    return self._in_memory(act, error)
                if self._is_healing or "locked" in str(error):
                    raise StorageError(
                        f"the catalog {self._path} cannot be used ({error}): remove it, run again",
                        path=str(self._path),
                    ) from error
                logger.warning("the catalog %s is damaged (%s): built again", self._path, error)
                try:
                    self._rebuild()
                except PermissionError as denied:
                    return self._in_memory(act, denied)
                return act(self._opened())

    def close(self) -> None:
        """Close the file; using it opens it again."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db = None

    def _in_memory(self, act: Callable[[sqlite3.Connection], T], error: Exception) -> T:
        """`act` on a stand-in for the file, which stays as it is: it remembers what was seen."""
        logger.warning("the catalog %s is left as it is: %s", self._path, error)
        self.close()
        self._db = self._connect(":memory:")
        self._fill()
        return act(self._db)

    def _rebuild(self) -> None:
        self.close()
        self._path.unlink(missing_ok=True)
        self._is_healing = True
        try:
            self._fill()
        finally:
            self._is_healing = False

    def _opened(self) -> sqlite3.Connection:
        if self._process != os.getpid():
            # SQLite forbids that a fork uses, or closes, what its parent opened.
            self._inherited, self._db, self._process = self._db, None, os.getpid()
        if self._db is None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._db = self._connect(str(self._path))
            except (OSError, sqlite3.OperationalError) as error:
                logger.warning("no catalog is kept: %s cannot be written (%s)", self._path, error)
                self._db = self._connect(":memory:")
        return self._db

    def _connect(self, place: str) -> sqlite3.Connection:
        db = sqlite3.connect(place, timeout=60, check_same_thread=False)
        try:
            with db:
                # Processes that find another layout wait here for the first of them.
                db.execute("BEGIN IMMEDIATE")
                [[layout]] = db.execute("PRAGMA user_version")
                if layout != self._layout:
                    for statement in self._tables:
                        db.execute(statement)
        except sqlite3.Error:
            db.close()
            raise
        return db
