"""Encoder of ONNX's models: all fields of the message by their names, never the bytes of a file.

Left out is what no inference session can read:

- the release of the exporter (`producer_version`), and the notes (`doc_string`) on nodes,
  attributes, tensors, inputs, outputs and functions. The name of the producer and the notes on a
  model and its graphs count: sessions offer them as metadata.
- the lines of source, in folders of one machine, that torch keeps with each node. Other metadata of
  nodes counts: ONNX Runtime reads some of it.
- the order of `opset_import`, which skl2onnx takes from a set, and of `metadata_props`: both are
  looked up by name.
- whether the elements of a tensor lie in `raw_data` or in the field of their type. Elements of
  types that came after ONNX's first 16 (8 bits and fewer, packed) count as they lie.

Everything else counts, empty fields that are set and the bits of a NaN included. A model whose
weights lie in other files is refused: its message does not say what they are.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from versioning.encoding.paths import Label
from versioning.encoding.registry import encodes

if TYPE_CHECKING:
    from versioning.encoding.encoder import Encoder

# Parsers, those of inference sessions too, refuse what is nested deeper.
DEEPEST = 100

UNKEYED = frozenset(
    {
        "onnx.ModelProto.producer_version",
        "onnx.NodeProto.doc_string",
        "onnx.AttributeProto.doc_string",
        "onnx.TensorProto.doc_string",
        "onnx.ValueInfoProto.doc_string",
        "onnx.FunctionProto.doc_string",
        # Elsewhere is refused; here is what it means to say nothing.
        "onnx.TensorProto.data_location",
    }
)
# The key in the metadata of a node.
STACK_TRACE = "pkg.torch.onnx.stack_trace"
# Fields whose entries are looked up, and by what; of two of one name the order counts.
_UNORDERED = {"opset_import": attrgetter("domain"), "metadata_props": attrgetter("key")}

_NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: "<i4",
    FieldDescriptor.CPPTYPE_INT64: "<i8",
    FieldDescriptor.CPPTYPE_UINT32: "<u4",
    FieldDescriptor.CPPTYPE_UINT64: "<u8",
    FieldDescriptor.CPPTYPE_FLOAT: "<f4",
    FieldDescriptor.CPPTYPE_DOUBLE: "<f8",
    FieldDescriptor.CPPTYPE_BOOL: "?",
    FieldDescriptor.CPPTYPE_ENUM: "<i4",
}

# Types of tensors: the field that holds their elements, its numbers, and those of `raw_data`.
_RAW = {
    onnx.TensorProto.FLOAT: ("float_data", "<f4", "<f4"),
    onnx.TensorProto.COMPLEX64: ("float_data", "<f4", "<f4"),
    onnx.TensorProto.DOUBLE: ("double_data", "<f8", "<f8"),
    onnx.TensorProto.COMPLEX128: ("double_data", "<f8", "<f8"),
    onnx.TensorProto.INT64: ("int64_data", "<i8", "<i8"),
    onnx.TensorProto.INT32: ("int32_data", "<i4", "<i4"),
    onnx.TensorProto.INT16: ("int32_data", "<i4", "<i2"),
    onnx.TensorProto.INT8: ("int32_data", "<i4", "<i1"),
    onnx.TensorProto.UINT64: ("uint64_data", "<u8", "<u8"),
    onnx.TensorProto.UINT32: ("uint64_data", "<u8", "<u4"),
    onnx.TensorProto.UINT16: ("int32_data", "<i4", "<u2"),
    onnx.TensorProto.UINT8: ("int32_data", "<i4", "<u1"),
    onnx.TensorProto.BOOL: ("int32_data", "<i4", "<u1"),
    # The bits of each, as a number.
    onnx.TensorProto.FLOAT16: ("int32_data", "<i4", "<u2"),
    onnx.TensorProto.BFLOAT16: ("int32_data", "<i4", "<u2"),
}
_ELEMENTS = {"raw_data", "string_data", *(name for name, _, _ in _RAW.values())}


@encodes(onnx.ModelProto, tag="onnx.model")
def _model(value: onnx.ModelProto, to: Encoder) -> None:
    _write_message(value, to, 0)


def _write_message(message: Message, to: Encoder, depth: int) -> None:
    if len(UnknownFieldSet(message)):
        raise to.refusal(
            message, "it has fields that the installed release of onnx does not know; upgrade onnx"
        )
    if depth > DEEPEST:
        raise to.refusal(message, f"it is nested more than {DEEPEST} deep; no parser takes that")
    fields = _fields(message)
    if isinstance(message, onnx.TensorProto):
        _refuse_external(message, to)
        _move_elements(message.data_type, fields)
    to.integer(len(fields))
    for name in sorted(fields):
        to.text(name)
        _write(Label(f".{name}"), fields[name], to, depth)


def _write(label: object, held: Any, to: Encoder, depth: int) -> None:
    if isinstance(held, str):
        to.text(held)
    elif isinstance(held, bytes):
        to.data(held)
    elif isinstance(held, Message):
        with to.at(label):
            _write_message(held, to, depth + 1)
    else:
        to.integer(len(held))
        with to.at(label):
            for position, member in enumerate(held):
                _write(position, member, to, depth)


def _fields(message: Message) -> dict[str, Any]:
    """What a message holds, by name; numbers, one or many, as bytes."""
    fields: dict[str, Any] = {}
    for field, held in message.ListFields():
        if field.full_name in UNKEYED:
            continue
        if field.cpp_type in _NUMBERS:
            fields[field.name] = np.array(held, _NUMBERS[field.cpp_type]).tobytes()
        elif field.name in _UNORDERED:
            fields[field.name] = sorted(held, key=_UNORDERED[field.name])
        else:
            fields[field.name] = held
    if isinstance(message, onnx.NodeProto) and "metadata_props" in fields:
        _drop_trace(fields)
    return fields


def _drop_trace(fields: dict[str, Any]) -> None:
    kept = [entry for entry in fields.pop("metadata_props") if entry.key != STACK_TRACE]
    if kept:
        fields["metadata_props"] = kept


def _refuse_external(tensor: onnx.TensorProto, to: Encoder) -> None:
    if tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise to.refusal(
            tensor,
            "its elements lie in another file; use `onnx.load`, which reads them, or return the "
            "folder that holds the model",
        )


def _move_elements(data_type: int, fields: dict[str, Any]) -> None:
    """Put the elements of a tensor where and how `raw_data` has them."""
    name, wide, narrow = _RAW.get(data_type, ("", "", ""))
    held = fields.keys() & _ELEMENTS
    if name and not held:
        fields["raw_data"] = b""
    elif held == {name}:
        elements = np.frombuffer(fields[name], wide).astype(narrow)
        # A number that its type cannot hold is for each runtime to read as it likes.
        if elements.astype(wide).tobytes() == fields[name]:
            fields["raw_data"] = elements.tobytes()
            del fields[name]
