"""What changes while a process runs is seen at the next call, and what does not costs no walk."""

import numpy
import pytest

from versioning.code import code_leaves

TABLE = None


def helper(x, *, rate=1):
    return x * rate


def step(x):
    return helper(x), TABLE


def closed():
    return code_leaves(step)


def put(change):
    """A change of the table in place."""

    def apply() -> None:
        change(TABLE)

    return apply


CHANGES = {
    "an item of a list": ([1, 2], put(lambda t: t.append(3))),
    "an item that is equal": ([1, 2], put(lambda t: t.__setitem__(0, True))),
    "an item that is a float now": ([1, 2], put(lambda t: t.__setitem__(0, 1.0))),
    "the sign of a zero": ([0.0], put(lambda t: t.__setitem__(0, -0.0))),
    "a list in a dict": ({"a": [1]}, put(lambda t: t["a"].append(2))),
    "a list in a tuple": (([1], 2), put(lambda t: t[0].append(2))),
    "a list in a list that is there twice": ([[1]] * 2, put(lambda t: t[1].append(2))),
    "a key": ({"a": 1}, put(lambda t: t.__setitem__("b", 1))),
    "a value": ({"a": 1}, put(lambda t: t.__setitem__("a", 2))),
    "an element of a set": ({1, 2}, put(lambda t: t.add(3))),
    "an array in a list": ([numpy.zeros(2)], put(lambda t: t[0].__setitem__(0, 1))),
    "a list in an array's place": ([numpy.zeros(2)], put(lambda t: t.__setitem__(0, [0.0, 0.0]))),
    "an array in a list's place": ([[0.0]], put(lambda t: t.__setitem__(0, numpy.zeros(1)))),
    "bytes": ([bytearray(b"a")], put(lambda t: t[0].extend(b"b"))),
    "bytes that cannot change": ([bytearray(b"a")], put(lambda t: t.__setitem__(0, b"a"))),
    "a keyword default": (None, lambda: helper.__kwdefaults__.__setitem__("rate", 2)),
    "keyword defaults": (None, lambda: setattr(helper, "__kwdefaults__", {"rate": 3})),
    "code": (None, lambda: setattr(helper, "__code__", (lambda x, *, rate: x + rate).__code__)),
}


@pytest.mark.parametrize(("table", "change"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen_at_the_next_call(monkeypatch, table, change):
    monkeypatch.setitem(globals(), "TABLE", table)
    monkeypatch.setattr(helper, "__kwdefaults__", {"rate": 1})
    monkeypatch.setattr(helper, "__code__", helper.__code__)
    before = closed()
    assert closed() is before
    change()
    assert closed().leaves != before.leaves


SAME = {
    "a list": ([1000, 2], put(lambda t: t.__setitem__(0, int("1000")))),
    "a dict": ({"a": 1000}, put(lambda t: t.__setitem__("a", int("1000")))),
    "a list in a list": ([[1]], put(lambda t: t.__setitem__(0, [1]))),
    "a set": ({1, 2}, put(lambda t: t.add(1))),
}


@pytest.mark.parametrize(("table", "change"), SAME.values(), ids=SAME)
def test_what_is_replaced_by_its_equal_needs_no_other_walk(monkeypatch, table, change):
    monkeypatch.setitem(globals(), "TABLE", table)
    before = closed()
    change()
    assert closed() is before


def test_what_a_module_makes_when_it_is_asked_is_asked_for_at_every_call(project):
    project.write(
        steps="from . import conf\n\ndef step(x):\n    return conf.rate\n",
        conf="RATES = {'rate': 1}\n\ndef __getattr__(name):\n    return RATES[name]\n",
    )
    steps = project.load()
    before = code_leaves(steps.step)
    assert code_leaves(steps.step) is before
    steps.conf.RATES["rate"] = 2
    assert code_leaves(steps.step).leaves != before.leaves


ENUM = """
from enum import Enum

class Kind(Enum):
    A = 1

Kind.A.rate = 1

def step(x):
    return [kind.rate for kind in Kind]
"""
GIVEN = {
    "an attribute of a member of an enum": (ENUM, lambda m: setattr(m.Kind.A, "rate", 2)),
    "an attribute that a member of an enum gets": (ENUM, lambda m: setattr(m.Kind.A, "by", 2)),
    "a name that a module gets": (
        "import proj.steps as own\n\ndef step(x):\n    return dir(own)\n",
        lambda m: setattr(m, "more", 2),
    ),
    "a docstring that is read": (
        "def helper():\n    'So.'\n\ndef step(x):\n    return helper.__doc__\n",
        lambda m: setattr(m.helper, "__doc__", "Else."),
    ),
}


@pytest.mark.parametrize(("text", "change"), GIVEN.values(), ids=GIVEN)
def test_what_is_given_to_an_object_of_code_is_seen_at_the_next_call(project, text, change):
    project.write(steps=text)
    steps = project.load()
    before = code_leaves(steps.step)
    assert code_leaves(steps.step) is before
    change(steps)
    assert code_leaves(steps.step).leaves != before.leaves
