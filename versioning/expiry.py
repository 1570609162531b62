"""Expiry: versions lose their bytes after a trash period, and keep record, lineage and recipe.

What happened to a version is a journal of its own, `trash/<id>/<n>`: trashed, then restored or
erased, and so on; erased is the end. Each entry is written by put-if-absent at the position after
the one it follows, so of an undo and an erasure exactly one happens. The journal is also the
ledger: who did it, when, by which plan and rule.
"""

from __future__ import annotations

import getpass
import logging
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from versioning import layout
from versioning.envelope import UNREADABLE, parse
from versioning.errors import FormatError, NotFoundError
from versioning.journals import Journal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from versioning.repository import Repository

logger = logging.getLogger("versioning")
TRASHED, RESTORED, ERASED = "trashed", "restored", "erased"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why, by whom and when something is done to a version; the moment is timezone-aware."""

    plan: str
    rule: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """The newest entry of a version's journal.

    Attributes:
        state: `trashed`, `restored` or `erased`.
        position: Its place in the journal, from 0.
        cause: Why, by whom and when.
        bound: Whether the version answered its key until then; asked of trashed ones.
    """

    state: str
    position: int
    cause: Cause
    bound: bool = False


class Expiry:
    """The trash of one repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._store = repository.store

    def trash(self, version_id: str, cause: Cause) -> bool:
        """Let a version answer its key no more, and its bytes go when the trash period is over.

        Returns:
            Whether it was neither trashed nor erased before.

        Raises:
            NotFoundError: If there is no such version.
        """
        self._repository.check_writable()
        record = self._repository.record(version_id)
        last = self.last(version_id)
        bound = self._repository.answers(record)
        is_new = last is None or last.state == RESTORED
        done = is_new and self._add(version_id, TRASHED, last, cause, bound=bound)
        # The journal first: a binding that outlives a crash is a hit on bytes that are still there,
        # and goes with the next call.
        self._repository.unbind(record)
        return done

    def restore(self, version_id: str, cause: Cause) -> bool:
        """Take a version out of the trash; if it answered its key and no other does now, it does.

        Returns:
            Whether it is back; not when its bytes are erased, or it was not trashed.
        """
        self._repository.check_writable()
        last = self.last(version_id)
        if last is None or last.state != TRASHED:
            return False
        if not self._add(version_id, RESTORED, last, cause):
            return False
        # What a later version had replaced, or nobody ever bound, answers nothing now either.
        if last.bound:
            record = self._repository.record(version_id)
            self._repository.bind(record)
            # Who trashed it again meanwhile may have looked for the binding before it was there.
            if self.is_over(version_id):
                self._repository.unbind(record)
        return True

    def erase(self, version_id: str, last: Entry, cause: Cause) -> bool:
        """Give up the bytes of a version that was trashed, for good; whether nobody undid it."""
        if last.state != TRASHED:
            return False
        with suppress(NotFoundError, *UNREADABLE):
            # A crash may have left the binding; nothing may answer with bytes that go.
            self._repository.unbind(self._repository.record(version_id))
        return self._add(version_id, ERASED, last, cause)

    def is_over(self, version_id: str) -> bool:
        """Whether a version is in the trash, or has lost its bytes."""
        last = self.last(version_id)
        return last is not None and last.state != RESTORED

    def last(self, version_id: str) -> Entry | None:
        """The newest entry of one version, or None when it has none."""
        prefix = layout.trash(version_id, 0).rpartition("/")[0] + "/"
        listed = (entry.name for entry in self._store.list(prefix))
        name = max(filter(layout.entry, listed), default=None)
        return None if name is None else self.entry(name)

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """The newest entry of each version that has any, with the version's id.

        Raises:
            FormatError: If an entry is none.
            IntegrityError: If an entry is damaged.
        """
        for version_id, name in self.newest().items():
            yield version_id, self.entry(name)

    def newest(self) -> dict[str, str]:
        """Name of the newest entry of each version that has any, by the version's id."""
        newest: dict[str, str] = {}
        for entry in self._store.list(layout.TRASH):
            if found := layout.entry(entry.name):
                newest[found[0]] = max(entry.name, newest.get(found[0], ""))
        return newest

    def _add(
        self, version_id: str, state: str, last: Entry | None, cause: Cause, **facts: bool
    ) -> bool:
        fields = {
            "state": state,
            "plan": cause.plan,
            "rule": cause.rule,
            "actor": cause.actor,
            "at": cause.at,
            **facts,
        }
        journal = Journal(self._store, "trash", lambda n: layout.trash(version_id, n))
        return journal.add(0 if last is None else last.position + 1, fields)

    def entry(self, name: str) -> Entry:
        """The entry of that name; raises as `entries` does."""
        fields = parse(self._store.get(name), "trash", name=name)
        try:
            position = int(name.rpartition("/")[2])
            return Entry(_state(fields), position, _cause(fields), fields.get("bound") is True)
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(
                f"{name} is no entry of a version's expiry ({error}); run `versioning verify`",
                name=name,
            ) from error


def here() -> Cause:
    """The person and machine that act now; plan and rule are filled in by what is done."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a number that no user has.
        user = f"uid-{os.getuid()}"
    actor = f"{user}@{socket.gethostname()}"
    return Cause(plan="", rule="", actor=actor, at=datetime.now(UTC))


def states(
    repository: Repository, state: str, among: Collection[str] | None = None
) -> Iterator[str]:
    """Ids of the versions whose newest entry is `state`; those that cannot be read are left out.

    Args:
        repository: Where they are.
        state: `trashed`, `restored` or `erased`.
        among: The versions that are asked for; all when None.
    """
    expiry = Expiry(repository)
    for version_id, name in expiry.newest().items():
        if among is not None and version_id not in among:
            continue
        try:
            if expiry.entry(name).state == state:
                yield version_id
        except UNREADABLE as error:
            logger.warning("%s says nothing of the expiry of a version: %s", name, error)


def _state(fields: Mapping[str, Any]) -> str:
    if fields["state"] not in {TRASHED, RESTORED, ERASED}:
        raise ValueError(f"its state is {str(fields['state'])[:80]!r}")
    return str(fields["state"])


def _cause(fields: Mapping[str, Any]) -> Cause:
    at = datetime.fromisoformat(fields["at"])
    if at.tzinfo is None:
        raise ValueError("its moment has no zone")
    return Cause(str(fields["plan"]), str(fields["rule"]), str(fields["actor"]), at)
