"""Expiry: versions lose their bytes after a trash period, and keep record, lineage and recipe.

`trash` is what is written of it; here it is brought in line with what answers keys.
"""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from versioning import layout
from versioning.references import outputs
from versioning.shards import SHARDS, shard_of
from versioning.trash import ERASED, RESTORED, TRASHED, Cause, Entry, ShardExpiry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from versioning.digest import Key
    from versioning.records import VersionRecord
    from versioning.repository import Repository

# Versions of an entry: far below what a record may hold.
PAGE = 5000


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

    def restore_whole(self, record: VersionRecord, cause: Cause) -> None:
        """`restore` a version and the parts of its tuple."""
        for version_id in (record.id, *(part.id for part in outputs(record))):
            self.restore(version_id, cause)

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
