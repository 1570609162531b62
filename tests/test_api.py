from __future__ import annotations

import gc
import os
import pickle
import shutil
import subprocess
import sys
import weakref
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.repositories import LARGE
from tests.steps import blob_path, commit, opened, overwrite
from versioning import layout
from versioning.api import Repository, open_repository
from versioning.encoding import value_digest
from versioning.errors import FormatError, IntegrityError, NotFoundError, ReadOnlyError
from versioning.handles import Version
from versioning.records import VersionRecord
from versioning.settings import Settings
from versioning.sources import Source


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("VERSIONING_CACHE", str(tmp_path / "cache"))
    return opened(tmp_path)


def test_a_handle_has_the_facts_of_its_record(repository: Repository) -> None:
    version = commit(repository, {"a": 1})
    for name in ("id", "key", "digest", "step", "created", "size_bytes", "seconds"):
        assert getattr(version, name) == getattr(version.record, name)
    assert version.repository is repository


def test_a_handle_loads_its_value_each_time(repository: Repository) -> None:
    version = commit(repository, [1, 2])
    first = version.load()
    first.append(3)
    assert version.load() == [1, 2]


def test_handles_of_one_version_are_equal_however_they_came_about(repository: Repository) -> None:
    version = commit(repository, 1, n=1)
    assert {version, repository.get(version.id), pickle.loads(pickle.dumps(version))} == {version}
    assert version != commit(repository, 1, n=2)


def test_a_handle_is_frozen_and_weakly_referable(repository: Repository) -> None:
    version = commit(repository, 1)
    with pytest.raises(AttributeError):
        version.id = "x"
    reference = weakref.ref(version)
    del version
    gc.collect()
    assert reference() is None


def test_a_pickled_handle_is_small_and_carries_no_function(repository: Repository) -> None:
    record = commit(repository, LARGE, "a step with a name of quite some length").record
    version = Version.of(repository, record, recompute=lambda: record)
    data = pickle.dumps(version)
    assert len(data) < 500
    assert pickle.loads(data)._recompute is None


def test_a_handle_loads_in_another_process(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "handle").write_bytes(pickle.dumps(commit(repository, "far away")))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).load())"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "handle"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("far away\n", "")


def test_a_handle_survives_its_dictionary(repository: Repository) -> None:
    version = commit(repository, 1)
    again = Version.from_dict({**version.to_dict(), "added later": True})
    assert again == version
    assert again.to_dict() == version.to_dict()


@pytest.mark.parametrize(
    "change",
    [{"id": "../x"}, {"digest": 5}, {"key": "k"}, {"created": None}, {"size_bytes": "many"}],
    ids=lambda change: next(iter(change)),
)
def test_a_damaged_dictionary_is_no_handle(
    repository: Repository, change: dict[str, object]
) -> None:
    fields = commit(repository, 1).to_dict()
    with pytest.raises(FormatError):
        Version.from_dict({**fields, **change})
    del fields[next(iter(change))]
    with pytest.raises(FormatError):
        Version.from_dict(fields)


def test_a_handle_is_keyed_as_its_value_without_loading_it(repository: Repository) -> None:
    same = [commit(repository, LARGE, n=n) for n in range(2)]
    other = commit(repository, 1)
    blob_path(repository, same[0]).unlink()
    assert value_digest(same[0]) == value_digest(same[1])
    assert value_digest([same[0]]) != value_digest([other])


def test_a_handle_shows_itself(repository: Repository) -> None:
    version = commit(repository, LARGE, "<script>")
    assert repr(version) == f"Version(<script> {version.id[:12]}, 102,400 bytes)"
    assert "&lt;script&gt;" in version._repr_html_()
    assert version.id in version._repr_html_()


def test_path_gives_a_read_only_file(repository: Repository) -> None:
    path = commit(repository, LARGE).path()
    assert path.read_bytes() == LARGE
    assert not path.stat().st_mode & 0o222


def test_lost_bytes_are_made_again_once(repository: Repository) -> None:
    version = commit(repository, LARGE)
    calls = []

    def recompute() -> VersionRecord:
        calls.append(1)
        return commit(repository, LARGE, minute=1, replace=True).record

    lasting = Version.of(repository, version.record, recompute=recompute)
    overwrite(blob_path(repository, version), b"x" * len(LARGE))
    assert lasting.load() == LARGE
    assert lasting.path().read_bytes() == LARGE
    assert calls == [1, 1]


