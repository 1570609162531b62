"""Encoders of Arrow: arrays, tables, schemas, scalars.

A column is its type and its values. How it is cut into chunks, where a slice begins, and what lies
under a null do not show: each pass (validity, lengths, bytes) runs over all chunks as one stream.
Metadata of schemas and fields counts.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from versioning.encoding.numeric import CHUNK_BYTES, as_bytes
from versioning.encoding.registry import encodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from versioning.encoding.encoder import Encoder

_is = pa.types
_ROWS = CHUNK_BYTES // 8
_LONG = np.iinfo(np.uint32).max
_EXTENSION_PARAMETERS = ("dim_names", "permutation", "shape", "type_name", "vendor_name")
_RELEASES = frozenset({"creator", "pandas_version"})


@encodes(pa.Table, pa.RecordBatch, tag="arrow.table")
def _table(value: Any, to: Encoder) -> None:
    write_schema(value.schema, to)
    to.integer(value.num_rows)
    for position, name in enumerate(value.schema.names):
        with to.at(name):
            write_values(value.column(position), to)


@encodes(pa.Schema, tag="arrow.schema")
def write_schema(schema: pa.Schema, to: Encoder) -> None:
    """Write the fields of a schema in order, and its metadata."""
    to.integer(len(schema))
    for field in schema:
        _field(field, to)
    _metadata(schema.metadata, to)


@encodes(pa.Field, tag="arrow.field")
def _field(field: pa.Field, to: Encoder) -> None:
    to.text(field.name)
    to.value(field.nullable)
    write_type(field.type, to)
    _metadata(field.metadata, to)


@encodes(pa.DataType, tag="arrow.type", family=True)
def write_type(kind: pa.DataType, to: Encoder) -> None:
    """Write a type with its parameters and the fields inside it."""
    if isinstance(kind, pa.BaseExtensionType):
        to.text(f"extension {kind.extension_name}")
        _extension(kind, to)
        write_type(kind.storage_type, to)
    elif _is.is_dictionary(kind):
        to.text("dictionary")
        to.value(kind.ordered)
        write_type(kind.index_type, to)
        write_type(kind.value_type, to)
    elif _is.is_run_end_encoded(kind):
        to.text("run_end_encoded")
        write_type(kind.run_end_type, to)
        write_type(kind.value_type, to)
    elif kind.num_fields:
        _nested_type(kind, to)
    else:
        to.text(str(kind))


def _extension(kind: pa.BaseExtensionType, to: Encoder) -> None:
    """Write the parameters of an extension type; those of Arrow's own say them as attributes."""
    if isinstance(kind, pa.ExtensionType):
        to.data(kind.__arrow_ext_serialize__())
    else:
        to.attributes({name: getattr(kind, name, None) for name in _EXTENSION_PARAMETERS})


def _nested_type(kind: pa.DataType, to: Encoder) -> None:
    to.text(kind.__class__.__name__)
    if _is.is_union(kind):
        to.value(kind.type_codes)
    to.integer(getattr(kind, "list_size", -1))
    to.value(getattr(kind, "keys_sorted", None))
    to.integer(kind.num_fields)
    for position in range(kind.num_fields):
        _field(kind.field(position), to)


def _metadata(metadata: dict[bytes, bytes] | None, to: Encoder) -> None:
    """Write metadata, sorted: Arrow itself compares it without its order."""
    to.value({key: _stable(key, text) for key, text in sorted((metadata or {}).items())})


def _stable(key: bytes, text: bytes) -> object:
    """What pandas notes in a table about itself, without the releases that wrote it."""
    if key != b"pandas":
        return text
    try:
        noted = json.loads(text)
    except ValueError:
        return text
    if not isinstance(noted, dict):
        return text
    return {name: noted[name] for name in sorted(noted) if name not in _RELEASES}


@encodes(pa.Array, pa.ChunkedArray, tag="arrow.array", family=True)
def _array(value: Any, to: Encoder) -> None:
    write_type(value.type, to)
    write_values(value, to)


