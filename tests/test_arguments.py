"""What a step keys of its arguments, and what its body gets instead of handles."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from tests.steps import commit, opened
from versioning.api import Repository, Version
from versioning.errors import UnkeyableError
from versioning.keys import diff_leaves
from versioning.sources import Source
from versioning.steps import Call, Step


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return opened(tmp_path)


def table(columns: dict[str, list[int]]) -> pd.DataFrame:
    return pd.DataFrame(columns)


def table_of(**columns: list[int]) -> pd.DataFrame:
    return pd.DataFrame(columns)


def call(repository: Repository, function: Any, **parameters: Any) -> Call:
    step = Step(function, function.__name__)
    return step.call(repository, step.bind((), parameters))


def answer(repository: Repository, function: Any, **parameters: Any) -> Any:
    """What a step answers: the version that is there, or what its body returns now."""
    asked = call(repository, function, **parameters)
    if asked.find():
        return asked.answer().load()
    args, kwargs = asked.arguments()
    return asked.commit(function(*args, **kwargs), seconds=0).load()


@pytest.mark.parametrize("function", [table, table_of])
def test_a_body_that_follows_the_order_of_a_dict_is_never_answered_in_another_order(
    repository: Repository, function: Any
) -> None:
    def columns(order: str) -> list[str]:
        given: dict[str, Any] = {name: [1] for name in order}
        parameters = {"columns": given} if function is table else given
        return list(answer(repository, function, **parameters).columns)

    assert [columns("ab"), columns("ba"), columns("ab")] == [["a", "b"], ["b", "a"], ["a", "b"]]


def test_an_upstream_that_returns_its_entries_in_another_order_changes_what_is_below(
    repository: Repository,
) -> None:
    def made(order: str) -> Any:
        asked = call(repository, table, columns={name: [1] for name in order})
        return asked.commit({name: [1] for name in order}, seconds=0)

    tables = [answer(repository, table, columns=made(order)) for order in ("ab", "ba")]
    assert [list(found.columns) for found in tables] == [["a", "b"], ["b", "a"]]


def test_why_names_the_parameter_whose_order_changed(repository: Repository) -> None:
    one, two = (call(repository, table, columns=dict.fromkeys(order, 1)) for order in ("ab", "ba"))
    [change] = diff_leaves(one.leaves, two.leaves)
    assert (change.leaf, change.before, change.after) == (
        "params/columns",
        "{'a': 1, 'b': 1}",
        "{'b': 1, 'a': 1}",
    )


@dataclass
class Config:
    model: Any
    depth: int = 3


def read(config: Any) -> Any:
    return config


MISPLACED = {
    "config.model": lambda handle: Config(handle),
    "config{...}": lambda handle: {handle},
    "config[0]": lambda handle: deque([handle]),
    'config["a"]': lambda handle: OrderedDict(a=handle),
    "config key": lambda handle: {handle: 1},
    "config[0].model": lambda handle: [Config(handle)],
    "config.args[0]": lambda handle: partial(read, handle),
}


@pytest.mark.parametrize("path", MISPLACED)
def test_a_handle_where_no_value_would_be_loaded_is_refused(
    repository: Repository, tmp_path: Path, path: str
) -> None:
    (tmp_path / "day.csv").write_text("a")
    for handle in (commit(repository, 1), Source(str(tmp_path / "day.csv"))):
        with pytest.raises(UnkeyableError, match="a parameter of its own") as caught:
            call(repository, read, config=MISPLACED[path](handle))
        assert caught.value.path == path


def test_handles_in_lists_tuples_and_dicts_are_resolved(repository: Repository) -> None:
    model = commit(repository, 1)
    held = {"a": [model, (model, Split(model, 2))]}
    args, _ = call(repository, read, config=held).arguments()
    assert args == [{"a": [1, (1, Split(1, 2))]}]


class Split(NamedTuple):
    train: Any
    test: Any


def name_of(model: Version) -> str:
    return model.id


def names_of(models: list[Version]) -> list[str]:
    return [model.id for model in models]


def test_a_body_that_gets_a_handle_is_never_answered_about_another_version(
    repository: Repository,
) -> None:
    one, two = (commit(repository, "the same value", day=day) for day in (0, 1))
    assert one.digest == two.digest
    assert one.id != two.id
    assert answer(repository, name_of, model=one) == one.id
    assert answer(repository, name_of, model=two) == two.id
    assert answer(repository, names_of, models=[one, two]) == [one.id, two.id]
    assert answer(repository, names_of, models=[two, one]) == [two.id, one.id]
    assert call(repository, name_of, model=one).find()


def test_a_body_that_gets_the_value_is_answered_whichever_version_holds_it(
    repository: Repository,
) -> None:
    one, two = (commit(repository, "the same value", day=day) for day in (0, 1))
    assert answer(repository, read, config=one) == "the same value"
    assert call(repository, read, config=two).find()


def test_a_handle_is_neither_true_nor_false(repository: Repository) -> None:
    with pytest.raises(TypeError, match=r"\.load\(\)"):
        bool(commit(repository, False))
