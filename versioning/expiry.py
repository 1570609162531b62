"""Expiry: versions lose their bytes after a trash period, and keep record, lineage and recipe.

What happened to the versions whose ids begin alike is one journal, `trash/<aa>/<n>`. An entry says
what happened to some of them: trashed, then restored or erased, and so on; erased is the end. It is
written by put-if-absent at the position after those that its writer looked at, so of an undo and an
erasure exactly one happens. The journal is also the ledger: who did it, when, by which plan and
rule.
"""

from __future__ import annotations

import getpass
import logging
import os
import socket
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from versioning import layout
from versioning.digest import Key, is_digest
from versioning.envelope import UNREADABLE, parse
from versioning.errors import ConflictError, FormatError
from versioning.journals import Journal
from versioning.records import ID_PATTERN
from versioning.shards import SHARDS, shard_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from versioning.repository import Repository
    from versioning.storage import Store

logger = logging.getLogger("versioning")
TRASHED, RESTORED, ERASED = "trashed", "restored", "erased"
ATTEMPTS = 100
# Versions of an entry: far below what a record may hold.
PAGE = 5000


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


@dataclass(frozen=True, slots=True)
class Bound:
    """The bindings there were at some moment.

    Attributes:
        names: Their names.
        seen: Position of the last entry of the journal of each shard, looked at before that.
    """

    names: frozenset[str]
    seen: Mapping[str, int]

    def may_be(self, last: tuple[str, Entry]) -> bool:
        """Whether a version, of which no more is said, may be bound as yet."""
        version_id, entry = last
        is_known = entry.position <= self.seen.get(shard_of(version_id), -1)
        return not is_known or layout.binding(entry.key) in self.names


