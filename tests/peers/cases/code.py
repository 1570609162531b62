"""Edits of code that change what the step returns: each must run it again."""

from tests.peers.case import Case


def _edit(
    claim: str, leaf: str, files: dict[str, str], name: str, old: str, new: str, **more: str
) -> Case:
    return Case(claim, files, "rerun", leaf=f"code/proj.{leaf}", edit=(name, old, new), **more)


CASES = [
    _edit(
        "the body of the step",
        "steps:step",
        {"steps.py": "def step(x: int) -> int:\n    return x + 1\n"},
        *("steps.py", "x + 1", "x + 2"),
    ),
    _edit(
        "a helper in the same module",
        "steps:helper",
        {
            "steps.py": """
            def helper(x):
                return x + 1

            def step(x: int) -> int:
                return helper(x)
            """
        },
        *("steps.py", "x + 1", "x + 2"),
    ),
    _edit(
        "a helper imported from another module",
        "maths:helper",
        {
            "steps.py": """
            from proj.maths import helper

            def step(x: int) -> int:
                return helper(x)
            """,
            "maths.py": "def helper(x):\n    return x + 1\n",
        },
        *("maths.py", "x + 1", "x + 2"),
    ),
    _edit(
        "a helper of a helper, over relative imports",
        "deep:inner",
        {
            "steps.py": """
            from .maths import outer

            def step(x: int) -> int:
                return outer(x)
            """,
            "maths.py": "from .deep import inner\n\ndef outer(x):\n    return inner(x)\n",
            "deep.py": "def inner(x):\n    return x + 1\n",
        },
        *("deep.py", "x + 1", "x + 2"),
    ),
    _edit(
        "a module constant",
        "steps:RATE",
        {"steps.py": "RATE = 2\n\ndef step(x: int) -> int:\n    return x * RATE\n"},
        *("steps.py", "RATE = 2", "RATE = 3"),
    ),
    _edit(
        "a constant of another module, by attribute",
        "config:RATE",
        {
            "steps.py": """
            from proj import config

            def step(x: int) -> int:
                return x * config.RATE
            """,
            "config.py": "RATE = 2\n",
        },
        *("config.py", "2", "3"),
    ),
    _edit(
        "an entry of a table of constants",
        "steps:RATES",
        {
            "steps.py": """
            RATES = {"day": 2, "night": 5}

            def step(x: int) -> int:
                return x * RATES["day"]
            """
        },
        *("steps.py", '"day": 2', '"day": 3'),
    ),
    _edit(
        "a constant that is computed at import",
        "steps:LIMITS",
        {
            "steps.py": """
            BASE = 10
            LIMITS = tuple(BASE * n for n in range(3))

            def step(x: int) -> int:
                return x + LIMITS[2]
            """
        },
        *("steps.py", "BASE = 10", "BASE = 11"),
    ),
    _edit(
        "the default of a helper's parameter",
        "steps:helper(by)",
        {
            "steps.py": """
            def helper(x, by=2):
                return x * by

            def step(x: int) -> int:
                return helper(x)
            """
        },
        *("steps.py", "by=2", "by=3"),
    ),
    _edit(
        "the keyword-only default of a helper's parameter",
        "steps:helper(by)",
        {
            "steps.py": """
            def helper(x, *, by=2):
                return x * by

            def step(x: int) -> int:
                return helper(x)
            """
        },
        *("steps.py", "by=2", "by=3"),
    ),
    _edit(
        "a value in the closure of a helper",
        "steps:adder.<locals>.add(by)",
        {
            "steps.py": """
            def adder(by):
                def add(x):
                    return x + by
                return add

            add = adder(2)

            def step(x: int) -> int:
                return add(x)
            """
        },
        *("steps.py", "adder(2)", "adder(3)"),
    ),
    _edit(
        "a decorator of the step",
        "steps:doubled",
        {
            "steps.py": """
            import functools

            def doubled(function):
                @functools.wraps(function)
                def wrapper(*args, **kwargs):
                    return function(*args, **kwargs) * 2
                return wrapper

            @doubled
            def step(x: int) -> int:
                return x + 1
            """
        },
        *("steps.py", "* 2", "* 3"),
    ),
    _edit(
        "a decorator of a helper",
        "marks:doubled",
        {
            "steps.py": """
            from proj.marks import doubled

            @doubled
            def helper(x):
                return x + 1

            def step(x: int) -> int:
                return helper(x)
            """,
            "marks.py": """
            import functools

            def doubled(function):
                @functools.wraps(function)
                def wrapper(x):
                    return function(x) * 2
                return wrapper
            """,
        },
        *("marks.py", "* 2", "* 3"),
    ),
    _edit(
        "a method",
        "models:Model.predict",
        {
            "steps.py": """
            from proj.models import Model

            def step(x: int) -> int:
                return Model().predict(x)
            """,
            "models.py": """
            class Model:
                def predict(self, x):
                    return x + 1
            """,
        },
        *("models.py", "x + 1", "x + 2"),
    ),
    _edit(
        "an inherited method, in another module",
        "bases:Base.predict",
        {
            "steps.py": """
            from proj.bases import Base

            class Model(Base):
                pass

            def step(x: int) -> int:
                return Model().predict(x)
            """,
            "bases.py": """
            class Base:
                def predict(self, x):
                    return x + 1
            """,
        },
        *("bases.py", "x + 1", "x + 2"),
    ),
    _edit(
        "a property",
        "steps:Model.rate",
        {
            "steps.py": """
            class Model:
                @property
                def rate(self):
                    return 2

            def step(x: int) -> int:
                return x * Model().rate
            """
        },
        *("steps.py", "return 2", "return 3"),
    ),
    _edit(
        "a class attribute",
        "steps:Model.rate",
        {
            "steps.py": """
            class Model:
                rate = 2

            def step(x: int) -> int:
                return x * Model.rate
            """
        },
        *("steps.py", "rate = 2", "rate = 3"),
    ),
    _edit(
        "an operator of a class",
        "steps:Money.__add__",
        {
            "steps.py": """
            class Money:
                def __init__(self, pence):
                    self.pence = pence

                def __add__(self, other):
                    return self.pence + other.pence

            def step(x: int) -> int:
                return Money(x) + Money(1)
            """
        },
        *("steps.py", "self.pence + other", "self.pence - other"),
    ),
    _edit(
        "a class decorator",
        "steps:Model.price",
        {
            "steps.py": """
            def priced(kind):
                kind.price = 2
                return kind

            @priced
            class Model:
                pass

            def step(x: int) -> int:
                return x * Model.price
            """
        },
        *("steps.py", "price = 2", "price = 3"),
    ),
    _edit(
        "a metaclass",
        "steps:Meta.rate",
        {
            "steps.py": """
            class Meta(type):
                @property
                def rate(cls):
                    return 2

            class Model(metaclass=Meta):
                pass

            def step(x: int) -> int:
                return x * Model.rate
            """
        },
        *("steps.py", "return 2", "return 3"),
    ),
    _edit(
        "a descriptor",
        "steps:Rate.__get__",
        {
            "steps.py": """
            class Rate:
                def __get__(self, instance, owner):
                    return 2

            class Model:
                rate = Rate()

            def step(x: int) -> int:
                return x * Model().rate
            """
        },
        *("steps.py", "return 2", "return 3"),
    ),
    _edit(
        "the default of a dataclass field",
        "steps:Settings.rate",
        {
            "steps.py": """
            from dataclasses import dataclass

            @dataclass
            class Settings:
                rate: int = 2

            def step(x: int) -> int:
                return x * Settings().rate
            """
        },
        *("steps.py", "= 2", "= 3"),
    ),
    _edit(
        "the value of an enum's member",
        "steps:Rate.DAY",
        {
            "steps.py": """
            from enum import Enum

            class Rate(Enum):
                DAY = 2
                NIGHT = 5

            def step(x: int) -> int:
                return x * Rate.DAY.value
            """
        },
        *("steps.py", "DAY = 2", "DAY = 3"),
    ),
    _edit(
        "a function of a module imported under another name",
        "maths:double",
        {
            "steps.py": """
            import proj.maths as m

            def step(x: int) -> int:
                return m.double(x)
            """,
            "maths.py": "def double(x):\n    return x * 2\n",
        },
        *("maths.py", "x * 2", "x * 3"),
    ),
    _edit(
        "a function that a star import brought",
        "maths:double",
        {
            "steps.py": """
            from proj.maths import *

            def step(x: int) -> int:
                return double(x)
            """,
            "maths.py": "def double(x):\n    return x * 2\n",
        },
        *("maths.py", "x * 2", "x * 3"),
    ),
    _edit(
        "a function that is imported in the body",
        "maths:double",
        {
            "steps.py": """
            def step(x: int) -> int:
                from proj.maths import double

                return double(x)
            """,
            "maths.py": "def double(x):\n    return x * 2\n",
        },
        *("maths.py", "x * 2", "x * 3"),
    ),
    _edit(
        "a function under a second name",
        "steps:double",
        {
            "steps.py": """
            def double(x):
                return x * 2

            scale = double

            def step(x: int) -> int:
                return scale(x)
            """
        },
        *("steps.py", "x * 2", "x * 3"),
    ),
    _edit(
        "which function a package exports under one name",
        "helpers.new:scale",
        {
            "steps.py": """
            from proj.helpers import scale

            def step(x: int) -> int:
                return scale(x)
            """,
            "proj/helpers/__init__.py": "from proj.helpers.old import scale\n",
            "proj/helpers/old.py": "def scale(x):\n    return x * 2\n",
            "proj/helpers/new.py": "def scale(x):\n    return x * 3\n",
        },
        *("proj/helpers/__init__.py", "old", "new"),
    ),
    _edit(
        "the argument of a partial",
        "steps:double",
        {
            "steps.py": """
            from functools import partial

            def scale(by, x):
                return x * by

            double = partial(scale, 2)

            def step(x: int) -> int:
                return double(x)
            """
        },
        *("steps.py", "scale, 2", "scale, 3"),
    ),
    _edit(
        "a function in a table of functions",
        "steps:double",
        {
            "steps.py": """
            def double(x):
                return x * 2

            SCALES = {"double": double}

            def step(x: int) -> int:
                return SCALES["double"](x)
            """
        },
        *("steps.py", "x * 2", "x * 3"),
    ),
    _edit(
        "a function that a decorator registered",
        "scales:double",
        {
            "steps.py": """
            import proj.scales
            from proj.registry import SCALES

            def step(x: int) -> int:
                return SCALES["double"](x)
            """,
            "registry.py": """
            SCALES = {}

            def register(function):
                SCALES[function.__name__] = function
                return function
            """,
            "scales.py": """
            from proj.registry import register

            @register
            def double(x):
                return x * 2
            """,
        },
        *("scales.py", "x * 2", "x * 3"),
    ),
    _edit(
        "an overload of a single-dispatch function",
        "steps:size_of_int",
        {
            "steps.py": """
            from functools import singledispatch

            @singledispatch
            def size(x):
                return 0

            @size.register
            def size_of_int(x: int):
                return x * 2

            def step(x: int) -> int:
                return size(x)
            """
        },
        *("steps.py", "x * 2", "x * 3"),
    ),
    _edit(
        "a helper behind lru_cache",
        "steps:double",
        {
            "steps.py": """
            from functools import lru_cache

            @lru_cache
            def double(x):
                return x * 2

            def step(x: int) -> int:
                return double(x)
            """
        },
        *("steps.py", "x * 2", "x * 3"),
    ),
    _edit(
        "the second of two lambdas on one line",
        "steps:<lambda>",
        {
            "steps.py": """
            first, second = lambda x: x + 1, lambda x: x * 2

            def step(x: int) -> int:
                return second(x)
            """
        },
        *("steps.py", "x * 2", "x * 3"),
    ),
    _edit(
        "a function inside a helper",
        "steps:helper",
        {
            "steps.py": """
            def helper(x):
                def inner(y):
                    return y * 2
                return inner(x)

            def step(x: int) -> int:
                return helper(x)
            """
        },
        *("steps.py", "y * 2", "y * 3"),
    ),
    _edit(
        "a constant read in a comprehension",
        "steps:RATE",
        {
            "steps.py": """
            RATE = 2

            def step(x: int) -> list:
                return [RATE * n for n in range(x)]
            """
        },
        *("steps.py", "RATE = 2", "RATE = 3"),
    ),
    _edit(
        "a generator that the step drains",
        "steps:rows",
        {
            "steps.py": """
            def rows(x):
                for n in range(x):
                    yield n * 2

            def step(x: int) -> int:
                return sum(rows(x))
            """
        },
        *("steps.py", "n * 2", "n * 3"),
    ),
    _edit(
        "a context manager",
        "steps:scaled",
        {
            "steps.py": """
            from contextlib import contextmanager

            @contextmanager
            def scaled(x):
                yield x * 2

            def step(x: int) -> int:
                with scaled(x) as scaled_x:
                    return scaled_x
            """
        },
        *("steps.py", "x * 2", "x * 3"),
    ),
    _edit(
        "one of two functions that call each other",
        "steps:odd",
        {
            "steps.py": """
            def even(n):
                return True if n == 0 else odd(n - 1)

            def odd(n):
                return False if n == 0 else even(n - 1)

            def step(x: int) -> bool:
                return even(x)
            """
        },
        *("steps.py", "return False", "return None"),
    ),
    _edit(
        "a helper in a cycle of imports",
        "maths:double",
        {
            "steps.py": """
            import proj.maths

            RATE = 2

            def step(x: int) -> int:
                return proj.maths.double(x)
            """,
            "maths.py": """
            import proj.steps

            def double(x):
                return x * proj.steps.RATE + 1
            """,
        },
        *("maths.py", "+ 1", "+ 2"),
    ),
    _edit(
        "a function fetched by its name",
        "maths:double",
        {
            "steps.py": """
            from proj import maths

            def step(x: int) -> int:
                return getattr(maths, "double")(x)
            """,
            "maths.py": "def double(x):\n    return x * 2\n",
        },
        *("maths.py", "x * 2", "x * 3"),
    ),
    _edit(
        "a constant that another module overwrites at import",
        "config:RATE",
        {
            "steps.py": """
            import proj.overrides
            from proj import config

            def step(x: int) -> int:
                return x * config.RATE
            """,
            "config.py": "RATE = 1\n",
            "overrides.py": "from proj import config\n\nconfig.RATE = 2\n",
        },
        *("overrides.py", "RATE = 2", "RATE = 3"),
    ),
    _edit(
        "a function that is patched at import",
        "patches:double",
        {
            "steps.py": """
            import proj.maths
            import proj.patches

            def step(x: int) -> int:
                return proj.maths.double(x)
            """,
            "maths.py": "def double(x):\n    return x * 2\n",
            "patches.py": """
            import proj.maths

            def double(x):
                return x * 20

            proj.maths.double = double
            """,
        },
        *("patches.py", "x * 20", "x * 30"),
    ),
    _edit(
        "which of two definitions a condition picks",
        "steps:scale",
        {
            "steps.py": """
            FAST = True

            if FAST:
                def scale(x):
                    return x * 2
            else:
                def scale(x):
                    return x * 3

            def step(x: int) -> int:
                return scale(x)
            """
        },
        *("steps.py", "FAST = True", "FAST = False"),
    ),
    _edit(
        "a compiled regular expression",
        "steps:DIGITS",
        {
            "steps.py": """
            import re

            DIGITS = re.compile("[0-3]+")

            def step(x: str) -> str:
                return DIGITS.findall(x)[0]
            """
        },
        *("steps.py", "[0-3]", "[0-5]"),
        calls=("'12345'", "'12345'"),
    ),
    _edit(
        "an array of constants",
        "steps:WEIGHTS",
        {
            "steps.py": """
            import numpy as np

            WEIGHTS = np.array([1.0, 2.0, 3.0])

            def step(x: int) -> float:
                return float(WEIGHTS.sum() * x)
            """
        },
        *("steps.py", "2.0", "2.5"),
    ),
    Case(
        "the default of the step's own parameter",
        {"steps.py": "def step(x: int, by: int = 2) -> int:\n    return x * by\n"},
        "rerun",
        leaf="params/by",
        edit=("steps.py", "by: int = 2", "by: int = 3"),
    ),
]
