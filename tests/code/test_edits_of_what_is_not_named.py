"""Edits of what a step depends on without naming it: each was once a hit that was wrong."""

import os
import sys
import time
from textwrap import dedent

import pytest

from tests.code.conftest import differences, digests
from tests.code.edits import Case, edited
from versioning.code import code_leaves, loaded
from versioning.encoding import value_digest

CASES = [
    Case(
        "a method of a class that says which protocol it serves",
        {
            "steps": "from .a import K\n\ndef step(x):\n    return K().run(x)\n",
            "a": """
            from typing import Protocol

            class Runs(Protocol):
                def run(self, x): ...
                def stop(self):
                    return 1

            class K(Runs):
                def run(self, x):
                    return x + 1
            """,
        },
        ("a", "x + 1", "x + 2"),
        {"a:K.run"},
        ("a", "def run(self, x): ...", "def run(self, x): ...  # so"),
    ),
    Case(
        "a method that a protocol gives to the classes below it",
        {
            "steps": "from .a import K\n\ndef step(x):\n    return K().run(x)\n",
            "a": """
            from typing import Protocol

            class Runs(Protocol):
                def run(self, x):
                    return x + 1

            class K(Runs):
                pass
            """,
        },
        ("a", "x + 1", "x + 2"),
        {"a:Runs.run"},
    ),
    Case(
        "what a protocol asks for, where an object is asked whether it serves it",
        {
            "steps": "from .a import K, Runs\n\ndef step(x):\n    return isinstance(K(), Runs)\n",
            "a": """
            from typing import Protocol, runtime_checkable

            @runtime_checkable
            class Runs(Protocol):
                def run(self): ...

            class K:
                def run(self):
                    return 1
            """,
        },
        ("a", "def run(self): ...", "def walk(self): ..."),
        {"a:Runs", "a:Runs.run", "a:Runs.walk"},
    ),
    Case(
        "the type behind a name that `NewType` makes",
        {
            "steps": """
            from pydantic import TypeAdapter
            from .a import Amount

            def step(x):
                return TypeAdapter(Amount).validate_python(x)
            """,
            "a": "from typing import NewType\n\nAmount = NewType('Amount', int)\n",
        },
        ("a", ", int)", ", float)"),
        {"steps:step"},
    ),
    Case(
        "a quoted annotation of a model",
        {
            "steps": "from .m import M\n\ndef step(x):\n    return M(n={'b': x}).n.b\n",
            "m": """
            from pydantic import BaseModel
            from .n import N

            class M(BaseModel):
                n: 'list[N] | N'
            """,
            "n": """
            from pydantic import BaseModel, field_validator

            class N(BaseModel):
                b: int

                @field_validator('b')
                def grown(cls, value):
                    return value + 1
            """,
        },
        ("n", "value + 1", "value + 2"),
        {"n:N.grown"},
    ),
    Case(
        "a function that validates, in an alias of an annotation",
        {
            "steps": "from .m import M\n\ndef step(x):\n    return M(a=x).a\n",
            "m": """
            from pydantic import BaseModel
            from .types import Grown

            class M(BaseModel):
                a: Grown
            """,
            "types": """
            from typing import Annotated
            from pydantic import AfterValidator
            from .check import grow

            Grown = Annotated[int, AfterValidator(grow)]
            """,
            "check": "def grow(x):\n    return x + 1\n",
        },
        ("check", "+ 1", "+ 2"),
        {"check:grow"},
    ),
    Case(
        "what a field in an alias of an annotation puts up with",
        {
            "steps": "from .m import M\n\ndef step(x):\n    return M(a=x).a\n",
            "m": """
            from pydantic import BaseModel
            from .types import Few

            class M(BaseModel):
                a: Few
            """,
            "types": """
            from typing import Annotated
            from pydantic import Field

            Few = Annotated[int, Field(lt=9)]
            """,
        },
        ("types", "lt=9", "lt=2"),
        {"types:Few[1]"},
    ),
    Case(
        "a model that a call makes",
        {
            "steps": "from .m import Model\n\ndef step(x):\n    return Model(a=x).a\n",
            "m": """
            from pydantic import create_model
            from .types import Grown

            Model = create_model('Made', a=(Grown, ...))
            """,
            "types": """
            from typing import Annotated
            from pydantic import AfterValidator

            def grow(x):
                return x + 1

            Grown = Annotated[int, AfterValidator(grow)]
            """,
        },
        ("types", "+ 1", "+ 2"),
        {"types:grow"},
    ),
    Case(
        "an order that `cmp_to_key` makes a key of",
        {
            "steps": """
            from functools import cmp_to_key
            from .a import compare

            KEY = cmp_to_key(compare)

            def step(x):
                return sorted(x, key=KEY)
            """,
            "a": "def compare(a, b):\n    return a - b\n",
        },
        ("a", "a - b", "b - a"),
        {"a:compare"},
    ),
    Case(
        "what a module answers by its class",
        {
            "steps": "from . import conf\n\ndef step(x):\n    return conf.rate * x\n",
            "conf": """
            import sys
            from types import ModuleType

            class Settings(ModuleType):
                @property
                def rate(self):
                    return 3

            sys.modules[__name__].__class__ = Settings
            """,
        },
        ("conf", "return 3", "return 4"),
        {"conf:Settings.rate"},
    ),
    Case(
        "an attribute that another module gives to a member of an enum",
        {
            "steps": """
            from . import rates
            from .kinds import Kind

            def step(x):
                return Kind.A.rate * x, rates
            """,
            "kinds": "from enum import Enum\n\nclass Kind(Enum):\n    A = 1\n",
            "rates": "from .kinds import Kind\n\nKind.A.rate = 3\nother = 1\n",
        },
        ("rates", "rate = 3", "rate = 4"),
        {"kinds:Kind.A", "rates:<module>"},
        ("rates", "other = 1", "other =  1"),
    ),
    Case(
        "an accessor of tables, registered by a module that nothing reads",
        {
            "steps": """
            import pandas as pd
            from . import accessors

            def step(x):
                return pd.DataFrame({'a': [x]}).ours.first()
            """,
            "accessors": """
            import pandas as pd

            @pd.api.extensions.register_dataframe_accessor('ours')
            class Ours:
                def __init__(self, table):
                    self.table = table

                def first(self):
                    return self.table['a'][0] + 1
            """,
        },
        ("accessors", "+ 1", "+ 2"),
        {"accessors:Ours.first"},
    ),
    Case(
        "an accessor of tables, registered by the package",
        {
            "__init__": "from . import accessors\n",
            "steps": """
            import pandas as pd

            def step(x):
                return pd.DataFrame({'a': [x]}).theirs.first()
            """,
            "accessors": """
            import pandas as pd

            @pd.api.extensions.register_dataframe_accessor('theirs')
            class Theirs:
                def __init__(self, table):
                    self.table = table

                def first(self):
                    return self.table['a'][0] + 1

            @pd.api.extensions.register_series_accessor('unread')
            class Unread:
                def __init__(self, series):
                    self.rate = 5
            """,
        },
        ("accessors", "+ 1", "+ 2"),
        {"accessors:Theirs.first"},
        ("accessors", "rate = 5", "rate = 6"),
    ),
    Case(
        "a namespace of polars, registered by the package",
        {
            "__init__": "import proj.spaces\n",
            "steps": """
            import polars as pl

            def step(x):
                return pl.DataFrame({'a': [x]}).space.first()
            """,
            "spaces": """
            import polars as pl

            @pl.api.register_dataframe_namespace('space')
            class Space:
                def __init__(self, table):
                    self.table = table

                def first(self):
                    return self.table['a'][0] + 1
            """,
        },
        ("spaces", "+ 1", "+ 2"),
        {"spaces:Space.first"},
    ),
    Case(
        "a method put into a class of a library by a module that nothing reads",
        {
            "steps": """
            from fractions import Fraction
            import proj.patches

            def step(x):
                return Fraction(x).grown()
            """,
            "patches": """
            from fractions import Fraction

            def grown(self):
                return self + 1

            Fraction.grown = grown
            """,
        },
        ("patches", "+ 1", "+ 2"),
        {"patches:grown"},
    ),
    Case(
        "a module that is imported for annotations alone",
        {
            "steps": """
            from __future__ import annotations
            from typing import TYPE_CHECKING
            from . import rows, values

            if TYPE_CHECKING:
                from . import checked

            def step(x: rows.Row, y: 'values.Value' = 1, z: checked.X = 2):
                return x + 1
            """,
            "rows": "class Row:\n    a = 1\n",
            "values": "class Value:\n    a = 1\n",
            "checked": "X = int\n",
        },
        ("steps", "x + 1", "x + 2"),
        {"steps:step"},
        ("rows", "a = 1", "a = 2"),
    ),
    Case(
        "a setting of an object that took the name of the function it was put around",
        {
            "steps": """
            import functools

            class Scaled:
                def __init__(self, function, by):
                    functools.update_wrapper(self, function)
                    self.function, self.by = function, by

                def __call__(self, x):
                    return self.function(x) * self.by

            @functools.partial(Scaled, by=2)
            def helper(x):
                return x + 1

            def step(x):
                return helper(x)
            """
        },
        ("steps", "by=2", "by=3"),
        {"steps:helper", "steps:helper#2"},
    ),
    Case(
        "a block below a name of ours that is that of typing",
        {
            "steps": """
            from . import conf as t
            from .conf import TYPE_CHECKING

            def step(x):
                if TYPE_CHECKING:
                    return x + 1
                if t.TYPE_CHECKING:
                    return x + 2
            """,
            "conf": "TYPE_CHECKING = True\n",
        },
        ("steps", "x + 1", "x + 2"),
        {"steps:step"},
    ),
    Case(
        "a block below a name of typing that is bound again",
        {
            "steps": """
            from typing import TYPE_CHECKING

            def step(x):
                if CHECKS:
                    return x + 1

            TYPE_CHECKING = True
            CHECKS = TYPE_CHECKING

            def other(x):
                if TYPE_CHECKING:
                    return x + 1

            step = other
            """
        },
        ("steps", "x + 1", "x + 3"),
        {"steps:other"},
    ),
    Case(
        "a magic method that another module gives to a class",
        {
            "__init__": "from . import patches\n",
            "steps": "from .a import K\n\ndef step(x):\n    return len(K())\n",
            "a": "class K:\n    pass\n",
            "patches": "from .a import K\n\ndef size(self):\n    return 1\n\nK.__len__ = size\n",
        },
        ("patches", "return 1", "return 2"),
        {"patches:size"},
    ),
    Case(
        "the type of a field of a plain class that a call makes a dataclass",
        {
            "steps": """
            from .a import Row

            def step(x):
                return Row(x).a
            """,
            "a": """
            from pydantic.dataclasses import dataclass

            class Plain:
                a: int

            Row = dataclass(Plain)
            """,
        },
        ("a", "a: int", "a: float"),
        {"a:Plain"},
    ),
    Case(
        "a function that sets up an object which cannot be keyed",
        {
            "steps": """
            import jinja2
            from .setup import prepare

            PAGES = jinja2.Environment()
            prepare(PAGES)

            def step(x):
                return PAGES.from_string(x).render()
            """,
            "setup": "def prepare(pages):\n    pages.globals['rate'] = 1\n",
        },
        ("setup", "= 1", "= 2"),
        {"setup:prepare"},
    ),
    Case(
        "a file named by a text in a container",
        {
            "steps": """
            import os

            FOLDER = os.path.dirname(__file__)
            TABLES = {"rates": [os.path.join(FOLDER, "rates.py")], "note": 1}

            def step(x):
                return TABLES[x]
            """,
            "rates": "1",
        },
        ("rates", "1", "2"),
        {"steps:TABLES"},
    ),
]


