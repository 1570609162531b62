"""Journals: append-only sequences of small records. Names and pins are kept as journals.

An entry is written at the first free position by put-if-absent, so entries are never lost, changed
or reordered, whoever appends at the same time.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from versioning import layout
from versioning.envelope import dump, parse
from versioning.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from versioning.storage import Store

ATTEMPTS = 100


class Journal:
    """One sequence of records of a kind."""

    def __init__(self, store: Store, kind: str, place: Callable[[int], str]) -> None:
        """Look at a journal, which need not have any entry.

        Args:
            store: Where it lies.
            kind: Kind of its records.
            place: Name of the entry at a position, counted from 0.
        """
        self._store = store
        self._kind = kind
        self._place = place

    def entries(self) -> list[dict[str, Any]]:
        """The fields of all entries, oldest first.

        Raises:
            FormatError: If an entry is damaged or foreign.
        """
        return list(self.stream())

    def stream(self) -> Iterator[dict[str, Any]]:
        """`entries`, each read when it is asked for."""
        return map(self._read, self._names())

    def last(self) -> dict[str, Any] | None:
        """The fields of the newest entry, or None when there is none."""
        names = self._names()
        return self._read(names[-1]) if names else None

    def append(self, fields: Mapping[str, Any]) -> int:
        """Add an entry and give its position.

        Raises:
            ConflictError: If others were faster too many times in a row.
        """
        first = len(self._names())
        for position in range(first, first + ATTEMPTS):
            if self.add(position, fields):
                return position
        raise ConflictError(
            f"{self._place(first)} and what follows is written by others; run again"
        )

    def add(self, position: int, fields: Mapping[str, Any]) -> bool:
        """Add an entry at `position`, which must be the next; whether nobody else was faster."""
        # The nonce tells this entry from an equal one of somebody else.
        data = dump(self._kind, {**fields, "nonce": secrets.token_hex(8)})
        return self._store.put_if_absent(self._place(position), data)

    def _names(self) -> list[str]:
        prefix = self._place(0).rpartition("/")[0] + "/"
        listed = (entry.name for entry in self._store.list(prefix))
        return sorted(name for name in listed if layout.entry(name))

    def _read(self, name: str) -> dict[str, Any]:
        return parse(self._store.get(name), self._kind, name=name)
