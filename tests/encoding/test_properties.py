"""Properties that hold for any value."""

import copy
import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from versioning.encoding import value_digest

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
FAST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


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


@FAST
@given(VALUES, VALUES)
def test_digests_are_equal_exactly_when_values_are(left, right):
    assert (value_digest(left) == value_digest(right)) == (form(left) == form(right))


@FAST
@given(VALUES)
def test_a_copy_keys_the_same(value):
    assert value_digest(copy.deepcopy(value)) == value_digest(value)


@FAST
@given(st.dictionaries(HASHABLE, VALUES, max_size=6), st.randoms())
def test_the_order_of_a_mapping_counts(mapping, random):
    entries = list(mapping.items())
    random.shuffle(entries)
    shuffled = dict(entries)
    same = [form(key) for key in shuffled] == [form(key) for key in mapping]
    assert (value_digest(shuffled) == value_digest(mapping)) == same


@FAST
@given(st.lists(VALUES, min_size=2, max_size=5), st.randoms())
def test_the_order_of_a_list_counts(members, random):
    shuffled = members[:]
    random.shuffle(shuffled)
    same = form(shuffled) == form(members)
    assert (value_digest(shuffled) == value_digest(members)) == same


ARRAYS = arrays.arrays(
    arrays.scalar_dtypes() | arrays.nested_dtypes(max_leaves=4),
    arrays.array_shapes(min_dims=0, max_side=4),
)


@FAST
@given(ARRAYS)
def test_copies_of_an_array_in_any_order_key_the_same(array):
    digest = value_digest(array)
    for order in "CFAK":
        assert value_digest(array.copy(order)) == digest


@FAST
@given(ARRAYS)
def test_a_reshaped_array_differs(array):
    assume(array.shape != (array.size,))
    assert value_digest(array.reshape(-1)) != value_digest(array)


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


@FAST
@given(st.data())
def test_cutting_an_arrow_column_into_chunks_changes_nothing(data):
    kind, members = data.draw(COLUMNS)
    values = data.draw(st.lists(st.none() | members, max_size=8))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=4)))
    array = pa.array([*values, *values], kind)[: len(values)]
    edges = [0, *cuts, len(values)]
    chunks = [array[start:stop] for start, stop in pairwise(edges)]
    cut = pa.chunked_array(chunks, kind)
    assert value_digest(pa.table({"a": cut})) == value_digest(
        pa.table({"a": pa.array(values, kind)})
    )


@FAST
@given(
    st.lists(
        st.tuples(st.integers(-9, 9), st.floats(), st.none() | st.text(max_size=3)), max_size=8
    )
)
def test_a_frame_keys_the_same_after_a_round_trip(rows):
    frame = pd.DataFrame(
        {
            "i": np.array([row[0] for row in rows], "i8"),
            "f": np.array([row[1] for row in rows], "f8"),
            "s": pd.array([row[2] for row in rows], dtype="string"),
        }
    )
    again = pa.Table.from_pandas(frame).to_pandas()
    assert value_digest(again) == value_digest(frame) == value_digest(frame.copy()[:])


@FAST
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=8), st.data())
def test_one_changed_cell_changes_a_frame(cells, data):
    frame = pd.DataFrame({"a": cells, "b": cells})
    changed = frame.copy()
    row = data.draw(st.integers(0, len(cells) - 1))
    changed.loc[row, data.draw(st.sampled_from("ab"))] += 1
    assert value_digest(changed) != value_digest(frame)
