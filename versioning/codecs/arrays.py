"""`npy/1`: NumPy arrays, in NumPy's own format.

Arrays are stored in C order whatever their layout in memory: two equal arrays have one digest, so
they must also load as one, or the order of a sum downstream would depend on who stored first.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from versioning.codecs.octets import CHUNK_BYTES, write_all
from versioning.codecs.protocol import Reader, Writer, refuse_damage
from versioning.errors import UnkeyableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Below this a file is read: a mapping costs a page fault and a file handle for nothing.
MAP_BYTES = 64 * 1024
# What `dtype.isbuiltin` says of such.
_USERS = 2


class _NpyCodec:
    """Arrays of any dtype that is plain memory; large ones come back mapped, copied on write."""

    name = "npy"
    version = 1

    def accepts(self, value: object) -> bool:
        return type(value) in (np.ndarray, np.memmap)

    def write(self, value: Any, writer: Writer) -> None:
        with writer.part("data.npy") as stream:
            write_array(value, stream)

    def read(self, reader: Reader) -> NDArray[Any]:
        with refuse_damage(self):
            if reader.size("data.npy") < MAP_BYTES:
                return read_array(reader.read("data.npy"))
            mapped = np.lib.format.open_memmap(reader.path("data.npy"), mode="c")
            return mapped.view(np.ndarray)


def write_array(array: NDArray[Any], stream: BinaryIO) -> None:
    """Write `array` to `stream` in the npy format, in bounded memory.

    Raises:
        UnkeyableError: If its dtype is not plain memory (objects, variable-width strings), or is
            none of NumPy's own, whose name its format cannot say.
    """
    dtype = array.dtype
    if (other := _of_others(dtype)) is not None:
        raise UnkeyableError(
            f"an array of dtype {other} of {other.type.__module__} cannot be stored in NumPy's "
            "format: convert it (`astype('float32')`), or return a tensor"
        )
    if dtype.hasobject or dtype.kind == "T":
        raise UnkeyableError(
            f"an array of dtype {dtype} holds references, not data: use a fixed dtype "
            "(`astype(float)`, `astype('U')`), a list, or a pandas Series"
        )
    if dtype.names is not None:
        # Version 3 names fields in UTF-8; what lies between fields is not part of the value.
        plain = _without_padding(np.ascontiguousarray(array).reshape(array.shape))
        np.lib.format.write_array(stream, plain, version=(3, 0), allow_pickle=False)
    elif array.flags.f_contiguous and not array.flags.c_contiguous:
        _write_transposed(array, stream)
    else:
        np.lib.format.write_array(stream, array, version=(1, 0), allow_pickle=False)


def _of_others(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    """The dtype, or that of a field, which another package adds to NumPy's."""
    if dtype.names is not None:
        return next(filter(None, (_of_others(dtype[name]) for name in dtype.names)), None)
    return dtype.base if dtype.base.isbuiltin == _USERS else None


def _write_transposed(array: NDArray[Any], stream: BinaryIO) -> None:
    """Write in C order what NumPy would in Fortran order, without a copy of the whole."""
    header = {**np.lib.format.header_data_from_array_1_0(array), "fortran_order": False}
    start = io.BytesIO()
    np.lib.format.write_array_header_1_0(start, header)
    stream.write(start.getvalue())
    rows = max(CHUNK_BYTES // max(array[:1].nbytes, 1), 1)
    write_all((array[at : at + rows].tobytes("C") for at in range(0, len(array), rows)), stream)


def _without_padding(array: NDArray[Any]) -> NDArray[Any]:
    clean = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names or ():
        field = array[name]
        clean[name] = _without_padding(field) if field.dtype.names else field
    return clean


def read_array(data: bytes) -> NDArray[Any]:
    """The array in `data`, which may be changed freely.

    Raises:
        ValueError: If `data` is not one array that fits into memory.
    """
    try:
        return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except MemoryError as error:
        raise ValueError(f"{len(data)} bytes claim to be a larger array: {error}") from None


def mapped(reader: Reader, part: str) -> NDArray[np.uint8]:
    """The bytes of a part, which may be changed freely: mapped and copied on write when large."""
    if reader.size(part) < MAP_BYTES:
        return np.frombuffer(bytearray(reader.read(part)), np.uint8)
    return np.memmap(reader.path(part), np.uint8, mode="c")


CODECS = (_NpyCodec(),)
