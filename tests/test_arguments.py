"""What a step keys of its arguments, and what its body gets instead of handles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.steps import opened
from versioning.api import Repository
from versioning.keys import diff_leaves
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
