"""Encoders of the containers of the standard library, and of empty-handed subclasses of builtins.

Order counts wherever code meets one and the same order every time: in dicts too, whose `==` ignores
it, since tables and loops follow it (decision 6). Only sets have none. Content is read with the
methods of the base class: an override cannot hide any.
"""

from __future__ import annotations

import array
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from versioning.encoding.registry import encodes

if TYPE_CHECKING:
    from versioning.encoding.encoder import Encoder


@encodes(tuple, tag="tuple")
def _tuple(value: tuple[object, ...], to: Encoder) -> None:
    to.integer(tuple.__len__(value))
    to.sequence(tuple.__iter__(value))


@encodes(list, tag="list")
def _list(value: list[object], to: Encoder) -> None:
    to.integer(list.__len__(value))
    to.sequence(list.__iter__(value))


@encodes(deque, tag="deque")
def _deque(value: deque[object], to: Encoder) -> None:
    to.value(value.maxlen)
    to.integer(deque.__len__(value))
    to.sequence(deque.__iter__(value))


@encodes(dict, tag="dict")
@encodes(Counter, tag="counter")
def write_dict(value: dict[Any, Any], to: Encoder) -> None:
    """Write the entries of a dict in their order."""
    to.entries(dict.__len__(value), dict.items(value))


@encodes(MappingProxyType, tag="mappingproxy")
def _mapping(value: MappingProxyType[object, object], to: Encoder) -> None:
    to.entries(len(value), value.items())


@encodes(OrderedDict, tag="ordereddict")
def _ordered(value: OrderedDict[object, object], to: Encoder) -> None:
    to.entries(OrderedDict.__len__(value), OrderedDict.items(value))


@encodes(defaultdict, tag="defaultdict")
def _defaultdict(value: defaultdict[object, object], to: Encoder) -> None:
    to.attribute("default_factory", value.default_factory)
    write_dict(value, to)


@encodes(ChainMap, tag="chainmap")
def _chainmap(value: ChainMap[Any, Any], to: Encoder) -> None:
    to.attribute("maps", value.maps)


@encodes(set, tag="set")
def _set(value: set[object], to: Encoder) -> None:
    to.members(set.__iter__(value))


@encodes(frozenset, tag="frozenset")
def _frozenset(value: frozenset[object], to: Encoder) -> None:
    to.members(frozenset.__iter__(value))


@encodes(range, tag="range", is_atomic=True)
@encodes(slice, tag="slice")
def _bounds(value: range | slice, to: Encoder) -> None:
    to.attribute("start", value.start)
    to.attribute("stop", value.stop)
    to.attribute("step", value.step)


@encodes(array.array, tag="array", is_atomic=True)
def _array(value: array.array[Any], to: Encoder) -> None:
    to.text(value.typecode)
    to.integer(value.itemsize)
    to.data(memoryview(value.tobytes()))
