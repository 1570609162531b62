"""Arrow's file format as we use it: uncompressed, a spec in its metadata, checked when read.

Arrow trusts offsets and lengths inside a file unless told to look, and a wrong one would crash the
process later on; so all that is read is validated first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import orjson
import pyarrow as pa

from versioning.codecs.arrays import mapped
from versioning.codecs.documents import pack, unpack
from versioning.errors import FormatError, UnkeyableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from versioning.codecs.protocol import Reader

METADATA = b"versioning"
# Before the schema, in a file: "ARROW1" and two bytes of padding.
_MAGIC_BYTES = 8


@dataclass(frozen=True, slots=True)
class Memory:
    """The bytes that Arrow arrays lie in, as an array that may be changed (copied on write).

    Arrow hands out read-only views of it, and pandas fails when it assigns into those.
    """

    data: Any

    @classmethod
    def of(cls, reader: Reader, part: str) -> Memory:
        """A part, mapped when it is large."""
        return cls(mapped(reader, part))

    def view(self, array: Any, dtype: np.dtype[Any]) -> Any:
        """The values of a fixed-width Arrow array where they lie; what is under a null shows.

        Raises:
            FormatError: If `array` does not lie in this memory, or is of another width.
        """
        if array.type.bit_width != dtype.itemsize * 8 or dtype.hasobject:
            raise FormatError(f"a column of {array.type} claims to be {dtype}")
        buffer = array.buffers()[1]
        size_bytes = len(array) * dtype.itemsize
        if not size_bytes or buffer is None:
            return np.empty(len(array), dtype)
        start = buffer.address - self.data.ctypes.data + array.offset * dtype.itemsize
        if not 0 <= start <= start + size_bytes <= len(self.data):
            raise FormatError("a column is compressed or lies outside its file")
        return self.data[start : start + size_bytes].view(dtype)


def batch_of(arrays: Iterable[Any], names: Iterable[str], spec: object) -> Any:
    """A record batch of columns; names may repeat, since they are for people."""
    columns = [_contiguous(array) for array in arrays]
    labels = [name.encode("utf-8", "replace").decode() for name in names]
    batch = pa.RecordBatch.from_arrays(columns, labels)
    return batch.replace_schema_metadata(metadata_of(spec))


def metadata_of(spec: object) -> dict[bytes, bytes]:
    """What stands in a schema for `spec`, which may hold all that `json/1` stores inline."""
    return {METADATA: orjson.dumps(pack(spec, path="the frame"))}


def spec_of(schema: Any) -> Any:
    """The spec in a schema.

    Raises:
        FormatError: If there is none.
    """
    metadata = schema.metadata or {}
    if METADATA not in metadata:
        raise FormatError("this table has no description of what it was made from")
    return unpack(orjson.loads(metadata[METADATA]))


def write_file(stream: BinaryIO, schema: Any, batches: Iterable[Any]) -> None:
    """Write record batches one by one, each buffer straight from where it lies.

    Raises:
        UnkeyableError: If Arrow cannot write them.
    """
    try:
        with pa.ipc.new_file(pa.PythonFile(stream, mode="w"), schema) as file:
            for batch in batches:
                file.write_batch(batch)
    except pa.ArrowException as error:
        raise UnkeyableError(f"Arrow cannot store this table: {error}; convert it") from error


def read_file(memory: Memory) -> Any:
    """The table that was written, lying in `memory`."""
    table = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(memory.data))).read_all()
    table.validate(full=True)
    return table


def read_columns(stream: BinaryIO) -> list[tuple[str, str]]:
    """Name and Arrow type of each column of a table, of whose bytes only the beginning is read.

    So they are not checked: this is for people, and no value comes out of it.

    Args:
        stream: A file that `write_file` wrote, at its beginning.

    Raises:
        FormatError: If it is none.
    """
    try:
        stream.read(_MAGIC_BYTES)
        schema = pa.ipc.open_stream(pa.PythonFile(stream, mode="r")).schema
        # The index of a pandas table stands before its columns.
        count = len(spec_of(schema).get("columns", schema))
    except (pa.ArrowException, AttributeError, TypeError, ValueError) as error:
        raise FormatError(f"this is no table of ours: {error}") from error
    return [(field.name, str(field.type)) for field in schema][len(schema) - count :]


def to_bytes(batch: Any) -> bytes:
    """A small batch as a file."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, batch.schema) as file:
        file.write_batch(batch)
    return bytes(sink.getvalue())


def from_bytes(data: bytes) -> tuple[Any, Memory]:
    """The table that `to_bytes` made, and the memory it lies in."""
    memory = Memory(np.frombuffer(bytearray(data), np.uint8))
    return read_file(memory), memory


def single(column: Any) -> Any:
    """The one chunk of a column.

    Raises:
        FormatError: If there are several, or none.
    """
    if column.num_chunks != 1:
        raise FormatError(f"a column lies in {column.num_chunks} pieces, not in one")
    return column.chunk(0)


def _contiguous(array: Any) -> Any:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
