"""Edits that change nothing that the step returns: none may run it again."""

from tests.peers.case import Case

STEPS = '''\
from typing import TYPE_CHECKING
import math
import json

from proj.maths import helper

if TYPE_CHECKING:
    from decimal import Decimal

NAMES = {"ada", "bob", "cyd", "dan", "eve"}
UNITS = "km"
OTHER = 5


def before(x):
    """Prepare."""
    scaled = x * 1000  # to metres
    return math.floor(scaled)


def unused(x):
    return x - 1


class Model:
    def predict(self, x: int) -> int:
        return helper(x)

    def describe(self):
        return "a model"


def step(x: int) -> list:
    """Do it."""
    rows = [before(x), Model().predict(x)]
    return [rows, UNITS, sorted(NAMES)]


if __name__ == "__main__":
    print(step(3))
'''
MATHS = '''\
def helper(x):
    """Help."""
    # twice
    return x * 2


def neighbour(x):
    return x + 1
'''


def _edit(claim: str, name: str, old: str, new: str, xfail: str = "") -> Case:
    files = {"steps.py": STEPS, "maths.py": MATHS, "apart.py": "def apart():\n    return 1\n"}
    return Case(claim, files, "reuse", edit=(name, old, new), xfail=xfail)


CASES = [
    _edit("nothing at all", "steps.py", "OTHER = 5", "OTHER = 5"),
    _edit("a comment in the step", "steps.py", "    rows =", "    # both\n    rows ="),
    _edit("the docstring of the step", "steps.py", '"""Do it."""', '"""Do it well."""'),
    _edit("blank lines in the step", "steps.py", "x)]\n", "x)]\n\n"),
    _edit(
        "line breaks in the step",
        "steps.py",
        "[before(x), Model().predict(x)]",
        "[\n        before(x),\n        Model().predict(x),\n    ]",
    ),
    _edit("parentheses in the step", "steps.py", "return [rows", "return [(rows)"),
    _edit("a line added above the step", "steps.py", "OTHER = 5", "OTHER = 5\nMORE = 6"),
    _edit("a comment in a helper", "maths.py", "# twice", "# two times"),
    _edit("the docstring of a helper", "maths.py", "Help.", "Help well."),
    _edit("how a number is spelled", "steps.py", "1000", "1_000"),
    _edit("how a text is quoted", "steps.py", '"km"', "'km'"),
    _edit("the name of a local variable of a helper", "steps.py", "scaled", "metres"),
    _edit("type hints of a helper", "maths.py", "def helper(x):", "def helper(x: int) -> int:"),
    _edit("the type hint of a method", "steps.py", "x: int) -> int", "x: float) -> float"),
    _edit("an unused function of the module", "steps.py", "x - 1", "x - 2"),
    _edit("an unused constant of the module", "steps.py", "OTHER = 5", "OTHER = 6"),
    _edit("another function beside a helper", "maths.py", "x + 1", "x + 2"),
    _edit(
        "a method that nothing calls",
        *("steps.py", '"a model"', '"the model"'),
        xfail="the methods of an object that a body makes all count: it may hand the object on",
    ),
    _edit("a module that nothing imports", "apart.py", "return 1", "return 2"),
    _edit(
        "the order of imports", "steps.py", "import math\nimport json", "import json\nimport math"
    ),
    _edit("an import that is not used", "steps.py", "import json\n", ""),
    _edit("imports for type checkers", "steps.py", "Decimal", "Context"),
    _edit("what the module does as a script", "steps.py", "print(step(3))", "print(step(4))"),
    _edit("the order in which a set is written", "steps.py", '"ada", "bob"', '"bob", "ada"'),
    Case(
        "another checkout in another folder",
        {"steps.py": STEPS, "maths.py": MATHS},
        "reuse",
        moved=True,
    ),
]
