"""Edits of what a module does to others when it is loaded: each was once a hit that was wrong."""

import colorsys
import decimal
import sys

import pytest

from tests.code.conftest import differences, digests
from tests.code.edits import Case, edited
from versioning.code import code_leaves
from versioning.code.loaded import note_loaded

DIVIDE = "from decimal import Decimal\n\ndef step(x):\n    return Decimal(1) / x\n"
CASES = [
    Case(
        "the precision that the module of the step asks for",
        {
            "steps": """
            import decimal

            decimal.getcontext().prec = 5
            OTHER = {}
            OTHER["a"] = 1

            def step(x):
                return decimal.Decimal(1) / x
            """
        },
        ("steps", "prec = 5", "prec = 6"),
        {"steps:<module>"},
        ("steps", '"a"] = 1', '"b"] = 2'),
    ),
    Case(
        "the precision that the module of a helper asks for, under a condition",
        {
            "steps": "from .a import half\n\ndef step(x):\n    return half(x)\n",
            "a": """
            from decimal import Decimal, getcontext
            from .settings import DIGITS

            if DIGITS:
                getcontext().prec = DIGITS

            def half(x):
                return Decimal(1) / x
            """,
            "settings": "DIGITS = 5\n",
        },
        ("settings", "5", "6"),
        {"settings:DIGITS"},
        ("settings", "DIGITS", "OTHER = 7\nDIGITS"),
    ),
    Case(
        "the precision that a module asks for which nothing reads",
        {
            "steps": DIVIDE.replace("\n\n", "\nfrom . import setup\n\n"),
            "setup": "from decimal import getcontext\n\ngetcontext().prec = 5\n",
        },
        ("setup", "prec = 5", "prec = 6"),
        {"setup:<module>"},
    ),
    Case(
        "the precision that the package asks for",
        {"steps": DIVIDE, "__init__": "import decimal\n\ndecimal.getcontext().prec = 5\n"},
        ("__init__", "prec = 5", "prec = 6"),
        {"proj:<module>"},
        ("__init__", "decimal.", "# exact\ndecimal."),
    ),
    Case(
        "the precision that the module of a constant asks for",
        {
            "steps": DIVIDE.replace("\n\n", "\nfrom .rates import RATE\n\n").replace(
                "(1)", "(RATE)"
            ),
            "rates": "from decimal import getcontext\n\ngetcontext().prec = 5\nRATE = 1\n",
        },
        ("rates", "prec = 5", "prec = 6"),
        {"rates:<module>"},
    ),
    Case(
        "a private attribute that a class gets below its body",
        {
            "steps": "from .a import A\n\ndef step(x):\n    return A()._rate\n",
            "a": "class A:\n    n = 1\n\nA._rate = 1\n",
        },
        ("a", "_rate = 1", "_rate = 2"),
        {"a:A._rate"},
    ),
    Case(
        "a seed that a helper sets when the module is loaded",
        {
            "steps": """
            import random
            from .seeds import seed_everything

            seed_everything(1)

            def step(x):
                return random.random()
            """,
            "seeds": "import random\n\ndef seed_everything(by):\n    random.seed(by * 2)\n",
        },
        ("seeds", "by * 2", "by * 3"),
        {"seeds:seed_everything"},
    ),
    Case(
        "a function of a library that a module replaces",
        {
            "steps": """
            import colorsys
            from . import patch

            def step(x):
                return colorsys.rgb_to_yiq(x, x, x)
            """,
            "patch": """
            import colorsys

            colorsys.rgb_to_yiq = lambda *x: x + (1,)
            """,
        },
        ("patch", "(1,)", "(2,)"),
        {"patch:<module>"},
    ),
    Case(
        "which classes a module registers that nothing reads",
        {
            "steps": """
            from . import register
            from .kinds import A, B

            def step(x):
                return isinstance(B(), A)
            """,
            "kinds": "from abc import ABC\n\nclass A(ABC):\n    n = 1\n\nclass B:\n    n = 2\n",
            "register": "from .kinds import A, B\n\nA.register(B)\n",
        },
        ("register", "A.register(B)", "A.register(int)"),
        {"register:<module>"},
    ),
    Case(
        "a variable of the environment that the module sets",
        {
            "steps": """
            import os

            for name in ("A", "B"):
                os.environ[name] = "1"

            def step(x):
                return os.environ["A"]
            """
        },
        ("steps", '"1"', '"2"'),
        {"steps:<module>"},
    ),
    Case(
        "what a script does below its functions, what it logs, and folders that it makes",
        {
            "steps": """
            import json
            import logging
            import os
            import sys

            logging.basicConfig(level="INFO")
            os.makedirs("/tmp", exist_ok=True)
            sys.path.append("/none")
            if __name__ == "__main__":
                sys.setrecursionlimit(4000)

            def step(x):
                return x

            json.loads("3")
            """
        },
        ("steps", "def step(x):", "def step(x, y=0):"),
        {"steps:step"},
        ("steps", '"3"', '"4"'),
    ),
]


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    """What the modules here do to the process, undone."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("A", "0")
    monkeypatch.setenv("B", "0")
    monkeypatch.setattr(colorsys, "rgb_to_yiq", colorsys.rgb_to_yiq)
    with decimal.localcontext():
        yield


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_an_edit_of_what_loading_does_changes(project, case: Case):
    changed, spared = edited(project, case)
    assert (changed, spared) == (case.changes, set())


@pytest.mark.parametrize(
    ("old", "new"),
    [("INFO", "DEBUG"), ("/tmp", "/"), ("/none", "/no"), ("4000", "5000")],
    ids=["log", "folder", "path", "run"],
)
def test_what_is_told_or_done_as_a_script_does_not_count(project, old, new):
    project.write(**CASES[-1].files)
    assert project.change("steps", old, new) == set()


def test_what_a_module_did_before_it_was_edited_has_no_key_of_the_edit(project):
    project.write(**CASES[0].files)
    step = project.load().step
    note_loaded()
    project.edit("steps", "prec = 5", "prec = 6")
    as_runs = digests(code_leaves(step))
    assert differences(as_runs, project.leaves()) == {"steps:<module>"}


QUERY = """
import pandas as pd