def test_bytes_made_again_must_have_the_same_digest(repository: Repository) -> None:
    version = commit(repository, LARGE)
    other = commit(repository, LARGE + b"!", n=1)
    blob_path(repository, version).unlink()
    lasting = Version.of(repository, version.record, recompute=lambda: other.record)
    with pytest.raises(IntegrityError, match="another value"):
        lasting.load()


def test_lost_bytes_that_cannot_be_made_again_are_an_error(repository: Repository) -> None:
    version = commit(repository, LARGE)
    blob_path(repository, version).unlink()
    with pytest.raises(NotFoundError):
        version.load()


def test_a_repository_opens_once_a_process(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERSIONING_REPOSITORY", repository.url)
    assert open_repository() is open_repository(repository.url)
    assert open_repository().id == repository.id


def test_a_relative_folder_is_of_the_working_folder_at_the_time(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_repository("repository").id == repository.id
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert open_repository("repository").id != repository.id


def test_a_repository_opened_for_reading_does_not_become_the_one_of_the_process(
    repository: Repository,
) -> None:
    version = commit(repository, 1)
    reading = Repository.open(repository.url, settings=repository.settings, read_only=True)
    assert reading.get(version.id).load() == 1
    with pytest.raises(ReadOnlyError):
        reading.pin(version, "kept")
    open_repository(repository.url).pin(version, "kept")


def test_a_pin_is_given_by_any_name(repository: Repository) -> None:
    version = commit(repository, 1)
    repository.pin("step", "for the audit")
    assert repository.pins() == {version.id: "for the audit"}
    repository.unpin(version.id[:6])
    assert repository.pins() == {}


def test_opening_for_reading_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        Repository.open(str(tmp_path / "none"), settings=Settings(cache=tmp_path), read_only=True)
    assert list(tmp_path.iterdir()) == []


# Sources


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "day.csv"
    path.write_bytes(b"a,b\n1,2\n")
    settle(path)
    return path


def settle(path: Path) -> None:
    """Let a file look old enough to be trusted: its times are in the past, whatever the clock."""
    os.utime(path, (1_000_000_000, 1_000_000_000))


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    # The time of a change of status cannot be set back, so the clock is put forward.
    monkeypatch.setattr("versioning.sources.SETTLED_SECONDS", -3600.0)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs whose bytes were read."""
    from versioning import sources

    seen: list[str] = []
    read_url = sources.read_url
    monkeypatch.setattr(sources, "read_url", lambda url: (seen.append(url), read_url(url))[1])
    return seen


def test_a_source_is_a_version_of_its_content(repository: Repository, file: Path) -> None:
    version = Source(str(file)).version(repository)
    assert version.step == "source:day.csv"
    assert version.load().read_bytes() == file.read_bytes()
    assert {leaf.name for leaf in version.record.leaves} == {"source", "content"}
    assert version.record.meta["source"] == {"url": str(file)}


def test_the_same_content_is_pinned_once(
    repository: Repository, file: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere" / "day.csv"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(file.read_bytes())
    assert Source(str(file)).version(repository) == Source(str(elsewhere)).version(repository)
    assert len(list(repository.ids())) == 1


def test_new_content_is_a_new_version(repository: Repository, file: Path) -> None:
    first = Source(str(file)).version(repository)
    file.write_bytes(b"a,b\n1,3\n")
    second = Source(str(file)).version(repository)
    assert first.key != second.key
    assert first.load().read_bytes() == b"a,b\n1,2\n"
    assert [change.leaf for change in second.why().changed] == ["content"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "days"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.csv").write_bytes(b"1")
    (folder / "sub" / "b.csv").write_bytes(b"2")
    return folder


def test_a_folder_is_a_version_of_all_that_is_in_it(repository: Repository, folder: Path) -> None:
    version = Source(str(folder)).version(repository)
    assert (version.load() / "sub" / "b.csv").read_bytes() == b"2"
    assert Source(str(folder)).version(repository) == version
    elsewhere = shutil.copytree(folder, folder.parent / "copy" / "days")
    assert Source(str(elsewhere)).version(repository) == version


def test_an_unchanged_folder_is_not_copied_again(
    repository: Repository, folder: Path, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Source(str(folder)).version(repository)
    monkeypatch.setattr("versioning.sources.copy_folder", None)
    assert Source(str(folder)).version(repository) == first


@pytest.mark.parametrize("link", [False, True])
def test_a_file_in_a_folder_changed_to_the_same_size_and_mtime_is_seen(
    repository: Repository, folder: Path, settled: None, link: bool
) -> None:
    if link:
        (folder / "sub").rename(folder.parent / "elsewhere")
        (folder / "sub").symlink_to(folder.parent / "elsewhere")
    path = folder / "sub" / "b.csv"
    first, times = Source(str(folder)).version(repository), path.stat()
    path.write_bytes(b"3")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    second = Source(str(folder)).version(repository)
    assert (second.load() / "sub" / "b.csv").read_bytes() == b"3"
    assert first.key != second.key


def test_new_content_of_the_same_size_and_mtime_is_seen(
    repository: Repository, file: Path, settled: None
) -> None:
    first = Source(str(file)).version(repository)
    file.write_bytes(b"a,b\n1,9\n")
    settle(file)
    assert Source(str(file)).version(repository).key != first.key


def test_an_unchanged_file_is_not_read_again(
    repository: Repository, file: Path, reads: list[str], settled: None
) -> None:
    first = Source(str(file)).version(repository)
    assert Source(str(file)).version(repository) == first
    assert reads == [str(file)]


def test_a_file_that_has_just_changed_is_read_again(
    repository: Repository, file: Path, reads: list[str]
) -> None:
    for _ in range(2):
        Source(str(file)).version(repository)
    assert len(reads) == 2


def test_an_indexed_file_whose_version_lost_its_bytes_is_pinned_again(
    repository: Repository, file: Path, settled: None
) -> None:
    file.write_bytes(LARGE)
    first = Source(str(file)).version(repository)
    blob_path(repository, first).unlink()
    second = Source(str(file)).version(repository)
    assert second.id != first.id
    assert second.load().read_bytes() == LARGE


def test_a_damaged_index_costs_a_read(
    repository: Repository, file: Path, reads: list[str], settled: None
) -> None:
    first = Source(str(file)).version(repository)
    for entry in (repository.settings.cache / "sources").iterdir():
        entry.write_bytes(b"[")
    assert Source(str(file)).version(repository) == first
    assert len(reads) == 2


def test_a_source_is_keyed_by_its_content(
    repository: Repository, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERSIONING_REPOSITORY", repository.url)
    before = value_digest(Source(str(file)))
    assert value_digest(Source(str(file)).version()) == before
    file.write_bytes(b"new")
    assert value_digest(Source(str(file))) != before


def test_a_source_reads_any_filesystem_and_hides_credentials(repository: Repository) -> None:
    import fsspec

    url = "memory://user:secret@bucket/day%201.csv"
    fsspec.filesystem("memory").pipe_file("user:secret@bucket/day%201.csv", b"1")
    version = Source(url).version(repository)
    assert version.load().read_bytes() == b"1"
    assert version.step == "source:day 1.csv"
    assert version.record.meta["source"] == {"url": "memory://bucket/day%201.csv"}


def test_a_source_may_have_a_name_of_its_own(repository: Repository, file: Path) -> None:
    assert Source(str(file), name="today").version(repository).step == "source:today"


def test_a_source_that_is_not_there_is_not_found(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        Source(str(tmp_path / "none.csv")).version(repository)
    assert list((tmp_path / "repository").glob("**/source-*")) == []


def test_versions_are_created_in_utc(repository: Repository, file: Path) -> None:
    created = Source(str(file)).version(repository).created
    assert created.tzinfo == UTC
    assert abs((datetime.now(UTC) - created).total_seconds()) < 60


def test_a_source_leaves_nothing_in_staging(repository: Repository, file: Path) -> None:
    Source(str(file)).version(repository)
    assert list(repository.store.staging().iterdir()) == []
    assert list(repository.store.list(layout.INTENTS)) == []
