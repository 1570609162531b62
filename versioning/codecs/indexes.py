"""Pandas indexes and categorical columns as Arrow arrays and back.

The categories of a column are an index of their own, as are the labels of columns: both are small
Arrow files inside the spec of what they belong to.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.tseries.frequencies import to_offset

from versioning.codecs import columns
from versioning.codecs.columns import Spec, bare
from versioning.codecs.ipc import Memory, batch_of, from_bytes, single, spec_of, to_bytes
from versioning.errors import FormatError, UnkeyableError


def pack_column(values: Any, name: str) -> tuple[Any, Spec]:
    """Any column's values for Arrow, and the spec; see `columns.pack_column`."""
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return columns.pack_column(bare(values), name)
    categories = index_bytes(values.categories, f"the categories of {name}")
    return pa.array(values.codes), ("categorical", bool(values.ordered), categories)


def unpack_column(array: Any, spec: Spec, memory: Memory) -> Any:
    """The column that was packed; see `columns.unpack_column`."""
    if spec[0] != "categorical":
        return columns.unpack_column(array, spec, memory)
    _, ordered, categories = spec
    dtype = pd.CategoricalDtype(index_from(categories), ordered=ordered)
    codes = memory.view(array, np.dtype(array.type.to_pandas_dtype()))
    return pd.Categorical.from_codes(codes, dtype=dtype)


def pack_index(index: Any, name: str) -> tuple[list[Any], Spec]:
    """An index as as many Arrow arrays as it has levels (none for a range), and its spec.

    Raises:
        UnkeyableError: If it cannot be kept exactly; `name` says which.
    """
    names = list(index.names)
    if type(index) is pd.RangeIndex:
        return [], ("range", names, index.start, index.stop, index.step)
    if type(index) is pd.MultiIndex:
        levels = [index.get_level_values(n).array for n in range(index.nlevels)]
        packed = [pack_column(level, f"level {n} of {name}") for n, level in enumerate(levels)]
        return [array for array, _ in packed], ("multi", names, [spec for _, spec in packed])
    if type(index).__module__.partition(".")[0] != "pandas":
        raise UnkeyableError(f"{name} is a {type(index).__qualname__}: make it a plain `pd.Index`")
    array, spec = pack_column(index.array, name)
    return [array], ("flat", names, spec, _frequency(index, name))


def unpack_index(arrays: list[Any], spec: Spec, memory: Memory) -> Any:
    """The index that was packed.

    Raises:
        FormatError: If `spec` is of no known kind.
    """
    kind, names, *details = spec
    if kind == "range":
        start, stop, step = details
        return pd.RangeIndex(start, stop, step, name=names[0])
    if kind == "multi":
        packed = zip(arrays, details[0], strict=True)
        levels = [unpack_column(array, level, memory) for array, level in packed]
        return pd.MultiIndex.from_arrays(levels, names=names)
    if kind != "flat":
        raise FormatError(f"{str(kind)[:40]!r} is no kind of index that this release reads")
    column, frequency = details
    values = unpack_column(arrays[0], column, memory)
    index = pd.Index(values, dtype=values.dtype, name=names[0], copy=False, tupleize_cols=False)
    if frequency is not None:
        index.freq = frequency
    return index


def index_bytes(index: Any, name: str) -> bytes:
    """A small index as an Arrow file, to stand inside a spec."""
    arrays, spec = pack_index(index, name)
    return to_bytes(batch_of(arrays, map(str, range(len(arrays))), spec))


def index_from(data: bytes) -> Any:
    """The index in what `index_bytes` made."""
    table, memory = from_bytes(data)
    return unpack_index([single(column) for column in table.columns], spec_of(table.schema), memory)


def _frequency(index: Any, name: str) -> str | None:
    if not isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex) or index.freq is None:
        return None
    if to_offset(index.freqstr) != index.freq:
        raise UnkeyableError(f"the frequency of {name} has no name of its own: set `freq` to None")
    return str(index.freqstr)
