"""Values without parts, as tagged JSON: each tag says how to write one type and how to read it.

Types are matched exactly, since a subclass (an `IntEnum`, a `pandas.Timestamp`) would come back as
something else. Members of NumPy and pandas are known by module name: nothing is imported for them.
"""

from __future__ import annotations

import base64
import math
import struct
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from versioning.errors import UnkeyableError

if TYPE_CHECKING:
    from collections.abc import Callable

_BITS_64 = range(-(2**63), 2**64)


@dataclass(frozen=True, slots=True)
class Scalar:
    """How values of one type are written behind a tag, and read again."""

    pack: Callable[[Any], Any]
    unpack: Callable[[Any], Any]


def tag_of(value: object) -> str | None:
    """The tag that stands for the type of `value`, or None when it is no scalar."""
    cls = type(value)
    if cls in _TAGS:
        return _TAGS[cls]
    library = cls.__module__.partition(".")[0]
    if library == "numpy":
        return _numpy_tag(cls)
    return _PANDAS_TAGS.get(cls.__name__) if library == "pandas" else None


def is_plain(value: Any) -> bool:
    """Whether JSON itself writes and reads `value` exactly, so that it needs no tag."""
    cls = type(value)
    if cls is int:
        return value in _BITS_64
    if cls is float:
        return math.isfinite(value)
    if cls is str:
        return _is_unicode(value)
    return value is None or cls is bool


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _numpy_tag(cls: type) -> str | None:
    import numpy as np

    if issubclass(cls, np.generic):
        return "scalar"
    return "array" if cls in (np.ndarray, np.memmap) else None


def _base64(data: bytes | bytearray) -> str:
    return base64.b64encode(data).decode()


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _array_text(value: Any) -> str:
    import numpy as np

    from versioning.codecs.arrays import write_array

    stream = BytesIO()
    write_array(np.asarray(value), stream)
    return _base64(stream.getvalue())


def _array(text: str) -> Any:
    from versioning.codecs.arrays import read_array

    return read_array(_from_base64(text))


def _zone(zone: tzinfo | None) -> Any:
    """None, `["offset", microseconds, name or null]`, or `["zone", key]`."""
    if zone is None:
        return None
    if type(zone) is timezone:
        # A name was given unless the default one says the same.
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined] # for pickles
        return ["offset", offset // timedelta(microseconds=1), name[0] if name else None]
    if type(zone) is ZoneInfo and zone.key:
        return ["zone", zone.key]
    raise UnkeyableError(
        f"the time zone {zone!r} has no name to find it by: use `zoneinfo.ZoneInfo`"
    )


def _from_zone(node: Any) -> tzinfo | None:
    if node is None:
        return None
    if node[0] == "zone":
        return ZoneInfo(node[1])
    _, microseconds, name = node
    offset = timedelta(microseconds=microseconds)
    if name is not None:
        return timezone(offset, name)
    return timezone(offset) if offset else UTC


def _from_moment(node: Any) -> datetime:
    text, fold, zone = node
    return datetime.fromisoformat(text).replace(fold=fold, tzinfo=_from_zone(zone))


def _from_clock(node: Any) -> time:
    text, fold, zone = node
    return time.fromisoformat(text).replace(fold=fold, tzinfo=_from_zone(zone))


def _moment(value: datetime | time) -> Any:
    return [value.replace(tzinfo=None).isoformat(), value.fold, _zone(value.tzinfo)]


def _timestamp(value: Any) -> Any:
    wall = value.tz_localize(None) if value.tzinfo is None else value.tz_convert(None)
    return [wall.asm8.view("i8").item(), value.unit, _zone(value.tzinfo), value.fold]


def _from_timestamp(node: Any) -> Any:
    import numpy as np
    import pandas as pd

    count, unit, zone, fold = node
    moment = pd.Timestamp(np.datetime64(count, unit))
    if zone is not None:
        moment = moment.tz_localize("UTC").tz_convert(_from_zone(zone))
    return moment if moment.fold == fold else moment.replace(fold=fold)


def _from_span(node: Any) -> Any:
    import numpy as np
    import pandas as pd

    return pd.Timedelta(np.timedelta64(*node))


def _pandas_singleton(name: str) -> Any:
    import pandas as pd

    return {"NaT": pd.NaT, "NA": pd.NA}[name]


SCALARS = {
    "int": Scalar(hex, lambda text: int(text, 16)),
    "float": Scalar(
        lambda value: struct.pack(">d", value).hex(),
        lambda text: struct.unpack(">d", bytes.fromhex(text))[0],
    ),
    "str": Scalar(
        lambda value: _base64(value.encode("utf-8", "surrogatepass")),
        lambda text: _from_base64(text).decode("utf-8", "surrogatepass"),
    ),
    "bytes": Scalar(_base64, _from_base64),
    "bytearray": Scalar(_base64, lambda text: bytearray(_from_base64(text))),
    "complex": Scalar(
        lambda value: struct.pack(">dd", value.real, value.imag).hex(),
        lambda text: complex(*struct.unpack(">dd", bytes.fromhex(text))),
    ),
    "date": Scalar(date.isoformat, date.fromisoformat),
    "datetime": Scalar(_moment, _from_moment),
    "time": Scalar(_moment, _from_clock),
    "timedelta": Scalar(
        lambda value: [value.days, value.seconds, value.microseconds], lambda node: timedelta(*node)
    ),
    "timezone": Scalar(_zone, _from_zone),
    "decimal": Scalar(str, Decimal),
    "fraction": Scalar(
        lambda value: [hex(value.numerator), hex(value.denominator)],
        lambda node: Fraction(int(node[0], 16), int(node[1], 16)),
    ),
    "range": Scalar(
        lambda value: [hex(value.start), hex(value.stop), hex(value.step)],
        lambda node: range(*(int(text, 16) for text in node)),
    ),
    "uuid": Scalar(str, UUID),
    "scalar": Scalar(_array_text, lambda text: _array(text)[()]),
    "array": Scalar(_array_text, _array),
    "timestamp": Scalar(_timestamp, _from_timestamp),
    "span": Scalar(lambda value: [value.asm8.view("i8").item(), value.unit], _from_span),
    "pandas": Scalar(str, lambda text: _pandas_singleton({"<NA>": "NA", "NaT": "NaT"}[text])),
}

_TAGS: dict[type, str] = {
    int: "int",
    float: "float",
    str: "str",
    bytes: "bytes",
    bytearray: "bytearray",
    complex: "complex",
    date: "date",
    datetime: "datetime",
    time: "time",
    timedelta: "timedelta",
    timezone: "timezone",
    ZoneInfo: "timezone",
    Decimal: "decimal",
    Fraction: "fraction",
    range: "range",
    UUID: "uuid",
}
_PANDAS_TAGS = {
    "Timestamp": "timestamp",
    "Timedelta": "span",
    "NaTType": "pandas",
    "NAType": "pandas",
}
