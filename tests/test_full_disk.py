"""A disk without a byte left: prune, pin and undo still work, and nothing is lost."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from tests.disks import mounted
from tests.repositories import LARGE, NOW
from tests.steps import commit
from versioning.api import Repository
from versioning.cli.app import run
from versioning.errors import FullError
from versioning.expiry import Cause
from versioning.handles import Version
from versioning.planning import plan
from versioning.plans import LATER, save
from versioning.prune import apply
from versioning.retention import Policy
from versioning.settings import Settings
from versioning.storage.local import RESERVE
from versioning.storage.reserve import PIECES, Reserve
from versioning.sweep import Patience

HASTE = Patience(abandoned=timedelta(0), wait_seconds=0)
AT = NOW + timedelta(days=100)
CAUSE = Cause("", "", "tests", AT)
POLICY = "keep_lineage = 'none'\n[[rules]]\nkeep_last = 2\n"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 16 MiB."""
    with mounted(tmp_path / "disk", "16m") as folder:
        yield folder


@pytest.fixture
def repository(disk: Path) -> Repository:
    return Repository.open(str(disk / "repository"), settings=Settings(cache=disk / "cache"))


@pytest.fixture
def versions(repository: Repository, disk: Path) -> list[Version]:
    """As many as there is room for, and then something else takes the last byte."""
    made: list[Version] = []
    with suppress(FullError):
        while True:
            n = len(made)
            made.append(commit(repository, LARGE + b"%d" % n, "clean", minute=n, n=n))
    fill(disk)
    return made


def fill(disk: Path) -> None:
    """Take what is left, to the last block."""
    with (disk / "others").open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(512))


def again(repository: Repository, folder: Path) -> Repository:
    """As another process opens it, which has proved nothing and knows nothing yet."""
    return Repository.open(repository.url, settings=Settings(cache=folder))


def policy(trash: str) -> Policy:
    return Policy.of({"trash": trash, "keep_lineage": "none", "rules": [{"keep_last": 2}]}, "tests")


def is_full(disk: Path) -> bool:
    return os.statvfs(disk).f_bavail == 0


def test_a_full_disk_is_pruned_by_the_command_line(
    repository: Repository,
    versions: list[Version],
    disk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY, "utf-8")
    # The catalog has no room either.
    monkeypatch.setenv("VERSIONING_CACHE", str(disk / "cache"))
    asked = ["--repository", repository.url, "--policy", str(path), "--trash", "0s"]
    assert is_full(disk)
    assert run(["prune", "--apply", *asked]) == 0
    assert f"{len(versions) - 2} versions are expired" in capsys.readouterr().out
    assert not is_full(disk)
    assert [repository.is_live(v.record) for v in versions[-3:]] == [False, True, True]
    assert repository.verify().is_sound
    commit(again(repository, tmp_path), LARGE, "clean", n=-1)
    assert len(list((disk / "repository" / RESERVE).iterdir())) == PIECES


def test_pins_protect_on_a_full_disk_and_what_an_undo_has_no_room_for_is_undone_later(
    repository: Repository, versions: list[Version], disk: Path, tmp_path: Path
) -> None:
    made = again(repository, tmp_path / "1").plan_prune(policy("7d"))
    again(repository, tmp_path / "1").prune(made)
    fill(disk)
    again(repository, tmp_path / "2").pin(versions[0].id, "audit")
    assert repository.lookup(versions[0].key)
    fill(disk)
    # Each version takes two blocks, its entry and its binding.
    with pytest.raises(FullError):
        again(repository, tmp_path / "3").undo(made)
    (disk / "others").unlink()
    assert set(again(repository, tmp_path / "4").undo(made).values()) == {True}
    assert all(repository.lookup(v.key) for v in versions)
    assert repository.verify().is_sound


def test_steps_leave_the_reserve_to_those_who_delete(
    repository: Repository, versions: list[Version], disk: Path
) -> None:
    with pytest.raises(FullError, match=r"is full .*`versioning prune --trash 0s`"):
        commit(repository, 1, "clean", n=-1)
    assert len(list((disk / "repository" / RESERVE).iterdir())) == PIECES


