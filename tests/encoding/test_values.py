"""Plain Python values: what differs, what does not, what is refused."""

import array
import functools
import io
import ipaddress
import operator
import re
import threading
import weakref
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType, SimpleNamespace
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import pydantic
import pytest

from versioning.encoding import register_encoder, value_digest
from versioning.errors import UnkeyableError

BERLIN = ZoneInfo("Europe/Berlin")


class Color(Enum):
    RED = 1
    GREEN = 2


class Shade(Enum):
    RED = 1


class Level(IntEnum):
    LOW = 1


class Right(Flag):
    READ = 1
    WRITE = 2


class Place(NamedTuple):
    x: int
    y: int


OtherPlace = namedtuple("OtherPlace", "x y")


@dataclass
class Config:
    depth: int = 3
    names: list = field(default_factory=list)

    @cached_property
    def costly(self):
        return self.depth * 2


@dataclass(frozen=True, slots=True)
class Slotted:
    depth: int = 3


@attrs.define
class Settings:
    depth: int = 3


class Model(pydantic.BaseModel):
    depth: int = 3
    secret: pydantic.SecretStr = pydantic.SecretStr("a")


class Names(list):
    pass


class Port(int):
    pass


DIFFERENT = [
    *(None, ..., NotImplemented, True, False, 1, 0, -1, 1.0, 0.0, -0.0, float("nan"), float("inf")),
    *(2**64, -(2**64), 2**64 + 1, 1 + 0j, complex(0, -0.0), 0j),
    *("1", "", "é", "e\u0301", "\ud800", b"1", b"", bytearray(b"1"), memoryview(b"1")),
    *(Decimal(1), Decimal("1.0"), Decimal("NaN"), Fraction(1), UUID(int=1)),
    *(date(2020, 1, 1), datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC)),
    datetime(2020, 1, 1, tzinfo=ZoneInfo("UTC")),
    datetime(2020, 10, 25, 2, 30, tzinfo=BERLIN),
    datetime(2020, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
    datetime(2020, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=1))),
    *(time(1), time(1, tzinfo=UTC), timedelta(1), timedelta(seconds=1), UTC, BERLIN),
    *(Color.RED, Color.GREEN, Shade.RED, Level.LOW, Right.READ, Right.READ | Right.WRITE),
    *((), (1,), (1, 2), (2, 1), ((1,), 2), (1, (2,)), [1, 2], [], [[]], [1, [2]]),
    *({}, {1: "x"}, {"1": "x"}, {1.0: "x"}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": {"b": 1}}),
    *(set(), {1}, {1, 2}, {(1, 2)}, frozenset({1, 2}), {frozenset({1}), 2}),
    *(deque([1, 2]), deque([1, 2], 3), OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)),
    *(Counter("ab"), Counter("ba"), Counter("aab"), defaultdict(int, a=1), defaultdict(list, a=1)),
    *(ChainMap({"a": 1}), ChainMap({"a": 1}, {}), MappingProxyType({"a": 1})),
    *(Place(1, 2), OtherPlace(1, 2), SimpleNamespace(a=1), SimpleNamespace(b=1)),
    *(Config(), Config(depth=4), Config(names=[1]), Slotted(), Settings(), Settings(4)),
    *(Model(), Model(depth=4), Model(secret="b"), pydantic.SecretStr("a")),
    *(range(3), range(0, 4, 2), slice(3), slice(0, 3)),
    *(re.compile("a"), re.compile("a", re.IGNORECASE), re.compile(b"a")),
    *(Names([1, 2]), Port(1), array.array("i", [1, 2]), array.array("d", [1, 2])),
    *(int, float, len, operator.add, functools.partial(int, base=2)),
    ipaddress.ip_address("1.2.3.4"),
]


