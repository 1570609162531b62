"""`@versioned` over a flow versions tasks that know nothing of it."""

from __future__ import annotations

import asyncio

import pytest
from prefect import flow, task

from tests.surface import steps
from tests.surface.journal import Journal, note
from versioning import Repository, versioned

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


def test_futures_pass_from_task_to_task_as_handles(ran: Journal, repository: Repository) -> None:
    @versioned
    @flow
    def pipeline() -> int:
        return add.submit(add.submit(1)).result()

    assert pipeline() == 3
    newest = repository.versions(step="add")[0]
    assert [item.name for item in newest.record.inputs] == ["x"]


def test_async_flows_too(ran: Journal) -> None:
    @versioned
    @flow
    async def pipeline() -> int:
        return await add_slowly(await add_slowly(1))

    assert [asyncio.run(pipeline()), asyncio.run(pipeline())] == [3, 3]
    assert ran.take() == ["add_slowly", "add_slowly"]


def test_the_flow_and_its_tasks_stay_as_they_were(ran: Journal) -> None:
    @flow
    def pipeline() -> int:
        return add(1)

    versioned(pipeline)
    assert [pipeline(), pipeline()] == [2, 2]
    assert ran.take() == ["add", "add"]


def test_versioned_tasks_in_such_a_flow_still_give_handles() -> None:
    @versioned
    @flow
    def pipeline() -> int:
        return add(steps.numbers(3).load()[2])

    assert pipeline() == 3
