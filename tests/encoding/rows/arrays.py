"""Values of numpy and scipy."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from scipy import sparse

from tests.encoding.rows.row import Refused, Row

CUBE = np.arange(24.0).reshape(2, 3, 4)
PAIR = np.dtype([("a", "i1"), ("b", "f8")])
PADDED = np.dtype([("a", "i1"), ("b", "f8")], align=True)
TEXT = np.dtypes.StringDType

DTYPES = [
    *("?", "i1", "i2", "<i4", ">i4", "<i8", ">i8", "u1", "u2", "u4", "u8", "f2", "<f4", ">f4"),
    *("<f8", ">f8", "g", "c8", "c16", ">c16", "G", "S1", "S2", "<U1", ">U1", "V3", "O"),
    *("M8[D]", "M8[s]", "M8[ns]", "M8[25s]", "m8[s]", ">m8[s]", "m8[D]"),
]
OTHERS = [ml_dtypes.float8_e3m4, ml_dtypes.float8_e5m2, ml_dtypes.int4, ml_dtypes.uint4]


class Series(np.ndarray):
    """A subclass may hold anything."""


def readonly(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def strided(array):
    return np.repeat(array, 2, axis=-1)[..., ::2]


def nan_of_other_bits(dtype):
    array = np.array([1, np.nan, 0], dtype)
    other = array.copy()
    other.real[1] = -other.real[1]
    return [array, other]


def dirty(dtype):
    array = np.zeros(2, dtype)
    array.view("u1").reshape(2, -1)[:, 1:8] = 7
    return array


def masked(hidden, **parameters):
    values = np.array([1, hidden, 3])
    return np.ma.array(values, mask=[False, True, False], fill_value=9, **parameters)


def masked_fields(hidden, mask=True):
    values = np.array([(1, 2.0), (3, hidden)], PAIR)
    return np.ma.array(values, mask=[(False, False), (False, mask)])


def drawn(make, draws=0):
    generator = make(1)
    for _ in range(draws):
        generator.random()
    return generator


def spawned():
    generator = np.random.default_rng(1)
    generator.spawn(1)
    return generator


def sparse_array(kind, values=((0, 1.5, 0), (0, 0, 2))):
    return getattr(sparse, f"{kind}_array")(np.array(values))


def shuffled():
    """Entries stored out of order, one of them in two halves, with wide indices."""
    array = sparse.coo_array(([2.0, 0.5, 1.0], ([1, 0, 0], [2, 1, 1])), shape=(2, 3)).tocsr()
    array.indices, array.indptr = array.indices.astype("i8"), array.indptr.astype("i8")
    return array


SPARSE = ("coo", "csr", "csc", "bsr", "dia", "dok", "lil")

ROWS = [
    Row(
        "array",
        lambda: [
            CUBE,
            np.asfortranarray(CUBE),
            strided(CUBE),
            CUBE[::-1][::-1],
            readonly(CUBE),
            np.ascontiguousarray(CUBE.T).T,
        ],
        lambda: [
            *(CUBE[::-1], CUBE.reshape(-1), CUBE.reshape(4, 3, 2), CUBE + 1, CUBE[:1], [*CUBE]),
            *(np.zeros((0, 3)), np.zeros((3, 0)), np.zeros(0), np.zeros(()), np.zeros(1)),
            *(np.zeros((1, 1)), np.array([-0.0]), np.array([np.inf]), np.array([np.nan])),
        ],
        is_stored=False,
    ),
    Row(
        "array of every dtype",
        lambda: [np.zeros(3, "i4"), np.zeros(6, "i4")[::2]],
        lambda: [np.zeros(3, dtype) for dtype in DTYPES if dtype != "<i4"],
    ),
    Row(
        "array of a dtype of another package",
        lambda: [np.zeros(3, ml_dtypes.float8_e4m3), np.zeros(6, ml_dtypes.float8_e4m3)[::2]],
        lambda: [np.zeros(3, dtype) for dtype in [*OTHERS, "V1"]],
        is_stored=False,
    ),
    Row(
        "field of a dtype of another package",
        lambda: [np.zeros(3, [("a", ml_dtypes.int4)])],
        lambda: [np.zeros(3, [("a", dtype)]) for dtype in [ml_dtypes.uint4, "V1"]],
        is_stored=False,
    ),
    Row(
        "dtype",
        lambda: [np.dtype("i8"), np.dtype("q")],
        lambda: [np.dtype(d) for d in DTYPES if d != "<i8"],
    ),
    Row(
        "scalar of every dtype",
        lambda: [np.int32(1), np.ones(1, "i4")[0]],
        lambda: [np.ones(1, d)[0] for d in DTYPES if d[0] != ">" and d not in ("<i4", "S2", "O")],
    ),
    Row(
        "scalar of a C type that is another one's twin",
        lambda: [np.int64(5), np.longlong(5), np.array(5, "q")[()]],
        lambda: [np.ulonglong(5), np.array([5], "q")],
        is_stored=True,
    ),
    *(
        Row(f"NaN of {dtype}", lambda dtype=dtype: nan_of_other_bits(dtype))
        for dtype in ("f2", "f4", "f8", ">f8", "g", "c8", "c16")
    ),
    Row(
        "array of text",
        lambda: [np.array(["", "a"]), np.array(["", "x", "a"])[::2]],
        lambda: [
            *(np.array(["a", ""]), np.array(["", "a"], "U2"), np.array([b"", b"a"])),
            *(np.array(["", "a"], object), np.array(["", "é"]), np.array(["", "e\u0301"])),
        ],
        is_stored=False,
    ),
    Row(
        "StringDType",
        lambda: [np.array(["a", "é"], TEXT()), np.array(["a", "x", "é"], TEXT())[::2]],
        lambda: [
            np.array(["a", "e\u0301"], TEXT()),
            np.array(["a", "é"], TEXT(coerce=False)),
            np.array(["a", "é"], TEXT(na_object=None)),
            np.array(["a", np.nan], TEXT(na_object=np.nan)),
            np.array(["a", "nan"], TEXT(na_object=np.nan)),
        ],
    ),
    Row(
        "moments",
        lambda: [np.array(["2020-01-01", "NaT"], "M8[s]")],
        lambda: [
            np.array(["2020-01-01", "NaT"], "M8[ms]"),
            np.array(["2020-01-01", "2020-01-02"], "M8[s]"),
            np.array([1577836800, "NaT"], "m8[s]"),
            *(np.datetime64("2020"), np.datetime64("2020-01"), np.datetime64("NaT")),
            *(np.timedelta64(7, "s"), np.timedelta64(7000, "ms")),
        ],
    ),
    Row(
        "structured array",
        lambda: [np.zeros(2, PADDED), dirty(PADDED), np.zeros(2, PAIR)],
        lambda: [
            np.zeros(2, [("b", "f8"), ("a", "i1")]),
            np.zeros(2, [("a", "i1"), ("c", "f8")]),
            np.zeros(2, [(("title", "a"), "i1"), ("b", "f8")]),
            np.zeros(2, [("a", "i1"), ("b", "f8", 1)]),
            np.zeros(2, [("a", "i1"), ("b", "f8", (2, 2))]),
            np.zeros(2, [("a", "i1"), ("b", [("c", "f8")])]),
            np.array([(1, 0), (0, 0)], PAIR),
            np.zeros(1, PAIR)[0],
            np.zeros(2, PAIR).view(np.recarray),
        ],
    ),
    Row(
        "array of objects",
        lambda: [
            np.array(["a", None, 1], object),
            np.array(["a", 0, None, 0, 1], object)[[0, 2, 4]],
        ],
        lambda: [
            np.array(["a", None, 1.0], object),
            np.array(["a", None, True], object),
            np.array(["a", np.nan, 1], object),
            np.array([["a"], [None], [1]], object),
        ],
    ),
    Row(
        "masked array",
        lambda: [masked(2), masked(7)],
        lambda: [
            np.ma.array([1, 2, 3], fill_value=9),
            np.ma.array([1, 2, 3], mask=[True, False, False], fill_value=9),
            np.ma.array([1, 2, 3], mask=[False, True, False], fill_value=8),
            masked(2, hard_mask=True),
            masked(2, dtype="f8"),
            np.ma.masked,
            np.ma.array(1, mask=True),
        ],
    ),
    Row(
        "masked fields",
        lambda: [masked_fields(4.0), masked_fields(5.0)],
        lambda: [masked_fields(4.0, mask=False), masked_fields(5.0, mask=False)],
    ),
    Row("ufunc", lambda: [np.log1p, np.log1p], lambda: [np.exp, np.float32, np.mean]),
    Row(
        "Generator",
        lambda: [drawn(np.random.default_rng), np.random.Generator(np.random.PCG64(1))],
        lambda: [drawn(np.random.default_rng, 1), np.random.default_rng(2), spawned()],
    ),
    Row(
        "bit generator",
        lambda: [np.random.PCG64(1), np.random.PCG64(np.random.SeedSequence(1))],
        lambda: [
            *(
                np.random.PCG64DXSM(1),
                np.random.MT19937(1),
                np.random.Philox(1),
                np.random.SFC64(1),
            ),
            *(np.random.SeedSequence(1), np.random.SeedSequence(2)),
        ],
    ),
    Row(
        "RandomState",
        lambda: [np.random.RandomState(1), drawn(np.random.RandomState)],
        lambda: [drawn(np.random.RandomState, 1), np.random.RandomState(2)],
    ),
    Row(
        "business days",
        lambda: [np.busdaycalendar()],
        lambda: [np.busdaycalendar("1111110")],
        is_copied=False,
    ),
    Row(
        "sparse array",
        lambda: [sparse_array("csr"), shuffled()],
        lambda: [
            sparse_array("csr", ((0, 1, 0), (0, 0, 2))),
            sparse_array("csr", ((0, 1.5, 0), (0, 0, 3))),
            sparse_array("csr", ((0, 1.5), (0, 0))),
            sparse.csr_array(([1.5, 2.0, 0.0], ([0, 1, 0], [1, 2, 0])), shape=(2, 3)),
            sparse.csr_matrix(sparse_array("csr")),
            sparse.csr_array((0, 3)),
            sparse.csr_array((3, 0)),
        ],
    ),
    Row(
        "sparse array of every format",
        lambda: [sparse.coo_array(np.eye(3)), sparse.coo_array(sparse.csr_array(np.eye(3)))],
        lambda: (
            [getattr(sparse, f"{kind}_array")(np.eye(3)) for kind in SPARSE[1:]]
            + [getattr(sparse, f"{kind}_matrix")(np.eye(3)) for kind in SPARSE]
        ),
    ),
]

REFUSED = [
    Refused("subclass of an array", lambda: np.zeros(3).view(Series)),
    Refused("object in an array", lambda: np.array([1, object()], object)),
    Refused("ufunc of one's own", lambda: np.frompyfunc(abs, 1, 1), "known by name"),
    Refused("iterator over an array", lambda: np.nditer(np.zeros(3))),
]