def test_values_that_differ_in_any_way_have_different_digests():
    digests = {}
    for value in DIFFERENT:
        digest = value_digest(value)
        assert digest not in digests, f"{value!r} and {digests.get(digest)!r}"
        digests[digest] = value


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({1, 2, "a"}, {"a", 2, 1}),
        (float("nan"), -float("nan")),
        (complex(float("nan"), 1), complex(-float("nan"), 1)),
        (range(0), range(0)),
        (memoryview(b"abcd")[::2], memoryview(b"ac")),
        ([[1]] * 2, [[1], [1]]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_equal_values_have_equal_digests(left, right):
    assert value_digest(left) == value_digest(right)


def test_reading_a_cached_property_changes_nothing():
    config = Config()
    before = value_digest(config)
    assert config.costly == 6
    assert value_digest(config) == before


def test_an_attribute_that_is_no_field_counts():
    config = Config()
    config.extra = 1
    assert value_digest(config) != value_digest(Config())


def test_an_override_cannot_hide_content():
    class Shy(list):
        def __iter__(self):
            return iter(())

        def __len__(self):
            return 0

    assert value_digest(Shy([1])) != value_digest(Shy([2]))


def test_shared_members_are_no_cycle():
    shared = [1]
    assert value_digest([shared, shared, {"a": shared}]) == value_digest([[1], [1], {"a": [1]}])


NO_DATA = {
    "lock": threading.Lock,
    "generator": lambda: (x for x in ()),
    "iterator": lambda: iter([1]),
    "weak reference": lambda: weakref.ref(threading.current_thread()),
    "plain object": object,
    "method of a list": lambda: [].append,
}


@pytest.mark.parametrize("name", NO_DATA)
def test_what_is_no_data_is_refused(name):
    with pytest.raises(UnkeyableError):
        value_digest(NO_DATA[name]())


def test_an_open_file_is_refused():
    with open(__file__) as stream, pytest.raises(UnkeyableError):
        value_digest(stream)


def test_a_subclass_of_a_container_with_state_of_its_own_is_refused():
    names = Names([1])
    names.owner = "me"
    with pytest.raises(UnkeyableError, match="owner"):
        value_digest(names)


def test_a_refusal_names_the_path_and_what_to_do():
    config = {"a": [0, 1, 2, object()]}
    with pytest.raises(UnkeyableError, match="register_encoder") as caught:
        value_digest(config, path="config")
    assert caught.value.path == 'config["a"][3]'
    assert str(caught.value).startswith('config["a"][3] is a builtins:object')


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (SimpleNamespace(layers=({"x": object()},)), 'v.layers[0]["x"]'),
        ({object(): 1}, "v key"),
        ({(1, object()): 1}, "v key[1]"),
        ({1, object()}, "v{...}"),
        (Config(names=[object()]), "v.names[0]"),
        (OrderedDict(a=object()), 'v["a"]'),
        ({Color.RED: object()}, "v[<Color>]"),
    ],
    ids=lambda item: item if isinstance(item, str) else type(item).__name__,
)
def test_paths_lead_through_every_container(value, path):
    with pytest.raises(UnkeyableError) as caught:
        value_digest(value, path="v")
    assert caught.value.path == path


@pytest.mark.parametrize("kind", [list, dict, SimpleNamespace])
def test_a_value_that_contains_itself_is_refused(kind):
    value = kind()
    if kind is list:
        value.append((value,))
    elif kind is dict:
        value["me"] = (value,)
    else:
        value.me = (value,)
    with pytest.raises(UnkeyableError, match="contains itself"):
        value_digest(value)


def test_nesting_is_accepted_to_200_and_refused_beyond():
    def nested(depth):
        value = []
        for _ in range(depth):
            value = [value]
        return value

    assert value_digest(nested(200)) != value_digest(nested(199))
    with pytest.raises(UnkeyableError, match="deep"):
        value_digest(nested(201))
    with pytest.raises(UnkeyableError, match="deep"):
        value_digest(nested(100_000))


class Recording(io.BytesIO):
    """What it holds is out of Python's sight."""


class Stereo(Recording):
    pass


def test_a_third_party_type_can_be_registered():
    with pytest.raises(UnkeyableError):
        value_digest(Recording(b"a"))
    register_encoder(Recording, "test.recording", lambda value, to: to.data(value.getvalue()))
    assert value_digest([Recording(b"a")]) == value_digest([Recording(b"a")])
    assert value_digest(Recording(b"a")) != value_digest(Recording(b"b"))
    assert value_digest(Recording(b"a")) != value_digest(b"a")
    with pytest.raises(UnkeyableError):
        value_digest(Stereo(b"a"))


def test_a_tag_belongs_to_one_class():
    with pytest.raises(ValueError, match="belongs to"):
        register_encoder(Stereo, "int", lambda value, to: None)


def test_a_registered_family_includes_subclasses_under_their_own_names():
    class Shape:
        pass

    class Circle(Shape):
        pass

    register_encoder(Shape, "test.shape", lambda value, to: None, subclasses=True)
    assert value_digest(Circle()) != value_digest(Shape())


def test_a_stand_in_is_keyed_by_the_digest_it_gives():
    class Handle:
        def __init__(self, digest):
            self.digest = digest

        def __versioning_digest__(self):
            return "version", self.digest

    one, two = value_digest(1), value_digest(2)
    assert value_digest([Handle(one)]) == value_digest([Handle(one)])
    assert value_digest([Handle(one)]) != value_digest([Handle(two)])


def test_what_an_encoder_writes_cannot_leak_into_its_neighbours():
    class Loose:
        def __init__(self, *items):
            self.items = items

    register_encoder(
        Loose, "test.loose", lambda loose, to: [to.value(item) for item in loose.items]
    )
    assert value_digest([Loose(1), 2]) != value_digest([Loose(), 1, 2])
    assert value_digest([Loose(1, 2), Loose()]) != value_digest([Loose(1), Loose(2)])


def test_the_state_of_a_random_generator_counts():
    import random

    one, two = random.Random(1), random.Random(1)
    assert value_digest(one) == value_digest(two)
    two.random()
    assert value_digest(one) != value_digest(two)