@encodes(pa.Scalar, tag="arrow.scalar", family=True)
def _scalar(value: pa.Scalar, to: Encoder) -> None:
    write_type(value.type, to)
    write_values(pa.array([value], value.type), to)


@encodes(pa.Buffer, tag="arrow.buffer", family=True)
def _buffer(value: pa.Buffer, to: Encoder) -> None:
    to.data(memoryview(value))


def write_values(values: pa.Array | pa.ChunkedArray, to: Encoder) -> None:
    """Write the values of an array, without its type."""
    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    _write(values.type, chunks, to)


def _write(kind: pa.DataType, chunks: list[pa.Array], to: Encoder) -> None:
    chunks = [chunk for chunk in chunks if len(chunk)]
    to.integer(sum(map(len, chunks)))
    if isinstance(kind, pa.BaseExtensionType):
        _write(kind.storage_type, [chunk.storage for chunk in chunks], to)
    elif _is.is_dictionary(kind):
        _write_dictionary(kind, chunks, to)
    elif _is.is_run_end_encoded(kind):
        _write(kind.value_type, [pc.run_end_decode(chunk) for chunk in chunks], to)
    elif _is.is_null(kind):
        return
    else:
        _write_validity(chunks, to)
        _writer(kind, to)(kind, chunks, to)


def _writer(kind: pa.DataType, to: Encoder) -> Callable[[Any, list[pa.Array], Encoder], None]:
    for accepts, write in _WRITERS:
        if accepts(kind):
            return write
    raise to.refusal(kind, "arrays of this type are not supported; cast the column to another")


def _write_validity(chunks: list[pa.Array], to: Encoder) -> None:
    missing = sum(chunk.null_count for chunk in chunks)
    to.integer(missing)
    if missing:
        to.stream(sum(map(len, chunks)), (_valid(run) for chunk in chunks for run in _runs(chunk)))


def _runs(chunk: pa.Array) -> Iterator[pa.Array]:
    """Slices of a chunk, so that what is worked out for each row takes little memory at a time."""
    return (chunk.slice(start, _ROWS) for start in range(0, len(chunk), _ROWS))


def _valid(chunk: pa.Array) -> Any:
    return chunk.is_valid().cast(pa.uint8()).to_numpy()


def _write_dictionary(kind: pa.DataType, chunks: list[pa.Array], to: Encoder) -> None:
    unified = pa.chunked_array(chunks, kind).unify_dictionaries().chunks
    _write(kind.value_type, [chunk.dictionary for chunk in unified[:1]], to)
    indices = [chunk.indices.cast(pa.int64()) for chunk in unified]
    _write(pa.int64(), indices, to)


def _write_booleans(kind: pa.DataType, chunks: list[pa.Array], to: Encoder) -> None:
    to.stream(
        sum(map(len, chunks)),
        (
            pc.fill_null(run, fill_value=False).cast(pa.uint8()).to_numpy()
            for chunk in chunks
            for run in _runs(chunk)
        ),
    )


def _write_fixed(kind: pa.DataType, chunks: list[pa.Array], to: Encoder) -> None:
    width = kind.bit_width // 8
    dtype = np.dtype(f"f{width}" if _is.is_floating(kind) else f"V{width}")
    size_bytes = sum(map(len, chunks)) * width
    to.stream(size_bytes, (run for chunk in chunks for run in _fixed_runs(chunk, dtype)))


def _fixed_runs(chunk: pa.Array, dtype: np.dtype[Any]) -> Iterator[Any]:
    buffer = chunk.buffers()[1]
    step = CHUNK_BYTES // dtype.itemsize
    valid = _valid(chunk).view(bool) if chunk.null_count else None
    for start in range(0, len(chunk), step):
        count = min(step, len(chunk) - start)
        run = np.frombuffer(buffer, dtype, count, (chunk.offset + start) * dtype.itemsize)
        if valid is not None:
            run = run.copy()
            run[~valid[start : start + count]] = np.zeros((), dtype)
        yield as_bytes(run)


