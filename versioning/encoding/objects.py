"""Encoders of objects: enums, named tuples, dataclasses, attrs classes, partials, methods.

An object of a known structure is its class, by qualified name, and its state: every attribute it
holds, declared as a field or not. Cached properties are left out, since having read one changes
nothing.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import random
import struct
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from itertools import takewhile
from types import MethodType, SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from versioning.encoding.paths import Label
from versioning.encoding.registry import (
    encodes,
    encodes_structure,
    qualified_name,
    registered,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from versioning.encoding.encoder import Encoder

_PLAIN = frozenset({
    int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, deque,
    OrderedDict, Counter, defaultdict, ChainMap, Decimal, Fraction, UUID, date, datetime, time,
    timedelta,
})  # fmt: skip

_POINTER = struct.calcsize("P")

# Bookkeeping that attrs and `weakref` keep on instances.
_IGNORED = frozenset({"__weakref__", "__dict__", "_attrs_cached_hash"})


def state_of(value: object) -> dict[str, object]:
    """What an object holds in its `__dict__` and slots, without cached properties."""
    cls = type(value)
    return {name: held for name, held in attributes_of(value) if not _is_cached(cls, name)}


def attributes_of(value: object) -> Iterator[tuple[str, object]]:
    """Names and values in the `__dict__` and the slots of an object."""
    yield from getattr(value, "__dict__", {}).items()
    for base in type(value).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            mangled = f"_{base.__name__.lstrip('_')}{name}" if _is_private(name) else name
            if name not in _IGNORED and hasattr(value, mangled):
                yield mangled, getattr(value, mangled)


def _is_private(name: str) -> bool:
    return name.startswith("__") and not name.endswith("__")


def _is_cached(cls: type, name: str) -> bool:
    return isinstance(getattr(cls, name, None), functools.cached_property)


def _has_only_attributes(cls: type) -> bool:
    """Whether instances hold nothing but attributes: no base is a container or written in C."""
    bases = [base for base in cls.__mro__ if base is not object]
    return not any(
        base.__module__ == "builtins" or registered(base) or has_hidden_room(base) for base in bases
    )


def has_hidden_room(cls: type) -> bool:
    """Whether instances have room beyond that for attributes, which only C code can fill."""
    slots = cls.__dict__.get("__slots__", ())
    names = {slots} if isinstance(slots, str) else {*slots}
    fields = (names - {"__dict__", "__weakref__"}) | ({"__dict__", "__weakref__"} & {*cls.__dict__})
    base = cls.__base__
    return base is not None and cls.__basicsize__ - base.__basicsize__ > len(fields) * _POINTER


@encodes(Enum, tag="enum", family=True)
def _enum(value: Enum, to: Encoder) -> None:
    to.value(value.name)
    to.item(Label(".value"), value._value_)


@encodes_structure(lambda cls: issubclass(cls, tuple) and hasattr(cls, "_fields"), tag="namedtuple")
def _namedtuple(value: Any, to: Encoder) -> None:
    _refuse_state(value, to)
    to.integer(tuple.__len__(value))
    for name, member in zip(value._fields, tuple.__iter__(value), strict=True):
        to.attribute(name, member)


@encodes_structure(
    lambda cls: issubclass(cls, tuple) and hasattr(cls, "n_sequence_fields"), tag="structseq"
)
def _struct_sequence(value: Any, to: Encoder) -> None:
    """A tuple of C code (`os.stat_result`), which may hold fields that are no members."""
    to.value(value.__reduce__()[1])


@encodes_structure(
    lambda cls: dataclasses.is_dataclass(cls) and _has_only_attributes(cls), tag="dataclass"
)
@encodes_structure(
    lambda cls: hasattr(cls, "__attrs_attrs__") and _has_only_attributes(cls), tag="attrs"
)
@encodes(SimpleNamespace, tag="namespace")
def _state(value: object, to: Encoder) -> None:
    to.attributes(state_of(value))


@encodes(functools.partial, tag="partial")
def _partial(value: functools.partial[Any], to: Encoder) -> None:
    to.attribute("func", value.func)
    to.attribute("args", value.args)
    to.attribute("keywords", value.keywords)
    to.attributes(state_of(value))


@encodes(operator.itemgetter, operator.attrgetter, operator.methodcaller, tag="getter")
def _getter(value: object, to: Encoder) -> None:
    to.value(value.__reduce__())


@encodes(random.Random, tag="random")
def _random(value: random.Random, to: Encoder) -> None:
    to.value(value.getstate())


@encodes(MethodType, tag="method")
def _method(value: MethodType, to: Encoder) -> None:
    to.attribute("__func__", value.__func__)
    to.attribute("__self__", value.__self__)


def _plain_base(cls: type) -> type | None:
    return next((base for base in cls.__mro__ if base in _PLAIN), None)


def _is_thin(cls: type) -> bool:
    return cls not in _PLAIN and _plain_base(cls) is not None


@encodes_structure(_is_thin, tag="subclass")
def _subclass(value: object, to: Encoder) -> None:
    """A subclass of a builtin that adds behaviour, and no state."""
    _refuse_state(value, to)
    base = _plain_base(type(value))
    rule = registered(base) if base is not None else None
    assert rule is not None
    to.apply(rule, value)


def _refuse_state(value: object, to: Encoder) -> None:
    own = takewhile(lambda base: base not in _PLAIN, type(value).__mro__)
    extra = sorted(state_of(value)) or [base.__name__ for base in own if has_hidden_room(base)]
    if extra:
        raise to.refusal(
            value,
            f"it holds more than its base class does ({', '.join(extra[:5])}); "
            f"call `register_encoder` for {qualified_name(type(value))}",
        )
