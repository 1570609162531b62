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


_WIDE = tuple(getattr(pl, name) for name in ("Int128", "UInt128") if hasattr(pl, name))
_TEXT = (pl.Categorical, pl.Enum, *_WIDE)


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
    as_text = _as_text(value.dtype)
    if as_text != value.dtype:
        value = value.cast(as_text)
    write_values(value.rechunk().to_arrow(), to)


def _as_text(dtype: Any) -> Any:
    """`dtype` with text for what Arrow cannot say, and for text that polars numbers.

    Numbers of categories depend on what else the process has seen.
    """
    if dtype.base_type() in _TEXT:
        return pl.String()
    if isinstance(dtype, pl.List):
        return pl.List(_as_text(dtype.inner))
    if isinstance(dtype, pl.Array):
        return pl.Array(_as_text(dtype.inner), dtype.size)
    if isinstance(dtype, pl.Struct):
        return pl.Struct([pl.Field(field.name, _as_text(field.dtype)) for field in dtype.fields])
    return dtype


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
    elif isinstance(dtype, pl.Categorical):
        # Older releases have one set of categories for all.
        if (categories := getattr(dtype, "categories", None)) is not None:
            to.value([categories.name(), categories.namespace(), str(categories.physical())])
    else:
        names = ("time_unit", "time_zone", "precision", "scale")
        to.attributes({name: getattr(dtype, name, None) for name in names})
