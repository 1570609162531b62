"""Plain Python that once broke a promise: by a wrong hit, a needless run or an error."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prefect import flow

from tests.surface.journal import Journal, note
from versioning import (
    ConflictError,
    FormatError,
    NotFoundError,
    Repository,
    UnkeyableError,
    Version,
    versioned,
)
from versioning import Version as Handle

pytestmark = pytest.mark.slow

LARGE = 30_000


def damage(repository: Repository) -> None:
    """Overwrite every blob."""
    folder = Path(repository.url.removeprefix("file://"))
    blobs = [path for path in (folder / "blobs").rglob("*") if path.is_file()]
    assert blobs
    for path in blobs:
        path.chmod(0o600)
        path.write_bytes(b"x" * path.stat().st_size)


def test_a_lost_value_is_not_made_again_from_a_list_that_changed_since(
    repository: Repository,
) -> None:
    @versioned
    def lengths(items: list[int]) -> Any:
        return np.full(LARGE, len(items))

    items = [1, 2]
    lengths(items)
    hit = lengths(items)
    items.append(3)
    damage(repository)
    with pytest.raises(NotFoundError, match="params/items"):
        hit.load()
    assert lengths([1, 2]).load()[0] == 2


def test_a_lost_value_is_not_made_again_by_code_that_changed_since(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    @versioned
    def filled(size: int) -> Any:
        return np.full(size, SCALE)

    filled(LARGE)
    hit = filled(LARGE)
    monkeypatch.setitem(globals(), "SCALE", 2)
    damage(repository)
    with pytest.raises(NotFoundError, match="SCALE"):
        hit.load()
    monkeypatch.setitem(globals(), "SCALE", 1)
    assert filled(LARGE).load()[0] == 1


SCALE = 1


def test_a_lost_value_that_a_nested_step_made_is_made_again(repository: Repository) -> None:
    @versioned
    def inner(size: int) -> Any:
        return np.arange(size)

    @versioned
    def outer(size: int) -> Any:
        return inner(size)

    outer(LARGE)
    hit = outer(LARGE)
    damage(repository)
    assert hit.load()[-1] == LARGE - 1


def test_a_lost_value_of_an_async_generator_is_reported_as_lost(repository: Repository) -> None:
    @versioned
    async def counted(size: int) -> Any:
        for number in range(size):
            yield number

    async def twice() -> Version:
        await counted(LARGE)
        return await counted(LARGE)

    hit = asyncio.run(twice())
    damage(repository)
    with pytest.raises(Exception, match=r"blob|bytes|damaged") as caught:
        hit.load()
    assert not isinstance(caught.value, UnkeyableError)


def test_a_retry_does_not_answer_for_an_argument_that_the_body_changed() -> None:
    attempts: list[int] = []

    @versioned(retries=1, exclude=["attempts"])
    def appended(items: list[int], attempts: list[int]) -> int:
        items.append(1)
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError("once")
        return len(items)

    assert appended([0], attempts).load() == 3
    assert appended([0], attempts).load() == 2
    assert appended([0, 1], attempts).load() == 3


def test_handles_under_keys_that_print_alike_are_told_apart(ran: Journal) -> None:
    @dataclass(frozen=True)
    class Day:
        number: int

        def __repr__(self) -> str:
            return "Day"

    @versioned
    def one(number: int) -> int:
        return number

    @versioned
    def summed(days: dict[Day, int]) -> list[int]:
        note("summed")
        return [days[day] for day in sorted(days, key=lambda day: day.number)]

    assert summed({Day(1): one(1), Day(2): one(2)}).load() == [1, 2]
    assert summed({Day(1): one(7), Day(2): one(2)}).load() == [7, 2]
    assert summed({Day(2): one(2), Day(1): one(7)}).load() == [7, 2]
    # The third has its entries in another order, which a body can see.
    assert ran.take() == ["summed", "summed", "summed"]


class Tools:
    """Steps that need no instance."""

    @versioned
    @staticmethod
    def double(value: int) -> int:
        return value * 2

    @versioned
    @classmethod
    def named(cls, value: int) -> str:
        return cls.__name__ * value


class MoreTools(Tools):
    """The same, by another name."""


def test_static_and_class_methods_may_be_steps() -> None:
    assert Tools.double(2).load() == 4
    assert Tools.double.with_options(retries=1)(3).load() == 6
    assert Tools.named(1).load() == "Tools"
    assert MoreTools.named(1).load() == "MoreTools"
    assert Tools.named.with_options(retries=1)(2).load() == "ToolsTools"


@dataclass
class Scaler:
    """A step that reads its object."""

    factor: int

    @versioned
    def scaled(self, value: int) -> int:
        return value * self.factor

    def twice(self, value: int) -> int:
        return 2 * value * self.factor


def test_a_method_with_options_is_still_a_method() -> None:
    assert Scaler(3).scaled(2).load() == 6
    assert Scaler(4).scaled.with_options(retries=1)(2).load() == 8


def test_partials_and_callable_objects_may_be_steps() -> None:
    @dataclass
    class Times:
        factor: int

        def __call__(self, value: int) -> int:
            return value * self.factor

    def added(one: int, other: int) -> int:
        return one + other

    assert versioned(Times(2))(3).load() == 6
    assert versioned(Times(3))(3).load() == 9
    assert versioned(functools.partial(added, 1))(2).load() == 3
    assert versioned(functools.partial(added, 2))(2).load() == 4


def test_a_handle_is_passed_under_whatever_name_its_class_was_imported(ran: Journal) -> None:
    @versioned
    def five() -> int:
        return 5

    @versioned
    def kind(value: Handle) -> str:
        return type(value).__name__

    assert kind(five()).load() == "Version"


def test_a_value_that_contains_itself_is_refused_by_name() -> None:
    @versioned
    def size(items: list[Any]) -> int:
        return len(items)

    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(UnkeyableError, match="items"):
        size(endless)


def test_lineage_knows_versions_that_the_key_leaves_out(ran: Journal) -> None:
    @versioned
    def number(value: int) -> int:
        return value

    @versioned(exclude=["hint"])
    def rounded(value: int, hint: int) -> int:
        note("rounded")
        return value

    made = rounded(1, number(1))
    assert rounded(1, number(2)).id == made.id
    assert [item.name for item in made.record.inputs] == ["hint"]
    assert ran.take() == ["rounded"]


def test_a_wrapper_that_was_applied_by_a_call_is_part_of_the_step(ran: Journal) -> None:
    def scaled(factor: int) -> Any:
        def decorate(function: Any) -> Any:
            @functools.wraps(function)
            def scaled_call(value: int) -> int:
                return function(value) * factor

            return scaled_call

        return decorate

    def body(value: int) -> int:
        return value

    assert versioned(scaled(3)(body))(2).load() == 6
    assert versioned(scaled(4)(body))(2).load() == 8
    assert versioned(scaled(4)(body))(2).load() == 8


def test_what_is_below_runs_again_when_a_method_of_its_input_changed(
    ran: Journal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VERSIONING_REPOSITORY", str(tmp_path / "pickles"))
    monkeypatch.setenv("VERSIONING_ALLOW_PICKLE", "1")

    @versioned(codec="pickle")
    def train(factor: int) -> Scaler:
        note("train")
        return Scaler(factor)

    @versioned
    def predict(model: Any, value: int) -> int:
        note("predict")
        return model.twice(value)

    assert predict(train(3), 2).load() == 12
    assert predict(train(3), 2).load() == 12
    monkeypatch.setattr(Scaler, "twice", lambda self, value: -value * self.factor)
    assert predict(train(3), 2).load() == -6
    assert ran.take() == ["train", "predict", "train", "predict"]


def test_outputs_of_two_runs_of_a_body_do_not_mix() -> None:
    attempts: list[int] = []

    @versioned(retries=1, exclude=["attempts"])
    def pair(attempts: list[int]) -> Any:
        attempts.append(1)
        run = len(attempts)
        return run, object() if run == 1 else run

    first, second = pair(attempts)
    assert (first.load(), second.load()) == (2, 2)


class Multiplier:
    def __init__(self, by: int) -> None:
        self.by = by

    @versioned
    def scale(self, value: int) -> int:
        note("scale")
        return value * self.by


def test_a_step_may_be_a_method_of_a_plain_class(ran: Journal) -> None:
    assert [Multiplier(by).scale(2).load() for by in (2, 3, 2)] == [4, 6, 4]
    assert ran.take() == ["scale", "scale"]


@versioned(retries=1)
def outer_that_fails_once(folder: str) -> int:
    note("outer")
    inner = inner_step(1).load() + inner_step(1).load()
    flag = Path(folder) / "failed"
    if not flag.exists():
        flag.touch()
        raise RuntimeError("first time")
    return inner


@versioned
def inner_step(x: int) -> int:
    note("inner")
    return x


def test_a_step_inside_a_step_is_a_hit_at_once(ran: Journal, tmp_path: Path) -> None:
    assert outer_that_fails_once(str(tmp_path)).load() == 2
    assert ran.take() == ["outer", "inner", "outer"]


def test_mapping_over_a_handle_says_what_to_do() -> None:
    @flow
    def pipeline() -> None:
        inner_step.map(inner_step(1))

    with pytest.raises(ConflictError, match=r"map over its `load\(\)`"):
        pipeline()


def test_a_codec_that_is_not_there_is_told_before_the_body_runs(ran: Journal) -> None:
    @versioned(codec="arow")
    def trained() -> int:
        note("trained")
        return 1

    with pytest.raises(FormatError, match="no codec 'arow'"):
        trained()
    assert not ran.take()
