"""`arrow/1`: tables of pandas, polars and pyarrow, as one Arrow file.

Which library a table belongs to is in the metadata of the file (`kind`): one codec reads all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from versioning.codecs.ipc import (
    METADATA,
    Memory,
    metadata_of,
    read_file,
    spec_of,
    write_file,
)
from versioning.codecs.protocol import Reader, Writer, refuse_damage
from versioning.errors import UnkeyableError

if TYPE_CHECKING:
    from collections.abc import Iterator

PART = "data.arrow"
# Cells in a record batch of a table that is Arrow's already: some 64 MiB of numbers.
BATCH_CELLS = 8 * 1024 * 1024


class _ArrowCodec:
    """Tables; columns of numbers come back mapped, copied on write."""

    name = "arrow"
    version = 1

    def accepts(self, value: object) -> bool:
        return _kind(value) is not None

    def write(self, value: Any, writer: Writer) -> None:
        schema, batches = _PACKERS[_kind(value) or ""](value)
        with writer.part(PART) as stream:
            write_file(stream, schema, batches)

    def read(self, reader: Reader) -> Any:
        with refuse_damage(self):
            memory = Memory.of(reader, PART)
            table = read_file(memory)
            spec = spec_of(table.schema)
            if spec["kind"] in _UNPACKERS:
                return _UNPACKERS[spec["kind"]](table, spec)
            from versioning.codecs.frames import unpack_pandas

            return unpack_pandas(table, spec, memory)


def _kind(value: object) -> str | None:
    """The kind of table, or None for none; a subclass would come back as its base, so is none."""
    cls = type(value)
    library = cls.__module__.partition(".")[0]
    if library == "pandas":
        import pandas as pd

        is_ours = cls in (pd.DataFrame, pd.Series) or isinstance(value, pd.Index)
        return "pandas" if is_ours else None
    if library == "polars":
        import polars as pl

        return {pl.DataFrame: "polars", pl.Series: "polars series"}.get(cls)
    return "pyarrow" if cls is pa.Table else None


def _pack_pandas(value: Any) -> tuple[Any, list[Any]]:
    from versioning.codecs.frames import pack_pandas

    batch = pack_pandas(value)
    return batch.schema, [batch]


def _pack_pyarrow(table: Any) -> tuple[Any, Iterator[Any]]:
    whole = table.unify_dictionaries()
    schema = table.schema
    described = {**(schema.metadata or {}), **metadata_of({"kind": "pyarrow"})}
    return schema.with_metadata(described), (
        batch.replace_schema_metadata(described)
        for start, stop in _windows(table.num_rows, table.num_columns)
        for batch in whole.slice(start, stop - start).combine_chunks().to_batches()
    )


def _pack_polars(frame: Any) -> tuple[Any, Iterator[Any]]:
    return _polars_batches(frame, {"kind": "polars"})


def _pack_polars_series(series: Any) -> tuple[Any, Iterator[Any]]:
    return _polars_batches(series.to_frame(), {"kind": "polars series"})


def _polars_batches(frame: Any, spec: dict[str, Any]) -> tuple[Any, Iterator[Any]]:
    try:
        schema = frame.clear().to_arrow().schema.with_metadata(metadata_of(spec))
    except pa.ArrowException as error:
        raise UnkeyableError(f"Arrow lacks a dtype of {frame.dtypes}: cast it") from error
    kept = _unpack_polars(schema.empty_table(), None).schema
    for name, dtype in frame.schema.items():
        if kept[name] != dtype:
            raise UnkeyableError(f"column {name!r} has dtype {dtype}, which Arrow lacks: cast it")
    return schema, (
        batch.cast(schema)
        for start, stop in _windows(frame.height, frame.width)
        for batch in frame.slice(start, stop - start).to_arrow().combine_chunks().to_batches()
    )


def _windows(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """Ranges of rows whose size follows from the shape alone, so that equal tables lie alike."""
    step = max(BATCH_CELLS // max(columns, 1), 1024)
    return ((start, min(start + step, rows)) for start in range(0, rows, step))


def _unpack_pyarrow(table: Any, _spec: Any) -> Any:
    kept = {k: v for k, v in table.schema.metadata.items() if k != METADATA}
    return table.replace_schema_metadata(kept or None)


def _unpack_polars(table: Any, _spec: Any) -> Any:
    import polars as pl

    # polars gives a column without a name one of its own.
    frame: Any = pl.from_arrow(table.rename_columns([str(n) for n in range(table.num_columns)]))
    frame.columns = table.column_names
    return frame


def _unpack_polars_series(table: Any, _spec: Any) -> Any:
    return _unpack_polars(table, _spec).to_series()


_PACKERS = {
    "pandas": _pack_pandas,
    "polars": _pack_polars,
    "polars series": _pack_polars_series,
    "pyarrow": _pack_pyarrow,
}
_UNPACKERS = {
    "polars": _unpack_polars,
    "polars series": _unpack_polars_series,
    "pyarrow": _unpack_pyarrow,
}
CODECS = (_ArrowCodec(),)
