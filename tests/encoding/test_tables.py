"""pandas, Arrow and polars: equal tables key equally however they came to be."""

import datetime
import io
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from versioning.encoding import value_digest
from versioning.errors import UnkeyableError

ROWS = 60


def make_frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "int": rng.integers(0, 9, ROWS),
            "float": np.where(rng.random(ROWS) > 0.5, rng.random(ROWS), np.nan),
            "bool": rng.random(ROWS) > 0.5,
            "str": [f"name {n}" if n % 3 else None for n in range(ROWS)],
            "category": pd.Categorical(["a", "b"] * (ROWS // 2), ["b", "a"], ordered=True),
            "zoned": pd.date_range("2020", periods=ROWS, tz="Europe/Berlin", unit="us"),
            "moment": pd.date_range("2020", periods=ROWS, unit="ns"),
            "delta": pd.to_timedelta(np.arange(ROWS), unit="s"),
            "Int64": pd.array([1, None] * (ROWS // 2), dtype="Int64"),
            "Float64": pd.array([0.5, None] * (ROWS // 2), dtype="Float64"),
            "boolean": pd.array([True, None] * (ROWS // 2), dtype="boolean"),
            "string": pd.array(["a", None] * (ROWS // 2), dtype="string"),
            "arrow": pd.array([1, None] * (ROWS // 2), dtype=pd.ArrowDtype(pa.int32())),
            "period": pd.period_range("2020-01", periods=ROWS, freq="M"),
        }
    )


FRAME = make_frame()
EXTRA = FRAME.assign(
    interval=pd.arrays.IntervalArray.from_breaks(range(ROWS + 1)),
    sparse=pd.arrays.SparseArray([0, 1] * (ROWS // 2)),
    objects=pd.Series([1, "a", None, (1,)] * (ROWS // 4), dtype=object),
)


def through_arrow(frame):
    return pa.Table.from_pandas(frame).to_pandas()


def through_feather(frame):
    stream = io.BytesIO()
    frame.to_feather(stream)
    return pd.read_feather(stream)


def through_parquet(frame):
    stream = io.BytesIO()
    frame.to_parquet(stream)
    return pd.read_parquet(stream)


@pytest.mark.parametrize("trip", [through_arrow, through_feather, through_parquet])
def test_a_frame_survives_storage_with_its_digest(trip):
    assert value_digest(trip(FRAME)) == value_digest(FRAME)


def test_a_frame_with_an_index_survives_storage_with_its_digest():
    frame = FRAME.set_index(["int", "str"])[["float"]]
    assert value_digest(through_parquet(frame)) == value_digest(frame)


def reassigned(frame):
    copy = frame.copy()
    for name in frame.columns:
        copy[name] = frame[name]
    return copy


def rebuilt(frame):
    return pd.concat([frame[[name]] for name in frame.columns], axis=1)


def sliced(frame):
    return pd.concat([frame, frame], ignore_index=True)[:ROWS]


@pytest.mark.parametrize(
    "same", [pd.DataFrame.copy, reassigned, rebuilt, sliced, lambda frame: frame[:]]
)
def test_how_a_frame_was_made_does_not_count(same):
    assert value_digest(same(EXTRA)) == value_digest(EXTRA)


def test_a_slice_equals_a_copy_of_the_slice():
    part = EXTRA[10:20:2]
    assert value_digest(part) == value_digest(part.copy(deep=True))


def test_a_frame_over_one_block_of_rows_equals_one_over_columns():
    values = np.arange(12.0).reshape(4, 3)
    frame = pd.DataFrame(values, columns=["a", "b", "c"])
    assert value_digest(frame) == value_digest(pd.DataFrame({c: frame[c].copy() for c in "abc"}))


def with_attrs(frame):
    frame = frame.copy()
    frame.attrs["unit"] = "s"
    return frame


def with_value(frame):
    frame = frame.copy()
    frame.loc[59, "int"] += 1
    return frame


def with_null(frame):
    frame = frame.copy()
    frame.loc[2, "string"] = pd.NA
    return frame


CHANGES = {
    "same": lambda f: f,
    "renamed": lambda f: f.rename(columns={"int": "integer"}),
    "swapped": lambda f: f[list(f.columns[::-1])],
    "dropped": lambda f: f.drop(columns="int"),
    "dtype": lambda f: f.astype({"int": "float64"}),
    "narrower": lambda f: f.astype({"int": "int32"}),
    "nullable": lambda f: f.astype({"int": "Int64"}),
    "object": lambda f: f.astype({"string": object}),
    "zone": lambda f: f.assign(zoned=f["zoned"].dt.tz_convert("UTC")),
    "naive": lambda f: f.assign(zoned=f["zoned"].dt.tz_localize(None)),
    "unit": lambda f: f.assign(moment=f["moment"].dt.as_unit("us")),
    "unordered": lambda f: f.assign(category=f["category"].cat.as_unordered()),
    "category order": lambda f: f.assign(category=f["category"].cat.reorder_categories(["a", "b"])),
    "unused category": lambda f: f.assign(category=f["category"].cat.add_categories("c")),
    "index name": lambda f: f.rename_axis(index="id"),
    "columns name": lambda f: f.rename_axis(columns="id"),
    "other range": lambda f: f.set_axis(range(1, ROWS + 1)),
    "written out index": lambda f: f.set_axis(np.arange(ROWS)),
    "text index": lambda f: f.set_axis([str(n) for n in range(ROWS)]),
    "sorted rows": lambda f: f[::-1],
    "fewer rows": lambda f: f[:-1],
    "attrs": with_attrs,
    "flags": lambda f: f.set_flags(allows_duplicate_labels=False),
    "value": with_value,
    "null": with_null,
    "levels": lambda f: f.set_axis(pd.MultiIndex.from_product([[0], range(ROWS)])),
}


def test_every_change_to_a_frame_counts():
    digests = {name: value_digest(change(FRAME)) for name, change in CHANGES.items()}
    assert len(set(digests.values())) == len(CHANGES), digests


def test_zeros_of_different_dtypes_differ():
    dtypes = ["int64", "float64", "int8", "bool", "Int64", "object", "str", "string", "category"]
    digests = {value_digest(pd.DataFrame({"a": np.zeros(3, "i8")}).astype(d)) for d in dtypes}
    assert len(digests) == len(dtypes)


def test_columns_that_share_a_label_keep_their_order():
    one = pd.DataFrame([[1, 2]], columns=["a", "a"])
    two = pd.DataFrame([[2, 1]], columns=["a", "a"])
    assert value_digest(one) != value_digest(two)
    assert value_digest(one) == value_digest(one.copy())


def test_column_labels_keep_their_type():
    labels = [[1], ["1"], [1.0], [True], [(1,)], [None], pd.to_datetime(["2020"])]
    frames = [pd.DataFrame([[0]], columns=pd.Index(label)) for label in labels]
    assert len({value_digest(frame) for frame in frames}) == len(labels)


INDEXES = [
    pd.RangeIndex(3),
    pd.Index([0, 1, 2]),
    pd.Index([0, 1, 2], name="a"),
    pd.Index([0.0, 1, 2]),
    pd.Index(["0", "1", "2"]),
    pd.Index(["0", "1", "2"], dtype=object),
    pd.CategoricalIndex(["0", "1", "2"]),
    pd.date_range("2020", periods=3, freq="D"),
    pd.DatetimeIndex(["2020-01-01", "2020-01-02", "2020-01-03"]),
    pd.date_range("2020", periods=3, freq="D", tz="UTC"),
    pd.period_range("2020-01-01", periods=3, freq="D"),
    pd.interval_range(0, 3),
    pd.interval_range(0, 3, closed="both"),
    pd.timedelta_range("1h", periods=3, freq="h"),
    pd.MultiIndex.from_tuples([(0, "a"), (1, "b"), (2, "c")]),
    pd.MultiIndex.from_tuples([(0, "a"), (1, "b"), (2, "c")], names=["x", "y"]),
]


def test_indexes_of_every_kind_differ():
    assert len({value_digest(index) for index in INDEXES}) == len(INDEXES)
    assert len({value_digest(pd.Series(range(3), index)) for index in INDEXES}) == len(INDEXES)


def test_unused_levels_of_an_index_do_not_count():
    index = pd.MultiIndex.from_product([["a", "b"], [1, 2]])
    part = index[:2]
    assert len(part.levels[0]) == 2
    assert value_digest(part) == value_digest(part.remove_unused_levels())


def test_values_under_a_null_do_not_count():
    mask = np.array([False, True])
    one = pd.arrays.IntegerArray(np.array([1, 2]), mask)
    two = pd.arrays.IntegerArray(np.array([1, 3]), mask)
    assert value_digest(pd.Series(one)) == value_digest(pd.Series(two))


def test_nan_and_na_differ_in_a_nullable_column():
    values, mask = np.array([np.nan, 1.0]), np.array([False, False])
    one = pd.arrays.FloatingArray(values, mask)
    two = pd.arrays.FloatingArray(values, np.array([True, False]))
    assert value_digest(one) != value_digest(two)


def test_missing_values_of_different_kinds_differ():
    missing = [None, np.nan, pd.NA, pd.NaT, Decimal("NaN")]
    digests = {value_digest(pd.Series(["a", item], dtype=object)) for item in missing}
    assert len(digests) == len(missing)
    assert len({value_digest(item) for item in missing}) == len(missing)


def test_text_of_either_storage_is_the_same_text():
    one = pd.Series(["a", None], dtype=pd.StringDtype("python"))
    two = pd.Series(["a", None], dtype=pd.StringDtype("pyarrow"))
    assert value_digest(one) == value_digest(two)


def test_objects_with_surrogates_are_keyed():
    one, two = (pd.Series([text, None], dtype=object) for text in ("\ud800", "\ud801"))
    assert value_digest(one) != value_digest(two)


def test_a_refusal_inside_a_frame_names_column_and_row():
    frame = pd.DataFrame({"a": [1, 2], "b": pd.Series([None, object()], dtype=object)})
    with pytest.raises(UnkeyableError) as caught:
        value_digest({"x": frame}, path="v")
    assert caught.value.path == 'v["x"]["b"][1]'


def test_subclasses_of_frames_differ_by_name_and_declared_metadata():
    class Sales(pd.DataFrame):
        _metadata = ["currency"]

    one, two = Sales({"a": [1]}), Sales({"a": [1]})
    one.currency, two.currency = "EUR", "USD"
    digests = {value_digest(one), value_digest(two), value_digest(pd.DataFrame({"a": [1]}))}
    assert len(digests) == 3


SCALARS = [
    pd.Timestamp("2020-01-01"),
    pd.Timestamp("2020-01-01", tz="UTC"),
    pd.Timestamp("2020-01-01", tz="Europe/Berlin"),
    pd.Timestamp("2020-01-01").as_unit("s"),
    datetime.datetime(2020, 1, 1),
    datetime.datetime(2020, 1, 1, tzinfo=ZoneInfo("UTC")),
    pd.Timedelta("1D"),
    datetime.timedelta(1),
    pd.Period("2020-01", "M"),
    pd.Period("2020-01", "D"),
    pd.Interval(0, 1),
    pd.Interval(0, 1, closed="left"),
    pd.offsets.Day(1),
    pd.offsets.Day(2),
    pd.offsets.BusinessDay(1),
    pd.CategoricalDtype(["a"]),
    pd.CategoricalDtype(["a"], ordered=True),
    pd.Int64Dtype(),
    pd.Int32Dtype(),
]


def test_scalars_of_pandas_differ():
    assert len({value_digest(scalar) for scalar in SCALARS}) == len(SCALARS)


ARROW = {
    "int": (pa.int64(), [1, None, 3, 4]),
    "float": (pa.float32(), [1.5, None, float("nan"), 0]),
    "half": (pa.float16(), [np.float16(1), None, np.float16(2), np.float16(0)]),
    "bool": (pa.bool_(), [True, None, False, True]),
    "string": (pa.string(), ["a", None, "", "ccc"]),
    "large_string": (pa.large_string(), ["a", None, "", "ccc"]),
    "string_view": (pa.string_view(), ["a", None, "", "a text longer than twelve"]),
    "binary": (pa.binary(), [b"a", None, b"", b"ccc"]),
    "fixed binary": (pa.binary(2), [b"aa", None, b"bb", b"cc"]),
    "decimal": (pa.decimal128(5, 2), [Decimal("1.10"), None, Decimal(0), Decimal(-1)]),
    "timestamp": (pa.timestamp("us", "UTC"), [1, None, 2, 3]),
    "date": (pa.date32(), [1, None, 2, 3]),
    "duration": (pa.duration("s"), [1, None, 2, 3]),
    "list": (pa.list_(pa.int32()), [[1], None, [], [2, None]]),
    "large_list": (pa.large_list(pa.string()), [["a"], None, [], ["b", None]]),
    "fixed list": (pa.list_(pa.int32(), 2), [[1, 2], None, [3, None], [4, 5]]),
    "struct": (pa.struct([("x", pa.int8()), ("y", pa.string())]), [{"x": 1}, None, {"y": "a"}, {}]),
    "map": (pa.map_(pa.string(), pa.int8()), [[("a", 1)], None, [], [("b", None)]]),
    "nested": (pa.list_(pa.struct([("z", pa.list_(pa.int8()))])), [[{"z": [1]}], None, [None], []]),
    "null": (pa.null(), [None] * 4),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), ["a", None, "b", "a"]),
    "all null": (pa.string(), [None] * 4),
}


def slices_of(array):
    longer = pa.concat_arrays([array, array, array])
    yield longer[4:8]
    yield pa.chunked_array([longer[4:5], longer[5:5], longer[5:8]])
    yield pa.chunked_array([longer[4:6], array[2:]])


@pytest.mark.parametrize("name", ARROW)
def test_chunks_and_slices_of_arrow_arrays_do_not_count(name):
    kind, values = ARROW[name]
    array = pa.array(values, kind)
    for same in slices_of(array):
        left = pa.table({"a": same})
        assert value_digest(left) == value_digest(pa.table({"a": array}))
    assert value_digest(array) != value_digest(array[:3])


def test_arrow_arrays_of_every_type_differ():
    arrays = [pa.array(values, kind) for kind, values in ARROW.values()]
    assert len({value_digest(array) for array in arrays}) == len(arrays)


def under_nulls(kind, values, hidden):
    """An array in which `hidden` lies under a null."""
    array = pa.array([*values, hidden], kind)
    valid = pa.array([True] * len(values) + [False]).buffers()[1]
    buffers = [valid, *array.buffers()[1:]]
    children = [array.values] if pa.types.is_list(kind) else None
    if children:
        buffers = buffers[:2]
    return pa.Array.from_buffers(kind, len(array), buffers, children=children)


@pytest.mark.parametrize(
    ("kind", "values", "hidden"),
    [
        (pa.int64(), [1, 2], 7),
        (pa.bool_(), [True, False], True),
        (pa.string(), ["a", "b"], "garbage"),
        (pa.binary(2), [b"aa", b"bb"], b"xx"),
        (pa.list_(pa.int64()), [[1], []], [7, 8]),
    ],
    ids=str,
)
def test_what_lies_under_a_null_of_an_arrow_array_does_not_count(kind, values, hidden):
    dirty = under_nulls(kind, values, hidden)
    clean = pa.array([*values, None], kind)
    assert dirty.to_pylist() == clean.to_pylist()
    assert value_digest(dirty) == value_digest(clean)
    # Its neighbours do.
    assert value_digest(dirty) != value_digest(pa.array([*values[::-1], None], kind))


def test_schemas_count_with_order_names_and_metadata():
    table = pa.table({"a": [1], "b": ["x"]})
    digests = {
        value_digest(table),
        value_digest(table.select(["b", "a"])),
        value_digest(table.rename_columns(["a", "c"])),
        value_digest(table.replace_schema_metadata({"k": "v"})),
        value_digest(table.schema),
        value_digest(table.to_batches()[0].schema.field(0)),
        value_digest(pa.scalar(1)),
        value_digest(pa.array([1])),
        value_digest(pa.int64()),
    }
    assert len(digests) == 9
    assert value_digest(table.to_batches()[0]) != value_digest(table.slice(1))


def test_arrow_unions_are_refused():
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])
    with pytest.raises(UnkeyableError, match="SparseUnion"):
        value_digest(union)


POLARS = pl.DataFrame(
    {
        "a": [1, None, 3],
        "b": ["x", "y", None],
        "c": [[1], [2, 3], None],
        "d": [{"k": 1}, {"k": 2}, None],
    }
).with_columns(e=pl.col("b").cast(pl.Categorical), f=pl.col("b").cast(pl.Enum(["x", "y"])))


def test_chunks_and_slices_of_polars_frames_do_not_count():
    pieces = pl.concat([POLARS[:1], POLARS[1:]], rechunk=False)
    tail = pl.concat([POLARS, POLARS])[3:]
    assert value_digest(POLARS) == value_digest(pieces) == value_digest(tail)


def test_every_change_to_a_polars_frame_counts():
    changed = [
        POLARS,
        POLARS.rename({"a": "z"}),
        POLARS.select(reversed(POLARS.columns)),
        POLARS.cast({"a": pl.Float64}),
        POLARS.cast({"a": pl.Int32}),
        POLARS.cast({"b": pl.Categorical}),
        POLARS.cast({"f": pl.Enum(["y", "x"])}),
        POLARS.reverse(),
        POLARS.fill_null(0),
        POLARS["a"],
        POLARS.to_arrow(),
        POLARS.drop("d").to_pandas(),
    ]
    assert len({value_digest(value) for value in changed}) == len(changed)


def test_lazy_frames_are_refused_until_collected():
    with pytest.raises(UnkeyableError, match="collect"):
        value_digest(POLARS.lazy())
    assert value_digest(POLARS.lazy().collect()) == value_digest(POLARS)


def test_text_kept_as_objects_or_as_a_string_dtype_differs():
    dtypes = [object, "str", "string", pd.StringDtype("python"), pd.ArrowDtype(pa.string())]
    full = [value_digest(pd.Series(["a", "b"], dtype=dtype)) for dtype in dtypes]
    assert full[2] == full[3]
    assert len(set(full)) == 4
