"""`onnx/1`: models of ONNX, whole, as `onnx.save` would write them.

The bytes say what was returned, notes of the exporter included: two models of one digest may differ
in them. Reading parses and runs nothing, nor does it open files that a model names.
"""

from __future__ import annotations

from typing import Any

import onnx
from google.protobuf.message import EncodeError

from versioning.codecs.octets import chunked, write_all
from versioning.codecs.protocol import Reader, Writer, refuse_damage
from versioning.errors import FormatError, UnkeyableError

PART = "model.onnx"


class _OnnxCodec:
    name = "onnx"
    version = 1

    def accepts(self, value: object) -> bool:
        return type(value) is onnx.ModelProto

    def write(self, value: onnx.ModelProto, writer: Writer) -> None:
        if not value.HasField("graph"):
            raise UnkeyableError("a model without a graph: fill in its `graph` first")
        try:
            data = value.SerializeToString(deterministic=True)
        except EncodeError as error:
            raise UnkeyableError(
                "a model of more than 2 GB, the most that protobuf can write: `onnx.save` it with "
                "`save_as_external_data=True` into a folder of its own, and return the folder"
            ) from error
        with writer.part(PART) as stream:
            write_all(chunked(memoryview(data)), stream)

    def read(self, reader: Reader) -> onnx.ModelProto:
        with refuse_damage(self):
            model = onnx.ModelProto.FromString(reader.read(PART))
            size_bytes = model.ByteSize()
            model.DiscardUnknownFields()
            if not model.HasField("graph") or model.ByteSize() != size_bytes:
                raise FormatError(
                    "these bytes are no model that the installed release of onnx knows: upgrade "
                    "onnx, or run `versioning verify` and recompute the version"
                )
            return model


CODECS: tuple[Any, ...] = (_OnnxCodec(),)
