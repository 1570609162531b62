from __future__ import annotations

import base64
import dataclasses
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.disks import mounted
from tests.repositories import LARGE, NOW, Crash, CrashingStore, draft, key, opened, resealed
from tests.servers import Server, s3_server
from versioning import layout, marks, records
from versioning.codecs import registry
from versioning.digest import digest_bytes
from versioning.envelope import MAX_RECORD_BYTES, dump
from versioning.errors import (
    ConflictError,
    FormatError,
    IntegrityError,
    NotFoundError,
    ReadOnlyError,
    StorageError,
    UnkeyableError,
)
from versioning.records import VersionRecord
from versioning.repository import Repository
from versioning.settings import Settings
from versioning.storage import Store
from versioning.sweep import tidy


@pytest.fixture(params=["memory", "local"])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    store = Store.memory()
    # The fixture's frame ends, and with it the last hold on a store in memory.
    request.node.held = store
    return opened(store.url if request.param == "memory" else tmp_path / "repository", tmp_path)


@pytest.fixture
def local(tmp_path: Path) -> Repository:
    return opened(tmp_path / "repository", tmp_path)


def names(repository: Repository, prefix: str = "") -> list[str]:
    return sorted(entry.name for entry in repository.store.list(prefix))


def blob_path(repository: Repository, record: VersionRecord) -> Path:
    [blob] = record.manifest
    path = repository.store.local_path(layout.blob(str(blob.name)))
    assert path is not None
    return path


def overwrite(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


# Opening ----------------------------------------------------------------------------------------


def test_opening_twice_finds_the_same_repository(tmp_path: Path) -> None:
    first, second = (opened(tmp_path / "r", tmp_path) for _ in range(2))
    assert first.id == second.id
    assert len(first.id) == 32


def test_two_repositories_have_two_ids(tmp_path: Path) -> None:
    assert opened(tmp_path / "a", tmp_path).id != opened(tmp_path / "b", tmp_path).id


def test_opening_for_reading_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no repository"):
        opened(tmp_path / "r", tmp_path, read_only=True)
    assert not (tmp_path / "r").exists()


def test_a_repository_of_a_newer_format_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    newer = {"kind": "repository", "format": 2, "id": "0" * 32, "created": NOW.isoformat()}
    (tmp_path / "r" / "repository.json").write_text(json.dumps(newer))
    with pytest.raises(FormatError, match=r"repository\.json has format 2; .*upgrade"):
        opened(tmp_path / "r", tmp_path)


@pytest.mark.parametrize("data", [b"", b"{", b"[]"])
def test_a_damaged_record_of_the_repository_says_how_it_is_mended(
    local: Repository, tmp_path: Path, data: bytes
) -> None:
    record, place = local.commit(1, draft("a")), Path(local.url) / "repository.json"
    place.chmod(0o644)
    place.write_bytes(data)
    with pytest.raises(IntegrityError, match="remove it, and the next writer writes it again"):
        opened(local.url, tmp_path)
    place.unlink()
    assert opened(local.url, tmp_path).lookup(key("a")) == record


def test_a_repository_open_for_reading_refuses_every_write(
    local: Repository, tmp_path: Path
) -> None:
    record = local.commit(1, draft("a"))
    reader = opened(local.url, tmp_path, read_only=True)
    assert reader.lookup(key("a")) == record
    for write in (
        lambda: reader.commit(2, draft("b")),
        lambda: reader.bind(record, replace=True),
        lambda: reader.pin(record.id, "why"),
        lambda: reader.unpin(record.id),
        lambda: reader.append_name("model", {}),
        lambda: reader.write_run("run", "1", {}),
    ):
        with pytest.raises(ReadOnlyError, match="open for reading"):
            write()


# Committing and reading -----------------------------------------------------------------------


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None]}, b"", LARGE, np.arange(50_000)])
def test_what_was_committed_is_found_and_loaded(repository: Repository, value: Any) -> None:
    assert repository.lookup(key("a")) is None
    record = repository.commit(value, draft("a", flow="f", meta={"run": "r"}))
    found = repository.lookup(key("a"))
    assert found == record == repository.record(record.id)
    np.testing.assert_equal(repository.load(record), value)
    assert list(repository.ids()) == [record.id]
    assert list(repository.bindings()) == [key("a")]
    assert (record.flow, record.meta, record.created) == ("f", {"run": "r"}, NOW)


