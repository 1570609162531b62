"""Values of pandas and polars."""

from __future__ import annotations

import datetime
import io

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from tests.encoding.rows.row import Refused, Row

BERLIN = "Europe/Berlin"


def frame(**columns):
    return pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"], **columns})


def assigned(table):
    copy = table.copy()
    for name in table.columns:
        copy[name] = table[name]
    return copy


def through_parquet(table):
    stream = io.BytesIO()
    table.to_parquet(stream)
    return pd.read_parquet(stream)


def with_attrs(table, **attrs):
    table.attrs.update(attrs)
    return table


class Sales(pd.DataFrame):
    _metadata = ["currency"]

    @property
    def _constructor(self):
        return Sales


def sales(currency):
    table = Sales({"a": [1]})
    table.currency = currency
    return table


def series(values, dtype=None, **parameters):
    return pd.Series(values, dtype=dtype, **parameters)


def hidden(under):
    """A nullable column with something under its null."""
    return pd.Series(pd.arrays.IntegerArray(np.array([5, under]), np.array([False, True])))


COLUMNS = [
    *(series([1, 0], dtype) for dtype in ("i1", "i2", "i4", "i8", "u8", "f4", "f8", "?", "c16")),
    *(series([1, None], dtype) for dtype in ("Int8", "Int64", "UInt64", "Float32", "Float64")),
    *(series([1, 0], dtype) for dtype in ("Int32", "boolean", object)),
    *(series(["1", None], dtype) for dtype in (object, "str", "string")),
    *(series([1, None], pd.ArrowDtype(kind)) for kind in (pa.int8(), pa.int64(), pa.float64())),
    *(series(["1", None], pd.ArrowDtype(kind)) for kind in (pa.string(), pa.large_string())),
    series([[1], None], pd.ArrowDtype(pa.list_(pa.int64()))),
    series(pd.Categorical(["x", "y"])),
    series(pd.Categorical(["x", "y"], ordered=True)),
    series(pd.Categorical(["x", "y"], categories=["y", "x"])),
    series(pd.Categorical(["x", "y"], categories=["x", "y", "z"])),
    series(pd.Categorical(["x", None], categories=["x", "y"])),
    series(pd.Categorical([1, 2])),
    *(
        series(pd.to_datetime(["2020-01-01", None]).as_unit(unit))
        for unit in ("s", "ms", "us", "ns")
    ),
    *(series(pd.to_datetime(["2020-01-01", None]).tz_localize(zone)) for zone in ("UTC", BERLIN)),
    series(pd.to_datetime(["2020-01-01", None]).tz_localize("+01:00")),
    series(pd.to_timedelta([1, None], unit="s")),
    *(series(pd.period_range("2020-01", periods=2, freq=freq)) for freq in ("M", "D")),
    *(series(pd.interval_range(0, 2, closed=closed)) for closed in ("left", "right", "both")),
    series(pd.arrays.SparseArray([0, 1])),
    series(pd.arrays.SparseArray([0, 1], fill_value=1)),
    series(pd.arrays.SparseArray([0.0, np.nan])),
]
INDEXES = [
    *(pd.RangeIndex(3), pd.RangeIndex(0, 6, 2), pd.RangeIndex(3, name="n"), pd.Index([0, 1, 2])),
    *(pd.Index([0, 1, 2], dtype="i4"), pd.Index([0.0, 1, 2]), pd.Index(["0", "1", "2"])),
    *(pd.Index(["0", "1", "2"], dtype=object), pd.Index(["0", "1", "2"], dtype="string")),
    *(pd.CategoricalIndex(["0", "1", "2"]), pd.CategoricalIndex(["0", "1", "2"], ordered=True)),
    *(pd.date_range("2020", periods=3, freq=freq) for freq in ("D", "h", "2D")),
    *(pd.date_range("2020", periods=3, tz=zone) for zone in ("UTC", BERLIN)),
    pd.DatetimeIndex(["2020-01-01", "2020-01-02", "2020-01-03"]),
    *(pd.timedelta_range("1h", periods=3), pd.TimedeltaIndex(["1h", "2h", "3h"])),
    *(pd.period_range("2020", periods=3, freq=freq) for freq in ("D", "M")),
    *(pd.interval_range(0, 3), pd.interval_range(0, 3, closed="both")),
    *(pd.MultiIndex.from_product([["a"], [1, 2, 3]], names=names) for names in (None, ["x", "y"])),
    *(pd.MultiIndex.from_product([["a"], order]) for order in ([1, 2], [2, 1])),
]

