"""Folders of stores as sources: pinned whole, and read again when their listing changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from tests import servers
from tests.repositories import opened
from versioning import (
    ConflictError,
    FormatError,
    NotFoundError,
    Repository,
    Source,
    StorageError,
)
from versioning.storage import folders

DAYS = {"a.csv": b"1", "sub/b.csv": b"2", "sub/deep/c.csv": b""}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return opened(str(tmp_path / "repository"), tmp_path)


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    found = fsspec.filesystem("memory")
    found.store.clear()
    yield found
    found.store.clear()
    found.pseudo_dirs[:] = [""]


@pytest.fixture(scope="module")
def server(serving: Callable[..., servers.Server]) -> servers.Server:
    return serving(servers.moto_server)


@pytest.fixture
def bucket(server: servers.Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    yield server.bucket()
    # Others reach another server.
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def s3(server: servers.Server) -> fsspec.AbstractFileSystem:
    return fsspec.filesystem("s3", **server.options, use_listings_cache=False)


def fill(filesystem: fsspec.AbstractFileSystem, root: str, files: dict[str, bytes] = DAYS) -> None:
    for name, data in files.items():
        filesystem.pipe_file(f"{root}/{name}", data)


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names whose bytes were read."""
    seen: list[str] = []
    fetch = folders.Folder._fetch

    def noted(self: folders.Folder, name: str, to: Path) -> int:
        seen.append(name)
        return fetch(self, name, to)

    monkeypatch.setattr(folders.Folder, "_fetch", noted)
    return seen


@pytest.mark.parametrize("slash", ["/", ""])
def test_a_folder_of_a_store_is_a_version_of_all_that_is_in_it(
    repository: Repository, memory: fsspec.AbstractFileSystem, slash: str
) -> None:
    fill(memory, "/days")
    version = Source(f"memory://days{slash}").version(repository)
    assert version.step == "source:days"
    assert content(version.load()) == DAYS
    assert Source(f"memory://days{slash}").version(repository) == version


def test_a_folder_keys_the_same_wherever_it_lies(
    repository: Repository, memory: fsspec.AbstractFileSystem, tmp_path: Path
) -> None:
    fill(memory, "/days")
    for name, data in DAYS.items():
        path = tmp_path / "days" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    here = Source(str(tmp_path / "days")).version(repository)
    assert Source("memory://days/").version(repository) == here


@pytest.mark.parametrize(
    "files",
    [{"a.csv": b"9"}, {"sub/b.csv": b"22"}, {"d.csv": b""}],
    ids=["same size", "another size", "one more"],
)
def test_a_folder_that_changed_is_a_new_version(
    repository: Repository, memory: fsspec.AbstractFileSystem, files: dict[str, bytes]
) -> None:
    fill(memory, "/days")
    first = Source("memory://days/").version(repository)
    fill(memory, "/days", files)
    second = Source("memory://days/").version(repository)
    assert content(second.load()) == DAYS | files
    assert second.key != first.key
    assert content(first.load()) == DAYS


def test_a_file_that_is_gone_makes_a_new_version(
    repository: Repository, memory: fsspec.AbstractFileSystem
) -> None:
    fill(memory, "/days")
    first = Source("memory://days/").version(repository)
    memory.rm_file("/days/a.csv")
    assert Source("memory://days/").version(repository).key != first.key


def test_a_folder_that_is_not_there_is_not_found(
    repository: Repository, memory: fsspec.AbstractFileSystem
) -> None:
    memory.makedirs("/empty")
    for url in ("memory://none/", "memory://none", "memory://empty/"):
        with pytest.raises(NotFoundError):
            Source(url).version(repository)
    assert list(repository.ids()) == []