def test_another_process_reads_what_was_committed(local: Repository) -> None:
    record = local.commit(np.arange(50_000), draft("a"))
    script = (
        "import sys; from pathlib import Path; from tests.repositories import opened\n"
        "r = opened(sys.argv[1], Path(sys.argv[2])); print(r.load(r.record(sys.argv[3])).sum())"
    )
    command = [sys.executable, "-c", script, local.url, str(local.settings.cache), record.id]
    assert int(subprocess.check_output(command)) == np.arange(50_000).sum()


def test_a_small_value_takes_two_writes_and_no_blob(repository: Repository) -> None:
    before = len(names(repository))
    repository.commit("small", draft("a"))
    assert len(names(repository)) == before + 2
    assert names(repository, "blobs/") == names(repository, "intents/") == []


def test_a_large_value_leaves_no_intent(repository: Repository) -> None:
    record = repository.commit(LARGE, draft("a"))
    assert names(repository, "blobs/") == [f"blobs/{record.manifest[0].name}"]
    assert names(repository, "intents/") == []


def test_equal_bytes_are_stored_once(repository: Repository) -> None:
    first, second = repository.commit(LARGE, draft("a")), repository.commit(LARGE, draft("b"))
    assert first.manifest == second.manifest
    assert len(names(repository, "blobs/")) == 1


def test_a_damaged_blob_is_not_used_again(repository: Repository) -> None:
    [blob] = repository.commit(LARGE, draft("a")).manifest
    repository.store.put(layout.blob(str(blob.name)), LARGE[:-1] + b"x")
    again = repository.commit(LARGE, draft("b"))
    assert again.manifest[0].name != blob.name
    assert repository.load(again) == LARGE


def test_a_blob_that_a_collector_marked_is_not_used_again(repository: Repository) -> None:
    first = repository.commit(LARGE, draft("a"))
    name = str(first.manifest[0].name)
    marks.put(repository.store, name[:2], [name])
    second = repository.commit(LARGE, draft("b"))
    assert first.manifest != second.manifest
    assert first.manifest[0].digest == second.manifest[0].digest
    assert repository.commit(LARGE, draft("c")).manifest == second.manifest


@pytest.mark.parametrize("page", [b"{", dump("marks", {}), dump("marks", {"blobs": ["../x"]})])
def test_no_blob_is_used_again_while_marks_cannot_be_read(
    repository: Repository, page: bytes
) -> None:
    first = repository.commit(LARGE, draft("a"))
    repository.store.put(layout.marks(str(first.manifest[0].name)[:2], "0" * 16), page)
    assert repository.commit(LARGE, draft("b")).manifest != first.manifest


def test_values_that_cannot_be_stored_leave_nothing(repository: Repository) -> None:
    before = names(repository)
    with pytest.raises(UnkeyableError):
        repository.commit(object(), draft("a"))
    with pytest.raises(FormatError, match="cannot hold this"):
        repository.commit(1, draft("a", meta={"x": object()}))
    assert names(repository) == before


