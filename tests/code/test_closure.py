"""What a closure is: stable, quick, honest about what it cannot see."""

import functools
import itertools
import json
import linecache
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import FunctionType

import numpy
import pytest

from versioning.code import code_leaves
from versioning.encoding import value_digest
from versioning.errors import UnkeyableError
from versioning.keys import root_key

ROOT = Path(__file__).parents[2]
PACKAGE = {
    "consts": "NAMES = {'b', 'a', 'c'}\nHERE = __file__\n",
    "steps": '''
        from pathlib import Path

        import numpy as np

        from .consts import HERE, NAMES

        FOLDER = Path(__file__).parent

        class Model:
            """A model."""
            kinds = frozenset({"x", "y", "z"})

            def run(self, x):
                assert x in {"p", "q", "r"}, "no"
                return np.sum(x)

        def step(x):
            """Doc."""
            return Model().run(x), NAMES, HERE, FOLDER

        if __name__ == "__main__":
            import json
            from versioning.code import code_leaves
            from versioning.keys import root_key
            closure = code_leaves(step)
            names = [leaf.name for leaf in closure.leaves]
            print(json.dumps([root_key(closure.leaves), names, closure.warnings]))
    ''',
}
PRINT = """
import json
from proj.steps import step
from versioning.code import code_leaves
from versioning.keys import root_key
closure = code_leaves(step)
names = [leaf.name for leaf in closure.leaves]
print(json.dumps([root_key(closure.leaves), names, closure.warnings]))
"""


def run(folder: Path, *command: str, seed: str = "0"):
    environ = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", "PYTHONHASHSEED": seed}
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        env=environ,
        cwd="/",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def names(closure):
    return {leaf.name.removeprefix("code/").removeprefix("proj.") for leaf in closure.leaves}


def test_the_key_is_the_same_in_every_process_folder_mode_and_as_a_script(project, tmp_path):
    project.write(**PACKAGE)
    other = type(project)(tmp_path / "elsewhere" / "deeper")
    other.write(**PACKAGE)
    expected = run(tmp_path, "-c", PRINT)
    assert expected[2] == []
    assert run(other.folder, "-c", PRINT, seed="7") == expected
    assert run(tmp_path, "-O", "-c", PRINT) == expected
    assert run(tmp_path, "-OO", "-c", PRINT) == expected
    assert run(tmp_path, "-m", "proj.steps", seed="3") == expected


SENT = """
import json
import sys
import cloudpickle
from versioning import versioned
from versioning.code import code_leaves

@versioned
def step(x):
    return x + 1

def tell(step):
    print(json.dumps([[leaf.name, leaf.digest] for leaf in code_leaves(step).leaves]))

if __name__ == "__main__":
    with open(sys.argv[1], "wb") as file:
        cloudpickle.dump((tell, step.step.function), file)
    tell(step.step.function)
"""


def test_a_function_of_a_script_keys_alike_where_it_was_sent(tmp_path):
    """As Dask and process pools send it: with what its body reads, without what decorates it."""
    script, sent = tmp_path / "pipeline.py", str(tmp_path / "sent")
    script.write_text(SENT, "utf-8")
    expected = run(tmp_path, str(script), sent)
    load = "import pickle, sys; tell, step = pickle.load(open(sys.argv[1], 'rb')); tell(step)"
    assert run(tmp_path, "-c", load, sent) == expected


def test_a_script_is_named_by_its_file(tmp_path):
    script = tmp_path / "retrain.py"
    script.write_text(dedent(PACKAGE["steps"]).replace("from .consts", "NAMES = HERE = 1 #"))
    _, found, _ = run(tmp_path, str(script))
    assert "code/retrain:step" in found


def test_no_leaf_shows_an_absolute_path(project, tmp_path):
    project.write(**PACKAGE)
    for leaf in project.close().leaves:
        assert str(tmp_path) not in leaf.name
        assert str(tmp_path) not in (leaf.value or "")


def test_distributions_are_those_that_the_code_uses(project):
    project.write(
        steps="""
        import json
        import numpy as np
        import pandas as pd
        import yaml
        from blake3 import blake3

        def step(frame: pd.DataFrame):
            import rich.table
            return np.sum(frame), blake3, json, yaml.safe_load
        """
    )
    assert set(project.close().distributions) == {"blake3", "numpy", "pandas", "pyyaml", "rich"}


