"""Single values of Python and its standard library."""

from __future__ import annotations

import array
import enum
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as clock
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath, PureWindowsPath
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.encoding.rows.row import Row

NAN = float("nan")


BERLIN = ZoneInfo("Europe/Berlin")


HUGE = 10**5000  # More digits than Python agrees to write.


class Color(enum.Enum):
    RED = 1
    CRIMSON = 1  # noqa: PIE796 - another name of the same member
    GREEN = 2


class Paint(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Text(str):
    pass


class Whole(int):
    pass


class Real(float):
    pass


class Moment(datetime):
    pass


ROWS = [
    Row("None", lambda: [None, None], is_stored=True),
    Row("singletons", lambda: [...], lambda: [NotImplemented]),
    Row("bool", lambda: [True, 1 == 1], lambda: [False], is_stored=True),
    Row(
        "int",
        lambda: [HUGE, int("1" + "0" * 4000) * 10**1000],
        lambda: [HUGE + 1, -HUGE, 0, 1, -1, 127, 128, 255, 256, -128, -129, 2**63, 2**64],
        is_stored=True,
    ),
    Row("int, subclass", lambda: [Whole(1)], lambda: [Whole(2)]),
    Row(
        "float",
        lambda: [NAN, -NAN, float("inf") - float("inf")],
        lambda: [0.0, -0.0, 1.0, 1.0000000000000002, float("inf"), -float("inf"), 5e-324],
        is_stored=True,
    ),
    Row("float, subclass", lambda: [Real(1)], lambda: [Real(-0.0)]),
    Row(
        "complex",
        lambda: [complex(NAN, 1), complex(-NAN, 1)],
        lambda: [0j, complex(0, -0.0), complex(-0.0, 0), 1 + 0j, 1j, complex(1, NAN)],
        is_stored=True,
    ),
    Row(
        "str",
        lambda: ["naïve", "na\u00efve"],
        lambda: ["nai\u0308ve", "", "1", "\x00", "\ud800", "\udfff", "\U00010000", "K", "\u212a"],
        is_stored=True,
    ),
    Row("str, subclass", lambda: [Text("1")], lambda: [Text("")]),
    Row("bytes", lambda: [b"12", bytes([49, 50])], lambda: [b"", b"1", b"12\0"], is_stored=True),
    Row("bytearray", lambda: [bytearray(b"12")], lambda: [bytearray(b"")], is_stored=True),
    Row(
        "memoryview",
        lambda: [memoryview(b"ac"), memoryview(b"abcd")[::2]],
        lambda: [memoryview(b"ac").cast("b"), memoryview(b"ac").cast("B", (2, 1)), memoryview(b"")],
        is_copied=False,
    ),
    Row("array", lambda: [array.array("i", [1])], lambda: [array.array("l", [1])]),
    Row(
        "Decimal",
        lambda: [Decimal("1.0"), Decimal(10).scaleb(-1)],
        lambda: [
            *(Decimal(1), Decimal("1.00"), Decimal(0), Decimal("-0"), Decimal("NaN")),
            *(Decimal("sNaN"), Decimal("NaN7"), Decimal("Infinity"), Decimal(HUGE)),
        ],
        is_stored=True,
    ),
    Row(
        "Fraction",
        lambda: [Fraction(2, 4), Fraction(1, 2)],
        lambda: [Fraction(1), Fraction(-1, 2), Fraction(HUGE, 3)],
        is_stored=True,
    ),
    Row("UUID", lambda: [UUID(int=1), UUID("0" * 31 + "1")], lambda: [UUID(int=2)], is_stored=True),
    Row(
        "path without a file",
        lambda: [PurePosixPath("a/b"), PurePosixPath("a//b/")],
        lambda: [PurePosixPath("a"), PurePosixPath("/a/b"), PureWindowsPath("a/b")],
    ),
    Row("date", lambda: [date(2020, 1, 2)], lambda: [date(2020, 2, 1)], is_stored=True),
    Row(
        "datetime",
        lambda: [datetime(2020, 10, 25, 2, 30, tzinfo=BERLIN)],
        lambda: [
            datetime(2020, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
            datetime(2020, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2))),
            datetime(2020, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2), "CEST")),
            datetime(2020, 10, 25, 0, 30, tzinfo=UTC),
            datetime(2020, 10, 25, 0, 30, tzinfo=ZoneInfo("UTC")),
            datetime(2020, 10, 25, 2, 30),
            datetime(2020, 10, 25, 2, 30, fold=1),
            datetime(2020, 10, 25, 2, 30, 0, 1),
            datetime(2020, 10, 25),
        ],
        is_stored=True,
    ),
    Row("datetime, subclass", lambda: [Moment(2020, 10, 25)], lambda: [Moment(2020, 10, 26)]),
    Row(
        "time",
        lambda: [clock(2, 30)],
        lambda: [clock(2, 30, fold=1), clock(2, 30, tzinfo=UTC), clock(2, 30, 0, 1)],
        is_stored=True,
    ),
    Row(
        "timedelta",
        lambda: [timedelta(days=1), timedelta(hours=24)],
        lambda: [timedelta(seconds=1), timedelta(microseconds=1), timedelta(-1)],
        is_stored=True,
    ),
    Row(
        "time zone",
        lambda: [UTC, timezone(timedelta(0))],
        lambda: [BERLIN, ZoneInfo("UTC"), timezone(timedelta(hours=1))],
        is_stored=True,
    ),
    Row("Enum", lambda: [Color.RED, Color.CRIMSON], lambda: [Color.GREEN, Paint.RED, Level.LOW]),
    Row(
        "Flag",
        lambda: [Right.READ | Right.WRITE, Right(3)],
        lambda: [Right.READ, Right.WRITE, Right(0)],
    ),
]
