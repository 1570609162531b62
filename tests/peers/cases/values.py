"""Arguments that differ, and arguments that are the same."""

from typing import Literal

from tests.peers.case import Case

# Says of a value whatever could make it another one.
TELLING = """
def step(x: object) -> str:
    return f"{type(x).__name__} {x!r}"
"""
FRAMES = """
import pandas as pd

def step(x: pd.DataFrame) -> str:
    kinds = [str(kind) for kind in x.dtypes]
    return f"{list(x.columns)} {kinds} {list(x.index)} {x.to_numpy().tolist()}"
"""
ARRAYS = """
import numpy as np

def step(x: np.ndarray) -> str:
    return f"{x.shape} {x.dtype} {x.tolist()}"
"""
NAMES = """
import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path

class Colour(Enum):
    RED = 1
    BLUE = 2

@dataclass
class Point:
    x: int
    y: int

@dataclass
class Size:
    x: int
    y: int

add_one, add_two = lambda n: n + 1, lambda n: n + 2
UTC = timezone.utc
"""
TABLES = """
import io

import numpy as np
import pandas as pd

def table(**columns):
    return pd.DataFrame(columns or {"a": [1, 2, 3], "b": [4, 5, 6], "c": ["x", "y", "z"]})

def through_parquet(frame):
    stream = io.BytesIO()
    frame.to_parquet(stream)
    return pd.read_parquet(stream)
"""


def _pair(
    claim: str,
    first: str,
    second: str,
    expected: Literal["rerun", "reuse"] = "rerun",
    *,
    step: str = TELLING,
    names: str = NAMES,
) -> Case:
    leaf = "params/x" if expected == "rerun" else ""
    files = {"steps.py": step, "values.py": names}
    return Case(claim, files, expected, leaf=leaf, calls=(first, second))


def _frames(
    claim: str, first: str, second: str, expected: Literal["rerun", "reuse"] = "rerun"
) -> Case:
    return _pair(claim, first, second, expected, step=FRAMES, names=TABLES)


def _arrays(
    claim: str, first: str, second: str, expected: Literal["rerun", "reuse"] = "rerun"
) -> Case:
    return _pair(claim, first, second, expected, step=ARRAYS, names=TABLES)


CASES = [
    _pair("another number", "3", "4"),
    _pair("1 and '1'", "1", "'1'"),
    _pair("1 and 1.0", "1", "1.0"),
    _pair("1 and True", "1", "True"),
    _pair("0.0 and -0.0", "0.0", "-0.0"),
    _pair("None and 'None'", "None", "'None'"),
    _pair("a tuple and a list", "(1, 2)", "[1, 2]"),
    _pair("a set and a frozenset", "{1}", "frozenset({1})"),
    _pair("keys 1 and '1'", "{1: 'a'}", "{'1': 'a'}"),
    _pair("lists nested in another way", "[[1], 2]", "[1, [2]]"),
    _pair("a text and its other normal form", r"'\u00e9'", r"'e\u0301'"),
    _pair("bytes and text", "b'a'", "'a'"),
    _pair("1.0 and 1.00 as decimals", "Decimal('1.0')", "Decimal('1.00')"),
    _pair(
        "a moment with and without a zone",
        "datetime(2026, 1, 1)",
        "datetime(2026, 1, 1, tzinfo=UTC)",
    ),
    _pair("two members of an enum", "Colour.RED", "Colour.BLUE"),
    _pair("two dataclasses with the same fields", "Point(1, 2)", "Size(1, 2)"),
    Case(
        "two lambdas from one line",
        {
            "steps.py": "def step(x: object) -> int:\n    return x(1)\n",
            "values.py": NAMES,
        },
        "rerun",
        leaf="params/x",
        calls=("add_one", "add_two"),
    ),
    Case(
        "the same lambda",
        {
            "steps.py": "def step(x: object) -> int:\n    return x(1)\n",
            "values.py": NAMES,
        },
        "reuse",
        calls=("add_one", "add_one"),
    ),
    _frames(
        "a data frame with columns swapped",
        "table(a=[1, 2], b=[1.5, 2.5])",
        "table(b=[1.5, 2.5], a=[1, 2])",
    ),
    _frames("a data frame with a column renamed", "table()", "table().rename(columns={'a': 'd'})"),
    _frames("a data frame with another index", "table()", "table().set_axis([5, 6, 7])"),
    _frames(
        "a column of integers and of floats",
        "table(a=[0, 0])",
        "table(a=[0.0, 0.0])",
    ),
    _arrays("arrays 2x3 and 3x2", "np.arange(6).reshape(2, 3)", "np.arange(6).reshape(3, 2)"),
    _arrays("zeros as int64 and as float64", "np.zeros(3, 'int64')", "np.zeros(3)"),
    _arrays(
        "an array and its other byte order", "np.array([1, 2], '<i4')", "np.array([1, 2], '>i4')"
    ),
    _pair("the same number", "3", "3", "reuse"),
    _pair("not-a-number again", "math.nan", "math.nan", "reuse"),
    Case(
        "a set of texts, in a process with another hash seed",
        {"steps.py": "def step(x: set) -> list:\n    return sorted(x)\n", "values.py": NAMES},
        "reuse",
        calls=("{'ada', 'bob', 'cyd', 'dan', 'eve'}",) * 2,
    ),
    Case(
        "a mapping in another order, where the step tells it",
        {"steps.py": "def step(x: dict) -> list:\n    return list(x.items())\n"},
        "rerun",
        leaf="params/x",
        calls=("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
    ),
    Case(
        "an argument, by position and by name",
        {"steps.py": "def step(x: int, by: int = 2) -> int:\n    return x * by\n"},
        "reuse",
        calls=("3", "x=3"),
    ),
    Case(
        "a default, left out and given",
        {"steps.py": "def step(x: int, by: int = 2) -> int:\n    return x * by\n"},
        "reuse",
        calls=("3", "3, by=2"),
    ),
    _pair("an equal dataclass", "Point(1, 2)", "Point(1, 2)", "reuse"),
    _frames("a copy of a data frame", "table()", "table().copy()", "reuse"),
    _frames(
        "a slice of a longer data frame",
        "table()",
        "table(a=[1, 2, 3, 9], b=[4, 5, 6, 9], c=['x', 'y', 'z', 'z'])[:3]",
        "reuse",
    ),
    _frames(
        "a data frame with a column assigned",
        "table()",
        "table(a=[1, 2, 3]).assign(b=[4, 5, 6], c=['x', 'y', 'z'])",
        "reuse",
    ),
    _frames("a data frame, written and read", "table()", "through_parquet(table())", "reuse"),
    _arrays(
        "an array in another memory order",
        "np.arange(6).reshape(2, 3)",
        "np.asfortranarray(np.arange(6).reshape(2, 3))",
        "reuse",
    ),
    _arrays("a strided view of an array", "np.arange(3)", "np.arange(0, 5, 1)[:3]", "reuse"),
]
