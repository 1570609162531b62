from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.repositories import LARGE, NOW, CrashingStore
from tests.steps import blob_path, commit, opened, overwrite
from versioning import layout
from versioning.api import Repository
from versioning.catalog import Catalog
from versioning.errors import NotFoundError, StorageError
from versioning.rows import insertions
from versioning.settings import Settings
from versioning.status import statuses
from versioning.storage import Entry, Store


class _Unlisted(CrashingStore):
    """A store that lets no versions be listed."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, calls=-1)

    def list(self, prefix: str) -> Iterator[Entry]:
        if prefix.startswith(layout.VERSIONS):
            raise StorageError("may not be listed")
        return super().list(prefix)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return opened(tmp_path)


def ids(repository: Repository, **asked: object) -> list[str]:
    return [version.id for version in repository.versions(**asked)]


def catalog_path(repository: Repository) -> Path:
    return Path(repository.catalog._file._path)


def test_versions_are_listed_newest_first(repository: Repository) -> None:
    made = [commit(repository, n, minute=minute, n=n) for n, minute in enumerate([1, 3, 2])]
    assert ids(repository) == [made[1].id, made[2].id, made[0].id]


def test_versions_are_chosen_by_step_flow_moment_and_predicate(repository: Repository) -> None:
    old, new = commit(repository, 1, n=1), commit(repository, 2, minute=5, n=2)
    other = commit(repository, 3, "other", minute=9)
    assert ids(repository, step="other") == [other.id]
    assert ids(repository, flow="retrain", limit=2) == [other.id, new.id]
    assert ids(repository, flow="nightly") == []
    assert ids(repository, since=NOW + timedelta(minutes=5)) == [other.id, new.id]
    assert ids(repository, where=lambda version: version.load() < 3, limit=1) == [new.id]
    assert ids(repository, where=lambda version: version.record.step == "step") == [new.id, old.id]


def test_the_catalog_sees_what_another_process_committed(tmp_path: Path) -> None:
    here, there = opened(tmp_path), opened(tmp_path)
    assert ids(here) == []
    version = commit(there, 1)
    assert ids(here) == [version.id]


@pytest.mark.parametrize("damage", [b"", b"not a database at all" * 100])
def test_a_damaged_catalog_is_built_again(tmp_path: Path, damage: bytes) -> None:
    version = commit(opened(tmp_path), 1)
    path = catalog_path(opened(tmp_path))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(damage)
    assert ids(opened(tmp_path)) == [version.id]


def test_a_catalog_damaged_in_the_middle_is_built_again(tmp_path: Path) -> None:
    repository = opened(tmp_path)
    made = {commit(repository, n, n=n, minute=n).id for n in range(300)}
    assert set(ids(repository)) == made
    repository.catalog.close()
    data = bytearray(catalog_path(repository).read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    catalog_path(repository).write_bytes(data)
    assert set(ids(opened(tmp_path))) == made


def test_a_catalog_of_another_layout_is_built_again(tmp_path: Path) -> None:
    version = commit(opened(tmp_path), 1)
    path = catalog_path(opened(tmp_path))
    with sqlite3.connect(path) as db:
        db.executescript("CREATE TABLE versions (id); PRAGMA user_version = 99;")
    db.close()
    assert ids(opened(tmp_path)) == [version.id]


def test_a_catalog_that_cannot_be_written_is_kept_in_memory(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    repository = opened(tmp_path)
    version = commit(repository, 1)
    assert ids(repository) == [version.id]


@pytest.fixture
def of_another_user() -> Iterator[Path]:
    """A folder that may be read and not written, as this test runs as nobody."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def as_nobody(act: Callable[[], object]) -> object:
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")
    os.seteuid(65534)
    try:
        return act()
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("damage", [b"", b"not a database at all" * 100], ids=["whole", "damaged"])
def test_a_catalog_of_another_user_is_left_as_it_is(of_another_user: Path, damage: bytes) -> None:
    before = opened(of_another_user)
    version = commit(before, 1)
    assert ids(before) == [version.id]
    before.catalog.close()
    path = catalog_path(before)
    if damage:
        path.write_bytes(damage)
    content = path.read_bytes()
    commit(before, 2, minute=1, n=2)
    before.catalog.close()
    assert as_nobody(lambda: version.id in ids(opened(of_another_user)))
    assert path.read_bytes() == content


def test_the_catalog_is_never_trusted_over_a_record(repository: Repository) -> None:
    version = commit(repository, 1)
    assert ids(repository) == [version.id]
    with sqlite3.connect(catalog_path(repository)) as db:
        db.execute("UPDATE versions SET digest = ?, size_bytes = 99", ["0" * 64])
    db.close()
    assert repository.get("step").digest == version.digest
    assert repository.get("step").load() == 1


def test_a_record_that_is_gone_leaves_the_catalog(repository: Repository) -> None:
    kept, gone = commit(repository, 1, n=1), commit(repository, 2, n=2)
    assert len(ids(repository)) == 2
    repository.store.delete(layout.version(gone.id))
    assert ids(repository) == [kept.id]