def test_the_leaves_of_a_step_are_its_own(project):
    project.write(steps="def one(x):\n    return x\n\ndef two(x):\n    return x\n")
    assert project.close("one").leaves != project.close("two").leaves


def test_a_default_of_the_step_itself_is_a_parameter(project):
    project.write(steps="def step(x, by=3):\n    return x * by\n")
    assert project.change("steps", "by=3", "by=4") == set()


def test_what_a_decorator_of_a_runner_says_does_not_count(project):
    project.write(
        steps="from prefect import task\n\n@task(retries=3)\ndef step(x):\n    return x + 1\n"
    )
    assert project.change("steps", "retries=3", "retries=4") == set()
    assert project.change("steps", "+ 1", "+ 2") == {"steps:step"}


def test_a_nested_task_counts(project):
    project.write(
        steps="""
        from prefect import task

        @task
        def inner(x):
            return x + 1

        @task
        def step(x):
            return inner(x)
        """
    )
    assert project.change("steps", "+ 1", "+ 2") == {"steps:inner"}


def test_a_nested_step_counts_and_the_library_that_runs_it_does_not(project):
    project.write(
        steps="""
        from versioning import versioned

        @versioned
        def inner(x):
            return x + 1

        @versioned(version="1")
        def step(x):
            return inner(x)
        """
    )
    assert dict(project.close().distributions) == {}
    assert project.change("steps", 'version="1"', 'version="2"') == set()
    assert project.change("steps", "+ 1", "+ 2") == {"steps:inner"}


def test_globals_are_read_at_each_call(project):
    project.write(steps="SCALE = 3\nTABLE = {'a': [1]}\n\ndef step(x):\n    return TABLE, SCALE\n")
    module = project.load()
    first = code_leaves(module.step)
    assert code_leaves(module.step) is first
    module.SCALE = 4
    second = code_leaves(module.step)
    module.TABLE["a"].append(2)
    third = code_leaves(module.step)
    assert len({root_key(closure.leaves) for closure in (first, second, third)}) == 3
    module.TABLE["a"].pop()
    module.SCALE = 3
    assert code_leaves(module.step) == first


def test_a_name_that_appears_later_counts(project):
    project.write(steps="def step(x):\n    return late(x), len(x)\n")
    module = project.load()
    first = code_leaves(module.step)
    module.late = lambda x: x
    second = code_leaves(module.step)
    module.len = lambda x: 0
    assert len({root_key(c.leaves) for c in (first, second, code_leaves(module.step))}) == 3


@pytest.mark.parametrize(
    "patch",
    [
        "module.helper = lambda x: x + 2",
        "module.helper.__code__ = (lambda x: x + 2).__code__",
        "module.helper.__defaults__ = (5,)",
        "module.helper.__kwdefaults__ = {'more': 5}",
        "module.Model.run = lambda self, x: x + 2",
        "module.Model.rate = 4",
        "module.REGISTRY['a'] = lambda x: x + 2",
        "module.scale.__closure__[0].cell_contents = 9",
        "module.area.register(int)(lambda x: x)",
        "module.MODEL.by = 9",
        "module.CURRENT.set(9)",
        "module.CONF['a'] = {'b': '9'}",
        "module.run = module.functools.partial(module.helper, 2)",
    ],
)
def test_what_is_patched_at_run_time_counts(project, patch):
    project.write(
        steps="""
        import configparser, contextvars, functools

        def helper(x=1, *, more=2):
            return x + 1

        class Model:
            rate = 3
            by = 1
            def run(self, x):
                return x + 1

        MODEL = Model()
        CURRENT = contextvars.ContextVar("CURRENT", default=3)
        CONF = configparser.ConfigParser()
        REGISTRY = {"a": lambda x: x}
        run = functools.partial(helper, 1)

        def scaled(by):
            return lambda x: x * by

        scale = scaled(3)

        @functools.singledispatch
        def area(x):
            return x

        def step(x):
            more = CURRENT.get(), CONF["a"]
            return helper(x), Model(), MODEL, REGISTRY["a"](x), scale(x), area(x), run(), more
        """
    )
    module = project.load()
    before = code_leaves(module.step)
    assert code_leaves(module.step) is before
    exec(patch, {"module": module})
    assert root_key(code_leaves(module.step).leaves) != root_key(before.leaves)


