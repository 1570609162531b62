"""`npy/1` and `bytes/1`."""

from __future__ import annotations

import io

import ml_dtypes
import numpy as np
import pytest

from versioning.codecs import codec_for, codec_named
from versioning.codecs.arrays import write_array
from versioning.codecs.memory import MemoryParts
from versioning.errors import FormatError, UnkeyableError

ARRAYS = [
    np.array(3.5),
    np.empty((0,)),
    np.empty((3, 0, 2), dtype=np.int8),
    np.array([np.nan, -0.0, np.inf]),
    np.arange(100_000, dtype=">f4").reshape(100, -1),
    np.array(["a", "bc", ""]),
    np.array([b"a", b"bc"]),
    np.array([True, False]),
    np.array(["2013-01-01", "NaT"], dtype="datetime64[D]"),
    np.array([1, 2], dtype="timedelta64[ns]"),
    np.array([(1, 2.5)], dtype=[("a", "<i4"), ("b", ">f8")]),
    np.zeros(2, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    np.array([([1, 2], "x")], dtype=[("ü", "i4", (2,)), ("✓", "U3")]),
    np.array([1 + 2j, complex(np.nan, -0.0)]),
    np.array([0.1], dtype=np.longdouble),
    np.array([0.1], dtype=np.float16),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}-{array.shape}")
def test_an_array_comes_back_with_its_dtype_shape_and_bytes(again, array):
    loaded = again(array)
    assert type(loaded) is np.ndarray
    assert (loaded.dtype, loaded.shape) == (array.dtype, array.shape)
    assert loaded.tobytes() == array.tobytes()


@pytest.mark.parametrize("size", [3, 300])
def test_equal_arrays_give_equal_bytes_whatever_their_layout(size):
    rows = np.arange(size * size, dtype=float).reshape(size, size)
    wide = np.zeros((size, 2 * size))
    wide[:, ::2] = rows
    layouts = [rows, np.asfortranarray(rows), wide[:, ::2], rows[::-1][::-1], rows.T.copy().T]
    written = []
    for array in layouts:
        parts = MemoryParts()
        codec_for(array).write(array, parts)
        written.append(parts.data)
    assert written[1:] == written[:-1]
    assert codec_named("npy/1").read(MemoryParts(written[1])).flags.c_contiguous


def test_what_lies_between_fields_is_not_stored():
    dtype = np.dtype([("a", "i1"), ("b", [("c", "i1"), ("d", "f8")])], align=True)
    written = []
    for filler in (0, 255):
        array = np.full(dtype.itemsize, filler, np.uint8).view(dtype)
        array["a"], array["b"]["c"], array["b"]["d"] = 1, 2, 3
        parts = MemoryParts()
        codec_for(array).write(array, parts)
        written.append(parts.data)
    assert written[0] == written[1]


def test_changing_a_mapped_array_changes_nothing_that_is_stored(again, parts):
    array = np.arange(100_000)
    loaded = again(array)
    before = dict(parts.data)
    loaded += 1
    assert loaded[1] == 2
    assert parts.data == before
    assert codec_named("npy/1").read(parts)[1] == 1


def test_a_mapping_keeps_its_file_untouched(tmp_path):
    class OneFile(MemoryParts):
        def path(self, part):
            file = tmp_path / "file"
            if not file.exists():
                file.write_bytes(self.read(part))
            return file

    parts = OneFile()
    codec_for(np.arange(100_000)).write(np.arange(100_000), parts)
    loaded = codec_named("npy/1").read(parts)
    loaded[:] = 7
    assert (tmp_path / "file").read_bytes() == parts.read("data.npy")


def test_a_memory_map_is_stored_as_the_array_it_shows(again, tmp_path):
    array = np.memmap(tmp_path / "file", dtype="i4", mode="w+", shape=(3,))
    assert type(again(array)) is np.ndarray


@pytest.mark.parametrize(
    "array",
    [
        np.array([1, "a", None], dtype=object),
        np.array([(1, None)], dtype=[("a", "i4"), ("b", "O")]),
        np.array(["a"], dtype=np.dtypes.StringDType()),
    ],
    ids=["objects", "struct with objects", "variable strings"],
)
def test_an_array_of_references_is_refused_with_advice(array):
    with pytest.raises(UnkeyableError, match="fixed dtype"):
        codec_for(array).write(array, MemoryParts())


@pytest.mark.parametrize("array", [np.ma.array([1]), np.rec.array([(1,)])], ids=["masked", "rec"])
def test_a_subclass_of_array_is_refused(array):
    with pytest.raises(UnkeyableError, match="no codec"):
        codec_for(array)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
        "__import__('os').abort()",
    ],
)
@pytest.mark.parametrize("padding", [0, 100_000])
def test_bytes_that_are_no_array_are_refused(header, padding):
    text = header.encode().ljust(117) + b"\n"
    data = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + b"\0" * padding
    with pytest.raises(FormatError):
        codec_named("npy/1").read(MemoryParts({"data.npy": data}))


def test_bytes_are_stored_as_they_are(again, parts):
    assert again(b"abc" * 10_000_000) == b"abc" * 10_000_000
    assert parts.parts == ["data.bin"]


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, [("a", ml_dtypes.int4, (2,))]], ids=str)
def test_a_dtype_that_the_format_cannot_name_is_refused(dtype):
    # It would come back as raw bytes.
    with pytest.raises(UnkeyableError, match="of ml_dtypes cannot be stored"):
        write_array(np.zeros(2, dtype), io.BytesIO())
