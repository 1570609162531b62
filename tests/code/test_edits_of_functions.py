"""Edits of functions: wherever they hide, the leaf of the one that was edited changes."""

import pytest

from tests.code.edits import Case, edited

CASES = [
    Case(
        "a helper in a module of a package further up",
        {
            "steps": "from .deep.inner import f\n\ndef step(x):\n    return f(x)\n",
            "deep__0__init__": "",
            "deep__0inner": "from ..top import g\n\ndef f(x):\n    return g(x)\n",
            "top": "def g(x):\n    return x + 1\n\ndef other(x):\n    return x - 1\n",
        },
        ("top", "+ 1", "+ 2"),
        {"top:g"},
        ("top", "- 1", "- 2"),
    ),
    Case(
        "a function of a module of a module of a package",
        {
            "steps": "import proj.deep.inner\n\ndef step(x):\n    return proj.deep.inner.f(x)\n",
            "deep__0__init__": "",
            "deep__0inner": "def f(x):\n    return x + 1\n\ndef other(x):\n    return x - 1\n",
        },
        ("deep/inner", "+ 1", "+ 2"),
        {"deep.inner:f"},
        ("deep/inner", "- 1", "- 2"),
    ),
    Case(
        "a module under another name by assignment",
        {
            "steps": "from . import a\n\nshort = a\n\ndef step(x):\n    return short.f(x)\n",
            "a": "def f(x):\n    return x + 1\n\ndef other(x):\n    return x - 1\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
        ("a", "- 1", "- 2"),
    ),
    Case(
        "a module under another name inside the body",
        {
            "steps": "from . import a\n\ndef step(x):\n    short = a\n    return short.f(x)\n",
            "a": "def f(x):\n    return x + 1\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
    ),
    Case(
        "a function under another name inside the body",
        {
            "steps": "from .a import f\n\ndef step(x):\n    run = f\n    return run(x)\n",
            "a": "def f(x):\n    return x + 1\n\ndef other(x):\n    return x - 1\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
        ("a", "- 1", "- 2"),
    ),
    Case(
        "a chain of names for one function",
        {
            "steps": "from .b import h\n\ndef step(x):\n    return h(x)\n",
            "b": "from .a import f as g\n\nh = g\n",
            "a": "def f(x):\n    return x + 1\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
    ),
    Case(
        "a method under a name of its own",
        {
            "steps": """
            class Model:
                def run(self, x):
                    return x + 1

            run = Model.run

            def step(x):
                return run(None, x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:Model.run"},
    ),
    Case(
        "a star import of what a module lists in `__all__`, through another module",
        {
            "steps": "from .b import *\n\ndef step(x):\n    return f(x)\n",
            "b": "from .a import *\n",
            "a": "__all__ = ['f']\n\ndef f(x):\n    return x + 1\n\ndef g(x):\n    return x - 1\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
        ("a", "- 1", "- 2"),
    ),
    Case(
        "a star import that another one covers",
        {
            "steps": "from .a import *\nfrom .b import *\n\ndef step(x):\n    return f(x)\n",
            "a": "def f(x):\n    return x + 1\n",
            "b": "def f(x):\n    return x - 1\n",
        },
        ("b", "- 1", "- 2"),
        {"b:f"},
        ("a", "+ 1", "+ 2"),
    ),
    Case(
        "a lazy relative import in a method",
        {
            "steps": """
            class Model:
                def run(self, x):
                    if x:
                        from .deep import inner
                        return inner.f(x)

            def step(x):
                return Model().run(x)
            """,
            "deep__0__init__": "",
            "deep__0inner": "def f(x):\n    return x + 1\n\ndef other(x):\n    return x - 1\n",
        },
        ("deep/inner", "+ 1", "+ 2"),
        {"deep.inner:f"},
        ("deep/inner", "- 1", "- 2"),
    ),
    Case(
        "a lazy import in a nested function, read by a function nested in that",
        {
            "steps": """
            def step(xs):
                def outer():
                    from .a import f
                    def inner(x):
                        return f(x)
                    return [inner(x) for x in xs]
                return outer()
            """,
            "a": "def f(x):\n    return x + 1\n\ndef other(x):\n    return x - 1\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
        ("a", "- 1", "- 2"),
    ),
    Case(
        "a lazy import that the body publishes as a global",
        {
            "steps": """
            def load():
                global f
                from .a import f

            def step(x):
                load()
                return f(x)
            """,
            "a": "def f(x):\n    return x + 1\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
    ),
    Case(
        "what a package makes when it is asked for a name",
        {
            "__init__": """
            def __getattr__(name):
                if name != "f":
                    raise AttributeError(name)
                from .a import f
                return f
            """,
            "a": "def f(x):\n    return x + 1\n",
            "steps": "import proj\n\ndef step(x):\n    return proj.f(x)\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
    ),
    Case(
        "a partial of a partial",
        {
            "steps": """
            from functools import partial

            from .a import f

            run = partial(partial(f, 1), by=2)

            def step(x):
                return run(x)
            """,
            "a": "def f(a, x, by):\n    return x + 1\n\ndef other(x):\n    return x - 1\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
        ("a", "- 1", "- 2"),
    ),
    Case(
        "a partial that the body makes",
        {
            "steps": """
            import functools

            from . import a

            def step(xs):
                return list(map(functools.partial(a.f, by=2), xs))
            """,
            "a": "def f(x, by):\n    return x + 1\n\ndef other(x):\n    return x - 1\n",
        },
        ("a", "+ 1", "+ 2"),
        {"a:f"},
        ("a", "- 1", "- 2"),
    ),
    Case(
        "a partial of a class",
        {
            "steps": """
            from functools import partial

            class Model:
                def __init__(self, by):
                    self.by = by + 1

            make = partial(Model, 3)

            def step(x):
                return make().by * x
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:Model.__init__"},
    ),
    Case(
        "a registry in another module, which decorators fill",
        {
            "__init__": "from . import handlers\n",
            "registry": """
            HANDLERS = {}

            def register(name):
                def add(function):
                    HANDLERS[name] = function
                    return function
                return add
            """,
            "handlers": """
            from .registry import register

            @register("a")
            def a(x):
                return x + 1

            def other(x):
                return x - 1
            """,
            "steps": """
            from .registry import HANDLERS

            def step(x, name):
                return HANDLERS[name](x)
            """,
        },
        ("handlers", "+ 1", "+ 2"),
        {"handlers:a"},
        ("handlers", "- 1", "- 2"),
    ),
    Case(
        "the name under which a registry has a function",
        {
            "steps": """
            def one(x):
                return x

            REGISTRY = {"one": one}

            def step(x, name):
                return REGISTRY[name](x)
            """
        },
        ("steps", '{"one"', '{"uno"'),
        {"steps:REGISTRY"},
    ),
    Case(
        "two functions of a registry exchanged",
        {
            "steps": """
            def one(x):
                return x

            def two(x):
                return x

            REGISTRY = {"one": one, "two": two}

            def step(x, name):
                return REGISTRY[name](x)
            """
        },
        ("steps", '"one": one, "two": two', '"one": two, "two": one'),
        {"steps:REGISTRY"},
    ),
    Case(
        "a lambda in a list in a dict",
        {
            "steps": """
            CHAINS = {"a": [lambda x: x + 1], "b": [lambda x: x]}

            def step(x):
                return CHAINS["a"][0](x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:<lambda>"},
    ),
    Case(
        "bound methods in a dict",
        {
            "steps": """
            class Model:
                def run(self, x):
                    return x + 1

            MODEL = Model()
            RUNS = {"a": MODEL.run, "b": str.upper}

            def step(x):
                return RUNS["a"](x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:Model.run"},
    ),
    Case(
        "a registry that is the attribute of a class",
        {
            "steps": """
            def one(x):
                return x + 1

            def other(x):
                return x - 1

            class Registry:
                handlers = {"one": one}

            def step(x, name):
                return Registry.handlers[name](x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:one"},
        ("steps", "- 1", "- 2"),
    ),
    Case(
        "a default value that is a function",
        {
            "steps": """
            def one(x):
                return x + 1

            def helper(x, run=one):
                return run(x)

            def step(x):
                return helper(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:one"},
    ),
    Case(
        "a default value that is a lambda",
        {
            "steps": """
            def helper(x, run=lambda x: x + 1):
                return run(x)

            def step(x):
                return helper(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:<lambda>"},
    ),
    Case(
        "a constant that is a default value",
        {
            "steps": """
            BY = 3

            def helper(x, by=BY):
                return x * by

            def step(x):
                return helper(x)
            """
        },
        ("steps", "BY = 3", "BY = 4"),
        {"steps:helper(by)"},
    ),
    Case(
        "a mutable default value",
        {
            "steps": """
            def helper(x, more=[1, {"a": 2}]):
                return [x, *more]

            def step(x):
                return helper(x)
            """
        },
        ("steps", '"a": 2', '"a": 3'),
        {"steps:helper(more)"},
    ),
    Case(
        "a default value of a nested function",
        {
            "steps": """
            BY = 3

            def step(xs):
                def inner(x, by=BY):
                    return x * by
                return [inner(x) for x in xs]
            """
        },
        ("steps", "BY = 3", "BY = 4"),
        {"steps:BY"},
    ),
    Case(
        "a closure variable two functions up",
        {
            "steps": """
            def outer(by):
                def middle():
                    def inner(x):
                        return x * by
                    return inner
                return middle()

            run = outer(3)

            def step(x):
                return run(x)
            """
        },
        ("steps", "outer(3)", "outer(4)"),
        {"steps:outer.<locals>.middle.<locals>.inner(by)"},
    ),
    Case(
        "functions in a list in a closure variable",
        {
            "steps": """
            def one(x):
                return x + 1

            def chain(*functions):
                def run(x):
                    for function in functions:
                        x = function(x)
                    return x
                return run

            run = chain(one, abs)

            def step(x):
                return run(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:one"},
    ),
    Case(
        "a helper under `functools.cache`, `wraps` and `partial` at once",
        {
            "steps": """
            import functools

            def logged(function):
                @functools.wraps(function)
                def run(*args):
                    return function(*args)
                return run

            @functools.cache
            @logged
            def helper(x, by):
                return x + 1

            run = functools.partial(helper, by=2)

            def step(x):
                return run(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:helper"},
    ),
    Case(
        "a function that `lru_cache` was called with",
        {
            "steps": """
            from functools import lru_cache

            def plain(x):
                return x + 1

            helper = lru_cache(maxsize=8)(plain)

            def step(x):
                return helper(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:plain"},
        ("steps", "maxsize=8", "maxsize=16"),
    ),
    Case(
        "a decorator that is an object of a class",
        {
            "steps": """
            class Times:
                def __init__(self, by):
                    self.by = by
                def __call__(self, function):
                    return lambda x: self.by * function(x)

            @Times(3)
            def helper(x):
                return x

            def step(x):
                return helper(x)
            """
        },
        ("steps", "self.by * function(x)", "self.by + function(x)"),
        {"steps:Times.__call__", "steps:Times.__call__.<locals>.<lambda>"},
    ),
    Case(
        "a decorator that puts an object of a class around a function",
        {
            "steps": """
            class Retried:
                def __init__(self, function):
                    self.function = function
                def __call__(self, x):
                    return self.function(x)

            @Retried
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
        "the settings of a library's wrapper that was called, not written above the function",
        {
            "a": """
            from pydantic import validate_call

            def plain(x: int):
                return x * 2

            helper = validate_call(config={"strict": True})(plain)
            other = validate_call(config={"strict": True, "frozen": True})(plain)
            """,
            "steps": "from .a import helper as h\n\ndef step(x):\n    return h(x)\n",
        },
        ("a", '"strict": True}', '"strict": False}'),
        {"a:helper()"},
        ("a", '"frozen": True', '"frozen": False'),
    ),
    Case(
        "a function below a library's wrapper that took its name",
        {
            "steps": """
            from pydantic import validate_call

            def helper(x: int):
                return x * 2

            helper = validate_call(config={"strict": True})(helper)

            def step(x):
                return helper(x)
            """,
        },
        ("steps", "True", "False"),
        {"steps:helper()"},
    ),
    Case(
        "the settings of a library's decorator",
        {
            "steps": """
            from pydantic import validate_call

            @validate_call(config={"strict": True})
            def helper(x: int):
                return x * 2

            def step(x):
                return helper(x)
            """,
        },
        ("steps", "True", "False"),
        {"steps:helper"},
    ),
    Case(
        "the order of two decorators",
        {
            "steps": """
            def plus(function):
                return lambda x: function(x) + 1

            def twice(function):
                return lambda x: function(x) * 2

            @plus
            @twice
            def helper(x):
                return x

            def step(x):
                return helper(x)
            """
        },
        ("steps", "@plus\n@twice", "@twice\n@plus"),
        {
            "steps:step",
            "steps:helper",
            "steps:plus.<locals>.<lambda>",
            "steps:twice.<locals>.<lambda>",
        },
    ),
    Case(
        "a context manager made of a generator",
        {
            "steps": """
            from contextlib import contextmanager

            @contextmanager
            def scaled(x):
                yield x + 1

            def step(x):
                with scaled(x) as y:
                    return y
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:scaled"},
    ),
    Case(
        "an implementation registered by type, and the one that is called without",
        {
            "__init__": "from . import more\n",
            "area": """
            from functools import singledispatch

            @singledispatch
            def area(x):
                return x + 1
            """,
            "more": """
            from .area import area

            @area.register(str)
            def _(x):
                return x * 2

            @area.register(list)
            def _(x):
                return x * 3

            def other(x):
                return x - 1
            """,
            "steps": "from .area import area\n\ndef step(x):\n    return area(x)\n",
        },
        ("more", "x * 3", "x * 4"),
        {"more:_#2"},
        ("more", "- 1", "- 2"),
    ),
    Case(
        "the type for which an implementation is registered",
        {
            "steps": """
            from functools import singledispatch

            @singledispatch
            def area(x):
                return x

            @area.register(str)
            def of_text(x):
                return x * 2

            def step(x):
                return area(x)
            """
        },
        ("steps", "register(str)", "register(list)"),
        {"steps:area[registry]", "steps:of_text"},
    ),
    Case(
        "an asynchronous generator below an asynchronous comprehension",
        {
            "steps": """
            async def numbers(n):
                for i in range(n):
                    yield i + 1

            async def step(n):
                return [i async for i in numbers(n)]
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:numbers"},
    ),
    Case(
        "an asynchronous context manager",
        {
            "steps": """
            class Session:
                async def __aenter__(self):
                    return 1
                async def __aexit__(self, *args):
                    return None

            async def step(x):
                async with Session() as session:
                    return session
            """
        },
        ("steps", "return 1", "return 2"),
        {"steps:Session.__aenter__"},
    ),
    Case(
        "a helper that calls itself",
        {
            "steps": """
            def down(x):
                return x and down(x - 1)

            def step(x):
                return down(x)
            """
        },
        ("steps", "x - 1", "x - 2"),
        {"steps:down"},
    ),
    Case(
        "a function two cycles of imports away",
        {
            "__init__": "from .a import f\nfrom .b import g\n",
            "a": "import proj\n\ndef f(x):\n    return proj.g(x)\n",
            "b": "import proj\n\ndef g(x):\n    return x and proj.f(x - 1)\n",
            "steps": "from proj import f\n\ndef step(x):\n    return f(x)\n",
        },
        ("b", "x - 1", "x - 2"),
        {"b:g"},
    ),
    Case(
        "a comprehension of a comprehension that shadows a name of the module",
        {
            "steps": """
            def f(x):
                return x + 1

            x = 5

            def step(rows):
                return {x: [f(y) for y in row if y] for x, row in rows.items()}
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:f"},
        ("steps", "x = 5", "x = 6"),
    ),
    Case(
        "a name of the module that a comprehension binds, read outside of it",
        {
            "steps": """
            x = 5

            def step(rows):
                return [x for x in rows], x
            """
        },
        ("steps", "x = 5", "x = 6"),
        {"steps:x"},
    ),
    Case(
        "a walrus in a comprehension, which binds outside of it",
        {
            "steps": """
            last = 5
            BY = 2

            def step(rows):
                found = [last := row * BY for row in rows]
                return found, last
            """
        },
        ("steps", "BY = 2", "BY = 3"),
        {"steps:BY"},
        ("steps", "last = 5", "last = 6"),
    ),
    Case(
        "a key function passed to `sorted`",
        {
            "steps": """
            def by_size(x):
                return x + 1

            def step(xs):
                return sorted(xs, key=by_size)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:by_size"},
    ),
    Case(
        "a function that another module puts in place of a helper",
        {
            "__init__": "from . import a, patch\n",
            "a": "def f(x):\n    return x\n",
            "patch": """
            from . import a

            def better(x):
                return x + 1

            def other(x):
                return x - 1

            a.f = better
            """,
            "steps": "from . import a\n\ndef step(x):\n    return a.f(x)\n",
        },
        ("patch", "+ 1", "+ 2"),
        {"patch:better"},
        ("patch", "- 1", "- 2"),
    ),
    Case(
        "a helper that is imported by the release of Python",
        {
            "steps": """
            import sys

            if sys.version_info >= (3, 8):
                from .new import f
            else:
                from .old import f

            def step(x):
                return f(x)
            """,
            "new": "def f(x):\n    return x + 1\n",
            "old": "def f(x):\n    return x - 1\n",
        },
        ("new", "+ 1", "+ 2"),
        {"new:f"},
        ("old", "- 1", "- 2"),
    ),
    Case(
        "a function of which the body has one of two definitions",
        {
            "steps": """
            FAST = True

            if FAST:
                def f(x):
                    return x + 1
            else:
                def f(x):
                    return x - 1

            def step(x):
                return f(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:f"},
        ("steps", "- 1", "- 2"),
    ),
    Case(
        "a function that is defined again",
        {
            "steps": """
            def f(x):
                return x - 1

            def f(x):
                return x + 1

            def step(x):
                return f(x)
            """
        },
        ("steps", "+ 1", "+ 2"),
        {"steps:f"},
        ("steps", "- 1", "- 2"),
    ),
    Case(
        "an attribute that a function carries",
        {
            "steps": """
            def helper(x):
                return x * helper.rate

            helper.rate = 3
            helper.note = 5

            def step(x):
                return helper(x)
            """
        },
        ("steps", "rate = 3", "rate = 4"),
        {"steps:helper.rate"},
        ("steps", "note = 5", "note = 6"),
    ),
    Case(
        "an exception class of ours that is caught",
        {
            "steps": """
            from .errors import Refused

            def step(x):
                try:
                    return 1 / x
                except Refused as error:
                    return error.code
            """,
            "errors": "class Refused(Exception):\n    code = 1\n",
        },
        ("errors", "code = 1", "code = 2"),
        {"errors:Refused.code"},
    ),
    Case(
        "names read by match patterns",
        {
            "steps": """
            from . import consts
            from .shapes import Point

            def step(x):
                match x:
                    case consts.LIMIT:
                        return 1
                    case Point(a=a):
                        return a
            """,
            "consts": "LIMIT = 3\nOTHER = 5\n",
            "shapes": "class Point:\n    a = 1\n",
        },
        ("consts", "LIMIT = 3", "LIMIT = 4"),
        {"consts:LIMIT"},
        ("consts", "OTHER = 5", "OTHER = 6"),
    ),
    Case(
        "a global that a helper rebinds and the step reads",
        {
            "steps": """
            SCALE = 3

            def grow():
                global SCALE
                SCALE += 1

            def step(x):
                grow()
                return x * SCALE
            """
        },
        ("steps", "+= 1", "+= 2"),
        {"steps:grow"},
    ),
    Case(
        "an annotation of a function that is asked for its signature",
        {
            "steps": """
            import inspect

            def helper(x: int, y=1) -> int:
                return x

            def step(x):
                return inspect.signature(helper)
            """
        },
        ("steps", "x: int, y=1", "x, y: int = 1"),
        {"steps:helper"},
    ),
    Case(
        "an annotation of a function that a call makes a validated one",
        {
            "steps": """
            from pydantic import validate_call

            def helper(x: int):
                return x

            CHECKED = validate_call(helper)

            def step(x):
                return CHECKED(x)
            """
        },
        ("steps", "x: int", "x: str"),
        {"steps:helper"},
    ),
    Case(
        "an attribute of functions in a list",
        {
            "steps": """
            def helper(x):
                return x

            helper.rate = 3
            helper.note = 5
            HELPERS = [helper]

            def step(x):
                return sum(one(x) * one.rate for one in HELPERS)
            """
        },
        ("steps", "rate = 3", "rate = 4"),
        {"steps:helper.rate"},
        ("steps", "note = 5", "note = 6"),
    ),
    Case(
        "a count that a decorator keeps on the function",
        {
            "steps": """
            def counted(f):
                def inner(x):
                    inner.calls += 1
                    return f(x)
                inner.calls = 0
                return inner

            @counted
            def helper(x):
                return x

            HELPERS = [helper]
            HELPERS[0](1)

            def step(x):
                return [one(x) for one in HELPERS]
            """
        },
        ("steps", "    return x", "    return x + 1"),
        {"steps:helper"},
        ("steps", "HELPERS[0](1)", "HELPERS[0](1), HELPERS[0](1)"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_an_edit_of_a_function_changes_the_leaves_that_a_person_would_name(project, case):
    assert edited(project, case) == (case.changes, set())