def test_memory_stays_small_while_much_is_written(tmp_path: Path) -> None:
    script = f"""
import resource, sys
from pathlib import Path
import numpy as np
from tests.repositories import draft, opened
r = opened({str(tmp_path / "r")!r}, Path({str(tmp_path)!r}))
value = np.zeros(40_000_000, dtype="u1")
r.commit(value[:100_000], draft("warm"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
r.load(r.commit(value, draft("a")))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    # In KiB. What is committed is 40 MB, and pages of its file are mapped while it is digested.
    grown = int(subprocess.check_output([sys.executable, "-c", script]))
    assert grown < 120_000


def test_the_path_of_a_version_is_its_stored_bytes(repository: Repository, tmp_path: Path) -> None:
    record = repository.commit(LARGE, draft("a"))
    assert repository.path(record).read_bytes() == LARGE
    copy = repository.path(record, tmp_path / "out" / "copy")
    copy.write_bytes(b"mine")
    assert repository.path(record).read_bytes() == LARGE
    with pytest.raises(ConflictError, match="exists"):
        repository.path(record, copy)


def test_the_path_of_a_small_version_is_a_file_too(repository: Repository) -> None:
    record = repository.commit(b"small", draft("a"))
    assert repository.path(record).read_bytes() == b"small"


# Binding ----------------------------------------------------------------------------------------


def test_the_first_binding_wins_and_the_other_adopts(repository: Repository) -> None:
    events: list[tuple[str, dict[str, Any]]] = []
    repository.observers.append(lambda event, facts: events.append((event, facts)))
    first = repository.commit(1, draft("a"))
    assert repository.commit(1, draft("a")).id == first.id
    assert [event for event, _ in events] == ["adopted"]
    assert repository.commit(2, draft("a")).id == first.id
    assert events[-1][0] == "conflict"
    assert repository.load(first) == 1


def test_replacing_rebinds_when_the_value_differs(repository: Repository) -> None:
    first = repository.commit(1, draft("a"))
    assert repository.commit(1, draft("a"), replace=True).id == first.id
    assert len(list(repository.ids())) == 1
    second = repository.commit(2, draft("a"), replace=True)
    assert second.id != first.id
    assert repository.lookup(key("a")) == second
    assert repository.load(repository.record(first.id)) == 1


def test_a_version_can_be_committed_unbound_and_bound_later(repository: Repository) -> None:
    record = repository.commit(1, draft("a"), bind=False)
    assert repository.lookup(key("a")) is None
    assert repository.bind(record) == record
    assert repository.bind(record) == record
    assert repository.lookup(key("a")) == record


def test_a_binding_whose_bytes_are_gone_is_a_miss_and_is_replaced(repository: Repository) -> None:
    first = repository.commit(LARGE, draft("a"))
    repository.store.delete(layout.blob(str(first.manifest[0].name)))
    assert repository.lookup(key("a")) is None
    assert not repository.is_live(first)
    with pytest.raises(NotFoundError):
        repository.load(first)
    second = repository.commit(LARGE, draft("a"))
    assert second.id != first.id
    assert repository.lookup(key("a")) == second
    assert repository.load(second) == LARGE


def _commit_all(url: str, folder: str, start: Any, worker: int) -> list[str]:
    repository = opened(url, Path(folder))
    start.wait()
    return [repository.commit(worker, draft(f"{turn}")).id for turn in range(20)]


def test_processes_that_commit_one_key_at_once_adopt_one_version(local: Repository) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(8) as pool:
        start = manager.Barrier(8)
        jobs = [(local.url, str(local.settings.cache), start, worker) for worker in range(8)]
        won = pool.starmap(_commit_all, jobs, chunksize=1)
    for turn, ids in enumerate(zip(*won, strict=True)):
        assert len(set(ids)) == 1
        assert local.lookup(key(f"{turn}")).id == ids[0]


# Collectors -------------------------------------------------------------------------------------


class Revoking(CrashingStore):
    """A store in which a collector revokes the first `times` writers just before they commit."""

    def __init__(self, store: Store, times: int) -> None:
        super().__init__(store, -1)
        self.revoked: list[str] = []
        self._times = times

    def put_if_absent(self, name: str, data: bytes, *, durable: bool = True) -> bool:
        if name.startswith(layout.VERSIONS) and len(self.revoked) < self._times:
            self.revoked.append(name)
            for entry in list(self._store.list(layout.BLOBS)):
                self._store.delete(entry.name)
            assert self._store.put_if_absent(name, dump("revoked", {}))
        return super().put_if_absent(name, data, durable=durable)


def test_a_revoked_writer_starts_over_under_a_fresh_id(repository: Repository) -> None:
    plain = repository.store
    store = Revoking(plain, 2)
    writer = Repository(store, repository_id=repository.id, settings=repository.settings)
    record = writer.commit(LARGE, draft("a"))
    assert layout.version(record.id) not in store.revoked
    assert len(store.revoked) == 2
    assert repository.lookup(key("a")) == record
    assert repository.load(record) == LARGE
    for name in store.revoked:
        with pytest.raises(NotFoundError, match="revoked"):
            repository.record(str(layout.version_id(name)))


def test_a_writer_that_is_always_revoked_gives_up_and_says_so(repository: Repository) -> None:
    store = Revoking(repository.store, 100)
    writer = Repository(store, repository_id=repository.id, settings=repository.settings)
    with pytest.raises(ConflictError, match="took this writer of 'step' for abandoned"):
        writer.commit(LARGE, draft("a"))
    assert repository.lookup(key("a")) is None


# Crashes ----------------------------------------------------------------------------------------


def verify(repository: Repository) -> None:
    """Every bound version loads or is a miss; every committed version has all its bytes."""
    for bound in repository.bindings():
        if (record := repository.lookup(bound)) is not None:
            repository.load(record)
    for version_id in repository.ids():
        repository.load(repository.record(version_id))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("value", [b"small", LARGE], ids=["small", "large"])
def test_a_crash_at_any_call_is_harmless(repository: Repository, value: bytes, after: bool) -> None:
    repository.commit(LARGE + b"other", draft("other"))
    for calls in range(100):
        name = f"crash {calls}"
        store = CrashingStore(repository.store, calls, after=after)
        writer = Repository(store, repository_id=repository.id, settings=repository.settings)
        own = value + name.encode()
        try:
            writer.commit(own, draft(name))
        except Crash:
            found = repository.lookup(key(name))
            assert found is None or repository.load(found) == own
            verify(repository)
            assert repository.load(repository.commit(own, draft(name))) == own
        else:
            break
    assert calls >= 3
    verify(repository)


KILLED = """
import sys
from pathlib import Path
import numpy as np
from tests.repositories import draft, opened
repository = opened(sys.argv[1], Path(sys.argv[2]))
repository.commit(np.ones(int(sys.argv[3]), dtype="u1"), draft("a"))
"""


def killed_while_storing(repository: Repository, size_bytes: int) -> list[Path]:
    """What a writer that was killed half way through left in the staging folder."""
    folder = repository.store.staging()
    command = [sys.executable, "-c", KILLED, repository.url, str(folder.parent), str(size_bytes)]
    process = subprocess.Popen(command)
    # It writes faster than it can be watched: stop it first, then see how far it came.
    while process.poll() is None:
        os.kill(process.pid, signal.SIGSTOP)
        if any(path.stat().st_size > size_bytes // 10 for path in folder.iterdir()):
            os.kill(process.pid, signal.SIGKILL)
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.0005)
    assert process.returncode == -signal.SIGKILL
    return list(folder.iterdir())


@pytest.mark.slow
def test_a_writer_killed_while_storing_a_gigabyte_leaves_a_miss(local: Repository) -> None:
    [leftover] = killed_while_storing(local, 10**9)
    assert local.lookup(key("a")) is None
    assert list(local.ids()) == []
    verify(local)
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(leftover, (two_days_ago, two_days_ago))
    record = opened(local.url, local.settings.cache).commit(LARGE, draft("a"))
    assert not leftover.exists()
    assert local.load(record) == LARGE


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB of its own."""
    with mounted(tmp_path / "disk", "1m") as folder:
        yield folder


