"""Edits of classes: the method, attribute or base that was edited changes, and no other leaf."""

import pytest

from tests.code.conftest import differences, digests
from tests.code.edits import Case, edited
from versioning.code import code_leaves

CASES = [
    Case(
        "the setter of a property",
        {
            "steps": """
            class Model:
                @property
                def rate(self):
                    return self.seen

                @rate.setter
                def rate(self, value):
                    self.seen = value + 1

            def step(x):
                model = Model()
                model.rate = x
                return model.rate
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:Model.rate#2"},
    ),
    Case(
        "a property inherited from another module",
        {
            "steps": "from .m import Model\n\ndef step(x):\n    return Model().rate * x\n",
            "m": "from .base import Base\n\nclass Model(Base):\n    pass\n",
            "base": """
            class Base:
                @property
                def rate(self):
                    return 1

            class Other:
                rate = 5
            """,
        },
        ("base", "return 1", "return 2"),
        {"base:Base.rate"},
        ("base", "rate = 5", "rate = 6"),
    ),
    Case(
        "a cached property",
        {
            "steps": """
            from functools import cached_property

            class Model:
                @cached_property
                def rate(self):
                    return 1

            def step(x):
                return Model().rate * x
            """
        },
        ("steps", "return 1", "return 2"),
        {"steps:Model.rate"},
    ),
    Case(
        "a method that `super` reaches, two bases up",
        {
            "steps": """
            from .base import Base

            class Middle(Base):
                def run(self, x):
                    return super().run(x)

            class Model(Middle):
                def run(self, x):
                    return super().run(x)

            def step(x):
                return Model().run(x)
            """,
            "base": "class Base:\n    def run(self, x):\n        return x + 1\n",
        },
        ("base", "+ 1", "+ 2"),
        {"base:Base.run"},
    ),
    Case(
        "the order of two bases",
        {
            "steps": """
            class A:
                rate = 1

            class B:
                rate = 2

            class Model(A, B):
                pass

            def step(x):
                return Model().rate * x
            """
        },
        ("steps", "Model(A, B)", "Model(B, A)"),
        {"steps:Model"},
    ),
    Case(
        "a base that is exchanged for another one",
        {
            "steps": """
            from .bases import A, B

            class Model(A):
                pass

            def step(x):
                return Model().run(x)
            """,
            "bases": """
            class A:
                def run(self, x):
                    return x + 1

            class B:
                def run(self, x):
                    return x + 1
            """,
        },
        ("steps", "Model(A)", "Model(B)"),
        {"steps:Model", "bases:A", "bases:A.run", "bases:B", "bases:B.run"},
    ),
    Case(
        "a mixin that a step gets with the class it names",
        {
            "steps": "from .m import Model\n\ndef step(x):\n    return Model().shown(x)\n",
            "m": """
            class Shown:
                def shown(self, x):
                    return f"<{x}>"

            class Unused:
                def shown(self, x):
                    return f"[{x}]"

            class Model(Shown):
                pass
            """,
        },
        ("m", "<{x}>", "({x})"),
        {"m:Shown.shown"},
        ("m", "[{x}]", "{x}"),
    ),
    Case(
        "an attribute of a base, read by name of the class",
        {
            "steps": """
            class Base:
                rate = 3
                note = 5

            class Conf(Base):
                pass

            def step(x):
                return x * Conf.rate
            """
        },
        ("steps", "rate = 3", "rate = 4"),
        {"steps:Conf.rate"},
        ("steps", "note = 5", "note = 6"),
    ),
    Case(
        "an attribute of a class, read through the type of `self`",
        {
            "steps": """
            class Model:
                rate = 3
                def run(self, x):
                    return x * type(self).rate

            def step(x):
                return Model().run(x)
            """
        },
        ("steps", "rate = 3", "rate = 4"),
        {"steps:Model.rate"},
    ),
    Case(
        "an attribute of a class, computed from another one",
        {
            "steps": """
            class Model:
                base = 3
                rate = base * 2
                def run(self, x):
                    return x * self.rate

            def step(x):
                return Model().run(x)
            """
        },
        ("steps", "base * 2", "base * 4"),
        {"steps:Model.rate"},
    ),
    Case(
        "an attribute of a class, taken from the module",
        {
            "steps": """
            RATE = 3

            class Model:
                rate = RATE
                def run(self, x):
                    return x * self.rate

            def step(x):
                return Model().run(x)
            """
        },
        ("steps", "RATE = 3", "RATE = 4"),
        {"steps:Model.rate"},
    ),
    Case(
        "a callable attribute of a class",
        {
            "steps": """
            def better(x):
                return x + 1

            class Model:
                run = staticmethod(better)

            def step(x):
                return Model().run(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:better"},
    ),
    Case(
        "the factory that a class decorator is made by",
        {
            "steps": """
            from .a import rated

            @rated(3)
            class Model:
                pass

            def step(x):
                return x * Model().rate
            """,
            "a": """
            def rated(by):
                def add(cls):
                    cls.rate = by
                    return cls
                return add

            def other(x):
                return x - 1
            """,
        },
        ("a", "cls.rate = by", "cls.rate = by * 2"),
        {"a:rated", "steps:Model.rate"},
        ("a", "- 1", "- 2"),
    ),
    Case(
        "a class decorator that returns another class",
        {
            "steps": """
            def wrapped(cls):
                class Wrapper(cls):
                    def run(self, x):
                        return super().run(x) + 1
                return Wrapper

            @wrapped
            class Model:
                def run(self, x):
                    return x * 2

            def step(x):
                return Model().run(x)
            """
        },
        ("steps", "x * 2", "x * 3"),
        {"steps:Model.run"},
    ),
    Case(
        "an ordering that `total_ordering` completes",
        {
            "steps": """
            from functools import total_ordering

            @total_ordering
            class Size:
                def __init__(self, x):
                    self.x = x
                def __eq__(self, other):
                    return self.x == other.x
                def __lt__(self, other):
                    return self.x < other.x

            def step(xs):
                return max(map(Size, xs)).x
            """
        },
        ("steps", "self.x < other.x", "self.x > other.x"),
        {"steps:Size.__lt__"},
    ),
    Case(
        "a metaclass that adds attributes when it makes a class",
        {
            "steps": """
            from .meta import Meta

            class Model(metaclass=Meta):
                pass

            def step(x):
                return x * Model.rate
            """,
            "meta": """
            class Meta(type):
                def __new__(mcs, name, bases, body):
                    return super().__new__(mcs, name, bases, body | {"rate": 3})

            class Other(type):
                rate = 5
            """,
        },
        ("meta", '"rate": 3', '"rate": 4'),
        {"steps:Model.rate"},
        ("meta", "rate = 5", "rate = 6"),
    ),
    Case(
        "a keyword that a metaclass takes",
        {
            "steps": """
            class Meta(type):
                def __new__(mcs, name, bases, body, by):
                    return super().__new__(mcs, name, bases, body)
                def __init__(cls, name, bases, body, by):
                    cls.rate = by

            class Model(metaclass=Meta, by=3):
                def run(self, x):
                    return x * self.rate

            def step(x):
                return Model().run(x)
            """
        },
        ("steps", "by=3", "by=4"),
        {"steps:Model", "steps:Model.rate"},
    ),
    Case(
        "what a base does for every class below it",
        {
            "steps": """
            class Base:
                def __init_subclass__(cls, by=1):
                    cls.rate = by + 1

            class Model(Base, by=3):
                def run(self, x):
                    return x * self.rate

            def step(x):
                return Model().run(x)
            """
        },
        ("steps", "by + 1", "by + 2"),
        {"steps:Base.__init_subclass__", "steps:Model.rate"},
    ),
    Case(
        "a registry that a base fills with the classes below it",
        {
            "__init__": "from . import models\n",
            "base": """
            class Base:
                known = {}
                def __init_subclass__(cls):
                    Base.known[cls.__name__] = cls
            """,
            "models": """
            from .base import Base

            class Linear(Base):
                def run(self, x):
                    return x + 1

            class Unrelated:
                def run(self, x):
                    return x - 1
            """,
            "steps": """
            from .base import Base

            def step(x, name):
                return Base.known[name]().run(x)
            """,
        },
        ("models", "+ 1", "+ 2"),
        {"models:Linear.run"},
        ("models", "- 1", "- 2"),
    ),
    Case(
        "the `__get__` of a descriptor in another module",
        {
            "steps": """
            from .rates import Rate

            class Model:
                rate = Rate(3)

            def step(x):
                return x * Model().rate
            """,
            "rates": """
            class Rate:
                def __init__(self, by):
                    self.by = by
                def __set_name__(self, owner, name):
                    self.name = name
                def __get__(self, instance, owner):
                    return self.by + 1

            class Other:
                by = 5
            """,
        },
        ("rates", "+ 1", "+ 2"),
        {"rates:Rate.__get__"},
        ("rates", "by = 5", "by = 6"),
    ),
    Case(
        "the `__set__` of a descriptor",
        {
            "steps": """
            class Doubled:
                def __get__(self, instance, owner):
                    return instance.kept
                def __set__(self, instance, value):
                    instance.kept = value * 2

            class Model:
                rate = Doubled()

            def step(x):
                model = Model()
                model.rate = x
                return model.rate
            """
        },
        ("steps", "value * 2", "value * 3"),
        {"steps:Doubled.__set__"},
    ),
    Case(
        "a method that is chosen by the type of its argument",
        {
            "steps": """
            from functools import singledispatchmethod

            class Model:
                @singledispatchmethod
                def run(self, x):
                    return x

                @run.register
                def _(self, x: str):
                    return x + "a"

            def step(x):
                return Model().run(x)
            """
        },
        ("steps", '+ "a"', '+ "b"'),
        {"steps:Model._"},
    ),
    Case(
        "a method with arguments filled in",
        {
            "steps": """
            from functools import partialmethod

            class Model:
                def times(self, by, x):
                    return x * by

                double = partialmethod(times, 2)

            def step(x):
                return Model().double(x)
            """
        },
        ("steps", "partialmethod(times, 2)", "partialmethod(times, 3)"),
        {"steps:Model"},
    ),
    Case(
        "a cached method",
        {
            "steps": """
            import functools

            class Model:
                @functools.lru_cache(maxsize=None)
                def run(self, x):
                    return x + 1

            def step(x):
                return Model().run(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:Model.run"},
    ),
    Case(
        "a class nested in a class",
        {
            "steps": """
            class Outer:
                class Inner:
                    def run(self, x):
                        return x + 1

            def step(x):
                return Outer.Inner().run(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:Outer.Inner.run"},
    ),
    Case(
        "a class that a function makes",
        {
            "steps": """
            def make(by):
                class Model:
                    rate = by
                    def run(self, x):
                        return x * self.rate
                return Model

            Model = make(3)

            def step(x):
                return Model().run(x)
            """
        },
        ("steps", "make(3)", "make(4)"),
        {"steps:make.<locals>.Model.rate"},
    ),
    Case(
        "a class that the body defines",
        {
            "steps": """
            def helper(x):
                return x + 1

            def step(x):
                class Model:
                    def run(self):
                        return helper(x)
                return Model().run()
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:helper"},
    ),
    Case(
        "a class that `type` makes",
        {
            "steps": """
            def run(self, x):
                return x + 1

            Model = type("Model", (), {"run": run})

            def step(x):
                return Model().run(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:run"},
    ),
    Case(
        "the field of a base of a dataclass",
        {
            "steps": """
            from dataclasses import dataclass

            from .base import Base

            @dataclass
            class Conf(Base):
                width: int = 5

            def step(x):
                return Conf().depth
            """,
            "base": """
            from dataclasses import dataclass

            @dataclass
            class Base:
                depth: int = 3

            @dataclass
            class Other:
                height: int = 7
            """,
        },
        ("base", "depth: int = 3", "depth: int = 4"),
        {"base:Base.depth"},
        ("base", "height: int = 7", "height: int = 8"),
    ),
    Case(
        "a default that is given to `field`",
        {
            "steps": """
            from dataclasses import dataclass, field

            @dataclass
            class Conf:
                depth: int = field(default=3, repr=False)

            def step(x):
                return Conf().depth
            """
        },
        ("steps", "default=3", "default=4"),
        {"steps:Conf", "steps:Conf.depth"},
    ),
    Case(
        "whether a field of a dataclass is compared",
        {
            "steps": """
            from dataclasses import dataclass, field

            @dataclass
            class Conf:
                depth: int = field(default=3, compare=True)

            def step(x):
                return Conf(x) == Conf()
            """
        },
        ("steps", "compare=True", "compare=False"),
        {"steps:Conf"},
    ),
    Case(
        "what a dataclass does after it is made",
        {
            "steps": """
            from dataclasses import InitVar, dataclass

            @dataclass(slots=True, kw_only=True)
            class Conf:
                by: InitVar[int] = 1
                depth: int = 3
                def __post_init__(self, by):
                    self.depth += by

            def step(x):
                return Conf().depth
            """
        },
        ("steps", "+= by", "-= by"),
        {"steps:Conf.__post_init__"},
    ),
    Case(
        "a parameter of the `dataclass` decorator",
        {
            "steps": """
            from dataclasses import dataclass

            @dataclass(order=False)
            class Conf:
                depth: int = 3

            def step(x):
                return Conf() < Conf()
            """
        },
        ("steps", "order=False", "order=True"),
        {"steps:Conf"},
    ),
    Case(
        "a constant that a dataclass has for default",
        {
            "steps": """
            from dataclasses import dataclass

            from .consts import DEPTH

            @dataclass
            class Conf:
                depth: int = DEPTH

            def step(x):
                return Conf().depth
            """,
            "consts": "DEPTH = 3\nOTHER = 5\n",
        },
        ("consts", "DEPTH = 3", "DEPTH = 4"),
        {"steps:Conf.depth"},
        ("consts", "OTHER = 5", "OTHER = 6"),
    ),
    Case(
        "the validator of an attrs class",
        {
            "steps": """
            import attrs

            @attrs.define
            class Conf:
                depth: int = attrs.field(default=3)

                @depth.validator
                def check(self, attribute, value):
                    if value > 5:
                        raise ValueError(value)

            def step(x):
                return Conf(x).depth
            """
        },
        ("steps", "value > 5", "value > 6"),
        {"steps:Conf.check"},
    ),
    Case(
        "a converter of an attrs class",
        {
            "steps": """
            import attrs

            def doubled(value):
                return value * 2

            @attrs.define
            class Conf:
                depth: int = attrs.field(default=3, converter=doubled)

            def step(x):
                return Conf(x).depth
            """
        },
        ("steps", "value * 2", "value * 3"),
        {"steps:doubled"},
    ),
    Case(
        "the default of an attrs field",
        {
            "steps": """
            import attrs

            @attrs.define
            class Conf:
                depth: int = attrs.field(default=3)
                width: int = 5

            def step(x):
                return Conf().depth
            """
        },
        ("steps", "default=3", "default=4"),
        {"steps:Conf"},
    ),
    Case(
        "the order of members that number themselves",
        {
            "steps": """
            from enum import Enum, auto

            class Color(Enum):
                RED = auto()
                BLUE = auto()

            def step(x):
                return Color.RED.value
            """
        },
        ("steps", "RED = auto()\n    BLUE = auto()", "BLUE = auto()\n    RED = auto()"),
        {"steps:Color", "steps:Color.RED", "steps:Color.BLUE"},
    ),
    Case(
        "how an enum numbers its members",
        {
            "steps": """
            from enum import IntEnum, auto

            class Level(IntEnum):
                def _generate_next_value_(name, start, count, last):
                    return count * 10
                LOW = auto()
                HIGH = auto()

            def step(x):
                return Level.HIGH + x
            """
        },
        ("steps", "count * 10", "count * 20"),
        {"steps:Level._generate_next_value_", "steps:Level.HIGH"},
    ),
    Case(
        "what an enum makes of unknown values",
        {
            "steps": """
            from enum import StrEnum

            class Color(StrEnum):
                RED = "r"
                BLUE = "b"

                @classmethod
                def _missing_(cls, value):
                    return cls.RED

            def step(x):
                return Color(x)
            """
        },
        ("steps", "return cls.RED", "return cls.BLUE"),
        {"steps:Color._missing_"},
    ),
    Case(
        "a flag",
        {
            "steps": """
            from enum import Flag

            class Way(Flag):
                READ = 1
                WRITE = 2
                BOTH = READ | WRITE

            class Other(Flag):
                READ = 4

            def step(x):
                return Way.BOTH in Way(x)
            """
        },
        ("steps", "WRITE = 2", "WRITE = 8"),
        {"steps:Way.WRITE", "steps:Way.BOTH"},
        ("steps", "READ = 4", "READ = 16"),
    ),
    Case(
        "an enum made by a call",
        {
            "steps": """
            from enum import Enum

            Color = Enum("Color", {"RED": 1, "BLUE": 2})

            def step(x):
                return Color(x).name
            """
        },
        ("steps", '"BLUE": 2', '"BLUE": 3'),
        {"steps:Color.BLUE"},
    ),
    Case(
        "a default of a named tuple made by a call",
        {
            "steps": """
            from collections import namedtuple

            Pair = namedtuple("Pair", "a b", defaults=[3])

            def step(x):
                return Pair(x)
            """
        },
        ("steps", "[3]", "[4]"),
        {"steps:Pair._field_defaults"},
    ),
    Case(
        "the order of the fields of a named tuple made by a call",
        {
            "steps": """
            from collections import namedtuple

            Pair = namedtuple("Pair", "a b")

            def step(x):
                return Pair(1, 2).a
            """
        },
        ("steps", '"a b"', '"b a"'),
        {"steps:Pair._fields"},
    ),
    Case(
        "the slots of a class",
        {
            "steps": """
            class Model:
                __slots__ = ("a",)

            def step(x):
                return Model.__slots__, hasattr(Model(), "b")
            """
        },
        ("steps", '("a",)', '("a", "b")'),
        {"steps:Model", "steps:Model.__slots__"},
    ),
    Case(
        "an operator of a class",
        {
            "steps": """
            class Amount:
                def __init__(self, x):
                    self.x = x
                def __add__(self, other):
                    return self.x + other.x

            def step(x):
                return Amount(x) + Amount(x)
            """
        },
        ("steps", "self.x + other.x", "self.x - other.x"),
        {"steps:Amount.__add__"},
    ),
    Case(
        "an iterator of a class",
        {
            "steps": """
            class Days:
                def __iter__(self):
                    yield 1

            def step(x):
                return list(Days())
            """
        },
        ("steps", "yield 1", "yield 2"),
        {"steps:Days.__iter__"},
    ),
    Case(
        "an abstract method that a class below implements",
        {
            "steps": """
            from abc import ABC, abstractmethod

            class Base(ABC):
                @abstractmethod
                def run(self, x): ...

                def twice(self, x):
                    return self.run(self.run(x))

            class Model(Base):
                def run(self, x):
                    return x + 1

            def step(x):
                return Model().twice(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:Model.run"},
    ),
    Case(
        "a protocol that serves types alone",
        {
            "steps": """
            from typing import Protocol

            class Runs(Protocol):
                def run(self, x): ...

            class Model:
                def run(self, x):
                    return x + 1

            def step(x):
                model: Runs = Model()
                return model.run(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:Model.run"},
        ("steps", "def run(self, x): ...", "def run(self, x, y=1): ..."),
    ),
    Case(
        "an object of a class in a module constant",
        {
            "steps": """
            from .conf import CONF

            def step(x):
                return CONF.scaled(x)
            """,
            "conf": """
            class Conf:
                def __init__(self, by):
                    self.by = by
                def scaled(self, x):
                    return x * self.by

            CONF = Conf(3)
            OTHER = Conf(5)
            """,
        },
        ("conf", "Conf(3)", "Conf(4)"),
        {"conf:CONF"},
        ("conf", "Conf(5)", "Conf(6)"),
    ),
    Case(
        "an object that answers for every attribute",
        {
            "steps": """
            class Settings:
                def __init__(self, values):
                    self._values = values
                def __getattr__(self, name):
                    return self._values[name]

            settings = Settings({"depth": 3})

            def step(x):
                return x * settings.depth
            """
        },
        ("steps", '"depth": 3', '"depth": 4'),
        {"steps:settings"},
    ),
    Case(
        "an attribute of an object that its class computes",
        {
            "steps": """
            class Settings:
                depth = 1
                @property
                def rate(self):
                    return self.depth * 2

            settings = Settings()

            def step(x):
                return x * settings.rate
            """
        },
        ("steps", "self.depth * 2", "self.depth * 3"),
        {"steps:Settings.rate"},
    ),
    Case(
        "an attribute of an object that its class holds",
        {
            "steps": """
            class Settings:
                depth = 1

            settings = Settings()

            def step(x):
                return x * settings.depth
            """
        },
        ("steps", "depth = 1", "depth = 2"),
        {"steps:Settings.depth"},
    ),
    Case(
        "a setting of a decorator that is named as an attribute of a library",
        {
            "steps": """
            import dataclasses

            @dataclasses.dataclass(order=True)
            class Row:
                rate: int

            def step(x):
                return max(Row(x), Row(2))
            """
        },
        ("steps", "order=True", "order=False"),
        {"steps:Row"},
    ),
    Case(
        "a metaclass that answers for the class",
        {
            "steps": """
            class Meta(type):
                def __getattribute__(cls, name):
                    return 1 if name == "rate" else super().__getattribute__(name)

            class Model(metaclass=Meta):
                rate = 5

            def step(x):
                return Model.rate * x
            """
        },
        ("steps", "return 1", "return 2"),
        {"steps:Meta.__getattribute__"},
    ),
    Case(
        "which of two models without methods is defined",
        {
            "steps": """
            from pydantic import BaseModel
            from . import settings

            if settings.STRICT:
                class Row(BaseModel):
                    rate: int
            else:
                class Row(BaseModel):
                    rate: str

            def step(x):
                return Row.model_validate({"rate": x})
            """,
            "settings": "STRICT = True\n",
        },
        ("settings", "True", "False"),
        {"settings:STRICT"},
    ),
    Case(
        "arguments that a method is given from outside",
        {
            "steps": """
            from functools import partialmethod

            class Model:
                def times(self, x, by):
                    return x * by

            Model.double = partialmethod(Model.times, by=2)

            def step(x):
                return Model().double(x)
            """
        },
        ("steps", "by=2", "by=3"),
        {"steps:Model.double"},
    ),
    Case(
        "the kind for which a method is registered from outside",
        {
            "steps": """
            from functools import singledispatchmethod

            class Model:
                @singledispatchmethod
                def run(self, x):
                    return x

            def double(self, x):
                return x * 2

            vars(Model)["run"].register(int, double)

            def step(x):
                return Model().run(x)
            """
        },
        ("steps", "(int,", "(str,"),
        {"steps:Model.run[registry]"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_an_edit_of_a_class_changes_the_leaves_that_a_person_would_name(project, case):
    assert edited(project, case) == (case.changes, set())


HOLDERS = {
    "a queue": "from collections import deque\nHELD = deque([Rule()])\n",
    "a view of a dict": "import types\nHELD = types.MappingProxyType({1: Rule()})\n",
    "a caller of a method": "import operator\nHELD = operator.methodcaller('go', Rule())\n",
    "a private slot": """
class Outer:
    __slots__ = ("__rule",)

    def __init__(self, rule):
        self.__rule = rule

HELD = Outer(Rule())
""",
    "an array": "import numpy\nHELD = numpy.array([Rule()], dtype=object)\n",
    "a table": "import pandas\nHELD = pandas.DataFrame({'rule': [Rule()]})\n",
}


@pytest.mark.parametrize("made", HOLDERS.values(), ids=HOLDERS)
def test_what_objects_do_counts_wherever_a_global_holds_them(project, made):
    rule = "class Rule:\n    def go(self):\n        return 1\n\n"
    project.write(
        steps="from .held import HELD\n\ndef step(x):\n    return HELD\n", held=rule + made
    )
    assert project.change("held", "return 1", "return 2") == {"held:Rule.go"}


@pytest.mark.parametrize("holder", HOLDERS)
def test_what_objects_do_counts_wherever_an_argument_holds_them(project, holder):
    rule = "class Rule:\n    def go(self):\n        return 1\n\n"
    project.write(steps="def step(x):\n    return x\n", held=rule + HOLDERS[holder])

    def leaves() -> dict[str, str]:
        step = project.load().step
        return digests(code_leaves(step, arguments=[project.load("held").HELD]))

    before = leaves()
    project.edit("held", "return 1", "return 2")
    assert differences(before, leaves()) == {"held:Rule.go"}
