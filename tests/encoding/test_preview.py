"""Previews: short, useful, and silent about secrets."""

from collections import Counter
from datetime import date
from enum import Enum
from pathlib import Path

import numpy as np
import pandas as pd
import pydantic
import pytest

from versioning.encoding import preview


class Color(Enum):
    RED = 1


class Loud:
    def __repr__(self):
        raise AssertionError("repr of a foreign class")


class Login(pydantic.BaseModel):
    password: pydantic.SecretStr


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (600, "600"),
        ("abc", "'abc'"),
        (None, "None"),
        (1.5, "1.5"),
        (10**5000, "int of about 5000 digits"),
        (b"a", "b'a'"),
        ([], "[]"),
        (["a", "b"], "['a', 'b']"),
        ((1,), "(1,)"),
        ({"b", "a"}, "{'a', 'b'}"),
        (set(), "set of 0"),
        (frozenset({1}), "frozenset({1})"),
        ({"a": 1}, "{'a': 1}"),
        ({"a": [1]}, "dict of 1"),
        (list(range(1000)), "list of 1000"),
        ([Loud()], "list of 1"),
        (Color.RED, "Color.RED"),
        (Path("a/b"), "a/b"),
        (date(2020, 1, 1), "2020-01-01"),
        (pd.DataFrame({"a": [1, 2]}), "DataFrame 2x1"),
        (pd.Series([1, 2]), "Series 2"),
        (np.zeros((2, 3)), "ndarray 2x3"),
        (Loud(), None),
        (Login(password="hush"), None),
        (pydantic.SecretStr("hush"), None),
        ({"p": pydantic.SecretStr("hush")}, "dict of 1"),
        (Counter("a"), None),
    ],
    ids=lambda item: str(type(item).__name__),
)
def test_values_are_shown_as_people_know_them(value, shown):
    assert preview(value) == shown


@pytest.mark.parametrize("value", ["x" * 500, "\n" * 500, b"x" * 500, "\ud800" * 40, ["y" * 500]])
def test_no_preview_is_longer_than_80_characters(value):
    shown = preview(value)
    assert shown is not None
    assert len(shown) <= 80
    shown.encode()
