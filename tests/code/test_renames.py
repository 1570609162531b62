"""Renamed variables: what nobody can tell apart keys alike, and nothing else does."""

from textwrap import dedent, indent
from types import CodeType
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.examples import examples
from versioning.code.definitions import Definition, function_definition
from versioning.code.sources import Source

SAME = {
    "an assignment": ("y = x + 1\nreturn y", "z = x + 1\nreturn z"),
    "two at once": ("a, (b, *c) = x\nreturn a, b, c", "d, (e, *f) = x\nreturn d, e, f"),
    "a loop": ("for i in x:\n    n = i\nreturn n", "for j in x:\n    m = j\nreturn m"),
    "an attribute of it": ("t = x.t\nreturn t.mean()", "u = x.t\nreturn u.mean()"),
    "what it is passed as": ("n = x\nreturn f(n=n)", "m = x\nreturn f(n=m)"),
    "a comprehension": ("return [i for i in x if i]", "return [j for j in x if j]"),
    "one inside another": (
        "return {k: [v for v in k] for k in x}",
        "return {row: [cell for cell in row] for row in x}",
    ),
    "one name in two scopes": ("return [i for i in x], [i for i in x]",) * 2,
    "two names in two scopes": (
        "return [i for i in x], [i for i in x]",
        "return [i for i in x], [j for j in x]",
    ),
    "a walrus": ("if (n := len(x)) > 1:\n    return n", "if (m := len(x)) > 1:\n    return m"),
    "a walrus in a comprehension": (
        "a = [last := i for i in x]\nreturn a, last",
        "b = [end := i for i in x]\nreturn b, end",
    ),
    "a resource": ("with x as file:\n    return file", "with x as f:\n    return f"),
    "an error": (
        "try:\n    f()\nexcept OSError as e:\n    return e.errno",
        "try:\n    f()\nexcept OSError as error:\n    return error.errno",
    ),
    "patterns": (
        "match x:\n    case [a, *b, {'k': c, **d}] | (a, b, c, d):\n        return a, b, c, d",
        "match x:\n    case [p, *q, {'k': r, **s}] | (p, q, r, s):\n        return p, q, r, s",
    ),
    "read in a function inside": (
        "by = x\ndef run(y):\n    return y * by\nreturn run(1)",
        "rate = x\ndef run(y):\n    return y * rate\nreturn run(1)",
    ),
    "read in a lambda and a method": (
        "by = x\nclass A:\n    def run(self):\n        return by\nreturn A, lambda: by",
        "rate = x\nclass A:\n    def run(self):\n        return rate\nreturn A, lambda: rate",
    ),
    "a variable of a function inside": (
        "def run(y):\n    z = y\n    return z\nreturn run(1)",
        "def run(y):\n    w = y\n    return w\nreturn run(1)",
    ),
    "two exchanged throughout": ("a, b = x\nreturn a - b", "b, a = x\nreturn b - a"),
    "deleted": ("y = x\ndel y", "z = x\ndel z"),
    "counted up": ("n = 0\nn += x\nreturn n", "m = 0\nm += x\nreturn m"),
    "annotated": ("y: int = x\nreturn y", "z: float = x\nreturn z"),
    "of which the docstring speaks": ("'About y.'\ny = x\nreturn y", "'About z.'\nz = x\nreturn z"),
}
DIFFERENT = {
    "two exchanged in one place": ("a, b = x\nreturn a - b", "a, b = x\nreturn b - a"),
    "exchanged where they are bound": ("a, b = x\nreturn a - b", "b, a = x\nreturn a - b"),
    "a name of the module": ("y = 1\nreturn y", "y = 1\nreturn z"),
    "one that is the other": ("a = x\nb = 2\nreturn a, b", "a = x\na = 2\nreturn a, a"),
    "a variable of the scope around": (
        "i = 1\nreturn [i for j in x], i",
        "j = 1\nreturn [i for i in x], j",
    ),
    "a parameter of a function inside": (
        "def run(y):\n    return y\nreturn run",
        "def run(z):\n    return z\nreturn run",
    ),
    "a parameter of a lambda": ("return lambda y: y", "return lambda z: z"),
    "a function inside": (
        "def run():\n    pass\nreturn run.__name__",
        "def go():\n    pass\nreturn go.__name__",
    ),
    "attributes of a class inside": (
        "class A:\n    y = 1\nreturn A",
        "class A:\n    z = 1\nreturn A",
    ),
    "what a class inside may have from its metaclass": (
        "y = 1\nclass A(metaclass=M):\n    b = y\nreturn A",
        "z = 1\nclass A(metaclass=M):\n    b = z\nreturn A",
    ),
    "declared global": ("global y\ny = x", "global z\nz = x"),
    "declared nonlocal": (
        "y = z = 0\ndef run():\n    nonlocal y\n    y = 1\nrun()\nreturn y",
        "y = z = 0\ndef run():\n    nonlocal z\n    z = 1\nrun()\nreturn y",
    ),
    "listed": ("y = x\nreturn locals()", "z = x\nreturn locals()"),
    "listed by another name of the function": (
        "y = x\nreturn vars()",
        "z = x\nreturn vars()",
    ),
    "evaluated": ("y = x\nreturn eval(x)", "z = x\nreturn eval(x)"),
    "in a query": ("y = x\nreturn t.query(x)", "z = x\nreturn t.query(x)"),
    "in a query that is asked for by name": (
        "y = x\nreturn getattr(t, 'query')(x)",
        "z = x\nreturn getattr(t, 'query')(x)",
    ),
    "in a text": ("y = x\nreturn f('@y')", "z = x\nreturn f('@y')"),
    "shown with its name": ("y = x\nreturn f'{y=}'", "z = x\nreturn f'{z=}'"),
    "found in the frame": ("y = x\nreturn sys._getframe()", "z = x\nreturn sys._getframe()"),
    "found in the stack": ("y = x\nreturn inspect.stack()", "z = x\nreturn inspect.stack()"),
    "found by its place among cells": (
        "a, b = x\ndef run():\n    return a, b\nreturn run.__closure__[0]",
        "z, b = x\ndef run():\n    return z, b\nreturn run.__closure__[0]",
    ),
    "a mangled name": ("__y = x\nreturn _A__y", "__z = x\nreturn _A__y"),
    "a name that is imported": ("import a.y\nreturn a", "import b.y\nreturn b"),
    "a name in an annotation that stays": (
        "y = int\n@keep\ndef run(a: y):\n    pass\nreturn run",
        "z = int\n@keep\ndef run(a: z):\n    pass\nreturn run",
    ),
}


