"""Pandas frames, series and indexes as one Arrow record batch each, and back.

All rows are one batch: a column of several would have to be copied together when it is read.
Columns that are numbers, times or Arrow-backed text pass through without a copy either way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from versioning.codecs.indexes import (
    index_bytes,
    index_from,
    pack_column,
    pack_index,
    unpack_column,
    unpack_index,
)
from versioning.codecs.ipc import Memory, batch_of, single

if TYPE_CHECKING:
    from collections.abc import Mapping

# More single columns than this make pandas slow, and warn: then they are copied into blocks.
LOOSE_COLUMNS = 64


def pack_pandas(value: Any) -> Any:
    """A frame, series or index as a record batch that describes itself.

    Raises:
        UnkeyableError: If something in it cannot be kept exactly; names the column.
    """
    if isinstance(value, pd.DataFrame):
        columns = [value.iloc[:, n].array for n in range(value.shape[1])]
        labels = [f"column {label!r:.80}" for label in value.columns]
        spec = {"kind": "frame", "labels": index_bytes(value.columns, "the column labels")}
        return _pack(value, columns, labels, spec)
    if isinstance(value, pd.Series):
        return _pack(value, [value.array], ["the series"], {"kind": "series", "name": value.name})
    arrays, index = pack_index(value, "the index")
    return batch_of(arrays, map(str, value.names[: len(arrays)]), {"kind": "index", "index": index})


def _pack(value: Any, columns: list[Any], labels: list[str], spec: dict[str, Any]) -> Any:
    arrays, index = pack_index(value.index, "the index")
    packed = [pack_column(column, label) for column, label in zip(columns, labels, strict=True)]
    names = [f"index {n}" for n in range(len(arrays))]
    names += [str(label) for label in (value.columns if value.ndim == 2 else [value.name])]
    whole = {
        **spec,
        "index": index,
        "columns": [column for _, column in packed],
        "attrs": value.attrs,
        "duplicates": value.flags.allows_duplicate_labels,
    }
    return batch_of([*arrays, *(array for array, _ in packed)], names, whole)


def unpack_pandas(table: Any, spec: Mapping[str, Any], memory: Memory) -> Any:
    """The frame, series or index that was packed, lying in `memory` where pandas allows."""
    arrays = [single(column) for column in table.columns]
    specs = spec.get("columns", [])
    split = len(arrays) - len(specs)
    index = unpack_index(arrays[:split], spec["index"], memory)
    if spec["kind"] == "index":
        return index
    packed = zip(arrays[split:], specs, strict=True)
    columns = [unpack_column(array, column, memory) for array, column in packed]
    value = (
        _series(columns, index, spec) if spec["kind"] == "series" else _frame(columns, index, spec)
    )
    value.attrs = spec["attrs"]
    value.flags.allows_duplicate_labels = spec["duplicates"]
    return value


def _series(columns: list[Any], index: Any, spec: Mapping[str, Any]) -> Any:
    (values,) = columns
    return pd.Series(values, index=index, name=spec["name"], dtype=values.dtype, copy=False)


def _frame(columns: list[Any], index: Any, spec: Mapping[str, Any]) -> Any:
    frame = pd.DataFrame(
        {n: pd.Series(c, index=index, dtype=c.dtype, copy=False) for n, c in enumerate(columns)},
        index=index,
        copy=len(columns) > LOOSE_COLUMNS,
    )
    frame.columns = index_from(spec["labels"])
    return frame