class ShardExpiry:
    """The expiry of the versions of one shard, as far as its journal was read.

    Attributes:
        last: What last happened to each version that something happened to, by its id.
        position: Position of the last entry that was read or added; -1 before the first.
    """

    def __init__(self, store: Store, shard: str) -> None:
        self.last: dict[str, Entry] = {}
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
        of = self.of(shard_of(version_id))
        return self.trash_all(of, {version_id: cause.rule}, cause) == [version_id]

    def trash_all(
        self,
        of: ShardExpiry,
        rules: Mapping[str, str],
        cause: Cause,
        *,
        hints: Mapping[str, Key] | None = None,
        stamps: Mapping[str, str | None] | None = None,
    ) -> list[str]:
        """`trash` many of one shard: those that were neither trashed nor erased before.

        Args:
            of: What is known of their shard.
            rules: Why each version goes, by its id.
            cause: By which plan, by whom and when; its rule does not count.
            hints: Keys of versions, as far as they are known; a wrong one does no harm.
            stamps: Versions whose bindings the caller deletes while their stamps stay the same, and
                None for each that is not bound.

        Raises:
            NotFoundError: If one of them is no version.
        """
        self._repository.check_writable()
        known, looked = hints or {}, stamps or {}
        pages = _pages(rules)
        return [i for page in pages for i in self._trash(of, page, rules, cause, known, looked)]

    def restore(self, version_id: str, cause: Cause) -> bool:
        """Take a version out of the trash; if it answered its key and no other does now, it does.

        Returns:
            Whether it is back; not when its bytes are erased, or it was not trashed.
        """
        self._repository.check_writable()
        of = self.of(shard_of(version_id))
        return self.restore_all(of, [version_id], cause) == [version_id]

    def restore_all(self, of: ShardExpiry, ids: Iterable[str], cause: Cause) -> list[str]:
        """`restore` many of one shard, as `of` knows it: those that are back."""
        back: list[str] = []
        trashed = [i for i in ids if (last := of.last.get(i)) and last.state == TRASHED]
        for page in _pages(trashed):
            before = {version_id: of.last[version_id] for version_id in page}
            items = {
                i: {"key": last.key, "rule": cause.rule, "bound": last.bound}
                for i, last in before.items()
            }
            done = of.add(RESTORED, items, cause)
            self._bind(of, done)
            back += done
        return back

    def finish(self, of: ShardExpiry, ids: Iterable[str]) -> list[str]:
        """Bind restored versions whose restoring was stopped before that: those that answer now."""
        keys = {i: of.last[i].key for i in ids if of.last[i].state == RESTORED and of.last[i].bound}
        there = set(self._repository.answering(keys))
        lacking = [version_id for version_id in keys if version_id not in there]
        self._bind(of, lacking)
        return list(self._repository.answering({i: keys[i] for i in lacking}))

    def _bind(self, of: ShardExpiry, ids: Iterable[str]) -> None:
        # What a later version had replaced, or nobody ever bound, answers nothing now either.
        keys = {i: of.last[i].key for i in ids if of.last[i].bound}
        for version_id in keys:
            self._repository.bind(self._repository.record(version_id))
        # Who trashed it again meanwhile may have looked for the binding before it was there.
        if keys:
            of.read()
            over = {i: key for i, key in keys.items() if of.last[i].state != RESTORED}
            self._repository.unbind_all(over)

    def erase_all(
        self,
        of: ShardExpiry,
        ids: Sequence[str],
        cause: Cause,
        *,
        bound: Bound | None = None,
    ) -> list[str]:
        """Give up the bytes of trashed versions of one shard for good: those that nobody undid.

        Args:
            of: What is known of their shard.
            ids: Which; all of them are trashed, as far as is known.
            cause: By whom and when. The ledger names the plan and rule that trashed each of them.
            bound: Bindings that there were before, so that not each needs to be looked for.
        """
        erased: list[str] = []
        plans: dict[str, list[str]] = {}
        for version_id in ids:
            plans.setdefault(of.last[version_id].cause.plan, []).append(version_id)
        for plan, those in plans.items():
            for page in _pages(those):
                before = {version_id: of.last[version_id] for version_id in page}
                # A crash may have left bindings; nothing may answer with bytes that go.
                suspects = before.items() if bound is None else filter(bound.may_be, before.items())
                self._repository.unbind_all({i: last.key for i, last in suspects})
                items = {i: {"key": e.key, "rule": e.cause.rule} for i, e in before.items()}
                erased += of.add(ERASED, items, replace(cause, plan=plan))
        return erased

    def is_over(self, version_id: str) -> bool:
        """Whether a version is in the trash, or has lost its bytes."""
        last = self.last(version_id)
        return last is not None and last.state != RESTORED

    def last(self, version_id: str) -> Entry | None:
        """What last happened to one version, or None when nothing did."""
        return self.of(shard_of(version_id)).last.get(version_id)

    def touched(self) -> list[str]:
        """The shards that have versions to which something happened."""
        return sorted(self.positions())

    def positions(self) -> dict[str, int]:
        """Position of the last entry of each shard that has any."""
        listed = filter(None, map(layout.entry, self._store.names(layout.TRASH)))
        # In order, so that the last of each shard stays.
        return {shard: int(last) for shard, last in sorted(listed) if shard in SHARDS}

    def bound(self) -> Bound:
        """The bindings there are now, of versions that something happened to by now."""
        seen = self.positions()
        return Bound(frozenset(self._store.names(layout.KEYS)) if seen else frozenset(), seen)

    def of(self, shard: str, *, lenient: bool = False) -> ShardExpiry:
        """What happened to the versions of a shard; see `ShardExpiry.read`."""
        expiry = ShardExpiry(self._store, shard)
        expiry.read(lenient=lenient)
        return expiry

    def shards(self) -> Iterator[ShardExpiry]:
        """What happened to versions, shard by shard.

        Raises:
            FormatError: If an entry is none.
            IntegrityError: If an entry is damaged.
        """
        for shard in self.touched():
            yield self.of(shard)

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """What last happened to each version that something happened to; raises as `shards`."""
        for expiry in self.shards():
            yield from expiry.last.items()

    def states(self, state: str, among: Collection[str] | None = None) -> Iterator[str]:
        """Ids of the versions whose newest entry is `state`, as far as journals can be read.

        Args:
            state: `trashed`, `restored` or `erased`.
            among: The versions that are asked for; all when None.
        """
        asked = None if among is None else {shard_of(version_id) for version_id in among}
        for shard in self.touched():
            if asked is not None and shard not in asked:
                continue
            for version_id, last in self.of(shard, lenient=True).last.items():
                if last.state == state and (among is None or version_id in among):
                    yield version_id

    def _trash(
        self,
        of: ShardExpiry,
        ids: Sequence[str],
        rules: Mapping[str, str],
        cause: Cause,
        hints: Mapping[str, Key],
        stamps: Mapping[str, str | None],
    ) -> list[str]:
        over = {i: last.key for i in ids if (last := of.last.get(i)) and last.state != RESTORED}
        new = [i for i in ids if i not in over]
        proven = {i: hints[i] for i in new if stamps.get(i)}
        likely = {i: key for i in new if i not in stamps and (key := hints.get(i))}
        seen: dict[str, bytes] = {}
        bound = set(self._repository.answering(likely, seen))
        # What a binding does not confirm, the record says.
        bound |= proven.keys()
        others = self._repository.keys_of([i for i in new if i not in bound])
        bound |= set(self._repository.answering(others, seen))
        keys = proven | {i: key for i, key in likely.items() if i in bound} | others
        items = {i: {"key": key, "rule": rules[i], "bound": i in bound} for i, key in keys.items()}
        done = of.add(TRASHED, items, cause)
        # The journal first: a binding that outlives a crash is a hit on bytes that are still there,
        # and goes with the next call.
        over |= {i: key for i, key in keys.items() if of.last[i].state != RESTORED}
        self._repository.unbind_all({i: key for i, key in over.items() if i not in stamps}, seen)
        return done


def here() -> Cause:
    """The person and machine that act now; plan and rule are filled in by what is done."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a number that no user has.
        user = f"uid-{os.getuid()}"
    actor = f"{user}@{socket.gethostname()}"
    return Cause(plan="", rule="", actor=actor, at=datetime.now(UTC))


def _pages(ids: Iterable[str]) -> Iterator[list[str]]:
    waiting = iter(ids)
    while page := list(islice(waiting, PAGE)):
        yield page


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
            bound = item.get("bound") is True
            yield _id(item["id"]), Entry(state, position, cause, _key(item["key"]), bound)
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


def _id(value: Any) -> str:
    if not ID_PATTERN.fullmatch(value):
        raise ValueError(f"{value[:80]!r} is no id")
    return str(value)


def _key(value: Any) -> Key:
    if not is_digest(value):
        raise ValueError(f"{str(value)[:80]!r} is no key")
    return cast("Key", value)