def _write_text(kind: pa.DataType, chunks: list[pa.Array], to: Encoder) -> None:
    is_text = _is_string(kind)
    if _is_view(kind):
        chunks = [
            chunk.cast(pa.large_string() if is_text else pa.large_binary()) for chunk in chunks
        ]
    cleared = [_without_hidden(chunk, "" if is_text else b"") for chunk in chunks]
    _write_lengths(cleared, to)
    spans = [(_offsets(chunk), chunk.buffers()[2]) for chunk in cleared]
    size_bytes = sum(int(offsets[-1] - offsets[0]) for offsets, _ in spans)
    to.stream(size_bytes, (memoryview(data)[o[0] : o[-1]] for o, data in spans if o[-1] > o[0]))


def _without_hidden(chunk: pa.Array, empty: object) -> pa.Array:
    """The same values with nothing left under the nulls."""
    if chunk.null_count and any(map(_has_hidden, _runs(chunk))):
        return pc.fill_null(chunk, empty)
    return chunk


def _has_hidden(run: pa.Array) -> bool:
    return bool(np.diff(_offsets(run))[~_valid(run).view(bool)].any())


def _offsets(chunk: pa.Array) -> Any:
    dtype = np.dtype(np.int64 if _is_wide(chunk.type) else np.int32)
    return np.frombuffer(chunk.buffers()[1], dtype, len(chunk) + 1, chunk.offset * dtype.itemsize)


def _write_lengths(chunks: list[pa.Array], to: Encoder) -> None:
    # Only a chunk that is longer itself can hold a text that is.
    large = [chunk for chunk in chunks if int(np.ptp(_offsets(chunk)[[0, -1]])) > _LONG]
    is_long = any(int(run.max()) > _LONG for run in _lengths(large))
    dtype = np.dtype("<u8" if is_long else "<u4")
    to.integer(dtype.itemsize)
    to.stream(
        sum(map(len, chunks)) * dtype.itemsize,
        (run.astype(dtype, copy=False).view(np.uint8) for run in _lengths(chunks)),
    )


def _lengths(chunks: list[pa.Array]) -> Iterator[Any]:
    return (np.diff(_offsets(run)) for chunk in chunks for run in _runs(chunk))


def _write_list(kind: pa.DataType, chunks: list[pa.Array], to: Encoder) -> None:
    counts = [pc.fill_null(pc.list_value_length(chunk).cast(pa.int64()), 0) for chunk in chunks]
    _write(pa.int64(), counts, to)
    _write(kind.value_type, [chunk.flatten() for chunk in chunks], to)


def _write_map(kind: pa.DataType, chunks: list[pa.Array], to: Encoder) -> None:
    entries = pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)]))
    _write_list(entries, [chunk.cast(entries) for chunk in chunks], to)


def _write_struct(kind: pa.DataType, chunks: list[pa.Array], to: Encoder) -> None:
    columns = [chunk.flatten() for chunk in chunks]
    for position in range(kind.num_fields):
        field = kind.field(position)
        with to.at(field.name):
            _write(field.type, [column[position] for column in columns], to)


def _any_of(*claims: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda kind: any(claim(kind) for claim in claims)


_is_list = _any_of(
    _is.is_list,
    _is.is_large_list,
    _is.is_fixed_size_list,
    _is.is_list_view,
    _is.is_large_list_view,
)
_is_view = _any_of(_is.is_string_view, _is.is_binary_view)
_is_wide = _any_of(_is.is_large_string, _is.is_large_binary)
_is_string = _any_of(_is.is_string, _is.is_large_string, _is.is_string_view)
_is_bytes = _any_of(_is.is_binary, _is.is_large_binary, _is.is_binary_view)
_is_fixed = _any_of(_is.is_primitive, _is.is_decimal, _is.is_fixed_size_binary)

_WRITERS = (
    (_is.is_boolean, _write_booleans),
    (_any_of(_is_string, _is_bytes), _write_text),
    (_is.is_map, _write_map),
    (_is_list, _write_list),
    (_is.is_struct, _write_struct),
    (_is_fixed, _write_fixed),
)
