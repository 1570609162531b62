"""`json/1`: what comes back has the same types, all the way down."""

from __future__ import annotations

import enum
import math
import struct
from collections import Counter, OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pandas as pd
import pytest

from versioning.codecs import codec_for, codec_named
from versioning.codecs.documents import pack, unpack
from versioning.codecs.memory import MemoryParts
from versioning.errors import FormatError, UnkeyableError

VALUES = [
    None,
    True,
    False,
    0,
    -1,
    2**63,
    2**64,
    -(2**63) - 1,
    10**5000,
    0.0,
    0.1,
    1.0,
    1e300,
    5e-324,
    "",
    "text ✓",
    "\udc80 lone",
    b"",
    b"\0\xff",
    bytearray(b"ab"),
    1 + 2j,
    [],
    [1, [2, [3]]],
    (),
    (1,),
    ([1], (2,)),
    {},
    {"a": 1, "b": {"c": (1, 2)}},
    {"tuple": [1]},
    {1: "a", "1": "b"},
    {(1, "x"): None, None: 0, 2.5: 1},
    {"\udc80": 1},
    set(),
    {1, "a", None, (1, 2)},
    frozenset({1, 2}),
    OrderedDict([("b", 1), ("a", 2)]),
    Counter("abca"),
    date(2013, 1, 1),
    datetime(2013, 1, 1, 12, 30, 15, 999999),
    datetime(2013, 1, 1, tzinfo=UTC),
    datetime(2013, 1, 1, tzinfo=timezone(timedelta(hours=-5), "EST")),
    datetime(2013, 1, 1, tzinfo=timezone(timedelta(seconds=1, microseconds=1))),
    datetime(2013, 11, 3, 1, 30, fold=1, tzinfo=ZoneInfo("America/New_York")),
    time(1, 2, 3, 4),
    time(1, 2, tzinfo=UTC),
    timedelta(days=-1, microseconds=1),
    UTC,
    ZoneInfo("Europe/Paris"),
    Decimal("1.10"),
    Decimal("NaN"),
    Fraction(1, 3),
    range(1, 10, 3),
    UUID(int=7),
    pd.Timestamp("2013-01-01 00:00:00.123456789"),
    pd.Timestamp("2013-01-01", tz="America/New_York"),
    pd.Timedelta("1h"),
    pd.NaT,
    pd.NA,
    np.float32(0.1),
    np.int8(-3),
    np.bool_(True),
    np.datetime64("NaT", "ms"),
    np.str_("abc"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_plain_value_comes_back_as_it_was(again, value):
    assert_same(again(value), value)


@pytest.mark.parametrize(
    "bits", ["8000000000000000", "7ff8000000000000", "fff8000000000001", "7ff0000000000000"]
)
def test_a_float_keeps_every_bit(again, bits):
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    assert struct.pack(">d", again(value)).hex() == bits
    assert struct.pack(">d", again_in_list(value)).hex() == bits


def again_in_list(value):
    return unpack(orjson.loads(orjson.dumps(pack([value]))))[0]


def test_small_arrays_stand_inside_the_document(again, parts):
    loaded = again({"weights": np.arange(3, dtype=">i2"), "empty": np.empty((0, 2))})
    assert parts.parts == ["value.json"]
    assert loaded["weights"].dtype == np.dtype(">i2")
    assert loaded["weights"].tolist() == [0, 1, 2]
    assert loaded["empty"].shape == (0, 2)


def test_large_values_inside_become_parts_of_their_own(again, parts):
    frame = pd.DataFrame({"a": [1, 2]})
    value = {"array": np.arange(10_000), "blob": b"x" * 10_000, "frames": [frame, frame]}
    loaded = again(value)
    assert parts.parts == ["0/data.npy", "1/data.bin", "2/data.arrow", "value.json"]
    assert np.array_equal(loaded["array"], value["array"])
    assert loaded["blob"] == value["blob"]
    assert loaded["frames"][0] is loaded["frames"][1]
    pd.testing.assert_frame_equal(loaded["frames"][0], frame)


def test_sets_are_written_in_one_order_whatever_the_hash_seed():
    names = [f"name {n}" for n in range(50)]
    backwards = names[::-1]
    assert pack(set(names)) == pack(set(backwards))


def test_an_ordered_dict_keeps_its_attributes(again):
    value = OrderedDict(a=1)
    value._metadata = OrderedDict({"": {"version": 1}})
    assert again(value)._metadata == {"": {"version": 1}}


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


@dataclass
class Point:
    x: int


Pair = namedtuple("Pair", "left right")


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (Point(1), "asdict"),
        (Pair(1, 2), "_asdict"),
        (Colour.RED, r"\.value"),
        (Level.LOW, r"\.value"),
        (defaultdict(list), "register"),
        (object(), "register_codec"),
        (lambda: 0, 'codec="pickle"'),
    ],
    ids=["dataclass", "namedtuple", "enum", "int enum", "defaultdict", "object", "function"],
)
def test_what_has_no_codec_is_refused_with_advice(value, advice):
    with pytest.raises(UnkeyableError, match=advice):
        codec_for(value)


