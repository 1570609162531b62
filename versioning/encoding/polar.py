"""Encoders of polars: frames and series, through Arrow.

Chunks do not show. Lazy frames are plans, not values, and are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from versioning.encoding.arrow import write_values
from versioning.encoding.registry import encodes, encodes_structure

if TYPE_CHECKING:
    from versioning.encoding.encoder import Encoder


@encodes(pl.DataFrame, tag="polars.frame", family=True)
def _frame(value: pl.DataFrame, to: Encoder) -> None:
    to.integer(value.height)
    to.integer(value.width)
    for column in value.get_columns():
        with to.at(column.name):
            _series(column, to)


@encodes(pl.Series, tag="polars.series", family=True)
def _series(value: pl.Series, to: Encoder) -> None:
    to.text(value.name)
    _write_dtype(value.dtype, to)
    if value.dtype == pl.Object:
        raise to.refusal(value, "it holds Python objects; convert them to another dtype")
    if value.dtype in (pl.Categorical, pl.Enum):
        value = value.cast(pl.String)  # How text is numbered is shared with other columns.
    write_values(value.rechunk().to_arrow(), to)


@encodes(pl.LazyFrame, tag="polars.lazy")
def _lazy(value: pl.LazyFrame, to: Encoder) -> None:
    raise to.refusal(value, "it is a plan, not data; pass `frame.collect()`")


@encodes_structure(
    lambda cls: issubclass(cls, pl.DataType) or cls is pl.DataType, tag="polars.dtype"
)
def _dtype(value: pl.DataType, to: Encoder) -> None:
    _write_dtype(value, to)


def _write_dtype(dtype: Any, to: Encoder) -> None:
    to.text(str(dtype.base_type()))
    if isinstance(dtype, pl.Struct):
        to.integer(len(dtype.fields))
        for field in dtype.fields:
            to.text(field.name)
            _write_dtype(field.dtype, to)
    elif isinstance(dtype, pl.List | pl.Array):
        to.value(getattr(dtype, "shape", None))
        _write_dtype(dtype.inner, to)
    elif isinstance(dtype, pl.Enum):
        _series(dtype.categories, to)
    else:
        names = ("time_unit", "time_zone", "precision", "scale")
        to.attributes({name: getattr(dtype, name, None) for name in names})
