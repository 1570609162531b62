"""Values drawn by Hypothesis, and what tells them apart without this library."""

import math

import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.examples import examples

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.datetimes(timezones=st.none() | st.timezones(), allow_imaginary=False)
    | st.timedeltas()
    | st.uuids()
)
HASHABLE = st.recursive(
    SCALARS, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=5
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(HASHABLE, inner, max_size=4)
        | st.sets(HASHABLE, max_size=4)
    ),
    max_leaves=12,
)
FAST = examples(60)

ARRAYS = arrays.arrays(
    arrays.scalar_dtypes() | arrays.nested_dtypes(max_leaves=4),
    arrays.array_shapes(min_dims=0, max_side=4),
)
COLUMNS = st.sampled_from(
    [
        (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
        (pa.float64(), st.floats()),
        (pa.string(), st.text()),
        (pa.bool_(), st.booleans()),
        (pa.list_(pa.int8()), st.lists(st.none() | st.integers(-9, 9), max_size=3)),
        (pa.struct([("x", pa.string())]), st.fixed_dictionaries({"x": st.none() | st.text()})),
    ]
)

FRAME_COLUMNS = st.sampled_from(
    [
        ("int64", st.integers(-9, 9)),
        ("float64", st.floats()),
        ("bool", st.booleans()),
        ("Int64", st.none() | st.integers(-9, 9)),
        ("string", st.none() | st.text(st.characters(codec="utf-8"), max_size=3)),
        ("object", st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3)),
        ("category", st.none() | st.sampled_from(["a", "b"])),
        ("datetime64[us, UTC]", st.datetimes(pd.Timestamp(1970, 1, 1), pd.Timestamp(2100, 1, 1))),
        (pd.ArrowDtype(pa.list_(pa.int8())), st.none() | st.lists(st.integers(-9, 9), max_size=2)),
    ]
)


@st.composite
def frames(draw):
    """A frame of any columns, their names repeated or not, with one of three kinds of index."""
    height = draw(st.integers(0, 6))
    columns = draw(st.lists(FRAME_COLUMNS, max_size=4))
    series = [
        pd.Series(draw(st.lists(members, min_size=height, max_size=height)), dtype=dtype)
        for dtype, members in columns
    ]
    frame = pd.concat(series, axis=1) if series else pd.DataFrame(index=range(height))
    frame.columns = draw(
        st.lists(st.sampled_from("abc"), min_size=len(series), max_size=len(series))
    )
    labels = draw(st.none() | st.lists(st.integers(0, 9), min_size=height, max_size=height))
    return frame if labels is None else frame.set_axis(pd.Index(labels, dtype="int64", name="n"))


@st.composite
def tables(draw):
    """An Arrow table of one column, whole."""
    kind, members = draw(COLUMNS)
    return pa.table({"a": pa.array(draw(st.lists(st.none() | members, max_size=8)), kind)})


def form(value):
    """What Python itself can tell about a value; equal only for equal values."""
    kind = type(value).__name__
    match value:
        case float():
            return kind, "nan" if math.isnan(value) else value.hex()
        case complex():
            return kind, form(value.real), form(value.imag)
        case list() | tuple():
            return kind, [form(member) for member in value]
        case dict():
            return kind, [(form(k), form(v)) for k, v in value.items()]
        case set() | frozenset():
            return kind, sorted(repr(form(member)) for member in value)
        case _ if hasattr(value, "fold"):
            return kind, repr(value), str(value.tzinfo), value.fold
        case _:
            return kind, repr(value)
