"""Commits, rebindings, losses, damage and crashes in any order, against a dict."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.examples import examples
from tests.repositories import LARGE, NOW, Crash, CrashingStore, draft, key, opened, shards_in
from versioning import layout
from versioning.catalog import Catalog
from versioning.envelope import dump
from versioning.errors import IntegrityError, NotFoundError
from versioning.expiry import ERASED, Cause, Expiry
from versioning.invalidate import apply, plan
from versioning.records import VersionRecord
from versioning.repository import Repository
from versioning.storage import Store
from versioning.sweep import Patience, sweep

KEYS = st.sampled_from("abc")
# Equal values meet under different keys, and blobs are shared.
VALUES = st.sampled_from([b"", b"small", LARGE, LARGE + b"!", LARGE + b"?"])


CAUSE = Cause(plan="plan", rule="all", actor="tests", at=NOW)
HASTE = Patience(abandoned=timedelta(0), wait_seconds=0)


class RepositoryMachine(RuleBasedStateMachine):
    """`bound` is what each key must answer, `values` what each version must load unless `lost`.

    `trashed` names the key that each version in the trash answered.
    """

    unbound: Bundle[VersionRecord] = Bundle("unbound")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.bound: dict[str, bytes] = {}
        self.values: dict[str, bytes] = {}
        self.lost: set[str] = set()
        self.trashed: dict[str, str] = {}

    def teardown(self) -> None:
        self.folder.cleanup()

    @initialize()
    def create(self) -> None:
        self.store = Store.memory()
        self.reopen()

    @rule()
    def reopen(self) -> None:
        self.repository = opened(self.store.url, Path(self.folder.name))

    @rule(name=KEYS, value=VALUES, replace=st.booleans())
    def commit(self, name: str, value: bytes, replace: bool) -> None:
        record = self.repository.commit(value, draft(name), replace=replace)
        self._remember(value)
        if replace or name not in self.bound:
            self.bound[name] = value
        assert self.repository.load(record) == self.bound[name]

    @rule(target=unbound, name=KEYS, value=VALUES)
    def commit_unbound(self, name: str, value: bytes) -> VersionRecord:
        record = self.repository.commit(value, draft(name), bind=False)
        self._remember(value)
        return record

    def _remember(self, value: bytes) -> None:
        """Versions that are new since the last step hold `value`, bound or not."""
        for version_id in self.repository.ids():
            self.values.setdefault(version_id, value)

    @rule(record=unbound, replace=st.booleans())
    def bind(self, record: VersionRecord, replace: bool) -> None:
        name = next(name for name in "abc" if key(name) == record.key)
        is_over = Expiry(self.repository).is_over(record.id)
        if is_over or not self.repository.is_live(record) or self.repository.is_invalid(record.id):
            return
        won = self.repository.bind(record, replace=replace)
        if replace or name not in self.bound:
            self.bound[name] = self.values[record.id]
        assert self.repository.load(won) == self.bound[name]

    @rule(
        name=KEYS,
        value=VALUES,
        replace=st.booleans(),
        calls=st.integers(0, 12),
        after=st.booleans(),
    )
    def crash(self, name: str, value: bytes, replace: bool, calls: int, after: bool) -> None:
        store = CrashingStore(self.store, calls, after=after)
        writer = Repository(
            store, repository_id=self.repository.id, settings=self.repository.settings
        )
        with contextlib.suppress(Crash):
            writer.commit(value, draft(name), replace=replace)
        self._remember(value)
        self._settle(name, value, may_bind=replace or name not in self.bound)

    def _settle(self, name: str, value: bytes, *, may_bind: bool) -> None:
        """Whether a write that died bound the key is open; what it may be bound to is not."""
        found = self.repository.lookup(key(name))
        loaded = None if found is None else self.repository.load(found)
        allowed = {self.bound.get(name), value} if may_bind else {self.bound[name]}
        assert loaded in allowed
        if loaded is not None:
            self.bound[name] = loaded

    @precondition(lambda self: any(self.store.list(layout.BLOBS)))
    @rule(data=st.data(), damage=st.sampled_from(["deleted", "cut", "flipped"]))
    def lose_a_blob(self, data: st.DataObject, damage: str) -> None:
        blobs = sorted(entry.name for entry in self.store.list(layout.BLOBS))
        name = data.draw(st.sampled_from(blobs))
        stored = self._stored(name)
        if damage == "deleted":
            self.store.delete(name)
        else:
            self.store.put(name, stored[:-1] + (b"" if damage == "cut" else b"\0"))
        # A cached copy would still be right; forget it, as another machine has none.
        self.folder.cleanup()
        self.folder = tempfile.TemporaryDirectory()
        self.reopen()
        self._find_losses(name.removeprefix(layout.BLOBS))

    def _stored(self, name: str) -> bytes:
        with self.store.stream(name) as stream:
            return stream.read()

    def _find_losses(self, blob: str) -> None:
        for record in self._committed():
            if any(item.name == blob for item in record.manifest):
                with pytest.raises((IntegrityError, NotFoundError)):
                    self.repository.load(record)
                self.lost.add(record.id)
        for name in "abc":
            if self.repository.lookup(key(name)) is None:
                self.bound.pop(name, None)

    @rule(target=unbound, name=KEYS, value=VALUES)
    def be_revoked_meanwhile(self, name: str, value: bytes) -> VersionRecord:
        revoked = VersionIdTaken(self.store)
        writer = Repository(
            revoked, repository_id=self.repository.id, settings=self.repository.settings
        )
        record = writer.commit(value, draft(name), bind=False)
        assert record.id not in revoked.taken
        self._remember(value)
        return record

    @rule(name=KEYS)
    def expire(self, name: str) -> None:
        found = self.repository.lookup(key(name))
        if found is not None:
            assert Expiry(self.repository).trash(found.id, CAUSE)
            self.trashed[found.id] = name
            del self.bound[name]

    @precondition(lambda self: self.trashed)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        version_id = data.draw(st.sampled_from(sorted(self.trashed)))
        name = self.trashed.pop(version_id)
        assert Expiry(self.repository).restore(version_id, CAUSE)
        if version_id not in self.lost and not self.repository.is_invalid(version_id):
            self.bound.setdefault(name, self.values[version_id])

    @rule(is_over=st.booleans(), calls=st.integers(0, 40), dies=st.booleans())
    def sweep(self, is_over: bool, calls: int, dies: bool) -> None:
        """Erase what is in the trash, or collect garbage only; killed on the way, or not."""
        waits = Patience(timedelta(0 if is_over else 7), abandoned=timedelta(0), wait_seconds=0)
        store = CrashingStore(self.store, calls) if dies else self.store
        shards = mock.patch("versioning.sweep.SHARDS", shards_in(self.store))
        with contextlib.suppress(Crash), shards:
            sweep(self._through(store), CAUSE, patience=waits)
        for version_id in [i for i in self.trashed if self._is_erased(i)]:
            del self.trashed[version_id]
            self.lost.add(version_id)

    @rule(name=KEYS, erase=st.booleans(), calls=st.integers(0, 60))
    def invalidate(self, name: str, erase: bool, calls: int) -> None:
        """Killed on the way, or not, and then once more to the end."""
        found = self.repository.lookup(key(name))
        if found is None:
            return
        for store in (CrashingStore(self.store, calls), self.store):
            repository = self._through(store)
            with contextlib.closing(Catalog(self.repository)) as catalog:
                made = plan(self.repository, catalog, [found.id], reason="bad", erase=erase)
                with contextlib.suppress(Crash):
                    apply(repository, catalog, made, CAUSE, force=True, patience=HASTE)
        assert self.repository.lookup(key(name)) is None
        del self.bound[name]
        if erase:
            concerned = {item.id for item in made.versions}
            self.lost |= concerned
            self.trashed = {i: n for i, n in self.trashed.items() if i not in concerned}

    def _is_erased(self, version_id: str) -> bool:
        last = Expiry(self.repository).last(version_id)
        return last is not None and last.state == ERASED

    def _through(self, store: Store) -> Repository:
        return Repository(
            store, repository_id=self.repository.id, settings=self.repository.settings
        )

    @invariant()
    def every_key_answers_what_the_model_says(self) -> None:
        for name in "abc":
            found = self.repository.lookup(key(name))
            assert (None if found is None else self.repository.load(found)) == self.bound.get(name)

    @invariant()
    def nothing_invalid_answers(self) -> None:
        for record in self._committed():
            if self.repository.is_invalid(record.id):
                assert not self.repository.answers(record)

    @invariant()
    def no_committed_version_misses_a_byte(self) -> None:
        for record in self._committed():
            if record.id not in self.lost:
                assert self.repository.load(record) == self.values[record.id]

    def _committed(self) -> Iterator[VersionRecord]:
        for version_id in self.repository.ids():
            # The place of a writer that was revoked is no version.
            with contextlib.suppress(NotFoundError):
                yield self.repository.record(version_id)


class VersionIdTaken(CrashingStore):
    """A store in which a collector revokes the first writer just before it commits."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, -1)
        self.taken: list[str] = []

    def put_if_absent(self, name: str, data: bytes, *, durable: bool = True) -> bool:
        version_id = layout.version_id(name)
        if version_id and not self.taken:
            self.taken.append(version_id)
            assert self._store.put_if_absent(name, dump("revoked", {}))
        return super().put_if_absent(name, data, durable=durable)


RepositoryMachine.TestCase.settings = settings(examples(25), stateful_step_count=25)
test_repository_keeps_its_promises = RepositoryMachine.TestCase
