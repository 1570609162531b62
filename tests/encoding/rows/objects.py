"""Objects with a structure, and code."""

from __future__ import annotations

import collections
import dataclasses
import functools
import operator
import os
import random
import re
import time
import types
from collections import OrderedDict
from typing import NamedTuple

import attrs
import pydantic

from tests.encoding.rows.row import Row
from tests.encoding.rows.scalars import HUGE


class Place(NamedTuple):
    x: int
    y: int


OtherPlace = collections.namedtuple("OtherPlace", "x y")


@dataclasses.dataclass
class Config:
    depth: int = 3
    note: str = dataclasses.field(default="", compare=False, repr=False)
    names: list = dataclasses.field(default_factory=list)

    @functools.cached_property
    def costly(self):
        return self.depth * 2

    def read(self):
        assert self.costly
        return self


class Wider(Config):
    pass


@dataclasses.dataclass(frozen=True)
class Frozen:
    depth: int = 3


@dataclasses.dataclass(slots=True)
class Slotted:
    depth: int = 3


@attrs.define
class Settings:
    depth: int = 3
    note: str = attrs.field(default="", eq=False)

    @functools.cached_property
    def costly(self):
        return self.depth * 2

    def read(self):
        assert self.costly
        return self


@attrs.frozen
class Fixed:
    depth: int = 3


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    depth: int = 3
    names: list[str] = []
    _private: int = pydantic.PrivateAttr(default=1)


class Deeper(Model):
    pass


class Plain:
    """A class of the project without any structure of its own."""

    def __init__(self, depth):
        self.depth = depth

    def scaled(self, by):
        return self.depth * by


def with_attribute(value, name, held):
    object.__setattr__(value, name, held)
    return value


def with_private(model):
    model._private = 2
    return model


def double(value):
    return value * 2


def triple(value):
    return value * 3


def adder(by):
    return lambda value: value + by


def drawn(seed, draws):
    generator = random.Random(seed)
    for _ in range(draws):
        generator.random()
    return generator


def stat_result(nanoseconds):
    return os.stat_result((*range(10), 1.0, 2.0, 3.0, nanoseconds, 0, 0))


ROWS = [
    Row(
        "NamedTuple",
        lambda: [Place(1, 2), Place(y=2, x=1)],
        lambda: [Place(2, 1), OtherPlace(1, 2)],
    ),
    Row(
        "tuple of C",
        lambda: [stat_result(1), stat_result(1)],
        lambda: [stat_result(2), time.gmtime(0), time.struct_time((*time.gmtime(0)[:8], 1))],
    ),
    Row(
        "dataclass",
        lambda: [Config(4), Config(depth=4), Config(4).read()],
        lambda: [
            *(Config(), Config(4, note="not compared"), Config(names=[1]), Config(4.0), Wider(4)),
            *(Frozen(), Frozen(4), Slotted(), Slotted(4), with_attribute(Config(4), "more", 1)),
        ],
    ),
    Row(
        "attrs",
        lambda: [Settings(4), Settings(depth=4), Settings(4).read()],
        lambda: [Settings(), Settings(4, note="not compared"), Fixed(), Fixed(4)],
    ),
    Row(
        "pydantic",
        lambda: [Model(depth=4), Model(depth="4"), Model.model_validate_json('{"depth": 4}')],
        lambda: [
            *(
                Model(),
                Model(depth=3),
                Model(names=["a"]),
                Model(depth=4, extra=1),
                Deeper(depth=4),
            ),
            *(with_private(Model(depth=4)), pydantic.SecretStr("a"), pydantic.SecretStr("b")),
            *(pydantic.AnyUrl("http://a"), pydantic.HttpUrl("http://a")),
        ],
    ),
    Row(
        "SimpleNamespace",
        lambda: [types.SimpleNamespace(a=1, b=2), types.SimpleNamespace(b=2, a=1)],
        lambda: [types.SimpleNamespace(a=2, b=1), types.SimpleNamespace()],
    ),
    Row("object of the project", lambda: [Plain(1), Plain(1)], lambda: [Plain(2)]),
    Row(
        "range",
        lambda: [range(3), range(0, 3, 1)],
        lambda: [range(0, 3, 2), range(HUGE)],
        is_stored=True,
    ),
    Row("slice", lambda: [slice(3), slice(None, 3)], lambda: [slice(0, 3), slice(None, 3, 1)]),
    Row(
        "re.Pattern",
        lambda: [re.compile("a"), re.compile("a", re.UNICODE)],
        lambda: [re.compile("b"), re.compile("a", re.ASCII), re.compile(b"a"), re.compile("(?i)a")],
    ),
    Row(
        "function",
        lambda: [double, double],
        lambda: [triple, len, operator.add, os.path.join, attrs.asdict, attrs.astuple],
    ),
    Row(
        "lambda",
        lambda: [adder(1), adder(1)],
        lambda: [adder(2), lambda value: value - 1, lambda value: value],
    ),
    Row(
        "partial",
        lambda: [functools.partial(double, 1), functools.partial(double, 1)],
        lambda: [
            functools.partial(double, 2),
            functools.partial(double, value=1),
            functools.partial(triple, 1),
            functools.partial(functools.partial(int, base=2), "1"),
        ],
    ),
    Row(
        "getter",
        lambda: [operator.itemgetter("a"), operator.itemgetter("a")],
        lambda: [
            operator.itemgetter("b"),
            operator.attrgetter("a"),
            operator.methodcaller("a"),
            operator.methodcaller("a", 1),
            operator.methodcaller("a", key=1),
        ],
    ),
    Row("bound method", lambda: [Plain(1).scaled, Plain(1).scaled], lambda: [Plain(2).scaled]),
    Row(
        "class",
        lambda: [Plain, Plain],
        lambda: [Config, Model, int, OrderedDict, Place, attrs.Attribute, attrs.Factory],
    ),
    Row(
        "module",
        lambda: [os, os],
        lambda: [re, attrs, attrs.validators, attrs.converters],
        is_copied=False,
    ),
    Row("Random", lambda: [drawn(1, 0), drawn(1, 0)], lambda: [drawn(1, 1), drawn(2, 0)]),
]
