"""Every way to call a step, and what its parameters and returns may be."""

from __future__ import annotations

import asyncio
import pickle
import weakref
from pathlib import Path

import pytest
from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from tests.surface import steps
from tests.surface.journal import Journal, note
from versioning import ConflictError, Repository, UnkeyableError, Version, versioned


def test_a_second_run_reuses_everything(ran: Journal) -> None:
    @flow
    def pipeline() -> Version:
        return steps.double(steps.numbers())

    first = pipeline()
    assert ran.take() == ["numbers", "double"]
    second = pipeline()
    assert ran.take() == []
    assert (first.id, first.load()) == (second.id, [0, 2, 4, 6])


def test_a_hit_shows_as_cached_and_a_miss_as_completed() -> None:
    @flow
    def pipeline() -> str:
        return steps.numbers(return_state=True).name

    assert [pipeline(), pipeline()] == ["Completed", "Cached"]


def test_only_what_depends_on_an_edited_parameter_runs(ran: Journal) -> None:
    @flow
    def pipeline(by: int) -> list[int]:
        return steps.double(steps.double(steps.numbers()), by=by).load()

    assert pipeline(2) == [0, 4, 8, 12]
    ran.take()
    assert pipeline(3) == [0, 6, 12, 18]
    assert ran.take() == ["double"]


def test_an_unchanged_upstream_value_stops_the_rerun(ran: Journal) -> None:
    @flow
    def pipeline(count: int) -> int:
        return steps.total([steps.double(few(steps.numbers(count)))]).load()

    @versioned
    def few(values: list[int]) -> list[int]:
        note("few")
        return values[:2]

    assert pipeline(4) == pipeline(5) == 2
    assert ran.take() == ["numbers", "few", "double", "total", "numbers", "few"]


def test_submit_and_map_pass_handles(ran: Journal) -> None:
    @flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
    def pipeline() -> int:
        parts = steps.double.map([[1], [2], [3]])
        return steps.total.submit(parts).result().load()

    assert pipeline() == 12
    assert sorted(ran.take()) == ["double", "double", "double", "total"]
    assert pipeline() == 12
    assert ran.take() == []


@pytest.mark.slow
def test_map_over_a_thousand_items(ran: Journal) -> None:
    @flow(task_runner=ThreadPoolTaskRunner(max_workers=16))
    def pipeline() -> int:
        return sum(
            future.result().load()[0] for future in steps.double.map([[n] for n in range(1000)])
        )

    assert pipeline() == 999_000
    assert len(ran.take()) == 1000
    assert pipeline() == 999_000
    assert ran.take() == []


def test_async_steps(ran: Journal) -> None:
    @flow
    async def pipeline() -> list[int]:
        first = await steps.double_slowly([1])
        both = await asyncio.gather(steps.double_slowly(first), steps.double_slowly([5]))
        return [handle.load()[0] for handle in both]

    assert asyncio.run(pipeline()) == [4, 10]
    assert len(ran.take()) == 3
    assert asyncio.run(pipeline()) == [4, 10]
    assert ran.take() == []


def test_two_coroutines_with_one_key_run_one_body(ran: Journal) -> None:
    @flow
    async def pipeline() -> list[Version]:
        return await asyncio.gather(*(steps.double_slowly([7]) for _ in range(4)))

    assert len({handle.id for handle in asyncio.run(pipeline())}) == 1
    assert ran.take() == ["double_slowly"]


def test_generators_are_drained_and_reused(ran: Journal) -> None:
    @flow
    def pipeline() -> list[int]:
        return steps.count_up(3).load()

    @flow
    async def slow_pipeline() -> list[int]:
        return (await steps.count_up_slowly(3)).load()

    assert pipeline() == pipeline() == [0, 1, 2]
    assert asyncio.run(slow_pipeline()) == asyncio.run(slow_pipeline()) == [0, 1, 2]
    assert ran.take() == ["count_up", "count_up_slowly"]


def test_a_tuple_becomes_as_many_versions(ran: Journal) -> None:
    @flow
    def pipeline() -> tuple[steps.Split, int]:
        split = steps.halves(steps.numbers())
        return split, steps.total([split.test]).load()

    split, total = pipeline()
    assert type(split) is steps.Split
    assert (split.train.load(), split.test.load(), total) == ([0, 1], [2, 3], 5)
    again, _ = pipeline()
    assert (type(again), again.train.id) == (steps.Split, split.train.id)
    assert ran.take() == ["numbers", "halves", "total"]


def test_containers_of_handles_are_resolved_at_any_depth(ran: Journal) -> None:
    @versioned
    def deep(config: dict[str, list[tuple[list[int], int]]]) -> int:
        note("deep")
        return sum(sum(values) * by for values, by in config["parts"])

    @flow
    def pipeline(by: int) -> int:
        return deep({"parts": [(steps.numbers(), by), ([1], 1)]}).load()

    assert [pipeline(1), pipeline(2), pipeline(2)] == [7, 13, 13]
    assert ran.take() == ["numbers", "deep", "deep"]


def test_a_parameter_annotated_version_receives_the_handle() -> None:
    @flow
    def pipeline() -> str:
        return steps.name_of(steps.numbers()).load()

    assert pipeline() == "numbers"


