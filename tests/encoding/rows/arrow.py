"""Values of Arrow."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa

from tests.encoding.rows.row import Refused, Row


def chunked(kind, values):
    """Tables of the same values whole, as a slice of more, and in chunks cut elsewhere."""
    array = pa.array(values, kind)
    longer = pa.concat_arrays([array, array])
    half = len(array) // 2
    pieces = [longer[len(array) : len(array) + half], longer[0:0], array[half:]]
    columns = [array, longer[len(array) :], pa.chunked_array(pieces, kind)]
    return [*(pa.table({"a": column}) for column in columns)]


ARROW_TYPES = {
    pa.int8(): [1, None, 3, 4],
    pa.int64(): [1, None, 3, 4],
    pa.uint64(): [1, None, 3, 4],
    pa.float16(): [np.float16(1), None, np.float16(2), np.float16(0)],
    pa.float32(): [1.5, None, float("nan"), 0],
    pa.float64(): [1.5, None, float("nan"), 0],
    pa.bool_(): [True, None, False, True],
    pa.string(): ["a", None, "", "ccc"],
    pa.large_string(): ["a", None, "", "ccc"],
    pa.string_view(): ["a", None, "", "a text longer than twelve"],
    pa.binary(): [b"a", None, b"", b"ccc"],
    pa.large_binary(): [b"a", None, b"", b"ccc"],
    pa.binary(2): [b"aa", None, b"bb", b"cc"],
    pa.decimal128(5, 2): [Decimal("1.10"), None, Decimal(0), Decimal(-1)],
    pa.decimal128(6, 2): [Decimal("1.10"), None, Decimal(0), Decimal(-1)],
    pa.decimal256(5, 2): [Decimal("1.10"), None, Decimal(0), Decimal(-1)],
    pa.timestamp("us"): [1, None, 2, 3],
    pa.timestamp("us", "UTC"): [1, None, 2, 3],
    pa.timestamp("ns"): [1, None, 2, 3],
    pa.date32(): [1, None, 2, 3],
    pa.date64(): [0, None, 86_400_000, 0],
    pa.time32("s"): [1, None, 2, 3],
    pa.time64("us"): [1, None, 2, 3],
    pa.duration("s"): [1, None, 2, 3],
    pa.month_day_nano_interval(): [(1, 2, 3), None, (0, 0, 1), (1, 0, 0)],
    pa.list_(pa.int32()): [[1], None, [], [2, None]],
    pa.list_(pa.field("other", pa.int32())): [[1], None, [], [2, None]],
    pa.large_list(pa.string()): [["a"], None, [], ["b", None]],
    pa.list_(pa.int32(), 2): [[1, 2], None, [3, None], [4, 5]],
    pa.list_view(pa.int32()): [[1], None, [], [2, None]],
    pa.struct([("x", pa.int8()), ("y", pa.string())]): [{"x": 1}, None, {"y": "a"}, {}],
    pa.map_(pa.string(), pa.int8()): [[("a", 1)], None, [], [("b", None)]],
    pa.list_(pa.struct([("z", pa.list_(pa.int8()))])): [[{"z": [1]}], None, [None], []],
    pa.null(): [None] * 4,
    pa.dictionary(pa.int8(), pa.string()): ["a", None, "b", "a"],
    pa.dictionary(pa.int32(), pa.string()): ["a", None, "b", "a"],
    pa.dictionary(pa.int8(), pa.string(), ordered=True): ["a", None, "b", "a"],
}


def extension(kind, values):
    return pa.ExtensionArray.from_storage(kind, pa.array(values, kind.storage_type))


def run_ends(kind=None):
    ends = pa.array([2, 5], kind or pa.int32())
    return pa.RunEndEncodedArray.from_arrays(ends, pa.array(["a", None]))


def table(metadata=None, **columns):
    made = pa.table({"a": [1, 2], "b": ["x", None], **columns})
    return made.replace_schema_metadata(metadata)


def field(*, nullable=True, **metadata):
    return pa.field("a", pa.int64(), nullable, metadata or None)


UNIONS = [
    pa.sparse_union([pa.field("a", pa.int8())]),
    pa.dense_union([pa.field("a", pa.int8())]),
    pa.sparse_union([pa.field("a", pa.int8())], type_codes=[5]),
]
SQUARE, FLAT = pa.fixed_shape_tensor(pa.int8(), (2, 2)), pa.fixed_shape_tensor(pa.int8(), (4,))

ROWS = [
    *(
        Row(f"arrow {kind}", lambda kind=kind, values=values: chunked(kind, values))
        for kind, values in ARROW_TYPES.items()
    ),
    Row("arrow type", lambda: [pa.int64()], lambda: [*list(ARROW_TYPES)[2:], *UNIONS]),
    Row(
        "arrow extension",
        lambda: [
            extension(pa.uuid(), [b"a" * 16]),
            extension(pa.uuid(), [b"b" * 16, b"a" * 16])[1:],
        ],
        lambda: [
            *(extension(pa.json_(), ["{}"]), extension(pa.bool8(), [1]), pa.array(["{}"])),
            *(extension(SQUARE, [[1, 2, 3, 4]]), extension(FLAT, [[1, 2, 3, 4]])),
            *(extension(pa.opaque(pa.int8(), name, "v"), [1]) for name in ("t", "u")),
        ],
    ),
    Row("arrow run ends", lambda: [run_ends(), run_ends()], lambda: [run_ends(pa.int16())]),
    Row(
        "arrow table",
        lambda: [table(), pa.concat_tables([table(), table()])[2:]],
        lambda: [
            *(
                table(a=[1, 3]),
                table(a=[1.0, 2.0]),
                table(b=["x", "y"]),
                table().select(["b", "a"]),
            ),
            *(
                table({"k": "v"}),
                table({"k": "w"}),
                table({"pandas": "none"}),
                table()[:1],
                table()[:0],
            ),
            *(table().rename_columns(["a", "a"]), table().to_batches()[0], table().schema),
            *(table({"pandas": '{"a": 1}'}), table({"pandas": "[1]"})),
        ],
    ),
    Row(
        "arrow metadata",
        lambda: [table({"k": "v", "l": "w"}), table({"l": "w", "k": "v"})],
        lambda: [table({"k": "w", "l": "v"})],
    ),
    Row(
        "arrow field",
        lambda: [field(), pa.schema([field()]).field(0)],
        lambda: [field(nullable=False), field(unit="s"), pa.field("b", pa.int64())],
    ),
    Row(
        "arrow scalar",
        lambda: [pa.scalar(1), pa.array([0, 1])[1]],
        lambda: [
            *(pa.scalar(2), pa.scalar(1.0), pa.scalar(None), pa.scalar(None, pa.int64())),
            *(
                pa.scalar("1"),
                pa.scalar([1]),
                pa.scalar({"a": 1}),
                pa.array(["a"]).dictionary_encode()[0],
            ),
            *(
                extension(pa.uuid(), [b"a" * 16])[0],
                pa.scalar(datetime.date(2020, 1, 1)),
                pa.array([1]),
            ),
        ],
    ),
    Row("arrow buffer", lambda: [pa.py_buffer(b"a")], lambda: [pa.py_buffer(b"b")]),
]

REFUSED = [
    Refused(
        "union",
        lambda: pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]),
        "cast",
    ),
    Refused("stream of batches", lambda: table().to_reader()),
]
