"""Copies of blobs on this machine: within their limit, and never gone under who uses them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from tests.repositories import draft
from versioning.copies import Copies
from versioning.digest import Digest, digest_bytes
from versioning.errors import FormatError
from versioning.repository import Repository
from versioning.settings import Settings
from versioning.storage import Store

SIZE = 1000


def content(number: int) -> bytes:
    return bytes([number]) * SIZE


def digest(number: int) -> Digest:
    return digest_bytes(content(number))


def have(copies: Copies, number: int, until: ExitStack) -> Path:
    def fill(target: BinaryIO) -> None:
        target.write(content(number))

    while (path := copies.find(digest(number), until)) is None:
        copies.add(digest(number), fill, until)
    return path


def numbers(folder: Path) -> set[int]:
    return {path.read_bytes()[0] for path in folder.rglob("*") if path.is_file()}


def used(folder: Path, number: int, moment: float) -> None:
    path = folder / digest(number)[:2] / digest(number)
    os.utime(path, (moment, moment))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "copies"


def filled(folder: Path, limit: int, count: int) -> Copies:
    """Copies 0, 1, ... used one after the other, and by nobody now."""
    copies = Copies(folder, limit)
    for number in range(count):
        with ExitStack() as until:
            have(copies, number, until)
        used(folder, number, 1000 + number)
    return copies


def test_within_the_limit_all_stay(folder: Path) -> None:
    filled(folder, 5 * SIZE, 5).trim()
    assert numbers(folder) == set(range(5))


def test_over_the_limit_what_was_not_used_for_longest_goes(folder: Path) -> None:
    copies = filled(folder, 5 * SIZE, 6)
    used(folder, 0, 2000)
    copies.trim()
    assert numbers(folder) == {0, 3, 4, 5}


def test_what_is_in_use_stays_whatever_the_limit(folder: Path) -> None:
    copies = filled(folder, 0, 3)
    with ExitStack() as until:
        have(copies, 1, until)
        copies.trim()
        assert numbers(folder) == {1}
    copies.trim()
    assert numbers(folder) == set()


def test_what_is_kept_stays_after_its_use(folder: Path) -> None:
    copies = filled(folder, 0, 2)
    copies.keep(digest(1))
    copies.trim()
    assert numbers(folder) == {1}


HOLDS = """
import sys
from contextlib import ExitStack
from pathlib import Path
from versioning.copies import Copies
until = ExitStack()
assert Copies(Path(sys.argv[1]), 0).find(sys.argv[2], until)
print("held", flush=True)
sys.stdin.read()
"""


def test_what_another_process_uses_stays_until_it_ends(folder: Path) -> None:
    copies = filled(folder, 0, 2)
    command = [sys.executable, "-c", HOLDS, str(folder), digest(0)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        copies.trim()
        assert numbers(folder) == {0}
        other.kill()
        other.wait()
    copies.trim()
    assert numbers(folder) == set()


def test_what_a_killed_writer_left_is_room_again(folder: Path) -> None:
    copies = filled(folder, 2 * SIZE, 2)
    left = folder / digest(0)[:2] / f"{digest(0)}.0123456789abcdef"
    left.write_bytes(content(9))
    os.utime(left, (1, 1))
    copies.trim()
    assert numbers(folder) == {1}


def test_what_cannot_be_filled_leaves_nothing(folder: Path) -> None:
    def fill(target: BinaryIO) -> None:
        target.write(b"half")
        raise KeyError

    with ExitStack() as until, pytest.raises(KeyError):
        Copies(folder, SIZE).add(digest(0), fill, until)
    assert numbers(folder) == set()


def reads(folder: Path, seed: int) -> int:
    """Use copies in any order, with room for two; how often the bytes were right."""
    copies, right = Copies(folder, 2 * SIZE), 0
    draw = random.Random(seed)
    for _ in range(150):
        number = draw.randrange(6)
        with ExitStack() as until:
            path = have(copies, number, until)
            copies.trim()
            right += path.read_bytes() == content(number)
    return right


def test_eight_processes_share_a_folder_that_is_too_small(folder: Path) -> None:
    with ProcessPoolExecutor(8, get_context("spawn")) as processes:
        assert list(processes.map(reads, [folder] * 8, range(8))) == [150] * 8
    Copies(folder, 2 * SIZE).trim()
    assert len(numbers(folder)) <= 2


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One whose blobs are no files, on a machine with no room for copies."""
    settings = Settings(cache=tmp_path / "cache", cache_bytes=0)
    # The store lives as long as somebody holds it.
    return Repository.open(Store.memory().url, settings=settings)


def test_values_are_read_with_no_room_for_copies(repository: Repository) -> None:
    values = [np.full(20_000, number) for number in range(3)]
    records = [repository.commit(value, draft(str(n))) for n, value in enumerate(values)]
    loaded = [repository.load(record) for record in records]
    for value, found in zip(values, loaded, strict=True):
        np.testing.assert_equal(found, value)


def test_a_path_lasts_with_no_room_for_copies(repository: Repository) -> None:
    first, second = (repository.commit(np.full(20_000, n), draft(str(n))) for n in (1, 2))
    path = repository.path(first)
    repository.load(second)
    np.testing.assert_equal(np.load(path), np.full(20_000, 1))
    kept = {p.name for p in (repository.settings.cache / repository.id).rglob("*") if p.is_file()}
    assert first.manifest[0].digest in kept


@pytest.mark.parametrize(("text", "size"), [("20 GB", 20 * 10**9), ("1MiB", 2**20), ("0", 0)])
def test_the_limit_is_text_as_people_write_it(text: str, size: int) -> None:
    assert Settings.load({"VERSIONING_CACHE_BYTES": text}).cache_bytes == size


@pytest.mark.parametrize("text", ["lots", "-1", "20 XB"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="VERSIONING_CACHE_BYTES"):
        Settings.load({"VERSIONING_CACHE_BYTES": text})