def test_excluded_parameters_do_not_count(ran: Journal) -> None:
    @versioned(exclude=["verbose"])
    def quiet(verbose: bool) -> int:
        note("quiet")
        return 1

    @flow
    def pipeline() -> None:
        quiet(True)
        quiet(False)

    pipeline()
    assert ran.take() == ["quiet"]


def test_excluding_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(ConflictError, match="has no parameter speed to exclude"):
        versioned(exclude=["speed"])(lambda x: x)


def test_a_manual_version_makes_a_miss(ran: Journal) -> None:
    @flow
    def pipeline(salt: str) -> None:
        steps.numbers.with_options(version=salt)()

    for salt in ("a", "b", "a"):
        pipeline(salt)
    assert ran.take() == ["numbers", "numbers"]


def test_with_options_keeps_a_step_versioned(ran: Journal) -> None:
    renamed = steps.numbers.with_options(name="digits", retries=2)

    @flow
    def pipeline() -> Version:
        return renamed()

    assert pipeline().step == "digits"
    assert (renamed.retries, pipeline().load()) == (2, [0, 1, 2, 3])
    assert ran.take() == ["numbers"]


def test_volatile_steps_always_run_and_pass_on_only_changes(ran: Journal, tmp_path: Path) -> None:
    world = tmp_path / "world"

    @versioned(volatile=True)
    def read(path: str) -> list[int]:
        note("read")
        return [int(line) for line in Path(path).read_text().split()]

    @flow
    def pipeline() -> tuple[str, int]:
        seen = read(str(world))
        return seen.id, steps.total([seen]).load()

    world.write_text("1 2")
    first, _ = pipeline()
    second, total = pipeline()
    assert (first, total) == (second, 3)
    assert ran.take() == ["read", "total", "read"]
    world.write_text("1 2 3")
    assert pipeline()[1] == 6
    assert ran.take() == ["read", "total"]
    world.write_text("1 2")
    assert pipeline()[1] == 3
    assert ran.take() == ["read"]


def test_refresh_cache_runs_again_and_replaces_the_answer(ran: Journal, tmp_path: Path) -> None:
    world = tmp_path / "world"

    @versioned
    def peek(path: str) -> str:
        return Path(path).read_text()

    @flow
    def pipeline(refresh: bool) -> str:
        return peek.with_options(refresh_cache=refresh)(str(world)).load()

    world.write_text("old")
    assert pipeline(False) == "old"
    world.write_text("new")
    assert [pipeline(False), pipeline(True), pipeline(False)] == ["old", "new", "new"]


def test_outside_a_flow(ran: Journal) -> None:
    assert steps.double(steps.numbers()).load() == [0, 2, 4, 6]
    assert steps.double(steps.numbers()).load() == [0, 2, 4, 6]
    assert ran.take() == ["numbers", "double"]


def test_nested_steps_and_subflows(ran: Journal) -> None:
    @flow
    def inner() -> Version:
        return steps.nested(3)

    @flow
    def outer() -> int:
        return inner().load()

    assert [outer(), outer()] == [3, 3]
    assert ran.take() == ["nested", "numbers"]


def test_a_returned_handle_is_stored_as_its_value() -> None:
    @versioned
    def forward(values: Version) -> Version:
        return values

    @flow
    def pipeline() -> Version:
        return forward(steps.numbers())

    assert pipeline().load() == [0, 1, 2, 3]
    assert pipeline().step == "forward"


def test_decorating_a_task_keeps_its_options(ran: Journal) -> None:
    both = versioned(task(retries=3, tags={"a"}, name="mine")(steps.plain_double.fn))

    @flow
    def pipeline() -> list[int]:
        return both([1]).load()

    assert (both.retries, both.tags, both.name) == (3, {"a"}, "mine")
    assert [pipeline(), pipeline()] == [[2], [2]]
    assert ran.take() == ["plain_double"]


def test_options_that_versioning_replaces_are_refused() -> None:
    with pytest.raises(ConflictError, match="@versioned takes no cache_policy"):
        versioned(cache_policy=None)(lambda: None)


def test_an_unkeyable_argument_fails_the_step(ran: Journal) -> None:
    @flow
    def pipeline() -> None:
        steps.double([object()])

    with pytest.raises(UnkeyableError, match=r"values\[0\]"):
        pipeline()
    assert ran.take() == []


def test_a_value_that_cannot_be_stored_fails_the_step(repository: Repository) -> None:
    @versioned
    def opaque() -> object:
        return object()

    @flow
    def pipeline() -> None:
        opaque()

    with pytest.raises(UnkeyableError):
        pipeline()
    assert list(repository.ids()) == []


def test_versions_of_two_repositories_do_not_mix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = steps.numbers()
    monkeypatch.setenv("VERSIONING_REPOSITORY", str(tmp_path / "other"))

    @flow
    def pipeline() -> None:
        steps.double(elsewhere)

    with pytest.raises(ConflictError, match="set VERSIONING_REPOSITORY once"):
        pipeline()


def test_a_handle_is_small_and_weakly_referable() -> None:
    handle = steps.numbers()
    assert len(pickle.dumps(handle)) < 500
    assert pickle.loads(pickle.dumps(handle)) == handle
    assert weakref.ref(handle)() is handle
