"""Quantities in policies: spans as `30d`, sizes as `750 MB`, counts and prices."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdwy])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)B", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
A_SPAN = "write a span as '12h', '30d', '8w' or '1y'"
# What JSON, as plans are written, can hold.
_MOST = 2**63 - 1


def _span(value: object) -> object:
    # As plans and the schema write it, in ISO 8601, which pydantic reads.
    if isinstance(value, timedelta) or (isinstance(value, str) and value.startswith("P")):
        return value
    if not isinstance(value, str) or not (found := _SPAN.fullmatch(value.strip())):
        raise ValueError(A_SPAN)
    try:
        return timedelta(seconds=float(found[1]) * _SECONDS[found[2]])
    except OverflowError:
        raise ValueError("the span is longer than two million years") from None


def _size(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not (found := _SIZE.fullmatch(value.strip())):
        raise ValueError("write a size as 500000, '750 MB' or '2 TB'")
    try:
        return int(float(found[1]) * _BYTES[found[2].lower()])
    except OverflowError:
        raise ValueError("the size is more than any store holds") from None


Span = Annotated[timedelta, BeforeValidator(_span, json_schema_input_type=str)]
Size = Annotated[
    int, BeforeValidator(_size, json_schema_input_type=int | str), Field(ge=0, le=_MOST)
]
# Strict: `true` is no number of versions.
Count = Annotated[int, Field(ge=0, le=_MOST, strict=True)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
