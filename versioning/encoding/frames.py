"""Encoders of pandas: frames, series, indexes of every kind, extension arrays, scalars.

A frame is its column labels in order, its columns with their dtypes, its row index, `attrs` and
flags. Blocks, views, Arrow chunks and what lies under a null do not show. A `RangeIndex` of rows is
its bounds, so it differs from the same integers written out; a column index is its labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from versioning.encoding.arrow import write_type, write_values
from versioning.encoding.numeric import write_array, write_dtype
from versioning.encoding.paths import Label
from versioning.encoding.registry import encodes

if TYPE_CHECKING:
    from versioning.encoding.encoder import Encoder

# Rows of Python objects that are read together.
_RUN = 100_000


@encodes(pd.DataFrame, tag="pandas.frame", family=True)
def _frame(value: pd.DataFrame, to: Encoder) -> None:
    _write_labels(value.columns, to)
    _write_index(value.index, to)
    for position, label in enumerate(value.columns.tolist()):
        with to.at(label):
            _write_column(value.iloc[:, position].array, to)
    _write_rest(value, to)


@encodes(pd.Series, tag="pandas.series", family=True)
def _series(value: pd.Series[Any], to: Encoder) -> None:
    to.value(value.name)
    _write_index(value.index, to)
    _write_column(value.array, to)
    _write_rest(value, to)


def _write_rest(value: Any, to: Encoder) -> None:
    """What a frame or series carries beside its data; subclasses declare theirs in `_metadata`."""
    to.item(Label(".attrs"), value.attrs)
    to.value(value.flags.allows_duplicate_labels)
    declared = value._metadata  # noqa: SLF001 - how pandas documents it for subclasses
    own = [name for name in declared if name not in {"_name", "_flags"}]
    to.attributes({name: getattr(value, name, None) for name in own})


@encodes(pd.Index, tag="pandas.index", family=True)
def _index(value: pd.Index[Any], to: Encoder) -> None:
    _write_index(value, to)


def _write_index(index: pd.Index[Any], to: Encoder) -> None:
    to.item(Label(".names"), list(index.names))
    if isinstance(index, pd.RangeIndex):
        to.text("range")
        to.value((index.start, index.stop, index.step))
    elif isinstance(index, pd.MultiIndex):
        to.text("multi")
        to.integer(index.nlevels)
        for level in range(index.nlevels):
            _write_column(index.get_level_values(level).array, to)
    else:
        to.text("flat")
        to.value(getattr(index, "freqstr", None))
        _write_column(index.array, to)


def _write_labels(columns: pd.Index[Any], to: Encoder) -> None:
    """Plain labels one by one: which dtype holds them depends on how the frame was made."""
    if type(columns) in (pd.Index, pd.RangeIndex):
        to.text("labels")
        to.item(Label(".names"), list(columns.names))
        to.item(Label(".columns"), columns.tolist())
    else:
        _write_index(columns, to)


@encodes(pd.api.extensions.ExtensionArray, tag="pandas.array", family=True)
def _write_column(values: Any, to: Encoder) -> None:
    """Write dtype and values of a column."""
    for tag, dtypes, write in _WRITERS:
        if isinstance(values.dtype, dtypes):
            to.text(tag)
            write(values, values.dtype, to)
            return
    if not isinstance(values.dtype, np.dtype) and type(values) is not pd.arrays.NumpyExtensionArray:
        raise to.refusal(values, "its dtype is not known; convert the column to another dtype")
    _write_numpy(values.to_numpy(), to)


def _write_numpy(values: Any, to: Encoder) -> None:
    if values.dtype == object:
        to.text("object")
        _write_objects(values, to)
    else:
        write_array(values, to)


def _write_objects(values: Any, to: Encoder) -> None:
    """Text by Arrow, which is fast, and whatever else there is one by one; a run at a time."""
    to.integer(len(values))
    for start in range(0, len(values), _RUN):
        _write_run(values[start : start + _RUN].tolist(), start, to)


def _write_run(members: list[Any], start: int, to: Encoder) -> None:
    try:
        text = pa.array([m if type(m) is str else None for m in members], pa.large_string())
    except UnicodeEncodeError:
        text = pa.nulls(len(members), pa.large_string())
    write_values(text, to)
    if text.null_count:
        for position in np.flatnonzero(text.is_null().to_numpy(zero_copy_only=False)).tolist():
            to.item(start + position, members[position])


def _strings(values: Any, dtype: pd.StringDtype, to: Encoder) -> None:
    """Text; which of its two storages holds it does not count, which missing value it has does."""
    to.value(dtype.na_value is pd.NA)
    try:
        write_values(pa.array(values, from_pandas=True), to)
    except UnicodeEncodeError:
        _write_objects(values.to_numpy(object), to)  # Arrow has no lone surrogates.


def _arrow(values: Any, dtype: pd.ArrowDtype, to: Encoder) -> None:
    """Columns backed by Arrow, of any Arrow type."""
    write_type(dtype.pyarrow_dtype, to)
    write_values(values.__arrow_array__(), to)


def _categorical(values: Any, dtype: pd.CategoricalDtype, to: Encoder) -> None:
    """Categories in their order, which models see as codes even when it means nothing."""
    to.value(bool(dtype.ordered))
    _write_index(dtype.categories, to)
    write_array(values.codes.astype(np.int32), to)


def _zoned(values: Any, dtype: pd.DatetimeTZDtype, to: Encoder) -> None:
    """Moments with a zone."""
    to.text(dtype.unit)
    to.text(_zone_name(dtype.tz, to))
    write_array(values.asi8, to)


def _masked(values: Any, dtype: Any, to: Encoder) -> None:
    """Nullable numbers and booleans: a mask, and values with zeros under it."""
    mask = np.asarray(values.isna())
    write_dtype(dtype.numpy_dtype, to)
    write_array(mask, to)
    write_array(values.to_numpy(dtype.numpy_dtype, na_value=dtype.type(0)), to)


def _period(values: Any, dtype: pd.PeriodDtype, to: Encoder) -> None:
    """Spans of a frequency."""
    to.text(dtype.freq.freqstr)
    write_array(values.asi8, to)


def _interval(values: Any, dtype: Any, to: Encoder) -> None:
    """Intervals by both ends, and which of them belong."""
    to.text(values.closed)
    _write_column(values.left.array, to)
    _write_column(values.right.array, to)


def _sparse(values: Any, dtype: pd.SparseDtype, to: Encoder) -> None:
    """Sparse values, spread out: which of them are stored means nothing."""
    to.value(dtype.fill_value)
    write_array(np.asarray(values), to)


_NULLABLE = (
    pd.BooleanDtype,
    *(pd.Int8Dtype, pd.Int16Dtype, pd.Int32Dtype, pd.Int64Dtype),
    *(pd.UInt8Dtype, pd.UInt16Dtype, pd.UInt32Dtype, pd.UInt64Dtype),
    *(pd.Float32Dtype, pd.Float64Dtype),
)
_WRITERS: tuple[tuple[str, Any, Any], ...] = (
    ("string", pd.StringDtype, _strings),
    ("arrow", pd.ArrowDtype, _arrow),
    ("categorical", pd.CategoricalDtype, _categorical),
    ("zoned", pd.DatetimeTZDtype, _zoned),
    ("nullable", _NULLABLE, _masked),
    ("period", pd.PeriodDtype, _period),
    ("interval", pd.IntervalDtype, _interval),
    ("sparse", pd.SparseDtype, _sparse),
)


def _zone_name(zone: Any, to: Encoder) -> str:
    try:
        return str(pa.lib.tzinfo_to_string(zone))
    except ValueError as error:
        raise to.refusal(zone, "it has no name; use `zoneinfo.ZoneInfo`") from error


@encodes(type(pd.NA), tag="pandas.na", is_atomic=True)
@encodes(type(pd.NaT), tag="pandas.nat", is_atomic=True)
def _missing(value: object, to: Encoder) -> None:
    """Write nothing: the tag says it all."""


@encodes(pd.Timestamp, tag="pandas.timestamp")
def _timestamp(value: pd.Timestamp, to: Encoder) -> None:
    to.text(value.unit)
    to.integer(value.asm8.view("i8").item())
    to.integer(value.fold)
    to.value(None if value.tz is None else _zone_name(value.tz, to))


@encodes(pd.Timedelta, tag="pandas.timedelta")
def _timedelta(value: pd.Timedelta, to: Encoder) -> None:
    to.text(value.unit)
    to.integer(value.asm8.view("i8").item())


@encodes(pd.Period, tag="pandas.period")
def _period_scalar(value: pd.Period, to: Encoder) -> None:
    to.text(value.freqstr)
    to.integer(value.ordinal)


@encodes(pd.Interval, tag="pandas.interval")
def _interval_scalar(value: pd.Interval[Any], to: Encoder) -> None:
    to.text(value.closed)
    to.attribute("left", value.left)
    to.attribute("right", value.right)


@encodes(pd.tseries.offsets.BaseOffset, tag="pandas.offset", family=True)
def _offset(value: Any, to: Encoder) -> None:
    to.integer(value.n)
    to.value(value.normalize)
    to.value(dict(value.kwds))


@encodes(pd.api.extensions.ExtensionDtype, tag="pandas.dtype", family=True)
def _dtype(value: Any, to: Encoder) -> None:
    _write_column(pd.Series([], dtype=value).array, to)
