from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.repositories import key, opened
from tests.servers import Server, s3_server
from versioning import layout
from versioning.envelope import dump
from versioning.leases import Lease, Leases
from versioning.storage import Store

TTL = 0.4
KEY = key("a")


@pytest.fixture(params=["memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store.memory() if request.param == "memory" else Store.open(str(tmp_path / "r"))


@pytest.fixture
def leases(store: Store) -> Leases:
    return Leases(store, TTL)


def held(store: Store) -> list[str]:
    return sorted(entry.name for entry in store.list(layout.LEASES))


def leave_dead(store: Store, *, generation: int = 0, **fields: object) -> None:
    """What a holder that was killed leaves: a record that nobody rewrites."""
    data = dump("lease", {"holder": "dead", "ttl_seconds": TTL, "beat": 3, **fields})
    store.put(layout.lease(KEY, generation), data)


def taken(leases: Leases, *, timeout: float = 30.0) -> tuple[Lease, float]:
    """The lease on the key, and after how many seconds it was had."""
    began = time.monotonic()
    lease = leases.acquire(KEY, timeout=timeout)
    assert lease is not None
    return lease, time.monotonic() - began


def test_a_free_key_is_had_at_once_and_leaves_nothing(store: Store, leases: Leases) -> None:
    lease, _ = taken(leases)
    assert held(store) == [layout.lease(KEY, 0)]
    assert not lease.is_lost
    leases.release(lease)
    assert held(store) == []


def test_a_held_key_is_not_had(leases: Leases) -> None:
    lease, _ = taken(leases)
    assert leases.waiter(KEY).attempt() is None
    assert leases.acquire(KEY, timeout=0.05) is None
    other = leases.waiter(key("b")).attempt()
    assert other is not None
    leases.release(other)
    leases.release(lease)
    again = leases.waiter(KEY).attempt()
    assert again is not None
    leases.release(again)


def test_a_waiter_gives_up_when_the_value_is_there(leases: Leases) -> None:
    lease, _ = taken(leases)
    answers = iter([False, False, True])
    assert leases.acquire(KEY, give_up=lambda: next(answers)) is None
    leases.release(lease)


def test_a_beating_holder_is_never_taken_over_from(store: Store, leases: Leases) -> None:
    lease, _ = taken(leases)
    assert Leases(store, TTL).acquire(KEY, timeout=4 * TTL) is None
    assert not lease.is_lost
    leases.release(lease)


def test_a_silent_holder_is_taken_over_from_after_the_ttl(store: Store, leases: Leases) -> None:
    leave_dead(store)
    lease, seconds = taken(leases)
    assert TTL <= seconds < 3 * TTL
    assert lease.generation == 1
    leases.release(lease)
    assert held(store) == []


def test_only_one_waiter_takes_over(store: Store, leases: Leases) -> None:
    leave_dead(store)
    waiters = [leases.waiter(KEY) for _ in range(4)]
    deadline = time.monotonic() + 30
    while not (won := [lease for waiter in waiters if (lease := waiter.attempt())]):
        assert time.monotonic() < deadline
    assert len(won) == 1
    assert [waiter.attempt() for waiter in waiters] == [None] * 4
    leases.release(won[0])


def test_the_ttl_that_the_holder_promised_is_waited_for(store: Store) -> None:
    leave_dead(store, ttl_seconds=3 * TTL)
    lease, seconds = taken(Leases(store, TTL / 10))
    assert seconds >= 3 * TTL
    Leases(store, TTL).release(lease)


@pytest.mark.parametrize("ttl", ["soon", 1e300, float("nan"), -5, None, True])
def test_a_promise_that_makes_no_sense_stops_nobody_for_ever(
    leases: Leases, store: Store, ttl: object
) -> None:
    leave_dead(store, ttl_seconds=ttl)
    waiter = leases.waiter(KEY)
    assert waiter.attempt() is None
    if ttl == 1e300:
        return  # An hour is the longest that is believed.
    lease, _ = taken(leases)
    leases.release(lease)


def test_a_record_that_is_damaged_is_taken_over_from(store: Store, leases: Leases) -> None:
    store.put(layout.lease(KEY, 0), b"{")
    lease, seconds = taken(leases)
    assert seconds >= TTL
    leases.release(lease)


def test_a_holder_that_was_taken_over_from_learns_of_it(store: Store, leases: Leases) -> None:
    lease, _ = taken(leases)
    leave_dead(store, generation=1)
    deadline = time.monotonic() + 30
    while not lease.is_lost:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    leases.release(lease)
    assert held(store) == [layout.lease(KEY, 1)]


def test_a_fork_does_not_beat_for_its_parent(
    store: Store, leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    from versioning import leases as module

    lease, _ = taken(leases)
    try:
        assert module._heart()._leases == {lease}
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: -1)
            assert module._heart()._leases == set()
        assert module._heart()._leases == {lease}
    finally:
        leases.release(lease)


# Real processes -----------------------------------------------------------------------------------

HOLDER = """
import sys, time
from pathlib import Path
from tests.repositories import key
from versioning.leases import Leases
from versioning.storage import Store
leases = Leases(Store.open(sys.argv[1]), float(sys.argv[2]))
lease = leases.acquire(key("a"))
print("held", flush=True)
while not lease.is_lost:
    time.sleep(0.01)
print("lost", flush=True)
"""


@contextlib.contextmanager
def holder(url: str, ttl: float) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the key until it is killed or loses it."""
    command = [sys.executable, "-c", HOLDER, url, str(ttl)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_killed_holder_delays_the_next_by_about_the_ttl(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "r"))
    leases = Leases(store, 1.0)
    with holder(store.url, 1.0) as process:
        assert leases.acquire(KEY, timeout=1.5) is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        lease, seconds = taken(leases)
    assert seconds < 2.0
    leases.release(lease)


def test_a_holder_that_was_suspended_learns_that_it_lost(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "r"))
    leases = Leases(store, TTL)
    with holder(store.url, TTL) as process:
        process.send_signal(signal.SIGSTOP)
        lease, _ = taken(leases)
        process.send_signal(signal.SIGCONT)
        assert process.stdout is not None
        assert process.stdout.readline() == "lost\n"
        assert not lease.is_lost
    leases.release(lease)


WORKER = """
import sys, time
from pathlib import Path
from tests.repositories import draft, key, opened
from versioning.leases import Leases
url, folder, bodies, start = sys.argv[1:]
repository = opened(url, Path(folder))
leases = Leases(repository.store, 2.0)
print("ready", flush=True)
while not Path(start).exists():
    time.sleep(0.001)

def found():
    return repository.lookup(key("a")) is not None

if not found() and (lease := leases.acquire(key("a"), give_up=found)) is not None:
    if not found():
        with open(bodies, "a") as log:
            log.write("body ran\\n")
        time.sleep(0.3)
        repository.commit({"from": sys.argv}, draft("a"))
    leases.release(lease)
print(repository.lookup(key("a")).id, flush=True)
"""


def run_workers(url: str, folder: Path, count: int) -> tuple[list[str], int]:
    """What `count` processes that want one key printed, and how often the body ran."""
    bodies, start = folder / "bodies", folder / "start"
    command = [sys.executable, "-c", WORKER, url, str(folder), str(bodies), str(start)]
    workers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(count)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    start.touch()
    results = [worker.communicate()[0].strip() for worker in workers]
    return results, len(bodies.read_text().splitlines())


@pytest.mark.slow
def test_eight_processes_and_one_key_make_one_body_and_eight_results(tmp_path: Path) -> None:
    repository = opened(tmp_path / "r", tmp_path)
    results, bodies = run_workers(repository.url, tmp_path, 8)
    assert bodies == 1
    assert results == [results[0]] * 8
    assert len(results[0]) == 32
    assert held(repository.store) == []


@pytest.mark.slow
def test_it_is_the_same_behind_an_s3_server(
    serving: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serving(s3_server)
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    repository = opened(f"s3://{server.bucket()}/repository", tmp_path)
    results, bodies = run_workers(repository.url, tmp_path, 8)
    assert bodies == 1
    assert results == [results[0]] * 8
    assert held(repository.store) == []
