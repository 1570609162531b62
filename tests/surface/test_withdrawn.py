"""Versions that retention deleted or somebody invalidated: the next run computes them again."""

from __future__ import annotations

from contextvars import Context
from datetime import timedelta

import pytest
from prefect import flow, tags

from tests.surface import steps
from tests.surface.journal import Journal
from versioning import open_repository, versioned
from versioning.expiry import Cause, Expiry, here
from versioning.integrations.prefect import run_table
from versioning.integrations.prefect.engine import VersionStorage
from versioning.sweep import Patience, sweep


@versioned
def many(count: int) -> list[int]:
    return list(range(count))


@flow
def pipeline() -> int:
    return steps.total([steps.double(steps.numbers())]).load()


@flow
def large() -> int:
    return len(many(100_000).load())


def _results() -> list[tuple[str, str, str]]:
    return [(row.step, row.status, row.why) for row in run_table().rows]


def _prune_all() -> None:
    """All versions lose their bytes, as if a trash period were over."""
    repository = open_repository()
    expiry = Expiry(repository)
    cause: Cause = here()
    for version_id in list(repository.ids()):
        expiry.trash(version_id, cause)
    waits = Patience(trash=timedelta(0), abandoned=timedelta(0), wait_seconds=0)
    sweep(repository, cause, patience=waits)


def test_a_pruned_version_is_a_clean_miss() -> None:
    assert [large(), large()] == [100_000, 100_000]
    assert _results() == [("many", "hit", "unchanged")]
    _prune_all()
    assert large() == 100_000
    [(step, status, why)] = _results()
    assert (step, status) == ("many", "miss")
    assert "bytes were lost" in why
    assert large() == 100_000
    assert _results() == [("many", "hit", "unchanged")]


def test_prefects_record_of_a_pruned_version_reads_as_absent() -> None:
    large()
    [version] = open_repository().versions(step="many")

    def read() -> bytes:
        """As who asks for the result of an old state: no step runs there."""
        return Context().run(VersionStorage().read_path, version.key)

    assert b"version" in read()
    _prune_all()
    # Which Prefect takes for a miss.
    with pytest.raises(FileNotFoundError):
        read()


@pytest.mark.parametrize("erase", [False, True])
def test_what_was_invalidated_is_computed_again_with_the_reason(ran: Journal, erase: bool) -> None:
    assert [pipeline(), pipeline()] == [12, 12]
    numbers = open_repository().get("numbers")
    open_repository().invalidate(numbers, down=True, erase=erase, reason="poisoned", apply=True)
    ran.take()
    assert pipeline() == 12
    assert ran.take() == ["numbers", "double", "total"]
    [first, second, third] = _results()
    assert first == ("numbers", "miss", "invalidated: poisoned")
    assert second[2] == f"invalidated: poisoned (made from numbers {numbers.id[:12]})"
    assert third[1] == "miss"
    assert pipeline() == 12
    assert {status for _, status, _ in _results()} == {"hit"}


def test_a_part_that_was_invalidated_makes_its_tuple_a_miss(ran: Journal) -> None:
    @flow
    def halved() -> list[list[int]]:
        return [half.load() for half in steps.halves(steps.numbers())]

    expected = halved()
    open_repository().invalidate("halves[1]", reason="poisoned", apply=True)
    ran.take()
    assert halved() == expected
    assert ran.take() == ["halves"]


def test_a_volatile_step_becomes_a_new_version_though_its_value_is_the_same() -> None:
    @versioned(volatile=True)
    def reading() -> int:
        return 5

    @flow
    def read() -> str:
        return reading().id

    first = read()
    assert read() == first
    open_repository().invalidate(first, reason="poisoned", apply=True)
    second = read()
    assert second != first
    assert read() == second


def test_tags_of_runs_are_kept_with_versions() -> None:
    @flow
    def tagged() -> str:
        return steps.numbers(9).id

    with tags("release"):
        version_id = tagged()
    assert "release" in open_repository().record(version_id).tags
    [row] = open_repository().catalog.versions(step="numbers")
    assert "release" in row.tags
