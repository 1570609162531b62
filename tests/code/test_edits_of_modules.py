"""Edits of modules: their constants, what they read when they are imported, and what never runs."""

import pytest

from tests.code.edits import Case, edited

CASES = [
    Case(
        "a constant imported through two modules, under a name of its own in each",
        {
            "steps": "from .b import second as third\n\ndef step(x):\n    return x * third\n",
            "b": "from .a import first as second\n",
            "a": "first = 3\nother = 5\n",
        },
        ("a", "first = 3", "first = 4"),
        {"a:first"},
        ("a", "other = 5", "other = 6"),
    ),
    Case(
        "a constant of a module that is used by attribute",
        {
            "steps": "from . import conf\n\ndef step(x):\n    return x * conf.RATE\n",
            "conf": "RATE = 3\nOTHER = 5\n",
        },
        ("conf", "RATE = 3", "RATE = 4"),
        {"conf:RATE"},
        ("conf", "OTHER = 5", "OTHER = 6"),
    ),
    Case(
        "a constant of a module that is passed around whole",
        {
            "steps": """
            from . import conf

            def read(settings):
                return settings.RATE

            def step(x):
                return x * read(conf)
            """,
            "conf": "RATE = 3\n",
        },
        ("conf", "RATE = 3", "RATE = 4"),
        {"conf:RATE"},
    ),
    Case(
        "a constant through `vars` of a module",
        {
            "steps": "from . import conf\n\ndef step(x):\n    return vars(conf)[x]\n",
            "conf": "RATE = 3\n",
        },
        ("conf", "RATE = 3", "RATE = 4"),
        {"conf:RATE"},
    ),
    Case(
        "one of two constants bound at once",
        {"steps": "A, (B, *C) = 1, (2, 3, 4)\n\ndef step(x):\n    return x * B\n"},
        ("steps", "(2, 3, 4)", "(5, 3, 4)"),
        {"steps:B"},
        ("steps", "3, 4)", "3, 6)"),
    ),
    Case(
        "a constant that grows in place",
        {"steps": "RATE = 3\nRATE += 1\n\ndef step(x):\n    return x * RATE\n"},
        ("steps", "+= 1", "+= 2"),
        {"steps:RATE"},
    ),
    Case(
        "a constant that a loop fills",
        {
            "steps": """
            TABLE = {}
            for i in range(3):
                TABLE[i] = i * 2

            def step(x):
                return TABLE[x]
            """
        },
        ("steps", "i * 2", "i * 4"),
        {"steps:TABLE"},
    ),
    Case(
        "a constant bound by a walrus in a condition",
        {
            "steps": """
            if (RATE := 3) > 2:
                LIMIT = 1

            def step(x):
                return x * RATE
            """
        },
        ("steps", "RATE := 3", "RATE := 4"),
        {"steps:RATE"},
        ("steps", "LIMIT = 1", "LIMIT = 2"),
    ),
    Case(
        "the text of a format that is filled in the body",
        {"steps": 'TEXT = "a{x}"\n\ndef step(x):\n    return TEXT.format(x=x)\n'},
        ("steps", '"a{x}"', '"b{x}"'),
        {"steps:TEXT"},
    ),
    Case(
        "a set of names",
        {"steps": 'NAMES = {"a", "b"}\n\ndef step(x):\n    return x in NAMES\n'},
        ("steps", '{"a", "b"}', '{"a", "c"}'),
        {"steps:NAMES"},
    ),
    Case(
        "an array that the module makes",
        {
            "steps": """
            import numpy as np

            WEIGHTS = np.array([1.0, 2.0])
            OTHER = np.zeros(3)

            def step(x):
                return WEIGHTS @ x
            """
        },
        ("steps", "2.0", "3.0"),
        {"steps:WEIGHTS"},
        ("steps", "zeros(3)", "zeros(4)"),
    ),
    Case(
        "a table that the module makes",
        {
            "steps": """
            import pandas as pd

            RATES = pd.DataFrame({"a": [1, 2]})

            def step(x):
                return RATES.merge(x)
            """
        },
        ("steps", "[1, 2]", "[1, 3]"),
        {"steps:RATES"},
    ),
    Case(
        "two constants exchanged",
        {"steps": "A = 1\nB = 2\n\ndef step(x):\n    return A - B\n"},
        ("steps", "A = 1\nB = 2", "A = 2\nB = 1"),
        {"steps:A", "steps:B"},
    ),
    Case(
        "the type of a constant",
        {"steps": "RATE = 1\n\ndef step(x):\n    return x // RATE\n"},
        ("steps", "RATE = 1", "RATE = 1.0"),
        {"steps:RATE"},
    ),
    Case(
        "a constant that covers a name of Python",
        {"steps": "def step(x):\n    return max(x)\n\n# nothing\n"},
        ("steps", "# nothing", "max = min"),
        {"steps:step"},
    ),
    Case(
        "a data file that is read as a resource of the package when it is imported",
        {
            "steps": """
            import importlib.resources

            TABLE = importlib.resources.files("proj").joinpath("data.py").read_text()

            def step(x):
                return TABLE + x
            """,
            "data": "1",
            "more": "1",
        },
        ("data", "1", "2"),
        {"steps:TABLE"},
        ("more", "1", "2"),
    ),
    Case(
        "a file of settings that is parsed when it is imported",
        {
            "steps": """
            import json
            from pathlib import Path

            CONF = json.loads(Path(__file__).with_name("conf.py").read_text())

            def step(x):
                return x * CONF["rate"]
            """,
            "conf": '{"rate": 3}',
        },
        ("conf", "3", "4"),
        {"steps:CONF"},
    ),
    Case(
        "a file that a constant names",
        {
            "steps": """
            from pathlib import Path

            TABLE = Path(__file__).with_name("data.py")

            def step(x):
                return TABLE.read_text() + x
            """,
            "data": "1",
            "more": "1",
        },
        ("data", "1", "2"),
        {"steps:TABLE"},
        ("more", "1", "2"),
    ),
    Case(
        "settings that a parser has read",
        {
            "steps": """
            import configparser
            from pathlib import Path

            CONF = configparser.ConfigParser()
            CONF.read(Path(__file__).with_name("conf.py"))

            def step(x):
                return x * CONF["model"].getint("depth")
            """,
            "conf": "[model]\ndepth = 3\n# why\n",
        },
        ("conf", "depth = 3", "depth = 4"),
        {"steps:CONF"},
        ("conf", "# why", "# because"),
    ),
    Case(
        "what is done to an object whose state cannot be keyed, after it is made",
        {
            "steps": """
            from concurrent.futures import ThreadPoolExecutor

            POOL = ThreadPoolExecutor(1)
            POOL.submit(len, "a")
            OTHER = ThreadPoolExecutor(1)
            OTHER.submit(len, "b")

            def step(x):
                return POOL.submit(len, x)
            """
        },
        ("steps", '"a"', '"c"'),
        {"steps:POOL"},
        ("steps", '"b"', '"d"'),
    ),
    Case(
        "the value of a context variable",
        {
            "steps": """
            from contextvars import ContextVar

            RATE = ContextVar("RATE", default=3)

            def step(x):
                return x * RATE.get()
            """
        },
        ("steps", "default=3", "default=4"),
        {"steps:RATE"},
    ),
    Case(
        "a file that a text names",
        {
            "steps": """
            import os

            TABLE = os.path.join(os.path.dirname(__file__), "data.py")

            def step(x):
                with open(TABLE) as file:
                    return file.read() + x
            """,
            "data": "1",
            "more": "1",
        },
        ("data", "1", "2"),
        {"steps:TABLE"},
        ("more", "1", "2"),
    ),
    Case(
        "the name of a folder, whose content is not read for the key",
        {
            "steps": """
            from pathlib import Path

            FOLDER = Path(__file__).parent / "data"

            def step(x):
                return [file.name for file in FOLDER.iterdir()]
            """,
            "data__0a": "1",
        },
        ("steps", '/ "data"', '/ "other"'),
        {"steps:FOLDER"},
        ("data/a", "1", "2"),
    ),
    Case(
        "a setting that is read by the body of a lazily imported module",
        {
            "steps": """
            def step(x):
                from . import conf
                return x * conf.RATE
            """,
            "conf": "RATE = 3\nOTHER = 5\n",
        },
        ("conf", "RATE = 3", "RATE = 4"),
        {"conf:RATE"},
        ("conf", "OTHER = 5", "OTHER = 6"),
    ),
    Case(
        "a setting of a module that is imported lazily by its full name",
        {
            "steps": """
            def step(x):
                import proj.conf
                import proj.more as more
                return x * proj.conf.RATE * more.RATE
            """,
            "conf": "RATE = 3\nOTHER = 5\n",
            "more": "RATE = 3\nOTHER = 5\n",
        },
        ("conf", "RATE = 3", "RATE = 4"),
        {"conf:RATE"},
        ("more", "OTHER = 5", "OTHER = 6"),
    ),
    Case(
        "a module that is imported lazily for what it does, and not read",
        {
            "steps": "def step(x):\n    import proj.plugin\n    return x\n",
            "plugin": "RATE = 3\n",
        },
        ("plugin", "RATE = 3", "RATE = 4"),
        {"plugin:RATE"},
    ),
    Case(
        "a block for type checkers, by its full name, and its other branch",
        {
            "steps": """
            import typing

            if typing.TYPE_CHECKING:
                from .a import f
            else:
                from .b import f

            def step(x):
                if typing.TYPE_CHECKING:
                    return 1
                else:
                    return f(x)
            """,
            "a": "def f(x):\n    return x - 1\n",
            "b": "def f(x):\n    return x + 1\n",
        },
        ("b", "+ 1", "+ 2"),
        {"b:f"},
        ("steps", "return 1", "return 2"),
    ),
    Case(
        "a block that runs because nobody checks types",
        {
            "steps": """
            from typing import TYPE_CHECKING

            def step(x):
                if not TYPE_CHECKING:
                    x = x + 1
                return x
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:step"},
    ),
    Case(
        "an import that fails, and what replaces it",
        {
            "steps": """
            try:
                from no_such_module import fast as f
            except ImportError:
                def f(x):
                    return x + 1

            def step(x):
                return f(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:f"},
        ("steps", "fast as f", "faster as f"),
    ),
    Case(
        "a name of a class that is asked by a computed name",
        {
            "steps": """
            class Model:
                def run(self, x):
                    return x + 1

            class Other:
                def run(self, x):
                    return x - 1

            def step(x, name):
                return getattr(Model, name)(None, x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:Model.run"},
        ("steps", "- 1", "- 2"),
    ),
    Case(
        "a module that is imported by a constant relative name",
        {
            "steps": """
            from importlib import import_module

            def step(x):
                return import_module(".a", "proj").f(x)
            """,
            "a": "def f(x):\n    return x + 1\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
    ),
    Case(
        "a module that the module imports by a constant name",
        {
            "steps": """
            import importlib

            a = importlib.import_module("proj.a")

            def step(x):
                return a.f(x)
            """,
            "a": "def f(x):\n    return x + 1\n\ndef other(x):\n    return x - 1\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
        ("a", "- 1", "- 2"),
    ),
    Case(
        "an attribute that is asked by a constant name with another value at hand",
        {
            "steps": """
            from . import a, b

            def step(x):
                return getattr(a, "f", b.g)(x)
            """,
            "a": "def f(x):\n    return x\n",
            "b": "def g(x):\n    return x + 1\n\ndef h(x):\n    return x - 1\n",
        },
        ("b", "+ 1", "+ 2"),
        {"b:g"},
        ("b", "- 1", "- 2"),
    ),
    Case(
        "a dataclass made by a call",
        {
            "steps": """
            from dataclasses import make_dataclass

            Conf = make_dataclass("Conf", [("depth", int, 3)], order=False)

            def step(x):
                return Conf() < Conf()
            """
        },
        ("steps", "order=False", "order=True"),
        {"steps:Conf"},
    ),
    Case(
        "a default of a dataclass made by a call",
        {
            "steps": """
            from dataclasses import make_dataclass

            Conf = make_dataclass("Conf", [("depth", int, 3)])

            def step(x):
                return Conf().depth
            """
        },
        ("steps", "3)", "4)"),
        {"steps:Conf.depth"},
    ),
    Case(
        "annotations of a class that something reads at run time",
        {
            "steps": """
            import typing

            class Conf(typing.TypedDict):
                depth: int

            def step(x):
                return list(Conf.__annotations__.items())
            """
        },
        ("steps", "depth: int", "depth: float"),
        {"steps:Conf.__annotations__"},
    ),
    Case(
        "annotations of a helper under a decorator that may read them",
        {
            "steps": """
            from pydantic import validate_call

            @validate_call
            def helper(x: int):
                return x

            def step(x):
                return helper(x)
            """
        },
        ("steps", "x: int", "x: float"),
        {"steps:helper"},
    ),
    Case(
        "annotations of a plain class and of its methods",
        {
            "steps": """
            class Model:
                rate: int = 1
                def run(self, x: int) -> int:
                    y: int = x + self.rate
                    return y

            def step(x):
                return Model().run(x)
            """
        },
        ("steps", "rate: int = 1", "rate: int = 2"),
        {"steps:Model.rate"},
        ("steps", ": int", ": float"),
    ),
    Case(
        "lines, blanks, brackets, quotes and a comment",
        {
            "steps": """
            def step(x):
                y = {'a': 1, 'b': (x)}
                return y
            """
        },
        ("steps", "'a': 1", "'a': 2"),
        {"steps:step"},
        (
            "steps",
            "y = {'a': 2, 'b': (x)}",
            '# why\n\n    y = {\n        "a": 0x2,\n        "b": x,\n    }',
        ),
    ),
    Case(
        "a name found in the names of a module",
        {
            "steps": "from . import tools\n\ndef step(x):\n    return tools.__dict__[x]()\n",
            "tools": "def run():\n    return 1\n",
        },
        ("tools", "return 1", "return 2"),
        {"tools:run"},
    ),
    Case(
        "a name that the project puts among the builtins",
        {
            "steps": """
            import builtins

            builtins.PROJ_RATE = 3

            def step(x):
                return PROJ_RATE * x
            """
        },
        ("steps", "= 3", "= 4"),
        {"builtins:PROJ_RATE"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_an_edit_of_a_module_changes_the_leaves_that_a_person_would_name(project, case):
    assert edited(project, case) == (case.changes, set())
