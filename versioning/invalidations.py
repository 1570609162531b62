"""Invalidations: versions that shall never be a hit again, and why.

`invalid/<id>/<n>` is a journal that only ever says more: that a version is invalid, that so is what
is made from it (`down`), that its bytes are to go (`erase`). What an external file held is known by
its key, so `invalid/<key>/<n>` says that this content is never to be stored again.

Who invalidates writes the entry first and looks for bindings and readers afterwards; who writes a
version looks for entries after its record, and again after its binding, is there. So one of them
sees the other, and nothing invalid stays bound. A writer that is killed between its binding and
that second look leaves a binding that no reader takes for an answer: each asks `hides`.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from versioning import layout
from versioning.envelope import UNREADABLE
from versioning.journals import Journal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from versioning.storage import Store


@dataclass(frozen=True, slots=True)
class Invalidation:
    """Why a version is invalid, by whom and when; the moment is timezone-aware.

    Attributes:
        reason: What is wrong with it.
        why: Why this version: it was named, or what it has to do with one that was.
        actor: Who said so.
        at: When.
        plan: Under which id.
        down: Whether what is made from it is invalid, too.
        erase: Whether its bytes are to be made unrecoverable.
    """

    reason: str
    why: str
    actor: str
    at: datetime
    plan: str
    down: bool = False
    erase: bool = False

    def __str__(self) -> str:
        named = "" if self.why == NAMED else f" ({self.why})"
        return f"{self.reason}{named}"

    def says(self, other: Invalidation) -> bool:
        """Whether nothing that `other` asks for is left open by this one."""
        return self.down >= other.down and self.erase >= other.erase


NAMED = "named"
# On a store that is far, hits are compared with a listing that is not older than this.
FRESH_SECONDS = 60.0


class Invalidations:
    """What is invalid in one repository."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listed: tuple[float, set[str]] | None = None

    def hides(self, version_id: str) -> bool:
        """Whether a version that is bound is no hit.

        Where the store is far, one listing answers for all hits of a minute. That is enough: it
        matters only for bindings of writers that were killed, as all others are gone by themselves.
        """
        if not self._store.is_far:
            return bool(self.among([version_id]))
        now = time.monotonic()
        if self._listed is None or now - self._listed[0] >= FRESH_SECONDS:
            self._listed = now, self.listed()
        return version_id in self._listed[1]

    def listed(self) -> set[str]:
        """The ids and keys that are invalid."""
        entries = (layout.entry(name) for name in self._store.names(layout.INVALID))
        return {entry[0] for entry in entries if entry}

    def mark(self, about: str, entry: Invalidation) -> bool:
        """Say that a version, by id, or content, by key, is invalid; whether that was news."""
        known = self.of(about)
        if known is not None and known.says(entry):
            return False
        self._journal(about).append(asdict(entry))
        return True

    def among(self, about: Iterable[str]) -> set[str]:
        """Those of some ids or keys that are invalid."""
        asked = list(dict.fromkeys(about))
        sizes = self._store.sizes([layout.invalid(item, 0) for item in asked])
        return {item for item, size in zip(asked, sizes, strict=True) if size is not None}

    def of(self, about: str) -> Invalidation | None:
        """Why a version or content is invalid; None when it is not."""
        try:
            return _merged(self._journal(about).entries())
        except UNREADABLE as error:
            return _unreadable(error)

    def all(self) -> dict[str, Invalidation]:
        """Everything that is invalid, by id or key."""
        return {about: why for about in sorted(self.listed()) if (why := self.of(about))}

    def _journal(self, about: str) -> Journal:
        return Journal(self._store, "invalid", lambda position: layout.invalid(about, position))


def _merged(entries: list[dict[str, Any]]) -> Invalidation | None:
    """What all entries say together; the last reason counts."""
    if not entries:
        return None
    last = entries[-1]
    try:
        return Invalidation(
            reason=str(last["reason"]),
            why=str(last["why"]),
            actor=str(last["actor"]),
            at=datetime.fromisoformat(last["at"]),
            plan=str(last["plan"]),
            down=any(entry.get("down") is True for entry in entries),
            erase=any(entry.get("erase") is True for entry in entries),
        )
    except (KeyError, TypeError, ValueError) as error:
        return _unreadable(error)


def _unreadable(error: Exception) -> Invalidation:
    """Whatever it said, nothing is lost by computing again."""
    reason = f"its invalidation cannot be read: {error}"
    return Invalidation(reason, NAMED, "", datetime.min.replace(tzinfo=UTC), "")