@pytest.fixture(autouse=True)
def forgotten():
    """Accessors outlive the package that registered them."""
    yield
    import pandas as pd
    import polars as pl

    for cls in (pd.DataFrame, pd.Series, pl.DataFrame):
        for name in ("ours", "theirs", "unread", "space"):
            cls._accessors.discard(name)
            if name in vars(cls):
                delattr(cls, name)


@pytest.mark.filterwarnings("ignore:registration of accessor")
@pytest.mark.filterwarnings("ignore:overriding existing custom namespace")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_an_edit_of_what_is_not_named_is_seen(project, case):
    assert edited(project, case) == (case.changes, set())


HELD = {
    "attrs": "value = pd.DataFrame({'a': [1]})\nvalue.attrs['k'] = [K()]",
    "an index": "value = pd.Series([1], index=pd.Index([K()], dtype=object))",
    "an index of levels": "value = pd.Series([1], index=pd.MultiIndex.from_tuples([(K(), 1)]))",
    "labels of columns": "value = pd.DataFrame([[1]], columns=pd.Index([K()], dtype=object))",
    "categories": "value = pd.Series(pd.Categorical([K()]))",
    "categories of a column": "value = pd.DataFrame({'a': pd.Categorical([K()])})",
    "a column": "value = pd.DataFrame({'a': [1], 'b': [K()]})",
    "the name of a series": "value = pd.Series([1], name=K())",
    "an array": "value = np.array([[K()]], dtype=object)",
    "a masked array": "value = np.ma.masked_array(np.array([K()], dtype=object))",
    "a field of an array": "value = np.zeros(1, dtype=[('k', 'O')])\nvalue['k'][0] = K()",
}


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
def test_methods_of_what_an_argument_holds_count_wherever_it_holds_them(project, held):
    project.write(
        steps=f"""
import numpy as np
import pandas as pd
from functools import total_ordering

@total_ordering
class K:
    def run(self):
        return 1

    def __hash__(self):
        return 1

    def __eq__(self, other):
        return type(other) is K

    def __lt__(self, other):
        return True

{held}

def step(x):
    return x
"""
    )
    steps = project.load()
    before = digests(code_leaves(steps.step, arguments=[steps.value]))
    project.edit("steps", "return 1", "return 2")
    steps = project.load()
    after = digests(code_leaves(steps.step, arguments=[steps.value]))
    assert "steps:K.run" in differences(before, after)


