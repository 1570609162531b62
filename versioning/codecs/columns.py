"""One pandas column as an Arrow array and back, with what Arrow alone would lose in a spec.

A spec is a tuple, a kind first: what is needed beside the Arrow array to build the same column.
Numbers and times are taken and given back without a copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa

from versioning.codecs.documents import pack, unpack
from versioning.errors import FormatError, UnkeyableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from versioning.codecs.ipc import Memory

Spec = tuple[Any, ...]


def bare(values: Any) -> Any:
    """The NumPy array inside what pandas wraps it in; other arrays as they are."""
    is_wrapped = type(values) is pd.arrays.NumpyExtensionArray
    return values.to_numpy() if is_wrapped or isinstance(values.dtype, np.dtype) else values


def pack_column(values: Any, name: str) -> tuple[Any, Spec]:
    """A column's values (a NumPy array, or an extension array of pandas) for Arrow, and its spec.

    Args:
        values: One column, not categorical.
        name: What to call it in messages.

    Raises:
        UnkeyableError: If it cannot be kept exactly; names the column and what to do.
    """
    if isinstance(values, np.ndarray):
        return _pack_objects(values, name) if values.dtype.kind == "O" else _pack_numpy(values)
    for cls, packer in _PACKERS.items():
        if isinstance(values.dtype, cls):
            return packer(values, name)
    way = "`sparse.to_dense()`" if isinstance(values.dtype, pd.SparseDtype) else "`astype`"
    raise UnkeyableError(f"{name} has dtype {values.dtype}, which has no exact form: use {way}")


def unpack_column(array: Any, spec: Spec, memory: Memory) -> Any:
    """The column that was packed; numbers and times stay where they lie.

    Raises:
        FormatError: If `spec` is of no known kind.
    """
    kind, *details = spec
    if kind not in _UNPACKERS:
        raise FormatError(f"{str(kind)[:40]!r} is no kind of column that this release reads")
    return _UNPACKERS[kind](array, memory, *details)


def _pack_numpy(values: Any) -> tuple[Any, Spec]:
    dtype = values.dtype
    spec = ("numpy", dtype.str)
    if dtype.kind in "Mm":
        # Not-a-time becomes null for other readers; the buffer still holds it for us.
        return pa.array(values, from_pandas=True), spec
    if dtype.kind in "biuf" and dtype.isnative and dtype.itemsize <= 8:
        return pa.array(values, from_pandas=False), spec
    flat = np.ascontiguousarray(values)
    width = pa.binary(dtype.itemsize)
    return pa.Array.from_buffers(width, len(flat), [None, pa.py_buffer(flat.view("u1"))]), spec


def _unpack_numpy(array: Any, memory: Memory, text: str) -> Any:
    dtype = np.dtype(text)
    if dtype.kind == "b":
        return array.to_numpy(zero_copy_only=False)
    return memory.view(array, dtype)


def _pack_objects(values: Any, name: str) -> tuple[Any, Spec]:
    types = set(map(type, values))
    missing = types - {str}
    if str in types or not types:
        if missing <= {type(None)}:
            return _pack_text(values, name, "None")
        if missing == {float} and _is_usual_nan(values):
            return _pack_text(values, name, "nan")
    return _pack_documents(values, name)


def _is_usual_nan(values: Any) -> bool:
    """Whether every float is the one object that pandas puts for a missing value."""
    usual = np.nan
    return all(value is usual for value in values if type(value) is float)


def _pack_text(values: Any, name: str, missing: str) -> tuple[Any, Spec]:
    try:
        return pa.array(values, pa.large_string(), from_pandas=True), ("text", missing)
    except UnicodeEncodeError:
        return _pack_documents(values, name)


def _unpack_text(array: Any, _memory: Memory, missing: str) -> Any:
    values = array.to_numpy(zero_copy_only=False)
    if missing == "nan":
        values[array.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return values


def _pack_documents(values: Any, name: str) -> tuple[Any, Spec]:
    texts = [orjson.dumps(pack(value, path=f"{name}[{n}]")) for n, value in enumerate(values)]
    return pa.array(texts, pa.large_binary()), ("documents",)


def _unpack_documents(array: Any, _memory: Memory) -> Any:
    values = np.empty(len(array), dtype=object)
    for n, text in enumerate(array):
        values[n] = unpack(orjson.loads(memoryview(text.as_buffer())))
    return values


def _pack_string(values: Any, _name: str) -> tuple[Any, Spec]:
    missing = "NA" if values.dtype.na_value is pd.NA else "nan"
    array = pa.array(values, from_pandas=True)
    return array.cast(pa.large_string()), ("string", values.dtype.storage, missing)


def _unpack_string(array: Any, _memory: Memory, storage: str, missing: str) -> Any:
    make: Any = pd.StringDtype
    dtype = make(storage, na_value={"NA": pd.NA, "nan": np.nan}[missing])
    return dtype.__from_arrow__(pa.chunked_array([array]))


def _pack_masked(values: Any, _name: str) -> tuple[Any, Spec]:
    return pa.array(values), ("masked", values.dtype.name)


def _unpack_masked(array: Any, _memory: Memory, name: str) -> Any:
    dtype: Any = pd.api.types.pandas_dtype(name)
    if type(dtype) not in _MASKED:
        raise FormatError(f"{name[:40]!r} is no nullable dtype")
    return dtype.__from_arrow__(array)


def _pack_arrow(values: Any, _name: str) -> tuple[Any, Spec]:
    return values.__arrow_array__(), ("arrow",)


def _unpack_arrow(array: Any, _memory: Memory) -> Any:
    return pd.arrays.ArrowExtensionArray(array)


def _pack_zoned(values: Any, name: str) -> tuple[Any, Spec]:
    try:
        zone = pack(values.tz)
    except UnkeyableError as error:
        raise UnkeyableError(f"{name}: {error.message}") from error
    array, (_, dtype) = _pack_numpy(values.tz_convert(None).to_numpy())
    return array, ("zoned", dtype, zone)


def _unpack_zoned(array: Any, memory: Memory, dtype: str, zone: Any) -> Any:
    moments = pd.DatetimeIndex(_unpack_numpy(array, memory, dtype), copy=False)
    return moments.tz_localize("UTC").tz_convert(unpack(zone)).array


def _pack_period(values: Any, _name: str) -> tuple[Any, Spec]:
    return pa.array(values.asi8), ("period", values.freqstr)


def _unpack_period(array: Any, memory: Memory, frequency: str) -> Any:
    ordinals = _unpack_numpy(array, memory, "<i8")
    return pd.arrays.PeriodArray(ordinals, dtype=pd.PeriodDtype(frequency))


def _pack_interval(values: Any, name: str) -> tuple[Any, Spec]:
    left, left_spec = pack_column(bare(values.left.array), name)
    right, right_spec = pack_column(bare(values.right.array), name)
    array = pa.StructArray.from_arrays([left, right], ["left", "right"])
    return array, ("interval", values.closed, left_spec, right_spec)


def _unpack_interval(array: Any, memory: Memory, closed: Any, left: Spec, right: Spec) -> Any:
    lower = unpack_column(array.field(0), left, memory)
    upper = unpack_column(array.field(1), right, memory)
    return pd.arrays.IntervalArray.from_arrays(lower, upper, closed=closed)


_MASKED = (
    *(pd.BooleanDtype, pd.Float32Dtype, pd.Float64Dtype),
    *(pd.Int8Dtype, pd.Int16Dtype, pd.Int32Dtype, pd.Int64Dtype),
    *(pd.UInt8Dtype, pd.UInt16Dtype, pd.UInt32Dtype, pd.UInt64Dtype),
)

_PACKERS: dict[Any, Callable[[Any, str], tuple[Any, Spec]]] = {
    pd.StringDtype: _pack_string,
    _MASKED: _pack_masked,
    pd.ArrowDtype: _pack_arrow,
    pd.DatetimeTZDtype: _pack_zoned,
    pd.PeriodDtype: _pack_period,
    pd.IntervalDtype: _pack_interval,
}

_UNPACKERS: dict[str, Callable[..., Any]] = {
    "numpy": _unpack_numpy,
    "text": _unpack_text,
    "documents": _unpack_documents,
    "string": _unpack_string,
    "masked": _unpack_masked,
    "arrow": _unpack_arrow,
    "zoned": _unpack_zoned,
    "period": _unpack_period,
    "interval": _unpack_interval,
}
