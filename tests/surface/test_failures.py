"""Retries, time-outs, crashes, roll-backs, and bytes that are lost or wrong."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prefect import flow, task
from prefect.transactions import transaction

from tests.surface import steps
from tests.surface.journal import Journal, note
from versioning import IntegrityError, ReadOnlyError, Repository, Version, versioned
from versioning.expiry import Cause, Expiry

pytestmark = pytest.mark.slow


@versioned(retries=2)
def flaky(path: str, failures: int) -> int:
    note("flaky")
    file = Path(path)
    seen = len(file.read_text()) if file.exists() else 0
    file.write_text("x" * (seen + 1))
    if seen < failures:
        raise RuntimeError("not yet")
    return seen


@versioned(retries=2)
async def flaky_slowly(path: str, failures: int) -> int:
    return flaky.step.function(path, failures)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_retried_step_commits_once(
    is_async: bool, tmp_path: Path, repository: Repository, ran: Journal
) -> None:
    @flow
    def pipeline() -> int:
        return flaky(str(tmp_path / "count"), 2).load()

    @flow
    async def slow_pipeline() -> int:
        return (await flaky_slowly(str(tmp_path / "count"), 2)).load()

    assert (asyncio.run(slow_pipeline()) if is_async else pipeline()) == 2
    assert ran.take() == ["flaky"] * 3
    assert len(list(repository.ids())) == 1


def test_a_failed_step_leaves_no_version(tmp_path: Path, repository: Repository) -> None:
    @flow
    def pipeline() -> None:
        flaky(str(tmp_path / "count"), 99)

    with pytest.raises(RuntimeError, match="not yet"):
        pipeline()
    assert list(repository.ids()) == []
    assert repository.verify().is_sound


def test_a_step_that_timed_out_leaves_no_version(repository: Repository) -> None:
    @versioned(timeout_seconds=0.2)
    async def forever() -> None:
        await asyncio.Event().wait()

    @flow
    async def pipeline() -> None:
        await forever()

    with pytest.raises(TimeoutError):
        asyncio.run(pipeline())
    assert list(repository.ids()) == []


def test_a_cancelled_step_gives_its_lease_back(repository: Repository, ran: Journal) -> None:
    @versioned
    async def wait() -> None:
        note("wait")
        await asyncio.Event().wait()

    async def cancel() -> None:
        running = asyncio.ensure_future(wait())
        while not ran.path.exists() and not running.done():
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancel())
    assert list(repository.store.list("leases/")) == []
    assert list(repository.ids()) == []


def test_what_a_rolled_back_transaction_made_is_no_hit(
    ran: Journal, repository: Repository
) -> None:
    @flow
    def pipeline(fail: bool) -> None:
        with transaction():
            steps.numbers()
            if fail:
                raise RuntimeError("roll back")

    with pytest.raises(RuntimeError):
        pipeline(True)
    assert list(repository.bindings()) == []
    pipeline(False)
    pipeline(False)
    assert ran.take() == ["numbers", "numbers"]
    assert repository.verify().is_sound


def test_equal_steps_in_one_transaction_do_not_wait_for_each_other(ran: Journal) -> None:
    @flow
    def pipeline() -> list[list[int]]:
        with transaction():
            return [future.result().load() for future in steps.double.map([[1], [1]])]

    assert pipeline() == [[2], [2]]


def test_a_plain_task_inside_a_step_runs_as_usual(ran: Journal) -> None:
    @task
    def plain(x: int) -> int:
        note("plain")
        return x + 1

    @versioned
    def outer(x: int) -> int:
        return plain(x) + plain.submit(x).result()

    @flow
    def pipeline() -> int:
        return outer(1).load()

    assert pipeline() == 4


def _blobs(repository: Repository) -> list[Path]:
    return [
        p for p in Path(repository.url.removeprefix("file://"), "blobs").rglob("*") if p.is_file()
    ]


@versioned
def big(size: int) -> bytes:
    note("big")
    return bytes(size)


@versioned
def length(value: bytes, plus: int = 0) -> int:
    note("length")
    return len(value) + plus


def test_lost_bytes_are_a_miss(repository: Repository, ran: Journal) -> None:
    assert length(big(200_000)).load() == 200_000
    for blob in _blobs(repository):
        blob.unlink()
    assert length(big(200_000)).load() == 200_000
    assert ran.take() == ["big", "length", "big"]
    assert not repository.verify().damaged


def _flip(repository: Repository) -> None:
    (blob,) = _blobs(repository)
    os.chmod(blob, 0o644)
    blob.write_bytes(b"\1" + blob.read_bytes()[1:])


def _refuse(name: str, new: str) -> None:
    raise ReadOnlyError(f"{name} cannot be written")


@pytest.mark.parametrize("may_move", [True, False])
def test_damaged_bytes_are_reported_and_made_again(
    repository: Repository, ran: Journal, monkeypatch: pytest.MonkeyPatch, may_move: bool
) -> None:
    big(200_000)
    _flip(repository)
    if not may_move:
        monkeypatch.setattr(repository.store, "move", _refuse)
    seen: list[str] = []
    repository.observers.append(lambda event, facts: seen.append(event))

    @flow
    def pipeline() -> int:
        return length(big(200_000), plus=1).load()

    assert pipeline() == 200_001
    assert ran.take() == ["big", "big", "length"]
    assert "corrupt" in seen
    assert big(200_000).load() == bytes(200_000)
    assert ran.take() == []


def test_a_damaged_value_is_never_returned(repository: Repository) -> None:
    handle: Version = big(200_000)
    (blob,) = _blobs(repository)
    os.chmod(blob, 0o644)
    blob.write_bytes(b"\1" * 200_000)
    with pytest.raises(Exception, match=r"versioning verify|set aside|damaged"):
        handle.load()


@versioned
def twice(other: str) -> int:
    if os.environ["VERSIONING_REPOSITORY"] == other:
        return 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERSIONING_REPOSITORY", other)
        return twice(other).load() + 1


def test_one_key_in_two_repositories_at_once_gives_both_leases_back(
    repository: Repository, tmp_path: Path
) -> None:
    other = f"{tmp_path}/other"
    assert twice(other).load() == 2
    for store in (repository.store, Repository.open(other).store):
        assert not list(store.list("leases/"))


@versioned
def pair(size: int) -> tuple[bytes, int]:
    note("pair")
    return bytes(size), size


@pytest.mark.parametrize("may_move", [True, False])
def test_a_damaged_part_of_a_tuple_is_a_miss_once(
    repository: Repository, ran: Journal, monkeypatch: pytest.MonkeyPatch, may_move: bool
) -> None:
    whole = pair(200_000)
    _flip(repository)
    if not may_move:
        monkeypatch.setattr(repository.store, "move", _refuse)
    with pytest.raises(IntegrityError):
        whole[0].load()
    assert not pair.step.call(Repository.open(repository.url), {"size": 200_000}).find()
    assert pair(200_000)[0].load() == bytes(200_000)
    assert pair(200_000)[0].load() == bytes(200_000)
    assert ran.take() == ["pair", "pair"]


def test_a_lost_part_of_a_tuple_is_a_miss_once(repository: Repository, ran: Journal) -> None:
    pair(200_000)
    for blob in _blobs(repository):
        blob.unlink()
    assert pair(200_000)[0].load() == bytes(200_000)
    assert pair(200_000)[0].load() == bytes(200_000)
    assert ran.take() == ["pair", "pair"]


def test_a_tuple_with_a_part_in_the_trash_is_a_miss_until_it_is_restored(
    repository: Repository, ran: Journal
) -> None:
    cause = Cause(plan="p1", rule="all", actor="tests", at=datetime.now(UTC))
    first = pair(200_000)
    Expiry(repository).trash(first[0].id, cause)
    second = pair(200_000)
    assert ran.take() == ["pair", "pair"]
    assert second[0].id != first[0].id
    Expiry(repository).trash(second[0].id, cause)
    Expiry(repository).restore(second[0].id, cause)
    assert pair(200_000)[0].id == second[0].id
    assert ran.take() == []
