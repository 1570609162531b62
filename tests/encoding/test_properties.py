"""Properties that hold for any value."""

import copy
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.encoding.strategies import ARRAYS, COLUMNS, FAST, HASHABLE, VALUES, form
from versioning.encoding import value_digest


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
