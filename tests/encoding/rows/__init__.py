"""Which types can be keyed, and which cannot: what `test_conformance.py` goes through."""

from __future__ import annotations

import json

import versioning.code  # noqa: F401 - teaches the encoding about functions and classes
from tests.encoding.rows import (
    arrays,
    arrow,
    containers,
    models,
    objects,
    onnx_models,
    refused,
    scalars,
    tables,
)
from tests.encoding.rows.row import Refused, Row
from versioning.encoding import preview, value_digest

__all__ = ["REFUSED", "ROWS", "Refused", "Row", "digests", "main"]

_MODULES = (scalars, containers, objects, arrays, tables, arrow, models, onnx_models)
ROWS: list[Row] = [row for module in _MODULES for row in module.ROWS]
REFUSED: list[Refused] = [
    row
    for module in (refused, arrays, tables, arrow, models, onnx_models)
    for row in module.REFUSED
]


def digests() -> dict[str, str]:
    """The digests of all rows, by row and position."""
    return {
        f"{row.kind} {position} {preview(value)}": value_digest(value)
        for row in ROWS
        for position, value in enumerate(row.values())
    }


def main() -> None:
    print(json.dumps(digests()))