def test_an_attribute_that_a_function_gets_at_run_time_counts(project):
    project.write(
        steps="""
        def helper(x):
            return x

        def step(x):
            return helper(x) * getattr(helper, "rate", 1)
        """
    )
    module = project.load()
    before = code_leaves(module.step)
    module.helper.rate = 3
    after = code_leaves(module.step)
    module.helper.rate = 4
    keys = {root_key(closure.leaves) for closure in (before, after, code_leaves(module.step))}
    assert len(keys) == 3


def test_a_file_that_a_text_names_is_read_at_each_call(project, tmp_path):
    project.write(steps="FILE = __file__[:-8] + 'a.py'\n\ndef step(x):\n    return FILE\n", a="1")
    step = project.load().step
    before = code_leaves(step)
    project.edit("a", "1", "2")
    assert {leaf.name for leaf in set(before.leaves) ^ set(code_leaves(step).leaves)} == {
        "code/proj.steps:FILE"
    }


def test_two_lambdas_on_one_line_differ(project):
    project.write(steps="a, b = lambda x: x + 1, lambda x: x + 2\n")
    module = project.load()
    assert code_leaves(module.a).leaves != code_leaves(module.b).leaves
    assert code_leaves(module.a).warnings == ()


def test_lambdas_made_by_a_lambda_on_the_same_line_differ(project):
    project.write(steps="make = lambda: (lambda x: x + 1, lambda x: x, lambda: lambda x: x)\n")
    outer = project.load().make
    one, two, three = outer()
    closures = [code_leaves(made).leaves for made in (outer, one, two, three)]
    assert all(one != two for one, two in itertools.combinations(closures, 2))


def test_closures_of_one_factory_differ_by_what_they_hold(project):
    project.write(
        steps="""
        def scaled(by):
            return lambda x: x * by

        double, triple = scaled(2), scaled(3)

        def step(x):
            return double(x) - triple(x)
        """
    )
    assert {"steps:scaled.<locals>.<lambda>", "steps:scaled.<locals>.<lambda>#2"} < names(
        project.close()
    )
    assert project.change("steps", "scaled(2), scaled(3)", "scaled(3), scaled(2)")


def test_a_constant_that_contains_itself_is_keyed_by_its_source(project):
    project.write(steps="LIST = [1]\nLIST.append(LIST)\n\ndef step(x):\n    return LIST\n")
    assert project.change("steps", "[1]", "[2]") == {"steps:LIST"}


@pytest.mark.parametrize(
    ("body", "warning"),
    [
        ("importlib.util.spec_from_file_location(x, z)", "spec_from_file_location() reaches"),
        ("eval('x')", "eval() reaches"),
        ("globals()['x']", "globals() reaches"),
        ("getattr(x.y(), z)", "getattr() with a computed name"),
        ("importlib.import_module(x)", "import_module() reaches"),
        ("__import__(x)", "__import__() reaches"),
        ("x.__class__, list.__subclasses__()", "__subclasses__() reaches"),
        ("typing.get_type_hints(len)", "get_type_hints() reaches"),
        ("sys.modules['proj.a'].A", "sys.modules reaches"),
        ("inspect.getsource(len)", "getsource() reaches"),
    ],
)
def test_what_cannot_be_followed_is_a_warning_unless_declared(project, body, warning):
    imports = "import importlib, inspect, sys, typing"
    project.write(steps=f"{imports}\n\ndef step(x, z):\n    return {body}\n", a="A = 1\n")
    (text,) = project.close().warnings
    assert warning in text
    module = project.load()
    assert code_leaves(module.step, deps=[len]).warnings == ()


def test_what_a_lazily_loaded_module_does_counts_before_it_is_loaded_and_after(project):
    project.write(
        steps="""
        REGISTRY = {}

        def helper(x):
            import proj.plugin
            return x

        def step(x):
            return REGISTRY.get("a"), helper(x)
        """,
        plugin="""
        from .steps import REGISTRY

        def run(x):
            return x + 1

        REGISTRY["a"] = run
        """,
    )
    step = project.load().step
    first = code_leaves(step)
    assert "plugin:run" in names(first)
    assert code_leaves(step, deps=[len]).leaves == first.leaves
    assert project.change("plugin", "+ 1", "+ 2") == {"plugin:run"}


