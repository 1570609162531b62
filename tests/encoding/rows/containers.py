"""Containers of the standard library."""

from __future__ import annotations

import types
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque

from tests.encoding.rows.objects import double
from tests.encoding.rows.row import Row


class Names(list):
    pass


class Table(dict):
    pass


ROWS = [
    Row(
        "tuple",
        lambda: [(1, 2), tuple(iter([1, 2]))],
        lambda: [(), (1,), (2, 1), ((1, 2),), ((1,), 2), (1, (2,)), (1, 2, None), (1, 2.0)],
        is_stored=True,
    ),
    Row(
        "list",
        lambda: [[[1], [1]], [[1]] * 2],
        lambda: [[], [[]], [[], []], [[[]]], [1, 2], [2, 1], [1, [2]], [True, 2], ["1", "2"]],
        is_stored=True,
    ),
    Row("list, subclass", lambda: [Names([1, 2])], lambda: [Names()]),
    Row(
        "dict",
        lambda: [{"a": 1, "b": 2}, dict(zip("ab", (1, 2), strict=True))],
        lambda: [
            *({}, {"b": 2, "a": 1}, {"a": 2, "b": 1}, {"a": 1}, {"a": {"b": 2}}, {1: "x"}),
            *({"1": "x"}, {1.0: "x"}, {True: "x"}, {None: 1}, {(1, 2): 3}, {"x": 1, 1: "x"}),
        ],
        is_stored=True,
    ),
    Row("dict, subclass", lambda: [Table(a=1)], lambda: [Table(a=2)]),
    Row(
        "set",
        lambda: [{"a", "b", 3, None}, {None, 3, "b", "a"}],
        lambda: [set(), {"a"}, {"a", "b"}, {("a", "b")}, {frozenset({"a"}), "b"}, {1}, {1.5}],
        is_stored=True,
    ),
    Row(
        "frozenset",
        lambda: [frozenset("ab"), frozenset("ba")],
        lambda: [frozenset()],
        is_stored=True,
    ),
    Row(
        "deque",
        lambda: [deque([2, 3], 2), deque([1, 2, 3], 2)],
        lambda: [deque([2, 3]), deque([2, 3], 3), deque([3, 2], 2), deque()],
    ),
    Row(
        "OrderedDict",
        lambda: [OrderedDict(a=1, b=2), OrderedDict([("a", 1), ("b", 2)])],
        lambda: [OrderedDict(b=2, a=1), OrderedDict(a=1), OrderedDict()],
        is_stored=True,
    ),
    Row(
        "Counter",
        lambda: [Counter("aab"), Counter({"a": 2, "b": 1})],
        lambda: [Counter("baa"), Counter("ab"), Counter({"a": 2, "b": 1, "c": 0})],
        is_stored=True,
    ),
    Row(
        "defaultdict",
        lambda: [defaultdict(int, a=1), defaultdict(int, {"a": 1})],
        lambda: [defaultdict(list, a=1), defaultdict(None, a=1), defaultdict(double, a=1)],
    ),
    Row(
        "ChainMap",
        lambda: [ChainMap({"a": 1}, {"a": 2})],
        lambda: [ChainMap({"a": 1}), ChainMap({"a": 2}, {"a": 1}), ChainMap({"a": 1}, {})],
    ),
    Row(
        "mappingproxy",
        lambda: [types.MappingProxyType({"a": 1})],
        lambda: [types.MappingProxyType({})],
        is_copied=False,
    ),
]
