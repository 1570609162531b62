"""Writes `keys.json`: the digests that values had when format 1 was fixed.

Run it only together with a new format version; a digest that changes within one makes every stored
key of every user a miss.

    python tests/golden/rewrite.py
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, deque
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import onnx
import pandas as pd
import pyarrow as pa
from google.protobuf import text_format

from versioning.encoding import value_digest

GOLDEN = Path(__file__).with_name("keys.json")
ONNX = r"""
    ir_version: 10
    producer_version: "left out"
    graph {
      name: "shift"
      node { input: "x" input: "shift" output: "y" op_type: "Add" doc_string: "left out" }
      node {
        input: "y" output: "z" op_type: "LeakyRelu"
        attribute { name: "alpha" type: FLOAT f: 0.25 }
      }
      initializer { name: "shift" dims: 2 data_type: 1 float_data: 0.5 float_data: -0.0 }
      input { name: "x" type { tensor_type { elem_type: 1 shape { dim { dim_param: "n" } } } } }
      output { name: "z" type { tensor_type { elem_type: 1 } } }
    }
    opset_import { version: 21 }
    metadata_props { key: "b" value: "2" }
    metadata_props { key: "a" value: "1" }
"""


def cases() -> dict[str, object]:
    """Values whose digests are fixed, by the name they have in the file."""
    return {**_plain(), **_numpy(), **_tables(), **_models()}


def digests() -> dict[str, str]:
    """What this release makes of them."""
    return {name: value_digest(value) for name, value in cases().items()}


def _plain() -> dict[str, object]:
    berlin = ZoneInfo("Europe/Berlin")
    return {
        "none": None,
        "true": True,
        "int": 1,
        "int, large": -(2**200),
        "float": 1.0,
        "float, negative zero": -0.0,
        "float, nan": float("nan"),
        "complex": 1 + 2j,
        "str": "naïve",
        "str, surrogate": "\ud800",
        "bytes": b"\x00\xff",
        "decimal": Decimal("1.10"),
        "fraction": Fraction(1, 3),
        "uuid": UUID(int=7),
        "date": date(2013, 1, 1),
        "datetime, utc": datetime(2013, 1, 1, tzinfo=UTC),
        "datetime, zone and fold": datetime(2013, 10, 27, 2, 30, tzinfo=berlin, fold=1),
        "timedelta": timedelta(days=1, microseconds=1),
        "range": range(3),
        "slice": slice(1, None),
        "class": int,
        "path": PurePosixPath("a/b"),
        "tuple": (1, "a"),
        "list": [1, "a"],
        "list, nested": [[], [[]], {"a": [()]}],
        "dict": {"b": 1, "a": [2]},
        "set": {"a", "b", 3},
        "frozenset": frozenset({1}),
        "deque": deque([1], maxlen=3),
        "ordered dict": OrderedDict(b=1, a=2),
        "counter": Counter("aab"),
    }


def _numpy() -> dict[str, object]:
    pair = np.array([(1, 2.5)], np.dtype([("a", "i1"), ("b", "<f8")]))
    return {
        "array, int": np.arange(6, dtype="<i8").reshape(2, 3),
        "array, float with nan": np.array([0.0, -0.0, np.nan], "<f8"),
        "array, text": np.array(["a", "bc"]),
        "array, objects": np.array(["a", None, 1], object),
        "array, fields": pair,
        "array, moments": np.array(["2013-01-01", "NaT"], "M8[s]"),
        "array, masked": np.ma.array([1, 2], mask=[False, True], fill_value=9, dtype="<i8"),
        "scalar": np.float32(1.5),
        "generator": np.random.Generator(np.random.PCG64(7)).bit_generator.state,
    }


def _tables() -> dict[str, object]:
    frame = pd.DataFrame(
        {
            "int": np.array([1, 2, 3], "i8"),
            "float": [0.5, np.nan, -0.0],
            "text": pd.array(["a", None, "ü"], dtype="string"),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "kind": pd.Categorical(["x", "y", "x"]),
            "moment": pd.date_range("2013-01-01", periods=3, tz="UTC", unit="us"),
        }
    )
    table = pa.table(
        {
            "list": pa.array([[1], None, []], pa.list_(pa.int64())),
            "struct": pa.array([{"a": 1}, None, {"a": None}], pa.struct([("a", pa.int32())])),
            "text": pa.array(["a", None, "c"]),
        }
    )
    return {
        "frame": frame,
        "frame, other index": frame.set_index(pd.Index([3, 1, 2], name="id")),
        "series": frame["float"],
        "index": pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None]),
        "timestamp": pd.Timestamp("2013-01-01 12:00", tz="Europe/Berlin"),
        "table": table,
    }


def _models() -> dict[str, object]:
    return {"onnx model": text_format.Parse(ONNX, onnx.ModelProto())}


if __name__ == "__main__":
    document = {"format": 1, "values": digests()}
    GOLDEN.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