def test_declared_code_counts_whatever_it_is(project, tmp_path):
    files = {
        "steps": "def step(x):\n    return x\n",
        "a": "def f(x):\n    return x + 1\n\nSCALE = 3\n",
        "b": "class B:\n    def run(self):\n        return 1\n",
    }
    project.write(**files)
    (tmp_path / "rates.csv").write_text("1")

    def closure():
        step = project.load().step
        import proj.a
        import proj.b

        return code_leaves(step, deps=[proj.a, proj.b.B, tmp_path / "rates.csv"])

    before = closure()
    assert {"a:f", "a:SCALE", "b:B.run", "rates.csv"} < names(before)
    project.edit("a", "+ 1", "+ 2")
    project.edit("b", "return 1", "return 2")
    (tmp_path / "rates.csv").write_text("2")
    old, new = set(before.leaves), set(closure().leaves)
    changed = {leaf.name for leaf in old ^ new}
    assert changed == {"code/proj.a:f", "code/proj.b:B.run", "code/rates.csv"}


def test_the_classes_and_functions_in_arguments_count(project):
    project.write(
        steps="def step(x):\n    return x.run()\n",
        a="""
        from dataclasses import dataclass

        @dataclass
        class Conf:
            depth: int = 3
            def run(self):
                return 1

        def f(x):
            return x + 1
        """,
    )

    def closure():
        step = project.load().step
        import proj.a

        arguments = [{"c": [proj.a.Conf()]}, functools.partial(proj.a.f, 1), 3]
        return code_leaves(step, arguments=arguments)

    before = closure()
    assert {"a:Conf.run", "a:f", "steps:step"} < names(before)
    project.edit("a", "return 1", "return 2")
    assert {leaf.name for leaf in set(before.leaves) ^ set(closure().leaves)} == {
        "code/proj.a:Conf.run"
    }


def test_a_class_of_ours_inside_an_estimator_of_a_library_counts(project):
    from sklearn import pipeline

    project.write(
        steps="def step(x):\n    return x.transform(1)\n",
        a="""
        from sklearn.base import BaseEstimator, TransformerMixin

        class Shift(TransformerMixin, BaseEstimator):
            def transform(self, x):
                return x + 1
        """,
    )

    def closure():
        step = project.load().step
        import proj.a

        return code_leaves(step, arguments=[pipeline.Pipeline([("s", proj.a.Shift())])])

    before = closure()
    project.edit("a", "x + 1", "x + 2")
    assert {leaf.name for leaf in set(before.leaves) ^ set(closure().leaves)} == {
        "code/proj.a:Shift.transform"
    }


def test_the_libraries_of_arguments_count(project):
    project.write(steps="def step(x):\n    return x.sum()\n")
    assert "numpy" in code_leaves(project.load().step, arguments=[[numpy.zeros(1)]]).distributions
    assert code_leaves(project.load().step, arguments=[[1]]).distributions == {}


def test_a_wrapper_that_a_call_put_around_the_step_counts(project):
    project.write(
        steps="""
        import functools

        def scaled(by):
            def decorate(function):
                @functools.wraps(function)
                def run(x):
                    return function(x) * by
                return run
            return decorate

        def body(x, y=1):
            return x + y

        step = scaled(2)(body)
        """
    )
    assert project.change("steps", "scaled(2)", "scaled(3)") == {
        "steps:scaled.<locals>.decorate.<locals>.run(by)"
    }
    assert project.change("steps", "(x) * by", "(x) + by") == {
        "steps:scaled.<locals>.decorate.<locals>.run"
    }
    assert project.change("steps", "x + y", "x - y") == {"steps:body"}
    assert project.change("steps", "y=1", "y=2") == set()


def test_a_function_as_a_value_is_keyed_by_its_closure(project):
    project.write(
        steps="""
        from functools import partial

        def helper(x):
            return x + 1

        def step(x, y=2):
            return helper(x)

        class Model:
            def run(self):
                return helper(1)

        part = partial(step, 1)
        """
    )

    def keyed():
        module = project.load()
        return [value_digest(item) for item in (module.step, module.part, [module.Model], len)]

    before = keyed()
    assert keyed() == before
    project.edit("steps", "x + 1", "x + 2")
    after = keyed()
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, False, True]