def test_objects_of_classes_that_are_abstract_generic_or_a_protocol_may_be_passed(project):
    project.write(
        steps="""
        from abc import ABC
        from collections.abc import Mapping
        from typing import Generic, Protocol, TypeVar

        T = TypeVar("T")

        class Runs(Protocol):
            def run(self): ...

        class K(Runs, Generic[T]):
            def __init__(self, rate):
                self.rate = rate

        class Of(ABC, Mapping):
            def __init__(self, rate):
                self.rate = rate

            def __getitem__(self, name):
                return self.rate

            def __iter__(self):
                return iter(())

            def __len__(self):
                return 0
        """
    )
    steps = project.load()
    for cls in (steps.K, steps.Of):
        assert value_digest(cls(1)) == value_digest(cls(1))
        assert value_digest(cls(1)) != value_digest(cls(2))


TEMPLATED = """
    import zlib
    from pathlib import Path

    class Rendered:
        __slots__ = ("compressed",)

        def __init__(self, text):
            self.compressed = zlib.compressobj(3)
            self.compressed.compress(text.encode())

    RENDERED = Rendered(Path(__file__).with_name("page.j2").read_text())

    def step(x):
        return RENDERED
    """


@pytest.fixture
def templated(project):
    """A module that made an object, whose state cannot be keyed, of a file; written long ago."""
    project.write(steps=dedent(TEMPLATED))
    page = project.folder / "proj" / "page.j2"
    page.write_text("hello")
    return project, page