FRAMES = Row(
    "frame",
    lambda: [
        frame(),
        frame().copy(),
        assigned(frame()),
        pd.concat([frame(), frame()], ignore_index=True)[:3],
        pd.concat([frame()[["a"]], frame()[["b"]]], axis=1),
        through_parquet(frame()),
    ],
    lambda: [
        *(
            frame()[["b", "a"]],
            frame()[["a"]],
            frame()[["a"]].T,
            frame().rename(columns={"a": "c"}),
        ),
        *(frame(a=[1, 2, 4]), frame(a=[1.0, 2, 3]), frame(b=["x", np.nan, "y"]), frame()[::-1]),
        *(frame()[:2], frame()[:0], frame()[[]], pd.DataFrame()),
        *(frame().rename_axis("n"), frame().rename_axis(columns="n"), frame().add_prefix("")[1:]),
        *(with_attrs(frame(), unit="s"), with_attrs(frame(), unit="m")),
        with_attrs(frame(), unit="s", source="x"),
        frame().set_flags(allows_duplicate_labels=False),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame([[2, 1]], columns=["a", "a"]),
        *(pd.DataFrame([[0]], columns=[label]) for label in (1, "1", 1.5, None, ("a",))),
        pd.DataFrame([[0]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
        pd.DataFrame([[0]], columns=pd.to_datetime(["2020"])),
        *(sales("EUR"), sales("USD"), pd.DataFrame({"a": [1]})),
    ],
)

PANDAS = [
    FRAMES,
    Row("nullable column", lambda: [hidden(2), hidden(7)], lambda: [series([1, 2], "Int64")]),
    Row(
        "column of text",
        lambda: [
            series(["a", None], pd.StringDtype("python")),
            series(["a", None], pd.StringDtype("pyarrow")),
        ],
        lambda: [
            series(["a", "None"], "string"),
            series(["\ud800"], object),
            series(["\ud801"], object),
        ],
    ),
    Row("column of every kind", lambda: [series([7])], lambda: COLUMNS),
    Row(
        "column of objects",
        lambda: [
            series([1, "a", None, (1,)], object),
            series([1, 0, "a", None, (1,)], object)[[0, 2, 3, 4]].reset_index(drop=True),
        ],
        lambda: [series([1, "a", missing, (1,)], object) for missing in (np.nan, pd.NA, pd.NaT)],
    ),
    Row(
        "series",
        lambda: [series([9, 8]), series([9, 0, 8])[::2].reset_index(drop=True)],
        lambda: [series([9, 8], name="n"), series([9, 8], index=[1, 2]), series([9, 8], name=0)],
    ),
    Row(
        "index of every kind",
        lambda: [pd.Index([5]), pd.Index([5, 6])[:1]],
        lambda: [*INDEXES, *(pd.Series(range(3), index) for index in INDEXES[:-2])],
    ),
    Row(
        "levels of an index",
        lambda: [
            pd.MultiIndex.from_product([["a", "b"], [7]])[:1],
            pd.MultiIndex.from_product([["a"], [7]]),
        ],
        lambda: [pd.MultiIndex.from_product([["b"], [7]])],
    ),
    Row(
        "pandas scalar",
        lambda: [
            pd.Timestamp("2020-01-01", tz=BERLIN),
            pd.Timestamp("2020-01-01").tz_localize(BERLIN),
        ],
        lambda: [
            *(pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-01", tz="UTC"), pd.Timestamp(0)),
            *(pd.Timestamp("2020-01-01").as_unit("s"), pd.NaT, pd.NA, pd.Timedelta("1D")),
            *(pd.Timestamp(2020, 10, 25, 2, 30, tz=BERLIN, fold=fold) for fold in (0, 1)),
            *(
                pd.Period("2020-01", "M"),
                pd.Period("2020-01", "D"),
                pd.Timedelta("1D").as_unit("s"),
            ),
            *(pd.Interval(0, 1), pd.Interval(0, 1, "left"), pd.Interval(0.0, 1.0)),
        ],
    ),
    Row(
        "offset",
        lambda: [pd.DateOffset(months=1), pd.DateOffset(months=1)],
        lambda: [
            *(pd.DateOffset(months=2), pd.DateOffset(days=1), pd.offsets.Day(1), pd.offsets.Day(2)),
            *(pd.offsets.BDay(), pd.offsets.BDay(normalize=True), pd.offsets.Week(weekday=1)),
            *(
                pd.offsets.CustomBusinessDay(),
                pd.offsets.CustomBusinessDay(holidays=["2020-01-01"]),
            ),
        ],
    ),
    Row(
        "pandas dtype",
        lambda: [pd.CategoricalDtype(["a"]), pd.CategoricalDtype(pd.Index(["a"]))],
        lambda: [
            *(pd.CategoricalDtype(["a"], ordered=True), pd.CategoricalDtype(["b"])),
            *(pd.Int64Dtype(), pd.Int32Dtype(), pd.StringDtype(), pd.ArrowDtype(pa.int64())),
            *(pd.DatetimeTZDtype("ns", "UTC"), pd.DatetimeTZDtype("us", "UTC")),
        ],
    ),
]


def polars(**changes):
    columns = {"a": [1, None], "b": ["x", "y"], "c": [[1], None], "d": [{"k": 1}, {"k": None}]}
    return pl.DataFrame({**columns, **changes})


def numbered_otherwise(values, dtype):
    """Categories, numbered after others that the same process saw before."""
    longer = pl.Series([*[["q", "w"]], *values], dtype=dtype)
    return longer[1:]


LISTED = pl.List(pl.Categorical)
POLARS_DTYPES = [
    *(pl.Int8, pl.Int16, pl.Int32, pl.UInt64, pl.Int128, pl.Float32, pl.Float64, pl.Boolean),
    *(pl.Date, pl.Time, pl.Datetime("ms"), pl.Datetime("us"), pl.Datetime("us", "UTC")),
    *(pl.Datetime("us", BERLIN), pl.Duration("ms"), pl.Duration("us"), pl.Null, pl.String),
    *(pl.Binary, pl.Categorical, pl.Enum(["x"]), pl.Enum(["x", "y"]), pl.Decimal(5, 2)),
    *(pl.Decimal(6, 2), pl.List(pl.Int8), pl.List(pl.Int16), pl.Array(pl.Int8, 1)),
    *(pl.Struct({"k": pl.Int8}), pl.Struct({"l": pl.Int8}), LISTED, pl.List(pl.Enum(["x"]))),
]

POLARS = [
    Row(
        "polars frame",
        lambda: [
            polars(),
            pl.concat([polars()[:1], polars()[1:]], rechunk=False),
            pl.concat([polars(), polars()])[2:],
            polars().lazy().collect(),
        ],
        lambda: [
            *(polars(a=[1, 2]), polars(a=[1.0, None]), polars(b=["x", None]), polars(c=[[1], []])),
            *(polars(d=[{"k": 1}, None]), polars().rename({"a": "z"}), polars().reverse()),
            *(polars().select("b", "a", "c", "d"), polars()[:1], polars()[:0], pl.DataFrame()),
        ],
    ),
    Row(
        "polars dtype",
        lambda: [pl.Series([None], dtype=pl.Int64), pl.Series([1, None], dtype=pl.Int64)[1:]],
        lambda: [
            *(pl.Series([None], dtype=dtype) for dtype in POLARS_DTYPES),
            pl.Int64(),
            pl.Int8(),
        ],
    ),
    Row(
        "polars series",
        lambda: [
            pl.Series("n", [2**70, -1], pl.Int128),
            pl.Series("n", [0, 2**70, -1], pl.Int128)[1:],
        ],
        lambda: [
            *(pl.Series("m", [2**70, -1], pl.Int128), pl.Series("n", [2**70, -2], pl.Int128)),
            *(pl.Series([0.0]), pl.Series([-0.0]), pl.Series([float("nan")]), pl.Series([1.5, 0])),
            *(pl.Series(["x"], dtype=pl.Categorical), pl.Series(["x"], dtype=pl.Enum(["x", "y"]))),
        ],
    ),
    Row(
        "polars categories in a list",
        lambda: [pl.Series([["zz", "b"]], dtype=LISTED), numbered_otherwise([["zz", "b"]], LISTED)],
        lambda: [pl.Series([["b", "zz"]], dtype=LISTED)],
    ),
]


ROWS = [*PANDAS, *POLARS]

REFUSED = [
    Refused("lazy frame", lambda: polars().lazy(), "collect"),
    Refused("polars expression", lambda: pl.col("a")),
    Refused("polars objects", lambda: pl.Series([object()], dtype=pl.Object), "another dtype"),
    Refused("group by", lambda: frame().groupby("a")),
    Refused("object in a frame", lambda: frame(c=[1, object(), 2])),
    Refused(
        "zone of seconds", lambda: series(pd.date_range("2020", periods=1, tz=ODD)), "zoneinfo"
    ),
]
ODD = datetime.timezone(datetime.timedelta(seconds=3601))
