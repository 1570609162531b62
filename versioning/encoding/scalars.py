"""Encoders of single values of the standard library.

Numbers are exact: `1`, `1.0`, `True` and `Decimal("1")` differ, and so do `0.0` and `-0.0`,
`Decimal("1.0")` and `Decimal("1.00")`. All NaNs are one value: their hidden bits vary with the
processor and do not survive storage.
"""

from __future__ import annotations

import ipaddress
import math
import re
import struct
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from types import EllipsisType, NotImplementedType
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from versioning.encoding.paths import Label
from versioning.encoding.registry import encodes

if TYPE_CHECKING:
    from versioning.encoding.encoder import Encoder

_DOUBLE = struct.Struct("<d")
_NAN = struct.pack("<Q", 0x7FF8_0000_0000_0000)


@encodes(type(None), tag="none", is_atomic=True)
@encodes(EllipsisType, tag="ellipsis", is_atomic=True)
@encodes(NotImplementedType, tag="notimplemented", is_atomic=True)
def _singleton(value: object, to: Encoder) -> None:
    """Write nothing: the tag says it all."""


@encodes(bool, tag="bool", is_atomic=True)
@encodes(int, tag="int", is_atomic=True)
def _integer(value: int, to: Encoder) -> None:
    to.integer(value)


@encodes(float, tag="float", is_atomic=True)
def _float(value: float, to: Encoder) -> None:
    to.data(double_bytes(float.__float__(value)))


@encodes(complex, tag="complex", is_atomic=True)
def _complex(value: complex, to: Encoder) -> None:
    to.data(double_bytes(value.real) + double_bytes(value.imag))


@encodes(str, tag="str", is_atomic=True)
def _text(value: str, to: Encoder) -> None:
    to.text(value)


@encodes(bytes, tag="bytes", is_atomic=True)
@encodes(bytearray, tag="bytearray", is_atomic=True)
def _bytes(value: bytes | bytearray, to: Encoder) -> None:
    to.data(memoryview(value))


@encodes(memoryview, tag="memoryview", is_atomic=True)
def _memoryview(value: memoryview, to: Encoder) -> None:
    """Write format, shape and elements in C order, wherever they lie."""
    to.text(value.format)
    to.value(value.shape)
    to.data(value.cast("B") if value.c_contiguous and value.nbytes else value.tobytes())


@encodes(Decimal, tag="decimal", is_atomic=True)
def _decimal(value: Decimal, to: Encoder) -> None:
    to.text(Decimal.__str__(value))


@encodes(Fraction, tag="fraction", is_atomic=True)
def _fraction(value: Fraction, to: Encoder) -> None:
    to.integer(value.numerator)
    to.integer(value.denominator)


@encodes(UUID, tag="uuid", is_atomic=True)
def _uuid(value: UUID, to: Encoder) -> None:
    to.data(value.bytes)


@encodes(
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
    tag="ip",
    is_atomic=True,
)
def _ip(value: object, to: Encoder) -> None:
    to.text(str(value))


@encodes(date, tag="date", is_atomic=True)
def _date(value: date, to: Encoder) -> None:
    to.text(date.isoformat(value))


@encodes(datetime, tag="datetime")
def _datetime(value: datetime, to: Encoder) -> None:
    to.text(datetime.isoformat(value.replace(tzinfo=None)))
    to.integer(value.fold)
    to.item(Label(".tzinfo"), value.tzinfo)


@encodes(time, tag="time")
def _time(value: time, to: Encoder) -> None:
    to.text(time.isoformat(value.replace(tzinfo=None)))
    to.integer(value.fold)
    to.item(Label(".tzinfo"), value.tzinfo)


@encodes(timedelta, tag="timedelta", is_atomic=True)
def _timedelta(value: timedelta, to: Encoder) -> None:
    for number in (value.days, value.seconds, value.microseconds):
        to.integer(number)


@encodes(timezone, tag="timezone", is_atomic=True)
def _timezone(value: timezone, to: Encoder) -> None:
    to.value(value.utcoffset(None))
    to.text(value.tzname(None))


@encodes(ZoneInfo, tag="zoneinfo", family=True, is_atomic=True)
def _zone(value: ZoneInfo, to: Encoder) -> None:
    if value.key is None:
        raise to.refusal(value, "it was made from a file and has no name; use `ZoneInfo(name)`")
    to.text(value.key)


@encodes(re.Pattern, tag="pattern", is_atomic=True)
def _pattern(value: re.Pattern[str], to: Encoder) -> None:
    to.value(value.pattern)
    to.integer(value.flags)


def double_bytes(number: float) -> bytes:
    """The eight bytes of a float, those of one NaN for all of them."""
    return _NAN if math.isnan(number) else _DOUBLE.pack(number)