def test_code_edited_after_it_was_loaded_is_keyed_as_it_runs(project):
    project.write(steps="def step(x):\n    return x + 1\n\ndef other(x):\n    return x\n")
    module = project.load()
    as_loaded = code_leaves(module.other)
    project.edit("steps", "+ 1", "+ 2")
    project.edit("steps", "def step", "\n\n# moved down\ndef step")
    (warning,) = code_leaves(module.step).warnings
    assert "edited after it was loaded" in warning
    assert code_leaves(module.step).leaves != project.close().leaves
    assert project.close("other") == as_loaded


def test_code_without_source_is_keyed_by_what_was_compiled():
    def make(body):
        namespace = {"__name__": "nowhere"}
        exec(f"import math\nBY = 3\ndef h(x): return x\ndef f(x):\n    return {body}\n", namespace)
        return namespace["f"]

    first = code_leaves(make("h(x) + BY + 1"))
    assert "no source" in first.warnings[0]
    assert names(first) == {"nowhere:f", "nowhere:h", "nowhere:BY"}
    assert code_leaves(make("h(x) + BY + 1")) == first
    assert code_leaves(make("h(x) + BY + 2")).leaves != first.leaves


def test_the_cell_of_a_notebook_is_source():
    def cell(text):
        name = "<ipython-input-1>"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        namespace = {"__name__": "__main__"}
        exec(compile(text, name, "exec"), namespace)
        return code_leaves(namespace["f"])

    first = cell("def f(x):\n    return x\n")
    assert (names(first), first.warnings) == ({"__main__:f"}, ())
    assert cell("def f(x):\n    # why\n    return (x)\n") == first
    assert cell("def f(x):\n    return x + 1\n") != first


def test_an_open_file_in_a_global_is_refused_by_name(project):
    project.write(steps="FILE = open(__file__)\n\ndef step(x):\n    return FILE\n")
    module = project.load()
    with pytest.raises(UnkeyableError, match=r"^proj\.steps:FILE is a"):
        code_leaves(module.step)
    module.FILE.close()


def test_globals_that_only_serve_to_run_code_do_not_trouble(project):
    project.write(
        steps="""
        import contextvars, logging, os, threading
        from rich.console import Console

        log = logging.getLogger(__name__)
        lock, event, missing = threading.Lock(), threading.Event(), object()
        current = contextvars.ContextVar("current")
        console = Console()
        environ = os.environ

        def step(x):
            return log, lock, event, missing, current, console, environ
        """
    )
    closure = project.close()
    assert {"steps:log", "steps:console"} < names(closure)
    assert project.leaves() == project.leaves()


def twenty(count=20):
    lines = ["K0 = 1", "def f0(x):\n    return x + K0"]
    for i in range(1, count):
        lines.append(f"K{i} = {i}\n\ndef f{i}(x):\n    y = x * K{i}\n    return f{i - 1}(y) + {i}")
    return "\n\n".join(lines)


def test_what_did_not_change_is_not_walked_again(project):
    project.write(steps=twenty())
    step = project.load().f19
    first = code_leaves(step)
    assert len(first.leaves) == 40
    assert code_leaves(step) is first


@pytest.mark.slow
def test_two_thousand_functions_close(project):
    project.write(steps=twenty(2000))
    step = project.load().f1999
    assert len(code_leaves(step).leaves) == 4000


def test_a_function_made_of_another_code_object_is_not_mistaken(project):
    project.write(steps="def step(x):\n    return x + 1\n\ndef other(x):\n    return x + 2\n")
    module = project.load()
    swapped = FunctionType(module.other.__code__, vars(module))
    assert code_leaves(swapped).leaves == code_leaves(module.other).leaves


def test_texts_of_code_that_only_the_running_body_has_are_warned_of(project):
    project.write(
        steps="""
        class Prompt:
            'Say it.'

            def text(self):
                return self.__doc__

        def step(x):
            return Prompt().text(), Prompt.__doc__
        """
    )
    (warning,) = project.close().warnings
    assert "Prompt.text: line 6: __doc__ may be of code" in warning
