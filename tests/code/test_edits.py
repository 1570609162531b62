"""Edits of real files: what each one changes in the key, and nothing else."""

import pytest

from tests.code.edits import Case, edited

CASES = [
    Case(
        "the docstring of a helper, where it is read",
        {"steps": "def f():\n    'a'\n\ndef step(x):\n    return f.__doc__\n"},
        ("steps", "'a'", "'b'"),
        {"steps:f.__doc__"},
    ),
    Case(
        "the docstring of a module, where it is read",
        {
            "steps": "from .m import f\n\ndef step(x):\n    return f()\n",
            "m": "'a'\n\ndef f():\n    return __doc__\n",
        },
        ("m", "'a'", "'b'"),
        {"m:__doc__"},
    ),
    Case(
        "what is done where a setting of the project is called as that of typing is",
        {
            "steps": """
            class Conf:
                TYPE_CHECKING = True

            def step(x):
                if Conf.TYPE_CHECKING:
                    return 1
            """
        },
        ("steps", "return 1", "return 2"),
        {"steps:step"},
    ),
    Case(
        "the annotations of a helper, where they are read",
        {"steps": "def f(x: int):\n    pass\n\ndef step(x):\n    return f.__annotations__\n"},
        ("steps", "int", "str"),
        {"steps:f.__annotations__"},
    ),
    Case(
        "a property of a metaclass that hides what the class holds",
        {
            "steps": """
            class Meta(type):
                @property
                def rate(cls):
                    return 1

            class Conf(metaclass=Meta):
                rate = 5

            def step(x):
                return x * Conf.rate
            """
        },
        ("steps", "return 1", "return 2"),
        {"steps:Meta.rate"},
    ),
    Case(
        "a metaclass that answers for every name",
        {
            "steps": """
            class Meta(type):
                def __getattr__(cls, name):
                    return 1

            class Conf(metaclass=Meta):
                pass

            def step(x):
                return x * Conf.rate
            """
        },
        ("steps", "return 1", "return 2"),
        {"steps:Meta.__getattr__"},
    ),
    Case(
        "the body itself",
        {"steps": "def step(x):\n    return x + 1\n"},
        ("steps", "+ 1", "+ 2"),
        {"steps:step"},
    ),
    Case(
        "a helper in another module",
        {
            "steps": "from proj.help import helper\n\ndef step(x):\n    return helper(x)\n",
            "help": "def helper(x):\n    return x + 1\n",
        },
        ("help", "+ 1", "+ 2"),
        {"help:helper"},
    ),
    Case(
        "a helper of a helper",
        {
            "steps": "from .a import f\n\ndef step(x):\n    return f(x)\n",
            "a": "from .b import g\n\ndef f(x):\n    return g(x)\n",
            "b": "def g(x):\n    return x + 1\n",
        },
        ("b", "+ 1", "+ 2"),
        {"b:g"},
    ),
    Case(
        "an unrelated function beside the helper",
        {
            "steps": "from .a import f\n\ndef step(x):\n    return f(x)\n",
            "a": "def f(x):\n    return x\n\ndef other(x):\n    return x + 1\n",
        },
        ("a", "+ 1", "+ 2"),
        set(),
    ),
    Case(
        "import of a module, then its attribute",
        {
            "steps": """
            import proj.a
            from proj import b

            def step(x):
                return proj.a.f(x) + b.g(x)
            """,
            "a": "def f(x):\n    return x\n\ndef other():\n    return 1\n",
            "b": "def g(x):\n    return x + 1\n",
        },
        ("b", "+ 1", "+ 2"),
        {"b:g"},
    ),
    Case(
        "another function of a module that is used by attribute",
        {
            "steps": "import proj.a as short\n\ndef step(x):\n    return short.f(x)\n",
            "a": "def f(x):\n    return x\n\ndef other():\n    return 1\n",
        },
        ("a", "return 1", "return 2"),
        set(),
    ),
    Case(
        "an import under another name",
        {
            "steps": "from .a import f as g\n\ndef step(x):\n    return g(x)\n",
            "a": "def f(x):\n    return x + 1\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
    ),
    Case(
        "two imports exchanged",
        {
            "steps": "from .a import f as p, g as q\n\ndef step(x):\n    return p(x) - q(x)\n",
            "a": "def f(x):\n    return x\n\ndef g(x):\n    return x + 1\n",
        },
        ("steps", "f as p, g as q", "g as p, f as q"),
        {"steps:step"},
    ),
    Case(
        "an alias by assignment",
        {
            "steps": "from . import a\n\nrun = a.f\n\ndef step(x):\n    return run(x)\n",
            "a": "def f(x):\n    return x\n\ndef g(x):\n    return x\n",
        },
        ("steps", "a.f", "a.g"),
        {"steps:step", "a:f", "a:g"},
    ),
    Case(
        "a name from a star import",
        {
            "steps": "from .a import *\n\ndef step(x):\n    return f(x) * RATE\n",
            "a": "RATE = 2\n\ndef f(x):\n    return x + 1\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
    ),
    Case(
        "a name that the package exports again",
        {
            "__init__": "from .a import f\n",
            "a": "def f(x):\n    return x + 1\n",
            "steps": "import proj\n\ndef step(x):\n    return proj.f(x)\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
    ),
    Case(
        "a constant of the module",
        {"steps": "SCALE = 3\n\ndef step(x):\n    return x * SCALE\n"},
        ("steps", "3", "4"),
        {"steps:SCALE"},
    ),
    Case(
        "a constant imported under another name",
        {
            "steps": "from .consts import SCALE as S\n\ndef step(x):\n    return x * S\n",
            "consts": "SCALE = 3\n",
        },
        ("consts", "3", "4"),
        {"consts:SCALE"},
    ),
    Case(
        "a constant computed by code that is not reached",
        {
            "steps": "from .a import make\n\nTABLE = make()\n\ndef step(x):\n    return TABLE[x]\n",
            "a": "def make():\n    return {'a': 1}\n",
        },
        ("a", "1", "2"),
        {"steps:TABLE"},
    ),
    Case(
        "a constant that the step does not read",
        {"steps": "SCALE, OTHER = 3, 5\n\ndef step(x):\n    return x * SCALE\n"},
        ("steps", "5", "6"),
        set(),
    ),
    Case(
        "one attribute of a settings object",
        {
            "steps": """
            from .conf import settings

            def step(x):
                return x * settings.model.depth
            """,
            "conf": """
            from types import SimpleNamespace as Space
            settings = Space(model=Space(depth=3, width=5), data=7)
            """,
        },
        ("conf", "depth=3", "depth=4"),
        {"conf:settings.model.depth"},
    ),
    Case(
        "another attribute of the settings object",
        {
            "steps": """
            from .conf import settings

            def step(x):
                return x * settings.model.depth
            """,
            "conf": """
            from types import SimpleNamespace as Space
            settings = Space(model=Space(depth=3, width=5), data=7)
            """,
        },
        ("conf", "width=5", "width=6"),
        set(),
    ),
    Case(
        "an attribute of nested classes used as a namespace",
        {
            "steps": "from .conf import Conf\n\ndef step(x):\n    return x * Conf.Model.depth\n",
            "conf": "class Conf:\n    data = 1\n    class Model:\n        depth = 3\n",
        },
        ("conf", "depth = 3", "depth = 4"),
        {"conf:Conf.Model.depth"},
    ),
    Case(
        "a default of a helper",
        {
            "steps": """
            def helper(x, by=3):
                return x * by

            def step(x):
                return helper(x)
            """
        },
        ("steps", "by=3", "by=4"),
        {"steps:helper(by)"},
    ),
    Case(
        "a keyword default of a helper",
        {
            "steps": """
            def helper(x, *, by=3):
                return x * by

            def step(x):
                return helper(x)
            """
        },
        ("steps", "by=3", "by=4"),
        {"steps:helper(by)"},
    ),
    Case(
        "a closure variable",
        {
            "steps": """
            def scaled(by):
                def scale(x):
                    return x * by
                return scale

            scale = scaled(3)

            def step(x):
                return scale(x)
            """
        },
        ("steps", "scaled(3)", "scaled(4)"),
        {"steps:scaled.<locals>.scale(by)"},
    ),
    Case(
        "a function in a closure variable",
        {
            "steps": """
            from .a import f

            def twice(inner):
                return lambda x: inner(inner(x))

            run = twice(f)

            def step(x):
                return run(x)
            """,
            "a": "def f(x):\n    return x + 1\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
    ),
    Case(
        "a method",
        {
            "steps": "from .m import Model\n\ndef step(x):\n    return Model().run(x)\n",
            "m": "class Model:\n    def run(self, x):\n        return x + 1\n",
        },
        ("m", "+ 1", "+ 2"),
        {"m:Model.run"},
    ),
    Case(
        "an inherited method in another module",
        {
            "steps": "from .m import Model\n\ndef step(x):\n    return Model().run(x)\n",
            "m": "from .base import Base\n\nclass Model(Base):\n    pass\n",
            "base": "class Base:\n    def run(self, x):\n        return x + 1\n",
        },
        ("base", "+ 1", "+ 2"),
        {"base:Base.run"},
    ),
    Case(
        "a property",
        {
            "steps": """
            class Model:
                @property
                def rate(self):
                    return 1

                @rate.setter
                def rate(self, value):
                    self.seen = value

            def step(x):
                return Model().rate
            """
        },
        ("steps", "return 1", "return 2"),
        {"steps:Model.rate"},
    ),
    Case(
        "static and class methods",
        {
            "steps": """
            class Model:
                @staticmethod
                def a(x):
                    return x
                @classmethod
                def b(cls, x):
                    return x + 1

            def step(x):
                return Model.a(Model.b(x))
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:Model.b"},
    ),
    Case(
        "a class attribute",
        {
            "steps": """
            class Model:
                rate = 3
                def run(self, x):
                    return x * self.rate

            def step(x):
                return Model().run(x)
            """
        },
        ("steps", "rate = 3", "rate = 4"),
        {"steps:Model.rate"},
    ),
    Case(
        "a metaclass",
        {
            "steps": """
            class Meta(type):
                def __call__(cls, *args):
                    return 1

            class Model(metaclass=Meta):
                pass

            def step(x):
                return Model(x)
            """
        },
        ("steps", "return 1", "return 2"),
        {"steps:Meta.__call__"},
    ),
    Case(
        "a descriptor",
        {
            "steps": """
            class Rate:
                def __init__(self, by):
                    self.by = by
                def __get__(self, instance, owner):
                    return self.by

            class Model:
                rate = Rate(3)

            def step(x):
                return x * Model().rate
            """
        },
        ("steps", "Rate(3)", "Rate(4)"),
        {"steps:Model", "steps:Model.rate"},
    ),
    Case(
        "a class decorator",
        {
            "steps": """
            def doubled(cls):
                cls.rate = 2
                return cls

            @doubled
            class Model:
                pass

            def step(x):
                return x * Model.rate + bool(Model)
            """
        },
        ("steps", "cls.rate = 2", "cls.rate = 3"),
        {"steps:doubled", "steps:Model.rate"},
    ),
    Case(
        "the decorator of a helper",
        {
            "steps": """
            from .a import deco

            @deco
            def helper(x):
                return x

            def step(x):
                return helper(x)
            """,
            "a": """
            import functools

            def deco(function):
                @functools.wraps(function)
                def wrapper(x):
                    return function(x) + 1
                return wrapper
            """,
        },
        ("a", "+ 1", "+ 2"),
        {"a:deco", "a:deco.<locals>.wrapper"},
    ),
    Case(
        "a helper under a decorator",
        {
            "steps": """
            from .a import deco

            @deco
            def helper(x):
                return x + 1

            def step(x):
                return helper(x)
            """,
            "a": """
            import functools

            def deco(function):
                @functools.wraps(function)
                def wrapper(x):
                    return function(x)
                return wrapper
            """,
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:helper"},
    ),
    Case(
        "the argument of a decorator",
        {
            "steps": """
            def times(count):
                def deco(function):
                    return lambda x: count * function(x)
                return deco

            @times(3)
            def helper(x):
                return x

            def step(x):
                return helper(x)
            """
        },
        ("steps", "times(3)", "times(4)"),
        {"steps:helper", "steps:times.<locals>.deco.<locals>.<lambda>(count)"},
    ),
    Case(
        "a helper under `lru_cache`",
        {
            "steps": """
            import functools

            @functools.lru_cache
            def helper(x):
                return x + 1

            def step(x):
                return helper(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:helper"},
    ),
    Case(
        "an implementation of a `singledispatch` function",
        {
            "__init__": "from . import area_of_int\n",
            "area": """
            from functools import singledispatch

            @singledispatch
            def area(x):
                return x
            """,
            "area_of_int": """
            from .area import area

            @area.register
            def of_int(x: int):
                return x + 1
            """,
            "steps": "from .area import area\n\ndef step(x):\n    return area(x)\n",
        },
        ("area_of_int", "+ 1", "+ 2"),
        {"area_of_int:of_int"},
    ),
    Case(
        "a partial",
        {
            "steps": """
            from functools import partial

            def helper(x, by):
                return x * by

            run = partial(helper, by=3)

            def step(x):
                return run(x)
            """
        },
        ("steps", "by=3", "by=4"),
        {"steps:run"},
    ),
    Case(
        "the function of a partial",
        {
            "steps": """
            from functools import partial

            def helper(x, by):
                return x + 1

            run = partial(helper, by=3)

            def step(x):
                return run(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:helper"},
    ),
    Case(
        "a bound method of a global",
        {
            "steps": """
            class Model:
                def __init__(self, by):
                    self.by = by
                def run(self, x):
                    return x * self.by

            run = Model(3).run

            def step(x):
                return run(x)
            """
        },
        ("steps", "Model(3)", "Model(4)"),
        {"steps:run"},
    ),
    Case(
        "the method of a global instance in a list",
        {
            "steps": """
            class Model:
                def run(self, x):
                    return x + 1

            MODELS = [Model()]

            def step(x):
                return MODELS[0].run(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:Model.run"},
    ),
    Case(
        "a function in a registry",
        {
            "steps": """
            REGISTRY = {}

            def register(function):
                REGISTRY[function.__name__] = function
                return function

            @register
            def one(x):
                return x + 1

            def step(x):
                return REGISTRY["one"](x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:one"},
    ),
    Case(
        "a function added to a registry",
        {
            "steps": """
            def one(x):
                return x
            def two(x):
                return x
            REGISTRY = {"one": one}

            def step(x, name):
                return REGISTRY[name](x)
            """
        },
        ("steps", '{"one": one}', '{"one": one, "two": two}'),
        {"steps:REGISTRY", "steps:two"},
    ),
    Case(
        "a name read in a comprehension",
        {
            "steps": """
            def helper(x):
                return x + 1

            def step(xs):
                return [helper(x) for x in xs]
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:helper"},
    ),
    Case(
        "a name that a comprehension iterates and binds",
        {"steps": "x = [1]\n\ndef step():\n    return [x for x in x]\n"},
        ("steps", "[1]", "[2]"),
        {"steps:x"},
    ),
    Case(
        "a name bound in the body is not the global",
        {
            "steps": """
            x = 1

            def step(y):
                if (x := y):
                    return x
                return [x for x in y]
            """
        },
        ("steps", "x = 1", "x = 2"),
        set(),
    ),
    Case(
        "a name read in a nested function",
        {
            "steps": """
            SCALE = 3

            def step(xs):
                def inner(x):
                    return (lambda y: y * SCALE)(x)
                return [inner(x) for x in xs]
            """
        },
        ("steps", "SCALE = 3", "SCALE = 4"),
        {"steps:SCALE"},
    ),
    Case(
        "a lazy import of a function",
        {
            "steps": "def step(x):\n    from .a import f as g\n    return g(x)\n",
            "a": "def f(x):\n    return x + 1\n\ndef other():\n    return 0\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
    ),
    Case(
        "a lazy import of a module",
        {
            "steps": """
            def step(x):
                import proj.a
                import proj.b as b
                return proj.a.f(b.SCALE)
            """,
            "a": "def f(x):\n    return x + 1\n",
            "b": "SCALE = 3\n",
        },
        ("b", "3", "4"),
        {"b:SCALE"},
    ),
    Case(
        "a module imported by a constant name",
        {
            "steps": """
            import importlib

            def step(x):
                return importlib.import_module('proj.a').f(x)
            """,
            "a": "def f(x):\n    return x + 1\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
    ),
    Case(
        "a function of a module that is asked by a computed name",
        {
            "steps": "from . import a\n\ndef step(x, name):\n    return getattr(a, name)(x)\n",
            "a": "def f(x):\n    return x + 1\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
    ),
    Case(
        "an attribute asked by a constant name",
        {
            "steps": "from . import a\n\ndef step(x):\n    return getattr(a, 'f')(x)\n",
            "a": "def f(x):\n    return x + 1\n\ndef g():\n    return 3\n",
        },
        ("a", "return 3", "return 4"),
        set(),
    ),
    Case(
        "the default of a dataclass field",
        {
            "steps": """
            from dataclasses import dataclass, field

            @dataclass
            class Conf:
                depth: int = 3
                names: list = field(default_factory=list)

            def step(x):
                return Conf().depth
            """
        },
        ("steps", "depth: int = 3", "depth: int = 4"),
        {"steps:Conf.depth"},
    ),
    Case(
        "the factory of a dataclass field",
        {
            "steps": """
            from dataclasses import dataclass, field

            def make():
                return [1]

            @dataclass
            class Conf:
                names: list = field(default_factory=make)

            def step(x):
                return Conf().names
            """
        },
        ("steps", "[1]", "[2]"),
        {"steps:make"},
    ),
    Case(
        "the order of dataclass fields",
        {
            "steps": """
            from dataclasses import dataclass

            @dataclass
            class Conf:
                a: int
                b: int

            def step(x):
                return Conf(1, 2).a
            """
        },
        ("steps", "a: int\n    b: int", "b: int\n    a: int"),
        {"steps:Conf"},
    ),
    Case(
        "a member of an enum",
        {
            "steps": """
            from enum import Enum

            class Color(Enum):
                RED = 1
                BLUE = 2

            def step(x):
                return [item.value for item in Color]
            """
        },
        ("steps", "BLUE = 2", "BLUE = 3"),
        {"steps:Color.BLUE"},
    ),
    Case(
        "the method of an enum of which one member is used",
        {
            "steps": """
            from enum import Enum

            class Color(Enum):
                RED = 1
                def shown(self):
                    return 1

            def step(x):
                return Color.RED.shown()
            """
        },
        ("steps", "return 1", "return 2"),
        {"steps:Color.shown"},
    ),
    Case(
        "a default of a NamedTuple",
        {
            "steps": """
            from typing import NamedTuple

            class Pair(NamedTuple):
                a: int
                b: int = 3

            def step(x):
                return Pair(x)
            """
        },
        ("steps", "b: int = 3", "b: int = 4"),
        {"steps:Pair"},
    ),
    Case(
        "a validator of a pydantic model",
        {
            "steps": """
            from pydantic import BaseModel, Field, field_validator

            class Conf(BaseModel):
                depth: int = Field(3, gt=0)

                @field_validator("depth")
                @classmethod
                def doubled(cls, value):
                    return value * 2

            def step(x):
                return Conf().depth
            """
        },
        ("steps", "value * 2", "value * 3"),
        {"steps:Conf.doubled"},
    ),
    Case(
        "the type of a pydantic field, which converts",
        {
            "steps": """
            from pydantic import BaseModel

            class Conf(BaseModel):
                depth: int

            def step(x):
                return Conf(depth=x).depth
            """
        },
        ("steps", "depth: int", "depth: float"),
        {"steps:Conf"},
    ),
    Case(
        "a generator and a coroutine",
        {
            "steps": """
            def numbers(n):
                yield from range(n)

            async def helper(x):
                return x + 1

            async def step(x):
                return [await helper(i) for i in numbers(x)]
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:helper"},
    ),
    Case(
        "recursion through two modules that import each other",
        {
            "steps": "from . import b\n\ndef step(x):\n    return x and b.back(x - 1)\n",
            "b": "from . import steps\n\ndef back(x):\n    return steps.step(x) + 1\n",
        },
        ("b", "+ 1", "+ 2"),
        {"b:back"},
    ),
    Case(
        "a conditional import",
        {
            "steps": """
            try:
                import no_such_module as fast
            except ImportError:
                from . import slow as fast

            def step(x):
                return fast.f(x)
            """,
            "slow": "def f(x):\n    return x + 1\n",
        },
        ("slow", "+ 1", "+ 2"),
        {"slow:f"},
    ),
    Case(
        "a lambda",
        {"steps": "run = lambda x: x + 1\n\ndef step(x):\n    return run(x)\n"},
        ("steps", "+ 1", "+ 2"),
        {"steps:<lambda>"},
    ),
    Case(
        "the second lambda of a line",
        {"steps": "a, b = lambda x: x + 1, lambda x: x + 2\n\ndef step(x):\n    return b(x)\n"},
        ("steps", "+ 1", "+ 3"),
        set(),
    ),
    Case(
        "an assert, which optimised code leaves out",
        {
            "steps": """
            def check(x):
                return x

            def step(x):
                assert check(x)
                return x
            """
        },
        ("steps", "return x\n\n", "return 1\n\n"),
        {"steps:check"},
    ),
    Case(
        "a pattern compiled by the module",
        {
            "steps": """
            import re

            PATTERN = re.compile('a')

            def step(x):
                return PATTERN.match(x)
            """
        },
        ("steps", "'a'", "'b'"),
        {"steps:PATTERN"},
    ),
    Case(
        "comments, docstrings, formatting and hints",
        {
            "steps": """
            from .a import helper

            class Model:
                '''A model.'''
                def run(self, x: int) -> int:
                    # why
                    return helper(x)

            def step(x: int):
                "Doc."
                y: int = Model().run(x)
                return y
            """,
            "a": "def helper(x): return (x)\n",
        },
        (
            "a",
            "def helper(x): return (x)\n",
            "# new\n\ndef helper(\n    x: int,\n) -> float:\n    '''Doc.'''\n    return x  # y\n",
        ),
        set(),
    ),
    Case(
        "names imported for types only",
        {
            "steps": """
            from typing import TYPE_CHECKING
            if TYPE_CHECKING:
                from .a import A

            def step(x: "A") -> "A":
                if TYPE_CHECKING:
                    x = 1
                return x
            """,
            "a": "class A:\n    pass\n",
        },
        ("steps", "x = 1", "x = 2"),
        set(),
    ),
    Case(
        "a data file read when the module is imported",
        {
            "steps": """
            from pathlib import Path

            TABLE = (Path(__file__).parent / "data.py").read_text()

            def step(x):
                return TABLE + x
            """,
            "data": "1",
        },
        ("data", "1", "2"),
        {"steps:TABLE"},
    ),
    Case(
        "a global whose state cannot be keyed, by the source that makes it",
        {
            "steps": """
            from concurrent.futures import ThreadPoolExecutor

            POOL = ThreadPoolExecutor(1)

            def step(x):
                return POOL.submit(len, x)
            """
        },
        ("steps", "Executor(1)", "Executor(2)"),
        {"steps:POOL"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_an_edit_changes_the_leaves_that_a_person_would_name(project, case):
    assert edited(project, case) == (case.changes, set())