def test_those_who_find_no_room_at_once_share_a_piece_of_the_reserve(
    repository: Repository, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each took one, so that a single step took all, or failed beside the room that was made."""
    fill(disk)
    give, both = Reserve.give, threading.Barrier(2)

    def give_slowly(reserve: Reserve) -> bool:
        given = give(reserve)
        with suppress(threading.BrokenBarrierError):
            both.wait(0.5)  # For a second one, which there should not be.
        return given

    monkeypatch.setattr(Reserve, "give", give_slowly)
    begin = threading.Barrier(8)

    def write(number: int) -> None:
        begin.wait(30)
        repository.store.put(f"plans/{number}", LARGE[:4096])

    with repository.store.drawing(), ThreadPoolExecutor(8) as callers:
        list(callers.map(write, range(8)))
    assert len(list((disk / "repository" / RESERVE).iterdir())) == PIECES - 1


@pytest.mark.parametrize("callers", [1, 8])
def test_what_there_is_no_room_to_write_of_is_left_for_the_next_round(
    callers: int,
    disk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("versioning.storage.local.LocalStore.callers", callers)
    # Room for a few shards in each step, and no more.
    monkeypatch.setattr("versioning.storage.reserve.PIECE_BYTES", 8 * 4096)
    repository = Repository.open(str(disk / "repository"), settings=Settings(cache=tmp_path))
    made = [commit(repository, LARGE + b"%d" % n, "clean", minute=n, n=n) for n in range(60)]
    fill(disk)
    other = again(repository, tmp_path)
    found = save(other, plan(other, other.catalog, policy("0s"), AT))
    applied = apply(other, other.catalog, found.id, CAUSE, patience=HASTE)
    # Of several at once, any step may be the one that finds no room.
    assert callers > 1 or "is left for later" in caplog.text
    assert sorted(applied.expired) == sorted(d.candidate.id for d in found.expire)
    assert sorted(applied.swept.erased) == sorted(applied.expired)
    assert len(applied.swept.deleted) == len(applied.expired)
    assert all(version.load() for version in made[-2:])
    assert not list(repository.store.names("marks/"))
    assert repository.verify().is_sound


def test_without_any_room_it_says_so_and_nothing_is_lost(
    repository: Repository, versions: list[Version], disk: Path, tmp_path: Path
) -> None:
    other = again(repository, tmp_path)
    reserve = Reserve(str(disk / "repository" / RESERVE))
    while reserve.give():
        pass
    fill(disk)
    with pytest.raises(FullError, match="free space"):
        save(other, plan(other, other.catalog, policy("0s"), AT))
    with (disk / "others").open("r+b") as file:
        file.truncate(file.seek(0, os.SEEK_END) - 8 * 4096)
    made = save(other, plan(other, other.catalog, policy("7d"), AT))
    fill(disk)
    with pytest.raises(FullError, match=f"of {len(made.expire)} versions are in the trash by plan"):
        apply(other, other.catalog, made.id, CAUSE, patience=HASTE)
    assert all(version.load() for version in versions)
    assert repository.verify().is_sound


def test_a_plan_that_has_no_room_is_made_of_what_holds_most(
    repository: Repository, versions: list[Version], disk: Path, tmp_path: Path
) -> None:
    other = again(repository, tmp_path)
    reserve = Reserve(str(disk / "repository" / RESERVE))
    while reserve.give():
        pass
    fill(disk)
    with (disk / "others").open("r+b") as file:
        file.truncate(file.seek(0, os.SEEK_END) - 3 * 4096)
    whole = plan(other, other.catalog, policy("0s"), AT)
    made = save(other, whole)
    assert 0 < len(made.expire) < len(whole.expire)
    assert made.id != whole.id
    assert len(made.decisions) == len(whole.decisions)
    assert {d.keep for d in made.keep} == {(LATER,), ("keep_last = 2",)}