def test_a_refusal_says_where_in_the_value_it_was():
    with pytest.raises(UnkeyableError, match=r"value\['a'\]\[1\]: no codec stores values of type"):
        codec_for({}).write({"a": [0, Point(1)]}, MemoryParts())


def test_a_value_that_contains_itself_is_refused():
    value = []
    value.append(value)
    with pytest.raises(UnkeyableError, match="contains itself"):
        codec_for(value).write(value, MemoryParts())


def test_a_time_zone_without_a_name_is_refused():
    with open("/usr/share/zoneinfo/UTC", "rb") as file:
        zone = ZoneInfo.from_file(file)
    with pytest.raises(UnkeyableError, match="zoneinfo"):
        pack(datetime(2013, 1, 1, tzinfo=zone))


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"\xff",
        b"{}",
        b'{"a": 1, "b": 2}',
        b'{"unknown": 1}',
        b'{"int": 1}',
        b'{"int": "zz"}',
        b'{"float": "00"}',
        b'{"pairs": [1]}',
        b'{"pairs": [[[], 1]]}',
        b'{"set": [[1]]}',
        b'{"array": "AAAA"}',
        b'{"part": ["arrow/1", "0"]}',
        b'{"part": ["pickle/1", "0"]}',
        b'{"part": ["json/1", ""]}',
        b'{"part": ["json/1", "../.."]}',
        b'{"part": 1}',
        b'{"timezone": ["zone", "../../etc/passwd"]}',
        b'{"datetime": ["now", 0, null]}',
        b"[" * 100_000,
        b'{"tuple":' * 500 + b"1" + b"}" * 500,
    ],
    ids=lambda document: document[:30].decode("latin1"),
)
def test_a_document_that_was_not_written_by_us_is_refused(document):
    with pytest.raises(FormatError):
        codec_named("json/1").read(MemoryParts({"value.json": document}))


def assert_same(left, right):
    assert type(left) is type(right)
    if isinstance(right, list | tuple):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    elif isinstance(right, dict):
        assert_same(list(left.items()), list(right.items()))
    elif isinstance(right, pd.Timestamp):
        assert (left, left.unit, str(left.tz)) == (right, right.unit, str(right.tz))
    elif isinstance(right, datetime):
        assert (left.isoformat(), left.fold, left.tzinfo) == (
            right.isoformat(),
            right.fold,
            right.tzinfo,
        )
        assert str(left.tzinfo) == str(right.tzinfo)
    elif isinstance(right, Decimal):
        assert left.as_tuple() == right.as_tuple()
    elif right is pd.NaT or right is pd.NA:
        assert left is right
    elif isinstance(right, np.generic):
        assert left.tobytes() == right.tobytes()
        assert left.dtype == right.dtype
    elif isinstance(right, float):
        assert left.hex() == right.hex()
        assert not math.isnan(right)
    else:
        assert left == right
