"""The trash as it is stored: what happened to versions since they were committed.

What happened to the versions whose ids begin alike is one journal, `trash/<aa>/<n>`. An entry says
what happened to some of them: trashed, then restored or erased, and so on; erased is the end. It is
written by put-if-absent at the position after those that its writer looked at, so of an undo and an
erasure exactly one happens. The journal is also the ledger: who did it, when, by which plan and
rule.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from versioning import layout
from versioning.digest import Key
from versioning.envelope import UNREADABLE, parse
from versioning.errors import ConflictError, FormatError
from versioning.fields import as_digest, as_id
from versioning.journals import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from versioning.storage import Store

logger = logging.getLogger("versioning")
TRASHED, RESTORED, ERASED = "trashed", "restored", "erased"
ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class Cause:
    """Why, by whom and when something is done to versions; the moment is timezone-aware."""

    plan: str
    rule: str
    actor: str
    at: datetime


class Entry(NamedTuple):
    """What last happened to a version.

    Attributes:
        state: `trashed`, `restored` or `erased`.
        position: Place of the entry in the journal, from 0.
        cause: Why, by whom and when.
        key: The key that the version answered, or could.
        bound: Whether it answered until it was trashed.
    """

    state: str
    position: int
    cause: Cause
    key: Key
    bound: bool = False


class ShardExpiry:
    """The expiry of the versions of one shard, as far as its journal was read.

    Attributes:
        last: What last happened to each version that something happened to, by its id.
        plans: Every plan that an entry names which was read.
        position: Position of the last entry that was read or added; -1 before the first.
    """

    def __init__(self, store: Store, shard: str) -> None:
        self.last: dict[str, Entry] = {}
        self.plans: set[str] = set()
        self._store = store
        self._shard = shard
        self.position = -1

    def read(self, *, lenient: bool = False) -> None:
        """Read what was added since.

        Args:
            lenient: Leave out an entry that cannot be read, and tell.

        Raises:
            FormatError: If an entry is none.
            IntegrityError: If an entry is damaged.
        """
        listed = self._store.names(self._place(0).rpartition("/")[0] + "/")
        names = [name for name in listed if layout.entry(name)]
        added = sorted(name for name in names if _position(name) > self.position)
        for name, data in zip(added, self._store.get_all(added), strict=True):
            self.position = _position(name)
            try:
                fields = parse(data or b"", "trash", name=name)
                self.last |= dict(_versions(fields, name))
                self.plans.add(str(fields["plan"]))
            except UNREADABLE as error:
                if not lenient:
                    raise
                logger.warning("%s says nothing of the expiry of versions: %s", name, error)

    def add(self, state: str, items: Mapping[str, Mapping[str, Any]], cause: Cause) -> list[str]:
        """Say that something happened to versions, as far as nothing else did meanwhile.

        Args:
            state: What happened.
            items: What else is said of each version, by its id.
            cause: By which plan, by whom and when.

        Returns:
            The versions that it happened to: those to which nothing happened that was not looked
            at when this was called.
        """
        seen = {version_id: self.last.get(version_id) for version_id in items}
        journal = Journal(self._store, "trash", self._place)
        at = cause.at.isoformat()
        facts = {"state": state, "plan": cause.plan, "actor": cause.actor, "at": at}
        for _ in range(ATTEMPTS):
            left = [i for i, last in seen.items() if self.last.get(i) == last]
            fields = {**facts, "versions": [{"id": i, **items[i]} for i in left]}
            if not left:
                return left
            if journal.add(self.position + 1, fields):
                self.position += 1
                self.last |= dict(_versions(fields, self._place(self.position)))
                return left
            self.read()
        raise ConflictError(f"{self._place(self.position + 1)} is written by others; run again")

    def _place(self, position: int) -> str:
        return layout.trash(self._shard, position)


def _position(name: str) -> int:
    return int(name.rpartition("/")[2])


def _versions(fields: Mapping[str, Any], name: str) -> Iterator[tuple[str, Entry]]:
    """What an entry says of each version that it names."""
    try:
        state, plan, actor = _state(fields["state"]), str(fields["plan"]), str(fields["actor"])
        cause, position = Cause(plan, "", actor, _moment(fields["at"])), _position(name)
        for item in fields["versions"]:
            if item["rule"] != cause.rule:
                cause = replace(cause, rule=str(item["rule"]))
            key, bound = Key(as_digest(item["key"])), item.get("bound") is True
            yield as_id(item["id"]), Entry(state, position, cause, key, bound)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{name} is no entry of the expiry of versions ({error}); run `versioning verify`",
            name=name,
        ) from error


def _state(value: Any) -> str:
    if value not in {TRASHED, RESTORED, ERASED}:
        raise ValueError(f"its state is {str(value)[:80]!r}")
    return str(value)


def _moment(value: Any) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("its moment has no zone")
    return at
