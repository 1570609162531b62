"""Encoders of numpy: arrays of every dtype, scalars, dtypes and random generators.

An array is its dtype, its shape and its elements in C order, whatever the order in memory. What
numpy keeps without meaning is left out: padding of structured dtypes and long doubles, values
under a mask, the bits of a NaN.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from versioning.encoding.named import library_name
from versioning.encoding.objects import state_of
from versioning.encoding.paths import Label
from versioning.encoding.registry import Rule, add_rule, encodes, header, qualified_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from versioning.encoding.encoder import Encoder

Array = np.ndarray[Any, Any]

CHUNK_BYTES = 4 * 1024 * 1024
# Such dtypes (`bfloat16` of ml_dtypes) share one of a few short names.
_OF_OTHERS = 2
# Of the 16 bytes of an x87 long double, 10 have meaning.
_LONG_BYTES = 10 if np.finfo(np.longdouble).nmant == 63 else np.dtype("g").itemsize


@encodes(np.ndarray, tag="numpy.array")
def write_array(array: Array, to: Encoder) -> None:
    """Write dtype, shape and elements."""
    write_dtype(array.dtype, to)
    to.value(array.shape)
    write_elements(array, to)


# A memory-mapped array is where an array lies, not what it is.
add_rule(np.memmap, Rule("numpy.array", write_array, header=header("numpy.array")))


@encodes(np.matrix, np.recarray, tag="numpy.subclass")
def _subclass(value: Array, to: Encoder) -> None:
    write_array(np.asarray(value), to)


@encodes(np.ma.MaskedArray, tag="numpy.masked")
def _masked(value: Any, to: Encoder) -> None:
    mask = np.ma.getmaskarray(value)
    data = np.array(value.data, order="C")
    _blank(data, mask)
    write_array(data, to)
    write_array(mask, to)
    to.item(Label(".fill_value"), value.fill_value)
    to.value(bool(value.hardmask))


def _blank(data: Array, mask: Array) -> None:
    """Put zeros under a mask, which a structured array has for each field."""
    if data.dtype.names is None:
        data[mask] = np.zeros((), data.dtype)
    for name in data.dtype.names or ():
        _blank(data[name], mask[name])


@encodes(type(np.ma.masked), tag="numpy.masked_constant", is_atomic=True)
def _masked_constant(value: object, to: Encoder) -> None:
    """Write nothing: the tag says it all."""


@encodes(np.generic, tag="numpy.scalar", family=True)
def _scalar(value: np.generic, to: Encoder) -> None:
    if state_of(value):
        raise to.refusal(value, "it holds more than its base class; register an encoder for it")
    write_array(np.asarray(value), to)


@encodes(np.dtype, tag="numpy.dtype", family=True)
def write_dtype(dtype: np.dtype[Any], to: Encoder) -> None:
    """Write a dtype: byte order, fields with their offsets left out, subarrays."""
    if dtype.names is not None:
        to.text("fields")
        to.integer(len(dtype.names))
        for name in dtype.names:
            to.text(name)
            to.value(_title(dtype, name))
            write_dtype(dtype[name], to)
    elif dtype.subdtype is not None:
        to.text("subarray")
        to.value(dtype.shape)
        write_dtype(dtype.base, to)
    elif dtype.kind == "T":
        to.text("text")
        to.value([dtype.na_object] if hasattr(dtype, "na_object") else [])
        to.value(getattr(dtype, "coerce", True))
    elif dtype.isbuiltin == _OF_OTHERS:
        to.text(qualified_name(dtype.type))
    else:
        to.text(dtype.str)


def _title(dtype: np.dtype[Any], name: str) -> object:
    """The second name that a field may have."""
    assert dtype.fields is not None
    _, _, *title = dtype.fields[name]
    return title[0] if title else None


# Of two of them that have one size, numpy calls arrays by the name of one.
_INTEGERS = (np.intc, np.uintc, np.int_, np.uint, np.longlong, np.ulonglong)


def _join_twins() -> None:
    """Let C types of one size and meaning be one, as they are in arrays: `long` and `long long`."""
    for kind in _INTEGERS:
        twin = np.dtype(np.dtype(kind).str)
        if twin.type is not kind:
            name, name_of_dtype = qualified_name(twin.type), qualified_name(type(twin))
            add_rule(kind, Rule("numpy.scalar", _scalar, header=header("numpy.scalar", name)))
            opening = header("numpy.dtype", name_of_dtype)
            add_rule(type(np.dtype(kind)), Rule("numpy.dtype", write_dtype, header=opening))


_join_twins()


@encodes(np.random.RandomState, tag="numpy.randomstate")
def _random_state(value: np.random.RandomState, to: Encoder) -> None:
    to.value(value.get_state(legacy=False))


@encodes(np.random.Generator, tag="numpy.generator")
def _generator(value: np.random.Generator, to: Encoder) -> None:
    _bit_generator(value.bit_generator, to)


@encodes(np.random.BitGenerator, tag="numpy.bitgenerator", family=True)
def _bit_generator(value: np.random.BitGenerator, to: Encoder) -> None:
    to.value(value.state)
    # Children are spawned from it.
    to.item(Label(".seed_seq"), value.seed_seq)


@encodes(np.random.SeedSequence, tag="numpy.seedsequence")
def _seed_sequence(value: np.random.SeedSequence, to: Encoder) -> None:
    to.value(value.state)
    to.integer(value.n_children_spawned)


@encodes(np.busdaycalendar, tag="numpy.busdaycalendar")
def _calendar(value: np.busdaycalendar, to: Encoder) -> None:
    write_array(value.weekmask, to)
    write_array(value.holidays, to)


@encodes(type(np.mean), tag="numpy.function")
def _function(value: Any, to: Encoder) -> None:
    if (name := library_name(value)) is None:
        raise to.refusal(value, "only functions that numpy itself offers are known by name")
    to.text(name)


@encodes(np.ufunc, tag="numpy.ufunc")
def _ufunc(value: np.ufunc, to: Encoder) -> None:
    for module in ("numpy", "scipy.special"):
        if getattr(sys.modules.get(module), value.__name__, None) is value:
            to.text(f"{module}:{value.__name__}")
            return
    raise to.refusal(value, "only functions that numpy or scipy.special offer are known by name")


def write_elements(array: Array, to: Encoder) -> None:
    """Write the elements of an array, without dtype and shape."""
    if array.dtype.names is not None:
        for name in array.dtype.names:
            write_elements(array[name], to)
    elif array.dtype.kind in "OT":
        write_objects(array.reshape(-1), to)
    else:
        to.stream(array.nbytes, _chunks(array))


def write_objects(array: Array, to: Encoder) -> None:
    """Write a flat array of objects one by one."""
    to.integer(len(array))
    to.sequence(array.tolist())


def _chunks(array: Array) -> Iterator[Array]:
    """The elements in C order as runs of bytes, without copying more than a run at a time."""
    if not array.nbytes:
        return
    rows = _rows(array)
    per_row = rows[:1].nbytes  # That of a scalar would be smaller: it drops the padding of text.
    if rows.ndim > 1 and per_row > CHUNK_BYTES:
        for row in rows:
            yield from _chunks(row)
        return
    step = max(1, CHUNK_BYTES // per_row)
    for start in range(0, len(rows), step):
        yield as_bytes(np.ascontiguousarray(rows[start : start + step]))


def _rows(array: Array) -> Array:
    is_flat = array.ndim == 0 or array.flags.c_contiguous
    return array.reshape(-1) if is_flat else array


def as_bytes(run: Array) -> Array:
    """The bytes of a contiguous array, with one NaN for all and nothing in the padding."""
    if run.dtype.kind in "fc":
        run = _one_nan(run)
        if run.dtype.char in "gG":
            return _without_padding(run)
    return run.reshape(-1).view(np.uint8) if run.dtype.itemsize else np.empty(0, np.uint8)


def _one_nan(run: Array) -> Array:
    if run.dtype.kind == "c":
        parts = run.reshape(-1).view(run.real.dtype)
        return _one_nan(parts)
    missing = np.isnan(run)
    count = np.count_nonzero(missing)
    if not count or count == _count_canonical(run):
        return run
    run = run.copy()
    np.copyto(run, np.nan, where=missing)
    return run


def _count_canonical(run: Array) -> int:
    """How many NaNs have the usual bits already, which spares most arrays a copy; -1 if unknown."""
    if run.dtype.itemsize > 8:
        return -1
    bits = np.dtype(f"{run.dtype.str[0]}u{run.dtype.itemsize}")
    return int(np.count_nonzero(run.view(bits) == np.array(np.nan, run.dtype).view(bits)))


def _without_padding(run: Array) -> Array:
    raw = run.reshape(-1).view(np.uint8).reshape(-1, np.dtype("g").itemsize).copy()
    raw[:, _LONG_BYTES:] = 0
    return raw.reshape(-1)