def test_a_version_that_vanished_is_remembered_until_it_is_back_or_given_up(
    repository: Repository, caplog: pytest.LogCaptureFixture
) -> None:
    kept, gone = commit(repository, 1, n=1), commit(repository, 2, n=2, minute=3)
    assert repository.catalog.gone() == {}
    data = repository.store.get(layout.version(gone.id))
    repository.store.delete(layout.version(gone.id))
    assert repository.catalog.gone() == {gone.id: ("step", gone.created)}
    assert "1 versions that were in" in caplog.text
    assert repository.catalog.gone() == {gone.id: ("step", gone.created)}
    repository.store.put(layout.version(gone.id), data)
    assert repository.catalog.gone() == {}
    assert set(ids(repository)) == {kept.id, gone.id}
    repository.store.delete(layout.version(gone.id))
    assert ids(repository) == [kept.id]
    repository.catalog.accept()
    assert repository.catalog.gone() == {}


def test_what_was_written_from_here_is_missed_before_it_was_ever_listed(tmp_path: Path) -> None:
    here = opened(tmp_path)
    kept, gone = commit(here, 1, n=1), commit(here, 2, n=2)
    here.store.delete(layout.version(gone.id))
    elsewhere = Repository.open(here.url, settings=Settings(cache=tmp_path / "other machine"))
    assert elsewhere.catalog.gone() == {}
    assert here.catalog.gone() == {gone.id: ("step", gone.created)}
    assert ids(here) == [kept.id]
    here.catalog.accept()
    assert here.catalog.gone() == {}


def test_what_a_look_had_taken_that_was_stopped_is_taken_again(tmp_path: Path) -> None:
    here = opened(tmp_path)
    gone = commit(here, 1)
    here.written.take()
    later = commit(here, 2)
    with here.written._path.open("ab") as file:
        file.write(b'["a line that a full disk cut')
    for version in (gone, later):
        here.store.delete(layout.version(version.id))
    assert set(here.catalog.gone()) == {gone.id, later.id}
    assert here.written.take() == ([], [])


def test_much_that_was_written_is_a_reason_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("versioning.written.MOST_BYTES", 200)
    here = opened(tmp_path)
    made = [commit(here, n, n=n) for n in range(7)]
    # Two lines are short, a third is one too many.
    assert len(here.written._path.read_bytes().splitlines()) == 1
    assert len(list(tmp_path.glob("cache/*/written-*"))) == 1
    assert here.catalog.rows(version.id for version in made).keys() == {v.id for v in made[:6]}
    for version in made:
        here.store.delete(layout.version(version.id))
    assert set(opened(tmp_path).catalog.gone()) == {version.id for version in made}


def test_a_commit_outlives_a_look_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("versioning.written.MOST_BYTES", 1)
    here = opened(tmp_path)
    whole, here.store = here.store, _Unlisted(here.store)
    made = [commit(here, n, n=n) for n in range(2)]
    assert "may not be listed" in caplog.text
    here.store = whole
    assert set(ids(here)) == {version.id for version in made}
    assert list(tmp_path.glob("cache/*/written-*")) == []


def test_nothing_vanishes_where_the_catalog_is_lost_or_of_another_machine(tmp_path: Path) -> None:
    here = opened(tmp_path)
    gone = commit(here, 1)
    assert ids(here) == [gone.id]
    here.catalog.close()
    catalog_path(here).unlink()
    here.store.delete(layout.version(gone.id))
    assert here.catalog.gone() == {}
    other = Repository.open(here.url, settings=Settings(cache=tmp_path / "other machine"))
    assert other.catalog.gone() == {}


def test_a_copy_of_a_repository_is_not_taken_for_it(tmp_path: Path) -> None:
    here = opened(tmp_path)
    old = commit(here, 1, n=1)
    shutil.copytree(here.url, tmp_path / "yesterday")
    new = commit(here, 2, n=2)
    copy = Repository.open(str(tmp_path / "yesterday"), settings=here.settings)
    for _ in range(2):
        assert set(ids(here)) == {old.id, new.id}
        assert ids(copy) == [old.id]
        assert here.catalog.gone() == copy.catalog.gone() == {}


def test_what_others_commit_while_the_catalog_looks_does_not_vanish(tmp_path: Path) -> None:
    here, there = opened(tmp_path), opened(tmp_path)
    listed = here.ids

    def ids_before_others() -> Iterator[str]:
        found = list(listed())
        commit(there, 1, n=len(found))
        there.catalog.refresh()
        return iter(found)

    here.ids = ids_before_others
    for _ in range(3):
        here.catalog.refresh()
        assert there.catalog.gone() == {}


def test_an_unreadable_record_is_told_once(
    repository: Repository, caplog: pytest.LogCaptureFixture
) -> None:
    version = commit(repository, 1)
    overwrite(Path(repository.url) / layout.version(version.id), b"{")
    assert [ids(repository) for _ in range(3)] == [[]] * 3
    assert [version.id in message for message in caplog.messages] == [True]