def test_a_full_disk_fails_the_commit_and_harms_nothing(tmpfs: Path, tmp_path: Path) -> None:
    repository = opened(tmpfs / "r", tmp_path)
    kept = repository.commit(LARGE, draft("kept"))
    with pytest.raises(StorageError, match="full"):
        repository.commit(np.ones(3_000_000, dtype="u1"), draft("a"))
    assert repository.lookup(key("a")) is None
    assert list(repository.store.staging().iterdir()) == []
    assert repository.load(kept) == LARGE
    assert repository.load(repository.commit(1, draft("a"))) == 1


def test_a_read_only_store_can_be_read(tmpfs: Path, tmp_path: Path) -> None:
    record = opened(tmpfs / "r", tmp_path).commit(LARGE, draft("a"))
    subprocess.run(["mount", "-o", "remount,ro", str(tmpfs)], check=True)
    repository = opened(tmpfs / "r", tmp_path)
    assert repository.lookup(key("a")) == record
    assert repository.load(record) == LARGE
    with pytest.raises(ReadOnlyError, match="ask for write access"):
        repository.commit(1, draft("b"))


# Damage -----------------------------------------------------------------------------------------


def damaged(kind: str, data: bytes) -> bytes:
    return {
        "flipped": data[:-1] + bytes([data[-1] ^ 1]),
        "cut": data[:-1],
        "longer": data + b"x",
        "empty": b"",
    }[kind]


