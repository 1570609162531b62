"""A value in a few characters, for people: what `why` shows beside a leaf.

Only types known here are shown, and never by the `repr` of somebody else's class, which may be long
or a secret.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 80
_MANY_DIGITS = 10**60
# The password in `postgresql://user:password@host/name`.
_PASSWORD = re.compile(r"(?<=://)([^\s:/@?#]*):[^\s/]+@")


def preview(value: object) -> str | None:
    """`value` in at most 80 characters, or None when nothing useful can be said.

    Numbers, text and short containers of them as Python writes them (`600`, `'abc'`, `['a', 'b']`);
    longer containers by their size, tables and arrays by their shape.
    """
    text = _shown(value)
    return None if text is None else _cut(text)


def without_passwords(text: str) -> str:
    """`text` with stars for the passwords of URLs in it."""
    return _PASSWORD.sub(r"\1:***@", text) if "://" in text else text


def _shown(value: object) -> str | None:
    show = _SHOWN.get(type(value))
    if show is not None:
        return show(value)
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, PurePath):
        return value.as_posix()
    return _sized(value)


def _cut(text: str) -> str:
    # Unprintable text, lone surrogates included, must not reach a record.
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _integer(value: int) -> str:
    if abs(value) < _MANY_DIGITS:
        return repr(value)
    digits = int(value.bit_length() * math.log10(2))
    return f"int of about {digits} digits"


def _exact(value: Any) -> str | None:
    """A value made of integers, which Python refuses to write when they are very long."""
    try:
        return str(value)
    except ValueError:
        return None


def _text(value: str | bytes) -> str:
    if isinstance(value, str):
        # Before it is cut, which may take the host and leave the password.
        value = without_passwords(value)
    return repr(value if len(value) <= LONGEST else value[:LONGEST])


def _container(value: Any) -> str:
    name = type(value).__name__
    if len(value) <= LONGEST:
        members = [_member(member) for member in value]
        if None not in members:
            text = ", ".join(str(member) for member in members)
            if len(text) <= LONGEST - 10:
                return _bracketed(name, text, len(members))
    return f"{name} of {len(value)}"


def _bracketed(name: str, text: str, count: int) -> str:
    if name == "tuple":
        return f"({text},)" if count == 1 else f"({text})"
    return f"[{text}]" if name == "list" else f"{name}({{{text}}})"


def _members(value: Any) -> str:
    ordered = sorted(value, key=lambda member: (type(member).__name__, str(_member(member))))
    shown = [_member(member) for member in ordered] if len(value) <= LONGEST else [None]
    text = ", ".join(str(member) for member in shown)
    if None in shown or not shown or len(text) > LONGEST - 12:
        return f"{type(value).__name__} of {len(value)}"
    return f"{{{text}}}" if type(value) is set else f"frozenset({{{text}}})"


def _mapping(value: dict[object, object]) -> str:
    if len(value) <= LONGEST:
        pairs = [(_member(key), _member(held)) for key, held in value.items()]
        if all(None not in pair for pair in pairs):
            text = "{" + ", ".join(f"{key}: {held}" for key, held in pairs) + "}"
            if len(text) <= LONGEST:
                return text
    return f"dict of {len(value)}"


def _member(value: object) -> str | None:
    show = _SHOWN.get(type(value))
    return show(value) if show is not None and type(value) not in _NESTING else None


def _sized(value: Any) -> str | None:
    """Tables, arrays and models of known libraries: their class and shape."""
    cls = type(value)
    package = cls.__module__.partition(".")[0]
    if package not in _SIZED_LIBRARIES:
        return None
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and all(isinstance(length, int) for length in shape):
        return " ".join(filter(None, (cls.__name__, "x".join(map(str, shape)))))
    return cls.__name__


_SIZED_LIBRARIES = frozenset({
    "numpy", "pandas", "pyarrow", "polars", "scipy", "torch", "sklearn", "lightgbm", "xgboost",
    "onnx",
})  # fmt: skip
_NESTING = frozenset({list, tuple, dict, set, frozenset})
_SHOWN: dict[type, Callable[[Any], str | None]] = {
    int: _integer,
    str: _text,
    bytes: _text,
    list: _container,
    tuple: _container,
    set: _members,
    frozenset: _members,
    dict: _mapping,
    **dict.fromkeys((type(None), bool, float, complex), repr),
    **dict.fromkeys((Fraction, range, slice), _exact),
    **dict.fromkeys((Decimal, UUID, date, datetime, time, timedelta), str),
}
