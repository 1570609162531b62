"""What expiry and sweeping delete, and what they leave."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.repositories import (
    LARGE,
    NOW,
    Crash,
    CrashingStore,
    draft,
    edited,
    key,
    opened,
    shards_in,
)
from versioning import layout, marks
from versioning.catalog import Catalog
from versioning.digest import digest_bytes
from versioning.envelope import dump
from versioning.errors import FormatError, IntegrityError, NotFoundError
from versioning.expiry import ERASED, RESTORED, TRASHED, Cause, Expiry
from versioning.records import VersionRecord, dump_version
from versioning.repository import Repository
from versioning.storage import Store
from versioning.sweep import Patience, sweep
from versioning.verify import verify

CAUSE = Cause(plan="p1", rule="keep_last = 1", actor="tests", at=NOW)
LATER = replace(CAUSE, at=NOW + timedelta(days=7))


@pytest.fixture(params=["memory", "folder"])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    if request.param == "folder":
        return opened(tmp_path / "repository", tmp_path)
    store = Store.memory()
    return opened(store.url, tmp_path)


def blobs(repository: Repository) -> set[str]:
    return {entry.name for entry in repository.store.list(layout.BLOBS)}


def names(repository: Repository, prefix: str) -> list[str]:
    return sorted(entry.name for entry in repository.store.list(prefix))


@pytest.fixture
def catalog(repository: Repository) -> Iterator[Catalog]:
    with contextlib.closing(Catalog(repository)) as catalog:
        yield catalog


def test_no_record_is_read_where_an_index_knows_who_needs_each_blob(
    repository: Repository, catalog: Catalog
) -> None:
    record = repository.commit(LARGE, draft("a"))
    catalog.refresh()
    repository.store.put(layout.version(record.id), b"{}")
    assert not sweep(repository, CAUSE, catalog=catalog).deleted
    with pytest.raises(IntegrityError):
        sweep(repository, CAUSE)


def reads(repository: Repository, catalog: Catalog) -> list[str]:
    """The records of versions that a sweep reads, which has something to delete."""
    read: list[str] = []
    get_all = repository.store.get_all

    def noted(names: Iterable[str]) -> Iterator[bytes | None]:
        asked = list(names)
        read.extend(name for name in asked if name.startswith(layout.VERSIONS))
        return get_all(asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repository.store, "get_all", noted)
        sweep(repository, LATER, catalog=catalog)
    return read


def test_a_record_that_is_as_it_was_indexed_is_not_read_again(
    repository: Repository, catalog: Catalog
) -> None:
    kept, gone = (repository.commit(LARGE + name.encode(), draft(name)) for name in "ab")
    catalog.refresh()
    Expiry(repository).trash(gone.id, CAUSE)
    assert reads(repository, catalog) == []
    assert blobs(repository) == {layout.blob(str(kept.manifest[0].name))}


def test_a_record_that_was_replaced_since_it_was_indexed_is_read(
    repository: Repository, catalog: Catalog
) -> None:
    kept, gone = (repository.commit(LARGE + name.encode(), draft(name)) for name in "ab")
    catalog.refresh()
    Expiry(repository).trash(gone.id, CAUSE)
    # It needs what nothing else does, and did not when it was indexed.
    manifest = (*kept.manifest, replace(gone.manifest[0], part="other"))
    edited_record = dump_version(replace(kept, manifest=manifest))
    repository.store.put(layout.version(kept.id), edited_record)
    assert reads(repository, catalog) == [layout.version(kept.id)]
    assert len(blobs(repository)) == 2


def test_a_row_of_the_index_that_was_damaged_is_not_believed(
    repository: Repository, catalog: Catalog
) -> None:
    kept, gone = (repository.commit(LARGE + name.encode(), draft(name)) for name in "ab")
    catalog.refresh()
    Expiry(repository).trash(gone.id, CAUSE)
    catalog._write({"DELETE FROM blobs WHERE id = ?": [(kept.id,)]})
    assert reads(repository, catalog) == [layout.version(kept.id)]
    assert blobs(repository) == {layout.blob(str(kept.manifest[0].name))}


def test_what_an_index_does_not_know_yet_is_kept(repository: Repository, catalog: Catalog) -> None:
    catalog.refresh()
    record = repository.commit(LARGE, draft("a"))
    assert not sweep(repository, CAUSE, catalog=catalog).deleted
    assert repository.load(record) == LARGE


def test_an_index_hides_nothing_that_is_to_be_deleted(
    repository: Repository, catalog: Catalog
) -> None:
    digest = digest_bytes(b"nobody")
    orphan = f"{digest[:2]}/{digest}-{'0' * 16}"
    repository.store.put(layout.blob(orphan), b"nobody")
    record = repository.commit(LARGE, draft("a"))
    catalog.refresh()
    assert sweep(repository, CAUSE, catalog=catalog).deleted == [orphan]
    expiry = Expiry(repository)
    expiry.trash(record.id, CAUSE)
    # As a collector leaves it that is killed once it has erased.
    expiry.erase_all(expiry.of(record.id[:2]), [record.id], LATER)
    assert sweep(repository, LATER, catalog=catalog).deleted == [record.manifest[0].name]


def test_a_trashed_version_answers_no_more_and_keeps_its_bytes(repository: Repository) -> None:
    record = repository.commit(LARGE, draft("a"))
    assert Expiry(repository).trash(record.id, CAUSE)
    assert repository.lookup(key("a")) is None
    early = replace(CAUSE, at=NOW + timedelta(days=7) - timedelta(microseconds=1))
    assert not sweep(repository, early).deleted
    assert repository.load(record) == LARGE
    last = Expiry(repository).last(record.id)
    assert last is not None
    assert (last.state, last.cause) == (TRASHED, CAUSE)


def test_only_the_journals_that_are_asked_for_are_read(repository: Repository) -> None:
    made = (repository.commit(LARGE, draft(f"{number}")) for number in range(50))
    by_shard = {record.id[:2]: record for record in made}
    records = list(by_shard.values())[:3]
    for record in records:
        Expiry(repository).trash(record.id, CAUSE)
    # One that cannot be read is not in the way of the others.
    repository.store.put(layout.trash(records[0].id[:2], 1), b"{")
    states = Expiry(repository).states
    assert set(states(TRASHED)) == {record.id for record in records}
    assert list(states(TRASHED, among=[records[2].id])) == [records[2].id]
    counting = CrashingStore(repository.store, 3)
    asked = Expiry(_through(counting, repository)).states(TRASHED, among=[records[2].id])
    assert list(asked) == [records[2].id]


def test_undo_brings_everything_back(repository: Repository) -> None:
    record = repository.commit(LARGE, draft("a"))
    Expiry(repository).trash(record.id, CAUSE)
    assert Expiry(repository).restore(record.id, CAUSE)
    assert repository.lookup(key("a")) == record
    assert not sweep(repository, LATER).deleted
    assert dict(Expiry(repository).entries())[record.id].state == RESTORED


def test_after_the_trash_period_bytes_go_and_the_record_stays(repository: Repository) -> None:
    record = repository.commit(LARGE, draft("a"))
    kept = repository.commit(LARGE + b"!", draft("b"))
    Expiry(repository).trash(record.id, CAUSE)
    swept = sweep(repository, LATER)
    assert swept.erased == [record.id]
    assert swept.deleted == [record.manifest[0].name]
    assert swept.freed_bytes == len(LARGE)
    assert blobs(repository) == {layout.blob(str(kept.manifest[0].name))}
    assert repository.record(record.id) == record
    assert not names(repository, layout.MARKS)
    assert not Expiry(repository).restore(record.id, LATER)
    assert not Expiry(repository).trash(record.id, LATER)
    assert dict(Expiry(repository).entries())[record.id].state == ERASED


def test_shared_bytes_stay_while_one_version_needs_them(repository: Repository) -> None:
    record = repository.commit(LARGE, draft("a"))
    other = repository.commit(LARGE, draft("b"))
    Expiry(repository).trash(record.id, CAUSE)
    swept = sweep(repository, LATER)
    assert swept.erased == [record.id]
    assert not swept.deleted
    assert repository.load(other) == LARGE


def test_an_erased_version_is_computed_again_under_new_bytes(repository: Repository) -> None:
    record = repository.commit(LARGE, draft("a"))
    Expiry(repository).trash(record.id, CAUSE)
    sweep(repository, LATER)
    again = repository.commit(LARGE, draft("a"))
    assert again.id != record.id
    assert repository.lookup(key("a")) == again
    assert repository.load(again) == LARGE
    assert sweep(repository, LATER).deleted == []


def test_what_no_version_ever_named_goes(repository: Repository) -> None:
    digest = digest_bytes(b"left by a crash")
    name = f"{digest[:2]}/{digest}-{'0' * 16}"
    repository.store.put(layout.blob(name), b"left by a crash")
    assert sweep(repository, CAUSE).deleted == [name]


def write_intent(repository: Repository, version_id: str) -> None:
    fields = {"id": version_id, "created": NOW}
    repository.store.put_if_absent(layout.intent(version_id), dump("intent", fields))


def test_more_garbage_than_a_page_of_marks_holds_goes_too(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks, "PAGE", 3)
    kept = repository.commit(LARGE, draft("kept"))
    garbage = [f"{layout.BLOBS}aa/{'a' * 64}-{number:016x}" for number in range(10)]
    for name in garbage:
        repository.store.put(name, b"x")
    swept = sweep(repository, CAUSE)
    assert sorted(swept.deleted) == [name.removeprefix(layout.BLOBS) for name in garbage]
    assert not swept.is_partial
    assert blobs(repository) == {layout.blob(str(kept.manifest[0].name))}
    assert names(repository, layout.MARKS) == []


def test_a_writer_at_work_is_waited_for_and_then_left_alone(repository: Repository) -> None:
    write_intent(repository, "0" * 32)
    record = repository.commit(LARGE, draft("a"), bind=False)
    Expiry(repository).trash(record.id, replace(CAUSE, at=NOW - timedelta(days=7)))
    swept = sweep(repository, CAUSE, patience=Patience(wait_seconds=0))
    assert swept.busy == ["0" * 32]
    assert not swept.deleted
    assert blobs(repository)
    # What was marked stays so: the next sweep has less to wait for.
    assert names(repository, layout.MARKS)


def test_nobody_is_waited_for_where_nothing_is_to_be_deleted(repository: Repository) -> None:
    write_intent(repository, "0" * 32)
    repository.commit(LARGE, draft("a"))
    swept = sweep(repository, CAUSE)
    assert not swept.busy
    assert not swept.revoked
    assert names(repository, layout.INTENTS)


def test_a_long_wait_for_a_writer_is_told(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("versioning.intents.PATIENT_SECONDS", 0.0)
    write_intent(repository, "0" * 32)
    repository.store.put(layout.blob(f"00/{'0' * 64}-{'0' * 16}"), b"garbage")
    assert sweep(repository, CAUSE, patience=Patience(wait_seconds=0.5)).busy == ["0" * 32]
    assert "for 1 writers that began" in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"{",
        dump("intent", {"created": "yesterday"}),
        dump("intent", {"created": "2050-01-01T00:00:00+00:00"}),
    ],
)
def test_an_abandoned_writer_is_revoked(repository: Repository, content: bytes | None) -> None:
    write_intent(repository, "0" * 32)
    repository.store.put(layout.blob(f"00/{'0' * 64}-{'0' * 16}"), b"its blob")
    if content is not None:
        repository.store.put(layout.intent("0" * 32), content)
    swept = sweep(repository, replace(CAUSE, at=NOW + timedelta(days=1)))
    assert swept.revoked == ["0" * 32]
    assert not names(repository, layout.INTENTS)
    with pytest.raises(NotFoundError, match="revoked"):
        repository.record("0" * 32)


def test_nothing_goes_while_a_record_cannot_be_read(repository: Repository) -> None:
    record = repository.commit(LARGE, draft("a"))
    name = layout.version(record.id)
    repository.store.put(name, edited(repository.store.get(name), step="other"))
    repository.store.put(layout.blob(f"00/{'0' * 64}-{'0' * 16}"), b"garbage")
    before = blobs(repository)
    with pytest.raises(IntegrityError, match="nothing was deleted"):
        sweep(repository, CAUSE)
    assert blobs(repository) == before


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"state": "gone"},
        {"state": "trashed", "plan": "", "actor": ""},
        {"state": "trashed", "plan": "", "actor": "", "at": "2026-01-02", "versions": []},
        *(
            {"state": "trashed", "plan": "", "actor": "", "at": str(NOW), "versions": [item]}
            for item in ({}, {"id": "..", "rule": "", "key": ""}, {"id": "0" * 32, "rule": ""}, 5)
        ),
    ],
)
def test_an_entry_that_says_nothing_is_refused_by_name(
    repository: Repository, fields: dict[str, Any]
) -> None:
    record = repository.commit(LARGE, draft("a"))
    name = layout.trash(record.id[:2], 0)
    repository.store.put(name, dump("trash", fields))
    with pytest.raises(FormatError, match=name):
        sweep(repository, LATER)
    assert repository.load(record) == LARGE


@pytest.mark.parametrize("after", [False, True])
def test_a_sweep_killed_at_any_call_is_finished_by_the_next(
    tmp_path: Path, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    while True:
        store = Store.memory()
        repository = opened(store.url, tmp_path)
        gone = repository.commit(LARGE, draft("a"))
        kept = repository.commit(LARGE + b"!", draft("b"))
        Expiry(repository).trash(gone.id, CAUSE)
        write_intent(repository, "0" * 32)
        monkeypatch.setattr("versioning.sweep.SHARDS", shards_in(store))
        crashing = CrashingStore(store, calls, after=after)
        with contextlib.suppress(Crash):
            sweep(_through(crashing, repository), LATER)
        is_over = crashing.left > 0
        _check_whole(repository, kept)
        sweep(repository, LATER)
        _check_whole(repository, kept)
        assert blobs(repository) == {layout.blob(str(kept.manifest[0].name))}
        assert not names(repository, layout.MARKS) + names(repository, layout.INTENTS)
        if is_over:
            return
        calls += 1


@pytest.mark.parametrize("act", ["trash", "restore"])
def test_expiry_killed_at_any_call_leaves_one_state_or_the_other(tmp_path: Path, act: str) -> None:
    calls = 0
    while True:
        store = Store.memory()
        repository = opened(store.url, tmp_path)
        record = repository.commit(LARGE, draft("a"))
        if act == "restore":
            Expiry(repository).trash(record.id, CAUSE)
        crashing = CrashingStore(store, calls)
        do: Callable[[str, Cause], bool] = getattr(Expiry(_through(crashing, repository)), act)
        with contextlib.suppress(Crash):
            do(record.id, CAUSE)
        assert repository.load(record) == LARGE
        getattr(Expiry(repository), act)(record.id, CAUSE)
        assert verify(repository).is_sound
        if crashing.left > 0:
            return
        calls += 1


class _Forgetful(CrashingStore):
    """Lists the record of a version, and does not find it when it is read."""

    def __init__(self, store: Store, lost: str) -> None:
        super().__init__(store, -1)
        self.lost = lost

    def get_all(self, names: Iterable[str]) -> Iterator[bytes | None]:
        asked = list(names)
        for name, data in zip(asked, super().get_all(asked), strict=True):
            yield None if name == self.lost else data


def test_a_record_that_is_listed_and_not_found_lets_nothing_be_deleted(
    repository: Repository,
) -> None:
    record = repository.commit(LARGE, draft("a"))
    store = _Forgetful(repository.store, layout.version(record.id))
    with pytest.raises(IntegrityError, match="nothing was deleted"):
        sweep(_through(store, repository), LATER)
    assert repository.load(record) == LARGE


def _through(store: Store, repository: Repository) -> Repository:
    return Repository(store, repository_id=repository.id, settings=repository.settings)


def _check_whole(repository: Repository, kept: VersionRecord) -> None:
    assert repository.lookup(key("b")) == kept
    assert repository.load(kept) == LARGE + b"!"
