"""What is noticed of a body and what is not; each body below is plain Python under a watch."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import functools
import logging
import os
import pathlib
import pickle
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import warnings
import weakref
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime as moment
from pathlib import Path
from time import time as seconds
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from versioning.hidden import Watch
from versioning.hidden.generators import may_seed
from versioning.hidden.paths import real
from versioning.watching import root_of


def seen(body: Callable[[], object], **options) -> set[tuple[str, str]]:
    """Kind and what of each read that was noticed."""
    options.setdefault("may_seed", lambda: may_seed(body.__code__))
    watch = Watch(**options)
    with watch.watching():
        body()
    return set(watch.reads)


@dataclass
class Stamped:
    at: moment = field(default_factory=moment.now)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.csv"
    path.write_text("a,b\n1,2\n")
    return path


# Files


@pytest.mark.parametrize(
    "read",
    [
        lambda path: open(path).close(),
        lambda path: open(str(path), "rb").close(),
        lambda path: open(os.fsencode(path), "rb").close(),
        lambda path: path.read_text(),
        lambda path: open(path, "r+").close(),
        lambda path: os.close(os.open(path, os.O_RDONLY)),
        lambda path: open(path, "a+").close(),
        lambda path: pd.read_csv(path),
        lambda path: shutil.copy(path, path.with_name("copy")),
        lambda path: np.memmap(path),
        lambda path: open(os.path.relpath(path)).close(),
    ],
)
def test_a_file_that_is_read_is_noticed(file: Path, read) -> None:
    assert seen(lambda: read(file)) == {("file", real(file))}


def test_a_database_and_a_folder_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    sqlite3.connect(path).close()
    path.touch()
    assert ("file", real(path)) in seen(lambda: sqlite3.connect(path).close())
    assert seen(lambda: os.listdir(tmp_path)) == {("file", real(tmp_path))}
    assert seen(lambda: list(tmp_path.iterdir())) == {("file", real(tmp_path))}


def test_a_file_below_the_project_is_told_relative_to_it(file: Path) -> None:
    assert seen(lambda: file.read_text(), root=real(file.parent)) == {("file", "model.csv")}


def test_a_file_of_the_project_that_is_absent_is_noticed(tmp_path: Path) -> None:
    def body() -> None:
        with pytest.raises(FileNotFoundError):
            (tmp_path / "override.toml").read_text()

    assert seen(body, root=real(tmp_path)) == {("file", "override.toml (absent)")}
    assert seen(body) == set()


def test_files_that_are_known_are_not_told_of(file: Path) -> None:
    assert seen(lambda: file.read_text(), known=[real(file)]) == set()
    assert seen(lambda: file.read_text(), known=[real(file.parent)]) == set()
    near = real(file)[:-1]
    assert seen(lambda: file.read_text(), known=[near]) == {("file", real(file))}


def test_a_link_to_a_known_file_is_known(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    assert seen(lambda: link.read_text(), known=[real(file)]) == set()


def test_what_the_body_wrote_itself_it_may_read(tmp_path: Path) -> None:
    def body() -> None:
        path = tmp_path / "own.txt"
        path.write_text("x")
        path.read_text()
        path.rename(tmp_path / "renamed.txt")
        (tmp_path / "renamed.txt").read_text()
        folder = tmp_path / "made" / "deep"
        folder.mkdir(parents=True)
        (folder / "x").write_text("x")
        list(folder.iterdir())
        shutil.rmtree(folder.parent)
        with tempfile.TemporaryDirectory() as temporary:
            with zipfile.ZipFile(f"{temporary}/x.zip", "w") as archive:
                archive.writestr(zipfile.ZipInfo("x"), "x")
            zipfile.ZipFile(f"{temporary}/x.zip").close()
            os.listdir(temporary)
        with tempfile.NamedTemporaryFile() as named:
            open(named.name).close()
        with tempfile.TemporaryFile() as unnamed:
            unnamed.write(b"x")
        os.close(os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY))  # to flush it, say

    assert seen(body) == set()


def test_a_temporary_file_makes_no_other_file_of_its_folder_the_bodys(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(file.parent))

    def body() -> None:
        with tempfile.NamedTemporaryFile(), tempfile.TemporaryFile():
            file.read_text()

    assert seen(body) == {("file", real(file))}


def test_a_file_that_was_there_and_is_appended_to_is_no_file_of_the_bodys(file: Path) -> None:
    def body() -> None:
        with open(file, "a") as opened:
            opened.write("more")
        file.read_text()

    assert seen(body) == {("file", real(file))}


def test_writing_alone_is_no_reading(tmp_path: Path, file: Path) -> None:
    def body() -> None:
        file.write_text("x")
        open(tmp_path / "log", "a").close()

    assert seen(body) == set()


def test_what_python_libraries_and_the_machine_read_is_no_read_of_the_body(tmp_path: Path) -> None:
    def body() -> None:
        import matplotlib.font_manager
        import sklearn.datasets

        sklearn.datasets.load_iris()
        matplotlib.font_manager.findfont("DejaVu Sans")
        ZoneInfo("Europe/Berlin")
        pd.Timestamp("2020-01-01", tz="America/New_York")
        Path("/proc/self/status").read_text()
        logging.getLogger("x").warning("with a time")
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            warnings.warn("reads the source line", stacklevel=1)
        socket.socketpair()[0].close()
        pickle.dumps(time.time)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert seen(body) == set()


def test_a_module_that_is_imported_reads_for_its_constants(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "data.txt").write_text("1")
    module = "import pathlib\nX = (pathlib.Path(__file__).parent / 'data.txt').read_text()\n"
    (tmp_path / "with_constants.py").write_text(module)
    monkeypatch.syspath_prepend(str(tmp_path))

    def body() -> str:
        import with_constants

        return with_constants.X

    assert seen(body) == set()
    del sys.modules["with_constants"]


def test_shared_folders_count_when_the_project_opens_them_by_itself(tmp_path: Path) -> None:
    shared = "/etc/hostname"
    assert seen(lambda: Path(shared).read_text()) == {("file", shared)}
    assert seen(lambda: shutil.copy(shared, tmp_path / "copy")) == set()
    assert seen(lambda: pd.read_csv(shared)) == set()


def test_a_project_in_a_shared_folder_is_a_project_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from versioning.hidden import paths

    monkeypatch.setattr(paths, "_SHARED", (f"{real(tmp_path)}/",))
    table = tmp_path / "zoneinfo" / "table.csv"
    table.parent.mkdir()
    table.write_text("a\n1\n")
    assert seen(lambda: pd.read_csv(table)) == set()
    assert seen(lambda: pd.read_csv(table), root=real(tmp_path)) == {("file", "zoneinfo/table.csv")}


# Variables


@pytest.mark.parametrize(
    "read",
    [
        lambda: os.environ.get("SECRET_THING"),
        lambda: os.getenv("SECRET_THING"),
        lambda: "SECRET_THING" in os.environ,
        lambda: os.environb.get(b"SECRET_THING"),
        lambda: os.environ.get("SECRET_THING", "x"),
        lambda: os.path.expandvars("$SECRET_THING"),
    ],
)
@pytest.mark.parametrize("is_set", [True, False])
def test_a_variable_that_is_read_is_noticed(read, is_set: bool, monkeypatch) -> None:
    if is_set:
        monkeypatch.setenv("SECRET_THING", "never told")
    assert seen(lambda: read()) == {("environment", "SECRET_THING")}


def test_variables_that_libraries_read_are_not() -> None:
    def body() -> None:
        Path.home()
        tempfile.gettempdir()
        os.environ["OWN"] = "1"
        shutil.get_terminal_size()
        del os.environ["OWN"]

    assert seen(body) == set()


# Clocks and chance


@pytest.mark.parametrize(
    ("read", "what"),
    [
        (lambda: time.time(), "time.time"),
        (lambda: seconds(), "time.time"),
        (lambda: time.time_ns(), "time.time_ns"),
        (lambda: datetime.datetime.now(), "datetime.now"),
        (lambda: moment.now(datetime.UTC), "datetime.now"),
        (lambda: datetime.date.today(), "date.today"),
        (lambda: Stamped(), "datetime.now"),
    ],
)
def test_a_clock_that_is_read_is_noticed(read, what: str) -> None:
    assert seen(read) == {("clock", what)}


def test_measuring_time_and_making_moments_is_no_reading_of_the_clock() -> None:
    def body() -> None:
        time.perf_counter()
        time.monotonic()
        time.sleep(0)
        moment(2020, 1, 1).isoformat()
        moment.fromtimestamp(0, datetime.UTC)
        pd.date_range("2020-01-01", periods=3)
        threading.Event().wait(0.001)

    assert seen(body) == set()


@pytest.mark.parametrize(
    ("read", "what"),
    [
        (lambda: random.random(), "random"),
        (lambda: random.randint(1, 6), "random"),
        (lambda: random.shuffle([1, 2, 3]), "random"),
        (lambda: os.urandom(4), "os.urandom"),
        (lambda: uuid.uuid4(), "os.urandom"),
        (lambda: np.random.default_rng(), "os.urandom"),
        (lambda: np.random.rand(3), "the shared generator of numpy.random"),
        (lambda: pd.Series([1, 2, 3]).sample(1), "the shared generator of numpy.random"),
    ],
)
def test_chance_without_a_seed_is_noticed(read, what: str) -> None:
    assert seen(read) == {("chance", what)}


def test_chance_with_a_seed_is_not() -> None:
    def body() -> None:
        random.seed(7)
        random.random()
        random.Random(3).random()
        np.random.seed(7)
        np.random.rand(3)
        np.random.default_rng(7).random()
        np.random.RandomState(7).rand()
        pd.Series([1, 2, 3]).sample(1, random_state=3)

    assert seen(body) == set()


def test_drawing_before_seeding_is_noticed() -> None:
    def body() -> None:
        random.random()
        random.seed(1)

    assert seen(body) == {("chance", "random")}


def test_torchs_shared_generator_is_noticed_unless_seeded() -> None:
    import torch

    assert seen(lambda: torch.rand(2)) == {("chance", "the shared generator of torch")}

    def seeded() -> None:
        torch.manual_seed(1)
        torch.rand(2)

    assert seen(seeded) == set()


# The network and programs


def test_a_connection_is_noticed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = seen(lambda: socket.create_connection(("127.0.0.1", port)).close())
    assert found == {("network", f"127.0.0.1:{port}")}


def test_a_program_is_noticed_without_its_arguments() -> None:
    run = lambda: subprocess.run([sys.executable, "-c", "'secret'"], check=True)
    assert seen(run) == {("program", Path(sys.executable).name)}


# Whose read it is


def test_reads_of_threads_and_pools_that_a_body_starts_are_its_own(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.touch()

    def body() -> None:
        thread = threading.Thread(target=lambda: paths[0].read_text())
        thread.start()
        thread.join()
        with ThreadPoolExecutor() as pool:
            pool.submit(lambda: paths[1].read_text()).result()

        async def read() -> None:
            await asyncio.to_thread(lambda: paths[2].read_text())
            moment.now()

        asyncio.run(read())

    found = seen(body)
    assert found == {("clock", "datetime.now"), *(("file", real(path)) for path in paths)}


def test_a_pool_that_two_bodies_share_mixes_nothing(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.touch(), second.touch()
    with ThreadPoolExecutor(1) as pool:
        assert seen(lambda: pool.submit(lambda: first.read_text()).result()) == {
            ("file", real(first))
        }
        late = Watch()
        with late.watching():
            pool.submit(lambda: second.read_text()).result()
        pool.submit(lambda: first.read_text()).result()
    assert set(late.reads) == {("file", real(second))}


def test_bodies_that_run_at_once_are_told_apart(tmp_path: Path) -> None:
    both = threading.Barrier(2)
    results: dict[str, set] = {}

    def run(name: str, read: Callable[[], object]) -> None:
        def body() -> None:
            both.wait(10)
            for _ in range(50):
                read()
            both.wait(10)

        results[name] = seen(body)

    (tmp_path / "x").touch()
    threads = [
        threading.Thread(target=run, args=("file", lambda: (tmp_path / "x").read_text())),
        threading.Thread(target=run, args=("clock", lambda: moment.now())),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {
        "file": {("file", real(tmp_path / "x"))},
        "clock": {("clock", "datetime.now")},
    }


def test_tasks_of_one_event_loop_are_told_apart() -> None:
    async def watched(read: Callable[[], object]) -> set:
        watch = Watch()
        with watch.watching():
            await asyncio.sleep(0)
            read()
            await asyncio.sleep(0)
        return set(watch.reads)

    async def both() -> list[set]:
        return await asyncio.gather(
            watched(lambda: moment.now()), watched(lambda: os.environ.get("X")), watched(int)
        )

    assert asyncio.run(both()) == [{("clock", "datetime.now")}, {("environment", "X")}, set()]
    assert sys.getprofile() is None


def test_draws_of_bodies_that_ran_at_once_are_nobodys() -> None:
    inside = threading.Event()
    end = threading.Event()

    def waits() -> None:
        inside.set()
        end.wait(10)

    other = threading.Thread(target=lambda: seen(waits))
    other.start()
    inside.wait(10)
    assert seen(lambda: np.random.rand()) == set()
    end.set()
    other.join()


def test_what_a_body_inside_a_body_draws_is_not_told_of_the_outer() -> None:
    inner = Watch()

    def body() -> None:
        with inner.watching():
            np.random.rand()

    assert seen(body) == set()
    assert set(inner.reads) == {("chance", "the shared generator of numpy.random")}


def test_nothing_is_noticed_outside_a_body(file: Path) -> None:
    watch = Watch()
    with watch.watching():
        pass
    file.read_text()
    moment.now()
    assert not watch.reads
    assert sys.getprofile() is None


def test_a_profiler_of_somebody_elses_is_left_alone() -> None:
    def profiler(*_: object) -> None: ...

    sys.setprofile(profiler)
    try:
        seen(lambda: moment.now())
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)


def test_what_a_name_stands_for_stays_as_it_was() -> None:
    names = (time.time, datetime.datetime, datetime.datetime.now, os.urandom, random.random, open)
    before = [(name, id(name.__class__), pickle.dumps(name)) for name in names]
    seen(lambda: moment.now())
    assert [(name, id(name.__class__), pickle.dumps(name)) for name in names] == before
    assert isinstance(moment.now(), datetime.datetime)
    assert pathlib.Path is Path


def test_a_body_that_fails_is_watched_no_longer(file: Path) -> None:
    watch = Watch()
    with pytest.raises(RuntimeError), watch.watching():
        raise RuntimeError
    file.read_text()
    assert not watch.reads


def test_a_body_that_reads_very_much_is_told_of_in_part(tmp_path: Path) -> None:
    for number in range(250):
        (tmp_path / str(number)).touch()
    assert len(seen(lambda: [path.read_text() for path in tmp_path.iterdir()])) == 200


def test_the_working_folder_is_the_one_that_a_body_began_in(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("1")
    monkeypatch.chdir(tmp_path)

    def read(folder: str, path: str) -> dict[str, str]:
        watch = Watch(root=str(tmp_path), keys_files=True)
        with watch.watching(), contextlib.chdir(folder):
            Path(path).read_text()
        return watch.files

    assert read("data", "a.csv") == read(".", "data/a.csv")


def _plain(x: int) -> int:
    return x


class _Called:
    def __call__(self, x: int) -> int:
        return x


BODIES = {
    "a function": _plain,
    "a cache": functools.cache(_plain),
    "a library's wrapper": contextlib.contextmanager(_plain),
    "a partial of a wrapper": functools.partial(functools.cache(_plain), 1),
    "a method": _Called().__call__,
    "an object": _Called(),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_the_project_of_a_body_is_that_of_what_runs_at_last(body):
    assert root_of(body) == str(Path(__file__).parents[2])


def test_threads_may_set_trace_and_profile_functions_while_bodies_are_watched():
    program = """
import sys, threading
from versioning.hidden import Watch

with Watch().watching():
    pass
sys.setswitchinterval(1e-6)
failed = []

def profiled():
    try:
        for _ in range(20_000):
            sys.setprofile(lambda *_: None)
            sys.setprofile(None)
    except RuntimeError as error:
        failed.append(error)

threads = [threading.Thread(target=profiled) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit(str(failed) if failed else 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_events_that_nobody_looks_at_hold_nothing():
    with Watch().watching():
        pass
    held = type("Held", (), {})()
    gone = weakref.ref(held)
    sys.audit("tests.held", held)
    del held
    assert gone() is None
