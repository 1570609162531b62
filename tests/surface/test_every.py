"""`@versioned` over a flow versions tasks that know nothing of it."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pandas as pd
import pytest
from prefect import flow, task
from prefect.futures import PrefectTaskRunFuture
from pydantic import BaseModel

from tests.surface import steps
from tests.surface.journal import Journal, note
from versioning import ConflictError, Repository, Version, open_repository, versioned

pytestmark = pytest.mark.slow


@task
def add(x: int, y: int = 1) -> int:
    note("add")
    return x + y


@task
async def add_slowly(x: int) -> int:
    note("add_slowly")
    return x + 1


def test_every_task_of_a_flow_is_versioned(ran: Journal, repository: Repository) -> None:
    @versioned
    @flow
    def pipeline(start: int) -> int:
        first = add(start)
        if first > 1:  # the flow's own code gets values
            first = add.submit(first).result()
        futures = add.map([first, first + 1])
        return sum(futures.result())

    assert pipeline(1) == 9
    assert len(ran.take()) == 4
    assert pipeline(1) == 9
    assert ran.take() == []
    assert {handle.step for handle in repository.versions()} == {"add"}


@task
def frame(n: int) -> pd.DataFrame:
    return pd.DataFrame({"x": range(9000), "n": n})


@task
def rows(frames: list[pd.DataFrame], other: pd.DataFrame) -> int:
    return sum(map(len, frames)) + len(other)


def test_what_one_task_gives_as_a_value_and_another_receives_is_an_input(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VERSIONING_CAPTURE", "on")
    monkeypatch.setenv("VERSIONING_REPOSITORY", str(tmp_path / "capturing"))

    @versioned
    @flow
    def pipeline() -> list[int]:
        frames = [frame(1), *frame.map([2, 3]).result()]
        return [rows(frames, frames[0]), rows.submit(frames[1:], frames[0]).result()]

    assert pipeline() == [36000, 27000]
    repository = open_repository()
    for handle in repository.versions(step="rows"):
        made = [item.load()["n"][0] for item in map(repository.get, sources(handle))]
        assert made[-1] == 1
        assert made[:-1] == [1, 2, 3][-len(made[:-1]) :]
    assert repository.versions(step="captured:parameter") == []


def sources(handle: Version) -> list[str]:
    """The ids of what a version of `rows` read, by name."""
    return [item.id for item in sorted(handle.record.inputs, key=lambda item: item.name)]


def test_futures_pass_from_task_to_task_as_handles(ran: Journal, repository: Repository) -> None:
    @versioned
    @flow
    def pipeline() -> int:
        return add.submit(add.submit(1)).result()

    assert pipeline() == 3
    newest = repository.versions(step="add")[0]
    assert [item.name for item in newest.record.inputs] == ["x"]


def test_states_give_values_and_pass_from_task_to_task_as_handles(
    ran: Journal, repository: Repository
) -> None:
    @versioned
    @flow
    def pipeline() -> list[int]:
        first = add(1, return_state=True)
        mapped = add.map([1, 2], return_state=True)
        return [first.result(), add(first), *(state.result() for state in mapped)]

    assert pipeline() == [2, 3, 2, 3]
    read = [handle.record.inputs for handle in repository.versions(step="add")]
    assert sum(map(bool, read)) == 1


def test_states_of_async_tasks_give_values() -> None:
    @versioned
    @flow
    async def pipeline() -> list[int]:
        state = await add_slowly(1, return_state=True)
        return [await state.result(), await state.aresult()]

    assert asyncio.run(pipeline()) == [2, 2]


def test_async_flows_too(ran: Journal) -> None:
    @versioned
    @flow
    async def pipeline() -> int:
        return await add_slowly(await add_slowly(1))

    assert [asyncio.run(pipeline()), asyncio.run(pipeline())] == [3, 3]
    assert ran.take() == ["add_slowly", "add_slowly"]


class Range(BaseModel):
    """A type of this module, which annotations name as text."""

    start: int = 1
    day: datetime.date = datetime.date(2026, 1, 1)


def test_parameters_are_validated_by_the_types_that_annotations_name(ran: Journal) -> None:
    @versioned
    @flow
    def pipeline(wanted: Range) -> int:
        return add(wanted.start)

    assert pipeline({"start": "2"}) == 3
    assert "Range" in pipeline.parameters.definitions


def test_flows_that_yield_too(ran: Journal) -> None:
    @versioned
    @flow
    def pipeline() -> Iterator[int]:
        yield add(1)
        yield add(2)

    for _ in range(2):
        first, *rest = (item for item in pipeline())
        assert (first, rest) == (2, [3])
    assert ran.take() == ["add", "add"]


def test_who_reads_a_flow_that_yields_is_not_versioned(ran: Journal) -> None:
    @versioned
    @flow
    def pipeline() -> Iterator[int]:
        yield add(1)
        yield add(2)

    @flow
    def reader() -> int:
        return sum(add(item) for item in pipeline())

    assert [reader(), reader()] == [7, 7]
    assert sorted(ran.take()) == ["add"] * 6


def test_async_flows_that_yield_too(ran: Journal) -> None:
    @versioned
    @flow
    async def pipeline() -> AsyncIterator[int]:
        yield await add_slowly(1)
        yield await add_slowly(2)

    async def read() -> list[int]:
        return [item async for item in pipeline()]

    assert [asyncio.run(read()), asyncio.run(read())] == [[2, 3], [2, 3]]
    assert ran.take() == ["add_slowly", "add_slowly"]


def test_futures_of_a_library_that_was_imported_since_give_values() -> None:
    @versioned
    @flow
    def pipeline() -> int:
        return Later(uuid4()).result()

    class Later(PrefectTaskRunFuture[int]):
        def wait(self, timeout: float | None = None) -> None:
            """As those of a runner of its own."""

        def add_done_callback(self, fn: object) -> None:
            """Nobody asks."""

        def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> int:
            return versioned(add)(1)

    assert pipeline() == 2


def test_each_versioned_flow_has_the_options_it_was_given(ran: Journal) -> None:
    @flow
    def pipeline() -> int:
        return add(1)

    assert [versioned(pipeline)(), versioned(pipeline, version="2")()] == [2, 2]
    assert ran.take() == ["add", "add"]
    assert [versioned(pipeline)(), versioned(pipeline, version="2")()] == [2, 2]
    assert ran.take() == []


def test_the_flow_and_its_tasks_stay_as_they_were(ran: Journal) -> None:
    @flow
    def pipeline() -> int:
        return add(1)

    versioned(pipeline)
    assert [pipeline(), pipeline()] == [2, 2]
    assert ran.take() == ["add", "add"]


@flow
def plain() -> int:
    return add(1)


@versioned
@flow
def decorated() -> int:
    return add(1)


def test_a_deployment_whose_runs_would_find_the_plain_flow_is_refused() -> None:
    with pytest.raises(ConflictError, match=r"plain = versioned\(plain\)"):
        versioned(plain).to_deployment("nightly")
    assert decorated.to_deployment("nightly").entrypoint.endswith(":decorated")
    assert plain.to_deployment("nightly").entrypoint.endswith(":plain")


def test_versioned_tasks_in_such_a_flow_still_give_handles() -> None:
    @versioned
    @flow
    def pipeline() -> int:
        return add(steps.numbers(3).load()[2])

    assert pipeline() == 3