def functions_of(code: CodeType) -> list[CodeType]:
    return [item for item in code.co_consts if isinstance(item, CodeType)]


def defined(body: str) -> Definition:
    text = "def step(x):\n" + indent(dedent(body), "    ")
    (code,) = functions_of(compile(text, "steps.py", "exec"))
    found = function_definition(code, Source.parse(text, "steps.py"))
    assert found is not None
    return found


@pytest.mark.parametrize("bodies", SAME.values(), ids=SAME)
def test_a_variable_is_the_same_under_another_name(bodies):
    first, second = map(defined, bodies)
    assert first.own == second.own


@pytest.mark.parametrize("bodies", DIFFERENT.values(), ids=DIFFERENT)
def test_names_that_something_can_tell_apart_count(bodies):
    first, second = map(defined, bodies)
    assert first.own != second.own


class Program(NamedTuple):
    """Statements with places for names, and the names."""

    statements: list[str]
    names: list[str]

    def text(self) -> str:
        names = iter(self.names)
        lines = [text.format(*(next(names) for _ in range(PLACES))) for text in self.statements]
        return "\n".join(lines)


PLACES = 4
NAMES = ["a", "b", "c", "x", "G"]
STATEMENTS = [
    "{0} = {1} + 1",
    "{0}, {1} = {2}, {3}",
    "{0} = {1}\n{2} = {3} * 10",
    "{0} = sum([{1} * {2} for {1} in range(3)])",
    "{0} = sum([{1} + {3} for {1} in range(3) for {2} in range({1})])",
    "{0} = sum({1} + {2} for {2} in [{2} for {2} in range(4)])",
    "{0} = [({1} := {2} + i) for i in range(3)][-1]",
    "for {0} in range(3):\n    {1} = {2} + {0}",
    "{0} = (lambda {1}: {1} * {2})(3)",
    "{0} = (lambda: ({1} := {2} + 2))()",
    "def f({0}):\n    {1} = {0} + {2}\n    return {1}\n{3} = f(5)",
    "def f():\n    {0} = 4\n    return [{1} for {2} in range(2)][0]\n{3} = f()",
    "def f():\n    nonlocal {0}\n    {0} = {1} + 1\n    return {0}\n{2} = f()",
    "def f():\n    global {0}\n    {0} = 3\n    return {1}\n{2} = f()",
    "class K:\n    {0} = {1}\n    def run(self):\n        return {2}\n{3} = K().run()",
    "class K:\n    {0} = 9\n    {1} = {2}\n{3} = len([i for i in vars(K) if len(i) == 1])",
    "try:\n    {0} = 1 // ({1} % 2)\nexcept ZeroDivisionError as {2}:\n    {3} = 5",
    "match [{0}, {1}]:\n    case [{2}, *{3}]:\n        pass",
    "if {0} > 3:\n    del {1}\nelse:\n    {2} = {3}",
    "{0} += {1}",
    "{0} = eval('{1}')",
    "{0} = len(f'{{{1}=}}')",
    "{0} = len([i for i in locals() if i < '{1}'])",
    "return {0}, {1}, {2}",
]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Program, Program]:
    """Two programs that differ in their names alone: by rule, and in up to two places besides."""
    statements = draw(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=3))
    statements = ["{0}, {1}, {2} = {3}, 20, 30", *statements, "return {0}, {1}, {2}, {3}"]
    places = len(statements) * PLACES
    names = draw(st.lists(st.sampled_from(NAMES), min_size=places, max_size=places))
    names[:PLACES] = ["a", "b", "c", "x"]
    rule = dict(zip("abc", draw(st.permutations("abc")), strict=True))
    others = [rule.get(name, name) for name in names]
    for _ in range(draw(st.integers(0, 2))):
        others[draw(st.integers(PLACES, places - 1))] = draw(st.sampled_from(NAMES))
    return Program(statements, names), Program(statements, others)