LIMIT = 3
FEW = "a > @LIMIT"

def grown(a):
    return a + 1

def step(x):
    {}
"""


@pytest.mark.parametrize(
    "body",
    [
        'return pd.DataFrame({"a": [x]}).query("a > @LIMIT and @grown(a) > 1")',
        'return pd.DataFrame({"a": [x]}).query(f"{x} > @LIMIT and @grown(a) > 1")',
        'return pd.DataFrame({"a": [x]}).query(FEW).eval("@grown(a)")',
        'return eval("grown(LIMIT)")',
    ],
)
def test_what_the_text_of_a_query_names_counts(project, body):
    project.write(steps=QUERY.format(body))
    assert project.change("steps", "LIMIT = 3", "LIMIT = 2") == {"steps:LIMIT"}
    assert project.change("steps", "a + 1", "a + 2") == {"steps:grown"}


def test_a_name_in_a_text_counts_only_where_something_looks_it_up(project):
    project.write(steps='LIMIT = 3\n\ndef step(x):\n    return x + len("a > @LIMIT")\n')
    assert project.change("steps", "LIMIT = 3", "LIMIT = 2") == set()


GIVEN = """
def made(n):
    def f(x):
        return x
    f.__name__ = f"q_{n}"
    return f

class C:
    n = 1

C.__name__ = "q_5"
F = made(5)

def step(x):
    return C().__class__, F.__name__
"""


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [('f"q_', 'f"p_', {"steps:made.<locals>.f"}), ('"q_5', '"p_5', {"steps:C"})],
    ids=["a function", "a class"],
)
def test_a_name_that_was_given_counts(project, old, new, changed):
    project.write(steps=GIVEN)
    assert project.change("steps", old, new) == changed
