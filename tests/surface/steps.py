"""Steps that several tests and several processes use."""

from __future__ import annotations

from typing import NamedTuple

from prefect import task

from tests.surface.journal import note
from versioning import Version, versioned


class Split(NamedTuple):
    train: list[int]
    test: list[int]


@versioned
def numbers(count: int = 4) -> list[int]:
    note("numbers")
    return list(range(count))


@versioned
def double(values: list[int], by: int = 2) -> list[int]:
    note("double")
    return [value * by for value in values]


@versioned
def total(parts: list[list[int]]) -> int:
    note("total")
    return sum(sum(part) for part in parts)


@versioned
def halves(values: list[int]) -> Split:
    note("halves")
    middle = len(values) // 2
    return Split(values[:middle], values[middle:])


@versioned
def name_of(model: Version) -> str:
    note("name_of")
    return model.step


@versioned
async def double_slowly(values: list[int]) -> list[int]:
    note("double_slowly")
    return [value * 2 for value in values]


@versioned
def count_up(count: int):
    note("count_up")
    yield from range(count)


@versioned
async def count_up_slowly(count: int):
    note("count_up_slowly")
    for number in range(count):
        yield number


@task
def plain_double(values: list[int]) -> list[int]:
    note("plain_double")
    return [value * 2 for value in values]


@versioned
def nested(count: int) -> int:
    note("nested")
    return sum(numbers(count).load())
