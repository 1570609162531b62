"""Encoders of scipy, and of the parts of scikit-learn's models.

A sparse array is its format, shape, dtype and stored entries in order of position. Entries stored
twice are summed; a stored zero counts, since it changes what `nnz` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from versioning.encoding.numeric import write_array
from versioning.encoding.paths import Label
from versioning.encoding.registry import encodes, encodes_structure

if TYPE_CHECKING:
    from versioning.encoding.encoder import Encoder


@encodes(sparse.sparray, sparse.spmatrix, tag="scipy.sparse", family=True)
def _sparse(value: Any, to: Encoder) -> None:
    entries = value.tocoo(copy=True)
    entries.sum_duplicates()
    to.value(tuple(int(length) for length in value.shape))
    for positions in entries.coords:
        write_array(positions.astype(np.int64), to)
    write_array(entries.data, to)


@encodes_structure(
    lambda cls: cls.__module__.startswith(("scipy.", "sklearn.")), tag="science.part"
)
def _part(value: Any, to: Encoder) -> None:
    """A tree, a loss, a spline, ...: the call and the state that it says would make it again."""
    reduced = value.__reduce_ex__(4)
    if isinstance(reduced, str):
        to.text(reduced)
        return
    make, arguments, state, *items = (*reduced, None, None, None)[:5]
    to.text(f"{make.__module__}:{make.__qualname__}")
    to.item(Label(".arguments"), arguments)
    to.item(Label(".state"), dict(sorted(state.items())) if _has_names(state) else state)
    to.value([None if part is None else list(part) for part in items])


def _has_names(state: object) -> bool:
    """Whether a state is attributes, whose order says nothing."""
    return isinstance(state, dict) and all(type(name) is str for name in state)
