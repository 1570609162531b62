"""When values that are not identical are equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from versioning.rerun.compare import difference

NAN = float("nan")
TABLE = pd.DataFrame({"x": np.arange(40.0), "y": np.arange(40.0) % 7})


def model(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength).fit(TABLE, TABLE["y"] > 3)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (1.0, 1.0005),
        (1000.0, 1000.5),
        (NAN, NAN),
        ("a", "a"),
        (None, None),
        ((1, [2.0]), (1, [2.0001])),
        ({"a": 1.0, "b": "x"}, {"a": 1.0001, "b": "x"}),
        (np.array([1.0, NAN]), np.array([1.0001, NAN])),
        (TABLE, TABLE + 0.0001),
        (TABLE["x"], TABLE["x"] + 0.0001),
        (pd.DataFrame({"a": ["x", None]}), pd.DataFrame({"a": ["x", None]})),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_differs_by_less_than_the_tolerance_is_equal(before: Any, after: Any) -> None:
    assert difference(before, after, 1e-3) is None


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (1.0, 1.01, "value: by 0.01 at most"),
        (1, 1.0, "value was a int and is a float"),
        (True, False, "value differs"),
        (1.0, NAN, "value: NaN on one side"),
        ([1], [1, 2], "value had 1 items and has 2"),
        ({"a": 1}, {"b": 1}, "value had the keys"),
        ({"a": [1.0]}, {"a": [2.0]}, "value['a'][0]: by 1 at most"),
        (np.zeros(3), np.array([0.0, 1.0, 0.0]), "value: 1 of 3 differ, by 1 at most"),
        (np.zeros(3), np.zeros((3, 1)), "value had shape (3,) and has (3, 1)"),
        (np.zeros(3), np.zeros(3, dtype="f4"), "value was of float64 and is of float32"),
        (TABLE, TABLE.head(3), "value had 40 rows"),
        (TABLE, TABLE.set_index("y", drop=False), "the index of value differs"),
        (TABLE, TABLE.assign(y=TABLE["y"] + 1), "value['y']: 40 of 40 differ"),
        (object(), object(), "value differs"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_differs_by_more_is_told(before: Any, after: Any, said: str) -> None:
    assert said in str(difference(before, after, 1e-3))


def test_models_are_asked_about_the_tables_that_their_step_read() -> None:
    near = difference(model(1.0), model(1.0 + 1e-7), 1e-3, [TABLE])
    far = difference(model(1.0), model(1e-4), 1e-3, [TABLE])
    assert near is None
    assert "what value predicts of 40 rows" in str(far)


def test_models_without_a_table_are_asked_about_numbers() -> None:
    from sklearn.tree import DecisionTreeRegressor

    def tree(depth: int) -> Any:
        return DecisionTreeRegressor(max_depth=depth).fit(TABLE[["x"]].to_numpy(), TABLE["y"])

    assert difference(tree(2), tree(2), 0.0) is None
    assert "predicts of 512 rows" in str(difference(tree(1), tree(5), 0.0))


def test_what_cannot_be_compared_is_different() -> None:
    class Stubborn:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("no")

        __hash__ = None

    assert "cannot be compared: RuntimeError: no" in str(difference(Stubborn(), Stubborn(), 0.0))


def test_files_that_differ_are_named(tmp_path: Path) -> None:
    for name, text in (("old", "a"), ("same", "a"), ("new", "b")):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner" / "config.json").write_text(text)
        (tmp_path / name / "kept").write_text("x")
    (tmp_path / "new" / "more").touch()
    old, same, new = (tmp_path / name for name in ("old", "same", "new"))
    assert difference(old, same, 0) is None
    assert difference(old, new, 0) == "value has other files: inner/config.json, more"
    told = difference(old / "inner" / "config.json", new / "inner" / "config.json", 0)
    assert told == "value has other files: its only one"
