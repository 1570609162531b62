"""`safetensors/1`: a torch tensor, in a safetensors file of its own.

Only tensors of torch are: weights that a step keeps as NumPy arrays are arrays, and lie as npy. A
dict of either is a document (`json/1`) whose members are parts: checkpoints that share most of
their weights share most of their parts.
"""

from __future__ import annotations

from typing import Any

import safetensors.torch
import torch

from versioning.codecs.arrays import MAP_BYTES
from versioning.codecs.octets import chunked, write_all
from versioning.codecs.protocol import Reader, Writer, refuse_damage
from versioning.errors import UnkeyableError

PART = "tensor.safetensors"


class _TensorCodec:
    """Dense tensors without gradients; they come back on the CPU, large ones mapped."""

    name = "safetensors"
    version = 1

    def accepts(self, value: object) -> bool:
        return type(value) is torch.Tensor

    def write(self, value: torch.Tensor, writer: Writer) -> None:
        if value.requires_grad:
            raise UnkeyableError("a tensor that asks for gradients: return its `.detach()`")
        if value.layout != torch.strided or value.is_quantized or value.is_meta:
            raise UnkeyableError("a sparse, quantized or meta tensor: make it dense first")
        plain = value.resolve_conj().resolve_neg().contiguous()
        try:
            data = safetensors.torch.save({"tensor": plain})
        except (safetensors.SafetensorError, KeyError, ValueError) as error:
            raise UnkeyableError(f"{value.dtype} has no safetensors form: cast it") from error
        with writer.part(PART) as stream:
            write_all(chunked(memoryview(data)), stream)

    def read(self, reader: Reader) -> Any:
        with refuse_damage(self):
            if reader.size(PART) < MAP_BYTES:
                return safetensors.torch.load(reader.read(PART))["tensor"]
            with safetensors.safe_open(reader.path(PART), framework="pt") as file:
                return file.get_tensor("tensor")


CODECS = (_TensorCodec(),)