def test_an_unreadable_record_is_left_out_until_it_can_be_read(repository: Repository) -> None:
    version = commit(repository, 1)
    path = Path(repository.url) / layout.version(version.id)
    data = path.read_bytes()
    overwrite(path, b"{")
    assert ids(repository) == []
    overwrite(path, data)
    assert ids(repository) == [version.id]


def test_many_threads_may_ask_at_once(repository: Repository) -> None:
    made = {commit(repository, n, n=n).id for n in range(20)}
    answers: list[set[str]] = []
    asking = [
        threading.Thread(target=lambda: answers.append(set(ids(repository)))) for _ in range(8)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert answers == 8 * [made]


def test_a_fork_opens_the_catalog_for_itself(repository: Repository) -> None:
    version = commit(repository, 1)
    assert ids(repository) == [version.id]

    fork = multiprocessing.get_context("fork")
    answer, question = fork.Pipe(duplex=False)
    child = fork.Process(target=lambda: question.send(ids(repository)))
    child.start()
    assert answer.recv() == [version.id]
    child.join()
    assert ids(repository) == [version.id]


def test_two_processes_may_build_the_same_catalog(tmp_path: Path) -> None:
    repository = opened(tmp_path)
    source = commit(repository, LARGE)
    commit(repository, 1, "reader", reads={"x": source})
    catalogs = [Catalog(opened(tmp_path)) for _ in range(2)]
    for catalog in catalogs:
        catalog._write(insertions({i: repository.record(i) for i in repository.ids()}, {}))
    assert len(catalogs[0].blobs([source.id])[source.id]) == 1
    assert len(catalogs[1].reads(source.id, down=True)) == 1


def test_a_step_names_its_latest_version_and_those_before(repository: Repository) -> None:
    first, second = commit(repository, 1, n=1), commit(repository, 2, minute=1, n=2)
    assert repository.get("step") == second
    assert repository.get("step~0") == second
    assert repository.get("step~1") == first
    with pytest.raises(NotFoundError, match="step step has 2 versions, the oldest is step~1"):
        repository.get("step~2")


def test_a_unique_prefix_names_a_version(repository: Repository) -> None:
    version = commit(repository, 1)
    assert repository.get(version.id[:4]) == version
    assert repository.get(version.id) == version
    with pytest.raises(NotFoundError):
        repository.get(version.id[:3])


def test_an_ambiguous_prefix_lists_the_candidates(repository: Repository) -> None:
    record = commit(repository, 1).record
    for tail in ("0", "1"):
        name = layout.version("abcd" + tail * 28)
        repository.store.put_if_absent(name, repository.store.get(layout.version(record.id)))
    with pytest.raises(NotFoundError, match="2 versions begin with abcd") as caught:
        repository.get("abcd")
    assert caught.value.candidates == ["abcd" + "0" * 28, "abcd" + "1" * 28]
    assert "abcd" + "0" * 28 in str(caught.value)


def test_an_alias_names_what_was_said_last(repository: Repository) -> None:
    first, second = commit(repository, 1, n=1), commit(repository, 2, n=2)
    for version in (first, second):
        repository.append_name("delays", {"alias": "champion", "version": version.id})
    repository.append_name("delays", {"alias": "challenger", "version": first.id})
    assert repository.get("delays@champion") == second
    assert repository.get("delays@challenger") == first
    repository.append_name("delays", {"alias": "challenger", "version": None})
    with pytest.raises(NotFoundError, match="delays@challenger"):
        repository.get("delays@challenger")


def test_a_name_close_to_a_step_is_suggested(repository: Repository) -> None:
    commit(repository, 1, "train")
    with pytest.raises(NotFoundError, match=r"did you mean train\?"):
        repository.get("trian")


@pytest.mark.parametrize("name", ["", "@", "a/b@c", "../x@y", "~1", "x~", "é@é"])
def test_nonsense_names_nothing(repository: Repository, name: str) -> None:
    with pytest.raises(NotFoundError):
        repository.get(name)


def test_status_tells_live_from_expired_from_corrupt(repository: Repository) -> None:
    small = commit(repository, 1, n=1)
    whole, gone, short, aside = (
        commit(repository, LARGE + bytes([n]), n=f"large {n}") for n in range(4)
    )
    blob_path(repository, gone).unlink()
    overwrite(blob_path(repository, short), b"x")
    [blob] = aside.record.manifest
    repository.set_aside(blob)
    versions = [small, whole, gone, short, aside]
    repository.catalog.refresh()
    found = statuses(repository, repository.catalog.blobs(v.id for v in versions))
    assert found == {gone.id: "expired", short.id: "corrupt", aside.id: "corrupt"}


def test_status_of_many_versions_is_found_by_one_listing(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("versioning.status.MANY", 1)
    whole, gone = (commit(repository, LARGE + bytes([n]), n=n) for n in range(2))
    blob_path(repository, gone).unlink()
    repository.catalog.refresh()
    found = statuses(repository, repository.catalog.blobs([whole.id, gone.id]))
    assert found == {gone.id: "expired"}