def outcome(text: str) -> object:
    namespace = {"G": 100}
    try:
        exec(text, namespace)
        return repr(namespace["step"](7)), namespace["G"]
    except Exception as error:
        return type(error)


def swapped(*names: str) -> tuple[Program, Program]:
    statements = ["{0}, {1} = {2}, {3}", "return {0}, {1}, {2}, {3}"]
    return (
        Program(statements, ["a", "b", "x", "G", "a", "b", "a", "b"]),
        Program(statements, list(names)),
    )


@examples(400)
@example(swapped("b", "a", "x", "G", "b", "a", "b", "a"))
@example(swapped("b", "a", "x", "G", "a", "b", "a", "b"))
@given(pairs())
def test_programs_of_one_form_do_the_same(pair):
    texts = ["def step(x):\n" + indent(program.text(), "    ") for program in pair]
    try:
        first, second = (defined(program.text()) for program in pair)
    except SyntaxError:
        return
    if first.own == second.own:
        assert outcome(texts[0]) == outcome(texts[1])


@pytest.mark.parametrize(
    "helper",
    [
        "import sys\n\ndef look():\n    return sys._getframe(1).f_locals['rate']\n",
        "from inspect import currentframe as here\n\ndef look():\n    return here().f_back\n",
        "import sys\n\nhere = sys._getframe\n\ndef look():\n    return here(1)\n",
        "import inspect\n\ndef look():\n    return inspect.stack()[1].frame\n",
        "names = locals\n\ndef look():\n    return names()\n",
        "def look():\n    import duckdb\n    return duckdb.sql('select * from rate')\n",
    ],
)
def test_names_count_where_another_function_may_look_at_them(project, helper):
    step = "from .a import look\n\ndef step(x):\n    rate = x\n    return look(), rate\n"
    project.write(steps=step, a=helper)
    assert project.change("steps", "rate", "by") == {"steps:step"}


def test_names_do_not_count_where_none_looks(project):
    step = "from .a import f\n\ndef step(x):\n    rate = x\n    return f(), rate\n"
    project.write(steps=step, a="def f():\n    return 1\n")
    assert project.change("steps", "rate", "by") == set()
