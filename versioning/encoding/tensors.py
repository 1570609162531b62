"""Encoders of torch: tensors, modules, generators.

A tensor is its dtype, shape, elements and whether it asks for gradients; the device it lies on,
strides and storage do not show. A module is its class and all it holds; a state dict is a mapping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from versioning.encoding.objects import state_of
from versioning.encoding.registry import encodes

if TYPE_CHECKING:
    from versioning.encoding.encoder import Encoder


@encodes(torch.Tensor, torch.nn.Parameter, torch.nn.Buffer, tag="torch.tensor")
def _tensor(value: torch.Tensor, to: Encoder) -> None:
    to.value(value.requires_grad)
    _write_tensor(value.detach(), to)


def _write_tensor(value: torch.Tensor, to: Encoder) -> None:
    to.text(str(value.dtype))
    to.value(tuple(value.shape))
    to.text(str(value.layout))
    if value.is_quantized or value.is_meta:
        raise to.refusal(value, "quantized and meta tensors are not supported; dequantize it")
    if value.layout == torch.strided:
        to.data(memoryview(_elements(value)))
        return
    entries = (value if value.layout == torch.sparse_coo else value.to_sparse_coo()).coalesce()
    _write_tensor(entries.indices(), to)
    _write_tensor(entries.values(), to)


def _elements(value: torch.Tensor) -> Any:
    value = value.resolve_conj().resolve_neg().cpu().contiguous().reshape(-1)
    if value.is_complex():
        value = torch.view_as_real(value).reshape(-1)
    if value.stride() != (1,):  # A single element may keep the stride of the view it came from.
        value = value.clone(memory_format=torch.contiguous_format)
    if value.is_floating_point() and value.dtype.itemsize > 1:
        missing = value.isnan()
        if missing.any():
            value = value.masked_fill(missing, torch.nan)
    return value.view(torch.uint8).numpy()


@encodes(torch.nn.Module, tag="torch.module", family=True)
def _module(value: torch.nn.Module, to: Encoder) -> None:
    state = state_of(value)
    # Recurrent layers keep weak references to their parameters, which are here already.
    state.pop("_flat_weight_refs", None)
    to.attributes(state)


@encodes(torch.Generator, tag="torch.generator")
def _generator(value: torch.Generator, to: Encoder) -> None:
    to.text(str(value.device))
    _write_tensor(value.get_state(), to)


@encodes(torch.Size, tag="torch.size", is_atomic=True)
def _size(value: torch.Size, to: Encoder) -> None:
    to.value(tuple(value))


@encodes(torch.dtype, torch.device, torch.layout, tag="torch.name", is_atomic=True)
def _name(value: object, to: Encoder) -> None:
    to.text(str(value))