def test_a_folder_that_the_repository_lies_in_is_refused(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for url in (".", str(tmp_path), f"{tmp_path}/repository/..", repository.url):
        with pytest.raises(ConflictError, match=r"the repository .* lies in"):
            Source(url).version(repository)
    with pytest.raises(FormatError, match="say where"):
        Source("").version(repository)
    (tmp_path / "repository-2").mkdir()
    assert Source("repository-2").version(repository).step == "source:repository-2"


def test_what_is_not_there_is_told_with_what_to_do(repository: Repository) -> None:
    with pytest.raises(NotFoundError, match=r"nothing is at /nope: correct the path"):
        Source("/nope").version(repository)


def test_a_web_server_that_cannot_be_reached_is_no_missing_file(repository: Repository) -> None:
    [port] = servers.free_ports(1)
    with pytest.raises(StorageError, match="that it can be reached"):
        Source(f"http://127.0.0.1:{port}/day.csv").version(repository)


@pytest.mark.parametrize("name", ["../a.csv", "sub/../../a.csv", "a//b.csv", "./a.csv"])
def test_a_name_that_leads_out_of_the_folder_is_refused(
    repository: Repository, memory: fsspec.AbstractFileSystem, tmp_path: Path, name: str
) -> None:
    fill(memory, "/days")
    memory.store[f"/days/{name}"] = memory.store["/days/a.csv"]
    with pytest.raises(StorageError, match="rename it"):
        Source("memory://days/").version(repository)
    assert not list(tmp_path.rglob("a.csv"))


def writes(monkeypatch: pytest.MonkeyPatch, memory: fsspec.AbstractFileSystem, times: int) -> None:
    """Let somebody else add to the folder while it is copied."""
    fetch = folders.Folder._fetch
    count = iter(range(times))

    def fetch_beside(self: folders.Folder, name: str, to: Path) -> int:
        if name == "/days/a.csv" and (number := next(count, None)) is not None:
            fill(memory, "/days", {f"new{number}.csv": b"n"})
        return fetch(self, name, to)

    monkeypatch.setattr(folders.Folder, "_fetch", fetch_beside)


def test_a_folder_that_is_written_meanwhile_is_read_again(
    repository: Repository, memory: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(memory, "/days")
    writes(monkeypatch, memory, 2)
    version = Source("memory://days/").version(repository)
    assert content(version.load()) == DAYS | {"new0.csv": b"n", "new1.csv": b"n"}


def test_a_folder_that_is_written_all_the_while_is_refused(
    repository: Repository, memory: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(memory, "/days")
    writes(monkeypatch, memory, 99)
    with pytest.raises(StorageError, match="wait until it is complete"):
        Source("memory://days/").version(repository)
    assert list(repository.ids()) == []
    assert list(repository.store.staging().iterdir()) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_an_unchanged_folder_on_s3_is_not_read_again(
    repository: Repository, server: servers.Server, bucket: str, fetched: list[str]
) -> None:
    fill(s3(server), f"{bucket}/days")
    s3(server).pipe_file(f"{bucket}/days/marker/", b"")
    url = f"s3://{bucket}/days/"
    first = Source(url).version(repository)
    assert content(first.load()) == DAYS
    assert len(fetched) == 3
    assert Source(url).version(repository) == first
    assert len(fetched) == 3
    s3(server).pipe_file(f"{bucket}/days/sub/b.csv", b"3")
    second = Source(url).version(repository)
    assert len(fetched) == 6
    assert content(second.load())["sub/b.csv"] == b"3"
    s3(server).rm_file(f"{bucket}/days/sub/b.csv")
    assert set(content(Source(url).version(repository).load())) == {"a.csv", "sub/deep/c.csv"}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_on_s3_a_slash_tells_a_folder_from_a_file_of_its_name(
    repository: Repository, server: servers.Server, bucket: str
) -> None:
    fill(s3(server), f"{bucket}/days")
    s3(server).pipe_file(f"{bucket}/days", b"a file")
    assert Source(f"s3://{bucket}/days").version(repository).load().read_bytes() == b"a file"
    assert content(Source(f"s3://{bucket}/days/").version(repository).load()) == DAYS
    with pytest.raises(NotFoundError):
        Source(f"s3://{bucket}/none/").version(repository)