def leaves_in_a_process(project) -> dict[str, str]:
    import json
    import subprocess

    text = (
        "import json, warnings; warnings.simplefilter('ignore')\n"
        "from versioning.code import code_leaves\nfrom proj.steps import step\n"
        "print(json.dumps({l.name[5:]: l.digest for l in code_leaves(step).leaves}))"
    )
    environ = {**os.environ, "PYTHONPATH": str(project.folder)}
    run = subprocess.run(
        [sys.executable, "-c", text], env=environ, capture_output=True, text=True, check=True
    )
    return json.loads(run.stdout)


def test_a_file_that_an_object_was_made_of_when_it_was_imported_counts(templated):
    project, page = templated
    before = leaves_in_a_process(project)
    assert leaves_in_a_process(project) == before
    page.write_text("goodbye")
    assert differences(before, leaves_in_a_process(project)) == {"proj/page.j2"}
    (page.parent / "pages").mkdir()
    page.rename(page.parent / "pages" / "page.j2")
    (page.parent / "steps.py").write_text(
        dedent(TEMPLATED).replace("with_name(", "with_name('pages').joinpath(")
    )
    assert "proj/pages/page.j2" in leaves_in_a_process(project)


def test_a_file_that_was_written_since_its_module_was_imported_counts_here_alone(
    templated, monkeypatch
):
    project, page = templated
    step = project.load().step
    before = code_leaves(step)
    page.write_text("goodbye")
    later = os.stat(page).st_ctime + 100
    assert time.time() < later
    after = code_leaves(step)
    assert differences(
        {leaf.name: leaf.digest for leaf in before.leaves},
        {leaf.name: leaf.digest for leaf in after.leaves},
    ) == {"code/proj/page.j2"}
    # Nobody else gets that key: the object is of what the file said before.
    elsewhere = leaves_in_a_process(project)
    assert elsewhere["proj/page.j2"] not in {leaf.digest for leaf in after.leaves}
    assert loaded.noted_at(str(page.parent / "steps.py")) is not None


@pytest.mark.parametrize("call", ["run_module('proj.other')", "run_path('other.py')"])
def test_code_that_is_run_by_its_name_is_warned_of(project, call):
    project.write(steps=f"import runpy\n\ndef step(x):\n    return runpy.{call}\n", other="A = 1\n")
    assert any(call.partition("(")[0] in text for text in project.close().warnings)


def test_keys_of_annotations_with_functions_are_the_same_in_every_process(project):
    project.write(
        steps="""
        from typing import Annotated
        from pydantic import AfterValidator, Field, TypeAdapter

        def grow(x):
            return x + 1

        def some():
            return 3

        Grown = Annotated[int, AfterValidator(grow), Field(default_factory=some)]

        def step(x):
            return TypeAdapter(Grown).validate_python(x)
        """
    )
    assert leaves_in_a_process(project) == leaves_in_a_process(project)


def test_annotations_read_in_the_middle_of_a_path_are_warned_of(project):
    project.write(steps="def step(x):\n    return [hint for hint in x.__annotations__.values()]\n")
    assert any("__annotations__" in text for text in project.close().warnings)
