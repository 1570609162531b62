"""What every store must do, run on each of them, and what each must do besides."""

from __future__ import annotations

import errno
import multiprocessing
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from infra.processes import free_ports
from tests import servers
from tests.disks import mounted
from versioning.envelope import MAX_RECORD_BYTES
from versioning.errors import (
    FormatError,
    NotFoundError,
    ReadOnlyError,
    StorageError,
)
from versioning.storage import Store
from versioning.storage.local import LocalStore
from versioning.storage.remote import RemoteStore

WRITERS = 8


def race(act: Callable[[int], bool], *, writers: int) -> list[bool]:
    """What `act` gave to each of `writers` threads that began together."""
    start = threading.Barrier(writers)

    def run(writer: int) -> bool:
        start.wait()
        return act(writer)

    with ThreadPoolExecutor(writers) as pool:
        return list(pool.map(run, range(writers)))


def add(store: Store, name: str, data: bytes) -> None:
    path = store.staging() / f"{threading.get_ident()}"
    path.write_bytes(data)
    store.add_file(name, path)


class StoreContract:
    """What every store must do; a subclass supplies the `store` fixture."""

    def test_what_was_put_is_got(self, store: Store) -> None:
        assert store.put_if_absent("keys/aa/k", b"bytes")
        assert store.get("keys/aa/k") == b"bytes"

    def test_empty_bytes_are_bytes(self, store: Store) -> None:
        assert store.put_if_absent("a", b"")
        assert store.get("a") == b""
        assert not store.put_if_absent("a", b"more")
        assert store.get("a") == b""

    def test_a_second_put_of_a_name_fails_and_changes_nothing(self, store: Store) -> None:
        assert store.put_if_absent("a", b"first")
        assert not store.put_if_absent("a", b"second", durable=False)
        assert not store.put_if_absent("a", b"")
        assert store.get("a") == b"first"

    def test_only_one_writer_of_a_name_wins(self, store: Store) -> None:
        for turn in range(3):
            name = f"race/{turn}"
            won = race(lambda w, name=name: store.put_if_absent(name, b"%d" % w), writers=WRITERS)
            assert sorted(won) == [False] * (WRITERS - 1) + [True]
            assert store.get(name) == b"%d" % won.index(True)

    def test_put_replaces(self, store: Store) -> None:
        store.put("a/b", b"first")
        store.put("a/b", b"second")
        assert store.get("a/b") == b"second"
        assert not store.put_if_absent("a/b", b"third")

    def test_readers_of_a_name_being_replaced_see_old_or_new(self, store: Store) -> None:
        versions = [bytes([letter]) * 50_000 for letter in b"xy"]
        store.put("a", versions[0])
        seen = []

        def read() -> None:
            seen.extend(store.get("a") for _ in range(10))

        reader = threading.Thread(target=read)
        reader.start()
        for turn in range(10):
            store.put("a", versions[turn % 2])
        reader.join()
        assert set(seen) <= set(versions)

    def test_an_absent_name_is_not_found(self, store: Store) -> None:
        for read in (store.get, store.size, store.stream):
            with pytest.raises(NotFoundError):
                read("no/such")
        with pytest.raises(NotFoundError):
            store.move("no/such", "other")
        assert not store.exists("no/such")

    def test_a_folder_of_names_is_no_name(self, store: Store) -> None:
        store.put("a/b/c", b"")
        assert store.sizes(["a", "a/b", "a/b/c"]) == [None, None, 0]

    def test_sizes_come_in_the_order_asked(self, store: Store) -> None:
        store.put("a", b"1")
        store.put("b", b"22")
        assert store.sizes(["b", "none", "a"]) == [2, None, 1]
        assert store.size("b") == 2
        assert store.sizes([]) == []

    def test_files_are_added_whole_and_streamed(self, store: Store) -> None:
        data = os.urandom(3_000_000)
        add(store, "blobs/aa/b", data)
        assert store.size("blobs/aa/b") == len(data)
        with store.stream("blobs/aa/b") as stream:
            assert stream.read(10) == data[:10]
            assert stream.read() == data[10:]
        assert list(store.staging().glob(f"{threading.get_ident()}")) == []

    def test_a_local_path_holds_the_bytes(self, store: Store) -> None:
        add(store, "blobs/aa/b", b"data")
        if (path := store.local_path("blobs/aa/b")) is not None:
            assert path.read_bytes() == b"data"

    def test_listing_finds_names_by_prefix(self, store: Store) -> None:
        names = {"blobs/aa/1-x", "blobs/aa/1-y", "blobs/aa/2-x", "blobs/ab/1-x", "versions/1"}
        for name in names:
            store.put(name, name.encode())
        assert {entry.name for entry in store.list("")} == names
        assert {entry.name for entry in store.list("blobs/")} == names - {"versions/1"}
        assert {entry.name for entry in store.list("blobs/aa/1-")} == {
            "blobs/aa/1-x",
            "blobs/aa/1-y",
        }
        assert [entry.size_bytes for entry in store.list("versions/")] == [10]
        assert list(store.list("none/")) == []
        assert list(store.list("none")) == []

    def test_a_listing_sees_what_was_written_a_moment_ago(self, store: Store) -> None:
        for turn in range(3):
            store.put(f"fresh/{turn}", b"")
            assert len(list(store.list("fresh/"))) == turn + 1
        store.delete("fresh/0")
        assert len(list(store.list("fresh/"))) == 2

    def test_deleting_twice_is_deleting_once(self, store: Store) -> None:
        store.put("a/b", b"")
        store.delete("a/b")
        store.delete("a/b")
        assert not store.exists("a/b")
        assert store.put_if_absent("a/b", b"again")

    def test_names_are_those_that_a_listing_finds(self, store: Store) -> None:
        for name in ("blobs/aa/1-x", "blobs/aa/2-x", "blobs/ab/1-x", "versions/1"):
            store.put(name, b"")
        for prefix in ("", "blobs/", "blobs/aa/", "blobs/aa/1", "none/"):
            listed = sorted(entry.name for entry in store.list(prefix))
            assert sorted(store.names(prefix)) == listed

    def test_many_are_got_in_the_order_asked(self, store: Store) -> None:
        wanted = {f"a/{n}": b"%d" % n for n in range(40)} | {"a/long": bytes(70_000), "a/e": b""}
        for name, data in wanted.items():
            store.put(name, data)
        asked = ["a/none", *wanted, "b/none"]
        assert list(store.get_all(asked)) == [None, *wanted.values(), None]
        assert list(store.get_all([])) == []

    def test_one_that_is_too_long_keeps_nobody_from_the_others(self, store: Store) -> None:
        for name, data in (("a/1", b"1"), ("a/long", bytes(MAX_RECORD_BYTES + 9)), ("a/2", b"2")):
            add(store, name, data)
        first, long, second = store.get_all(["a/1", "a/long", "a/2"])
        assert (first, second) == (b"1", b"2")
        assert len(long or b"") == MAX_RECORD_BYTES + 1

    def test_a_stamp_is_another_one_when_the_bytes_are(self, store: Store) -> None:
        names = [f"a/{n}" for n in range(10)]
        for name in names:
            store.put(name, b"first")
        before = store.stamps([*names, "a/none"])
        assert before.pop() is None
        assert all(before)
        assert store.stamps(names) == before
        store.put("a/3", b"other")
        store.delete("a/4")
        store.put_if_absent("a/4", b"other")
        store.delete("a/5")
        after = store.stamps(names)
        assert [n for n in range(10) if after[n] != before[n]] == [3, 4, 5]
        assert after[5] is None

    def test_few_stamps_may_be_unknown_but_what_is_not_there_is_known(self, store: Store) -> None:
        store.put("a/1", b"")
        there, none = store.stamps(["a/1", "b/none"])
        assert there is not None
        assert none is None

    def test_many_are_deleted_whether_they_are_there_or_not(self, store: Store) -> None:
        names = [f"a/{n % 3}/{n}" for n in range(50)]
        for name in [*names, "a/0/stays"]:
            store.put(name, b"")
        store.delete_all([*names[:10], "a/0/none"])
        store.delete_all([*names, "b/none"])
        store.delete_all([])
        assert list(store.names("")) == ["a/0/stays"]

    def test_moving_gives_a_new_name(self, store: Store) -> None:
        add(store, "blobs/aa/b", b"data")
        store.move("blobs/aa/b", "quarantine/b")
        assert store.get("quarantine/b") == b"data"
        assert not store.exists("blobs/aa/b")

    @pytest.mark.parametrize(
        "name", ["../a", "a/../../b", "/etc/passwd", "a//b", ".", "", "a\\b", "a\0b"]
    )
    def test_names_that_leave_the_store_are_refused(self, store: Store, name: str) -> None:
        acts = (
            store.get,
            store.stream,
            store.delete,
            lambda n: store.put(n, b""),
            lambda n: list(store.get_all([n])),
            lambda n: store.delete_all([n]),
        )
        for act in acts:
            with pytest.raises(FormatError):
                act(name)
        with pytest.raises(FormatError):
            store.put_if_absent(name, b"")

    def test_a_record_that_is_too_long_is_not_read(self, store: Store) -> None:
        add(store, "keys/aa/k", bytes(MAX_RECORD_BYTES + 1))
        with pytest.raises(FormatError, match="larger than a record"):
            store.get("keys/aa/k")

    def test_the_self_test_passes_and_leaves_nothing(self, store: Store) -> None:
        store.self_test()
        assert list(store.list("")) == []


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return Store.memory()

    def test_a_url_opens_the_same_store_again(self, store: Store) -> None:
        store.put("a", b"1")
        assert Store.open(store.url).get("a") == b"1"


class TestLocalStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return Store.open(str(tmp_path / "repository"))

    def test_a_file_url_is_a_folder(self, tmp_path: Path) -> None:
        Store.open(f"file://{tmp_path}/r").put("a", b"1")
        assert (tmp_path / "r" / "a").read_bytes() == b"1"

    def test_reading_creates_nothing(self, store: Store, tmp_path: Path) -> None:
        assert not store.exists("a")
        assert list(store.list("")) == []
        assert list(tmp_path.iterdir()) == []

    def test_stored_files_are_read_only_on_disk(self, store: Store) -> None:
        add(store, "blobs/aa/b", b"data")
        store.put_if_absent("versions/v", b"record")
        for name in ("blobs/aa/b", "versions/v"):
            path = store.local_path(name)
            assert path is not None
            assert path.stat().st_mode & 0o222 == 0

    def test_a_failed_write_leaves_no_leftover(self, store: Store) -> None:
        store.put("a", b"")
        store.put_if_absent("a", b"lost")
        assert list(store.staging().iterdir()) == []

    def test_emptied_folders_go(self, store: Store, tmp_path: Path) -> None:
        store.put("leases/k/0", b"")
        store.delete("leases/k/0")
        assert not (tmp_path / "repository" / "leases" / "k").exists()

    def test_writers_survive_folders_that_vanish_under_them(self, store: Store) -> None:
        def churn(writer: int) -> bool:
            for turn in range(50):
                assert store.put_if_absent(f"leases/k/{writer}-{turn}", b"")
                store.delete(f"leases/k/{writer}-{turn}")
            return True

        assert all(race(churn, writers=4))

    def test_opening_sweeps_leftovers_older_than_a_day(self, store: Store) -> None:
        old, young = store.staging() / "old", store.staging() / "young"
        for path, age in ((old, timedelta(hours=25)), (young, timedelta(hours=23))):
            path.write_bytes(b"half")
            stamp = (datetime.now(UTC) - age).timestamp()
            os.utime(path, (stamp, stamp))
        store.self_test()
        assert [path.name for path in store.staging().iterdir()] == ["young"]

    def test_processes_race_as_threads_do(self, store: Store) -> None:
        context = multiprocessing.get_context("spawn")
        with context.Pool(4) as pool:
            won = pool.starmap(_claim, [(store.url, worker) for worker in range(4)])
        assert [sum(column) for column in zip(*won, strict=True)] == [1] * 20

    def test_a_filesystem_without_links_is_refused_with_advice(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
        with pytest.raises(StorageError, match="choose a folder on a local disk") as caught:
            store.self_test()
        assert store.url in str(caught.value)


def _claim(url: str, worker: int) -> list[bool]:
    store = LocalStore(Path(url))
    return [store.put_if_absent(f"race/{turn}", b"%d" % worker) for turn in range(20)]


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB of its own."""
    with mounted(tmp_path / "disk", "1m") as folder:
        yield folder


def test_a_full_disk_is_said_to_be_full_and_loses_nothing(tmpfs: Path) -> None:
    store = Store.open(str(tmpfs / "repository"))
    store.put("a", b"kept")
    for write in (store.put, store.put_if_absent):
        with pytest.raises(StorageError, match="full"):
            write("b", bytes(2_000_000))
    assert store.get("a") == b"kept"
    assert not store.exists("b")
    assert list(store.staging().iterdir()) == []


def test_a_read_only_disk_is_said_to_be_read_only(tmpfs: Path) -> None:
    store = Store.open(str(tmpfs / "repository"))
    store.put("a", b"kept")
    subprocess.run(["mount", "-o", "remount,ro", str(tmpfs)], check=True)
    for write in (
        lambda: store.put("b", b""),
        lambda: store.put_if_absent("b", b""),
        lambda: store.delete("a"),
        lambda: store.move("a", "b"),
        store.self_test,
    ):
        with pytest.raises(ReadOnlyError):
            write()
    assert store.get("a") == b"kept"


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
class RemoteContract(StoreContract):
    """What a store behind a server must do; a subclass supplies `serving` and `protocol`."""

    protocol: str
    serving: Callable[[], AbstractContextManager[servers.Server]]

    @pytest.fixture
    def store(self, server: servers.Server) -> Store:
        # Without options: a URL and the environment must be enough for another process.
        return Store.open(f"{self.protocol}://{server.bucket()}/a/repository")

    def test_a_missing_bucket_is_said_to_be_missing(self, server: servers.Server) -> None:
        store = Store.open(f"{self.protocol}://nosuchbucket/repository")
        # Some servers say that it is missing, some that it may not be written.
        with pytest.raises((StorageError, ReadOnlyError), match="nosuchbucket"):
            store.put_if_absent("a", b"1")

    def test_a_lost_reply_is_not_a_lost_race(self, store: Store) -> None:
        assert isinstance(store, RemoteStore)
        store._fs = LostReply(store._fs)
        assert store.put_if_absent("a", b"mine")
        assert not store.put_if_absent("a", b"theirs")
        assert store.get("a") == b"mine"


class LostReply:
    """A filesystem whose conditional puts arrive, while their replies do not."""

    def __init__(self, fs: fsspec.AbstractFileSystem) -> None:
        self._fs = fs

    def __getattr__(self, name: str) -> object:
        return getattr(self._fs, name)

    def pipe_file(self, *args: object, **kwargs: object) -> None:
        self._fs.pipe_file(*args, **kwargs)
        raise TimeoutError("no reply")


@pytest.mark.slow
class TestMotoStore(RemoteContract):
    protocol = "s3"
    serving = staticmethod(servers.moto_server)


@pytest.mark.slow
class TestSeaweedStore(RemoteContract):
    protocol = "s3"
    serving = staticmethod(servers.s3_server)

    def test_a_silent_server_is_an_error_that_names_it(self, server: servers.Server) -> None:
        impatient = {"connect_timeout": 0.2, "read_timeout": 0.2, "retries": {"max_attempts": 0}}
        url = f"s3://{server.bucket()}/repository"
        patient = Store.open(url)
        patient.put("a", b"1")
        store = Store.open(url, options={"config_kwargs": impatient})
        server.freeze()
        try:
            with pytest.raises(StorageError, match=url):
                store.get("a")
        finally:
            server.thaw()
        assert patient.get("a") == b"1"


@pytest.mark.slow
class TestAzureStore(RemoteContract):
    protocol = "az"
    serving = staticmethod(servers.azure_server)


@pytest.mark.slow
class TestGoogleStore(RemoteContract):
    protocol = "gs"
    serving = staticmethod(servers.gcs_server)


@pytest.mark.slow
def test_an_unreachable_server_is_an_error_that_names_it_and_says_what_to_do() -> None:
    [port] = free_ports(1)
    options = {"key": "k", "secret": "s", "endpoint_url": f"http://127.0.0.1:{port}"}
    store = Store.open("s3://bucket/repository", options=options)
    for act in (lambda: store.get("a"), lambda: store.put_if_absent("a", b"")):
        with pytest.raises(
            StorageError, match=r"s3://bucket/repository.*check its address"
        ) as caught:
            act()
        assert not isinstance(caught.value, NotFoundError)


class ForgetfulFileSystem(MemoryFileSystem):
    """Takes every write, whatever its condition; many servers do."""

    protocol = "forgetful"
    store: dict[str, object] = {}

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: object) -> None:
        super().pipe_file(path, value, mode="overwrite")


def test_a_store_that_ignores_the_condition_is_refused_with_advice() -> None:
    fsspec.register_implementation("forgetful", ForgetfulFileSystem, clobber=True)
    store = Store.open("forgetful://somewhere")
    with pytest.raises(StorageError, match=r"told that they were first\. Use a local folder"):
        store.self_test()


@pytest.mark.parametrize("url", ["nosuch://bucket/r", "ftp+x://"])
def test_a_url_that_nothing_speaks_is_refused(url: str) -> None:
    with pytest.raises(StorageError, match="install"):
        Store.open(url)