@pytest.mark.parametrize("kind", ["flipped", "cut", "longer", "empty"])
def test_damaged_bytes_are_never_served(
    local: Repository, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    record = local.commit(LARGE, draft("a"))
    overwrite(blob_path(local, record), damaged(kind, LARGE))
    reader, events = opened(local.url, tmp_path), []
    reader.observers.append(lambda event, facts: events.append((event, facts["digest"])))
    with caplog.at_level(logging.ERROR), pytest.raises(IntegrityError, match="set aside") as caught:
        reader.load(record)
    blob = record.manifest[0]
    assert events == [("corrupt", blob.digest)]
    assert caught.value.digest == blob.digest
    assert "set aside" in caplog.text
    assert names(reader, "quarantine/") == [layout.quarantined(str(blob.name))]
    assert reader.lookup(key("a")) is None
    again = reader.commit(LARGE, draft("a"))
    assert reader.lookup(key("a")) == again
    assert reader.load(again) == LARGE


def test_a_blob_of_the_wrong_length_is_a_miss_without_loading(local: Repository) -> None:
    record = local.commit(LARGE, draft("a"))
    overwrite(blob_path(local, record), LARGE[:-1])
    assert local.lookup(key("a")) is None
    assert len(names(local, "quarantine/")) == 1


def test_damage_after_the_first_read_is_seen_when_the_file_was_written(local: Repository) -> None:
    record = local.commit(LARGE, draft("a"))
    assert local.load(record) == LARGE
    overwrite(blob_path(local, record), damaged("flipped", LARGE))
    with pytest.raises(IntegrityError):
        local.load(record)


def test_a_reader_that_may_not_write_reports_damage_and_moves_nothing(
    local: Repository, tmp_path: Path
) -> None:
    record = local.commit(LARGE, draft("a"))
    overwrite(blob_path(local, record), damaged("flipped", LARGE))
    with pytest.raises(IntegrityError, match=r"it stays, .* run `versioning verify --set-aside`"):
        opened(local.url, tmp_path, read_only=True).load(record)
    assert names(local, "quarantine/") == []


def test_a_writer_that_may_not_delete_says_that_damage_stays(
    local: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str, new: str) -> None:
        raise ReadOnlyError(f"{name} cannot be written")

    record = local.commit(LARGE, draft("a"))
    overwrite(blob_path(local, record), damaged("flipped", LARGE))
    monkeypatch.setattr(local.store, "move", refuse)
    with pytest.raises(IntegrityError, match=r"it stays, .* run `versioning verify --set-aside`"):
        local.load(record)


class Protected(CrashingStore):
    """A store that lets some names be written, but neither deleted nor moved."""

    def __init__(self, store: Store, *prefixes: str) -> None:
        super().__init__(store, calls=-1)
        self._prefixes = prefixes

    def delete(self, name: str) -> None:
        if name.startswith(self._prefixes):
            raise ReadOnlyError(f"{name} cannot be written")
        super().delete(name)

    def move(self, name: str, new: str) -> None:
        if name.startswith(self._prefixes):
            raise ReadOnlyError(f"{name} cannot be written")
        super().move(name, new)


def protected(repository: Repository, folder: Path, *prefixes: str) -> Repository:
    """The same repository for a writer of few rights, in a new process."""
    store, settings = Protected(repository.store, *prefixes), Settings(cache=folder / "cache")
    return Repository(store, repository_id=repository.id, settings=settings)


# More than is read from another machine to see whether it can be used again.
HUGE = LARGE * 20


@pytest.mark.parametrize("prefixes", [("blobs/",), ("blobs/", "keys/")], ids=["blobs", "bindings"])
def test_a_writer_without_the_right_to_delete_computes_what_is_damaged_again(
    repository: Repository, tmp_path: Path, prefixes: tuple[str, ...]
) -> None:
    record = repository.commit(HUGE, draft("a"))
    blob = layout.blob(str(record.manifest[0].name))
    repository.store.put(blob, damaged("flipped", HUGE))
    writer = protected(repository, tmp_path / "writer", *prefixes)
    with pytest.raises(IntegrityError, match=r"it stays, .* run the step again"):
        writer.load(record)
    assert writer.lookup(key("a")) is None
    again = writer.commit(HUGE, draft("a"), replace=True)
    assert again.id != record.id
    assert writer.load(again) == HUGE
    # For everybody else, too.
    other = opened(repository.url, tmp_path / "other")
    assert other.lookup(key("a")) == again
    assert other.commit(HUGE, draft("b")).manifest == again.manifest
    assert names(repository, blob) == [blob]
    assert names(repository, "quarantine/") == []


def test_what_such_a_writer_found_damaged_is_no_hit_of_a_later_process(
    repository: Repository, tmp_path: Path
) -> None:
    record = repository.commit(HUGE, draft("a"))
    blob = layout.blob(str(record.manifest[0].name))
    repository.store.put(blob, damaged("flipped", HUGE))
    with pytest.raises(IntegrityError):
        protected(repository, tmp_path / "writer", "blobs/").load(record)
    later = protected(repository, tmp_path / "later", "blobs/")
    assert later.lookup(key("a")) is None
    again = later.commit(HUGE, draft("a"))
    assert later.load(again) == HUGE
    assert len(names(repository, "marks/")) == 1
    collector = opened(repository.url, tmp_path / "collector")
    collector.set_aside(record.manifest[0])
    tidy(collector)
    assert names(repository, "marks/") == []
    assert names(repository, "blobs/") == [layout.blob(str(again.manifest[0].name))]


def test_a_damaged_copy_of_a_remote_blob_is_fetched_again(tmp_path: Path) -> None:
    store = Store.memory()
    repository = opened(store.url, tmp_path)
    record = repository.commit(LARGE, draft("a"))
    path = repository.path(record)
    assert path.is_relative_to(tmp_path / "cache" / repository.id)
    overwrite(path, damaged("flipped", LARGE))
    assert opened(store.url, tmp_path).load(record) == LARGE


def test_damage_behind_a_remote_store_is_set_aside_there(tmp_path: Path) -> None:
    store = Store.memory()
    repository = opened(store.url, tmp_path)
    record = repository.commit(LARGE, draft("a"))
    store.put(layout.blob(str(record.manifest[0].name)), damaged("flipped", LARGE))
    with pytest.raises(IntegrityError):
        repository.load(record)
    assert len(names(repository, "quarantine/")) == 1
    copies = tmp_path / "cache" / repository.id / "blobs"
    assert [path for path in copies.rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_blobs_behind_an_s3_server_are_shared_cached_and_checked(
    serving: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serving(s3_server)
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    repository = opened(f"s3://{server.bucket()}/repository", tmp_path)
    value = np.arange(5_000_000)
    record = repository.commit(value, draft("a"))
    assert repository.commit(value, draft("b")).manifest == record.manifest
    np.testing.assert_equal(repository.load(record), value)
    assert repository.path(record).is_relative_to(tmp_path / "cache")
    elsewhere = opened(repository.url, tmp_path / "elsewhere")
    blob = layout.blob(str(record.manifest[0].name))
    repository.store.put(blob, damaged("flipped", value.tobytes()))
    with pytest.raises(IntegrityError):
        elsewhere.load(record)
    assert elsewhere.lookup(key("a")) is None
    again = elsewhere.commit(value, draft("a"))
    np.testing.assert_equal(elsewhere.load(again), value)


# Hostile records ------------------------------------------------------------------------------


def changed(record: VersionRecord, **fields: Any) -> bytes:
    """The stored form of `record` with other fields."""
    return resealed(records.dump_version(record), **fields)


def blob_fields(**fields: Any) -> list[dict[str, Any]]:
    digest = digest_bytes(b"x")
    inline = base64.b64encode(b"x").decode()
    return [{"part": "", "digest": digest, "size_bytes": 1, "inline": inline, **fields}]


DIGEST = digest_bytes(b"x")
HOSTILE: dict[str, dict[str, Any]] = {
    "another kind": {"kind": "lease"},
    "a newer format": {"format": 2},
    "a format that is no number": {"format": True},
    "an id that is a path": {"id": "../../../../etc/passwd"},
    "a key that is short": {"key": "ab"},
    "a digest that is a number": {"digest": 5},
    "a time without zone": {"created": "2026-01-01T00:00:00"},
    "seconds that are text": {"seconds": "nan"},
    "a manifest that is no list": {"manifest": 5},
    "a manifest of text": {"manifest": ["x"]},
    "leaves of text": {"leaves": ["x"]},
    "meta that is a list": {"meta": []},
    "a part that climbs": {"manifest": blob_fields(part="../../evil")},
    "a part that is absolute": {"manifest": blob_fields(part="/etc/passwd")},
    "two parts of one name": {"manifest": blob_fields() * 2},
    "a blob name that climbs": {
        "manifest": blob_fields(inline=None, name="../../../../../../etc/passwd")
    },
    "a blob name of another digest": {
        "manifest": blob_fields(inline=None, name=f"{'0' * 2}/{'0' * 64}-{'0' * 16}")
    },
    "a negative length": {"manifest": blob_fields(size_bytes=-1)},
    "a length that is not that of the bytes": {"manifest": blob_fields(size_bytes=10**15)},
    "inline bytes that are not base64": {"manifest": blob_fields(inline="!!")},
}


@pytest.mark.parametrize("fields", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_record_is_refused_and_never_hits(
    repository: Repository, fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    record = repository.commit(b"x", draft("a"))
    forged = changed(record, **fields)
    repository.store.put(layout.binding(key("a")), forged)
    repository.store.put(layout.version(record.id), forged)
    events = []
    repository.observers.append(lambda event, facts: events.append(event))
    assert repository.lookup(key("a")) is None
    assert events == ["unreadable"]
    assert "taken for a miss" in caplog.text
    with pytest.raises(FormatError):
        repository.record(record.id)
    again = repository.commit(b"x", draft("a"))
    assert repository.lookup(key("a")) == again


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000], ids=repr)
def test_what_is_no_record_is_refused(repository: Repository, data: bytes) -> None:
    record = repository.commit(b"x", draft("a"))
    repository.store.put(layout.binding(key("a")), data)
    repository.store.put(layout.version(record.id), data)
    assert repository.lookup(key("a")) is None
    with pytest.raises(FormatError):
        repository.record(record.id)


def test_a_record_of_any_length_is_not_read_into_memory(repository: Repository) -> None:
    staged = repository.store.staging() / "long"
    staged.touch()
    os.truncate(staged, MAX_RECORD_BYTES + 1)
    repository.store.add_file(layout.binding(key("a")), staged)
    assert repository.lookup(key("a")) is None


def test_a_binding_of_another_key_is_a_miss(repository: Repository) -> None:
    record = repository.commit(b"x", draft("a"))
    repository.store.put(layout.binding(key("b")), records.dump_version(record))
    assert repository.lookup(key("b")) is None


def test_the_record_of_another_version_is_refused(repository: Repository) -> None:
    first, second = repository.commit(1, draft("a")), repository.commit(2, draft("b"))
    repository.store.put(layout.version(first.id), records.dump_version(second))
    with pytest.raises(FormatError, match="another version"):
        repository.record(first.id)


def test_inline_bytes_are_checked_against_their_digest(repository: Repository) -> None:
    record = repository.commit(b"x", draft("a"))
    [blob] = record.manifest
    forged = dataclasses.replace(record, manifest=(dataclasses.replace(blob, inline=b"y"),))
    repository.store.put(layout.binding(key("a")), records.dump_version(forged))
    found = repository.lookup(key("a"))
    assert found is not None
    with pytest.raises(IntegrityError):
        repository.load(found)


@pytest.mark.parametrize("codec", ["pickle/1", "os.system/1", "json/99", "../evil/1"])
def test_a_codec_that_is_unknown_or_not_allowed_is_refused(
    repository: Repository, codec: str
) -> None:
    record = dataclasses.replace(repository.commit(1, draft("a")), codec=codec)
    with pytest.raises(FormatError):
        repository.load(record)


@pytest.mark.parametrize("text", ["../x", "", "a" * 31, "A" * 32, "../" * 10 + "ab"])
def test_ids_from_outside_cannot_name_other_files(repository: Repository, text: str) -> None:
    with pytest.raises(FormatError):
        repository.record(text)


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden", "a" * 129, "a\0"])
def test_names_from_outside_cannot_name_other_files(repository: Repository, name: str) -> None:
    for act in (repository.name_history, repository.run_parts):
        with pytest.raises(FormatError):
            act(name)


class _Climbing:
    """A codec that gives its part whatever name it was made with."""

    name, version = "climbing", 1

    def __init__(self, part: str) -> None:
        self.part = part

    def accepts(self, value: object) -> bool:
        return True

    def write(self, value: Any, writer: Any) -> None:
        with writer.part(self.part) as stream:
            stream.write(b"data")

    def read(self, reader: Any) -> Any:
        return reader.read(self.part)


@pytest.mark.parametrize("part", ["../evil", "/evil", "a\\b", "a//b", "caf\udce9", "a\0b"])
def test_a_part_that_could_not_be_read_again_is_not_written(
    repository: Repository, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_registered", [_Climbing(part)])
    with pytest.raises(UnkeyableError, match="cannot name a part"):
        repository.commit(1, draft("a"))


# Names, pins and runs ---------------------------------------------------------------------------


def test_the_history_of_a_name_keeps_every_entry_in_order(repository: Repository) -> None:
    assert repository.name_history("model") == []
    assert [repository.append_name("model", {"turn": turn}) for turn in range(12)] == list(
        range(12)
    )
    assert [entry["turn"] for entry in repository.name_history("model")] == list(range(12))


def test_writers_that_append_at_once_lose_no_entry(repository: Repository) -> None:
    from tests.contracts.test_store import race

    race(lambda w: all(repository.append_name("model", {"w": w}) >= 0 for _ in range(5)), writers=4)
    writers = [entry["w"] for entry in repository.name_history("model")]
    assert sorted(writers) == sorted(list(range(4)) * 5)


def test_pins_are_kept_until_withdrawn(repository: Repository) -> None:
    first, second = repository.commit(1, draft("a")), repository.commit(2, draft("b"))
    repository.pin(first.id, "audit")
    repository.pin(second.id, "champion")
    repository.pin(first.id, "audit 2026")
    assert repository.pins() == {first.id: "audit 2026", second.id: "champion"}
    repository.unpin(first.id)
    repository.unpin(first.id)
    assert repository.pins() == {second.id: "champion"}
    with pytest.raises(NotFoundError):
        repository.pin("0" * 32, "why")


def test_runs_keep_what_each_process_wrote_last(repository: Repository) -> None:
    repository.write_run("run-1", "1", {"steps": 1})
    repository.write_run("run-1", "2", {"steps": 2})
    repository.write_run("run-1", "1", {"steps": 3})
    repository.write_run("run-2", "1", {})
    assert repository.runs() == {"run-1", "run-2"}
    assert [part["steps"] for part in repository.run_parts("run-1")] == [3, 2]
    assert repository.run_parts("run-3") == []
