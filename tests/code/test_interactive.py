"""Code that is typed: cells, consoles, `__main__`, `exec`; the same text keys alike everywhere."""

import code
import json
import linecache
import os
import subprocess
import sys
import types
from pathlib import Path
from textwrap import dedent

import pytest

from tests.code.conftest import digests
from versioning.code import code_leaves

ROOT = Path(__file__).parents[2]
TYPED = "RATE = 3\ndef helper(x):\n    return x * RATE\n\ndef step(x):\n    return helper(x)\n\n"
NAMES = {"__main__:RATE", "__main__:helper", "__main__:step"}
SHOW = dedent(
    """
    import json
    from versioning.code import code_leaves
    closure = code_leaves(step)
    print(json.dumps({leaf.name: leaf.digest for leaf in closure.leaves}))
    print(json.dumps(closure.warnings))
    """
)


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def in_console(text: str) -> dict[str, str]:
    names: dict[str, object] = {"__name__": "__main__"}
    console = code.InteractiveConsole(names)
    for line in text.splitlines():
        console.push(line)
    return digests(code_leaves(names["step"]))


def in_cell(text: str, name: str) -> dict[str, str]:
    """As IPython runs cells: each one is a file of its own that only `linecache` knows."""
    module = types.ModuleType("__main__")
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), vars(module))
    closure = code_leaves(vars(module)["step"])
    assert closure.warnings == ()
    return digests(closure)


def in_shell(text: str, *options: str, seed: str = "0") -> tuple[dict[str, str], list[str]]:
    """As a person types it into `python -i`."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}
    done = subprocess.run(
        [sys.executable, "-i", "-q", *options],
        input=text + SHOW,
        capture_output=True,
        text=True,
        env=environ,
        cwd="/",
        check=True,
    )
    leaves, warnings = done.stdout.strip().splitlines()
    return json.loads(leaves), json.loads(warnings)


def test_what_is_typed_into_a_console_counts():
    before = in_console(TYPED)
    assert set(before) == NAMES
    assert in_console(TYPED) == before
    assert changed(before, in_console(TYPED.replace("x * RATE", "x + RATE"))) == {"__main__:helper"}
    assert changed(before, in_console(TYPED.replace("= 3", "= 4"))) == {"__main__:RATE"}
    assert changed(before, in_console("OTHER = 1\n" + TYPED)) == set()


def test_what_is_typed_into_a_shell_counts_and_is_the_same_in_the_next_one():
    before, warnings = in_shell(TYPED)
    assert set(before) == {f"code/{name}" for name in NAMES}
    assert sys.version_info >= (3, 13) or "no source" in warnings[0]
    assert in_shell(TYPED, seed="7") == (before, warnings)
    after, _ = in_shell(TYPED.replace("x * RATE", "x + RATE"))
    assert changed(before, after) == {"code/__main__:helper"}


@pytest.mark.parametrize(
    "name", ["<ipython-input-7-0a1b2c>", "/tmp/ipykernel_4711/3210.py", "<python-input-3>"]
)
def test_a_cell_counts_by_what_it_says_whatever_its_number(name):
    before = in_cell(TYPED, name)
    assert set(before) == NAMES
    assert in_cell("# why\n" + TYPED.replace("x * RATE", "(x  *  RATE)"), name) == before
    assert in_cell(TYPED, name.replace("3", "4").replace("7", "8")) == before
    assert changed(before, in_cell(TYPED.replace("* RATE", "+ RATE"), name)) == {"__main__:helper"}


def test_a_cell_that_is_run_again_takes_the_place_of_the_first():
    module = types.ModuleType("__main__")

    def run(text: str, name: str) -> None:
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        exec(compile(text, name, "exec"), vars(module))

    run("def helper(x):\n    return x + 1\n", "<ipython-input-1-a>")
    run("def step(x):\n    return helper(x)\n", "<ipython-input-2-a>")
    before = digests(code_leaves(vars(module)["step"]))
    run("def helper(x):\n    return x + 2\n", "<ipython-input-3-a>")
    assert changed(before, digests(code_leaves(vars(module)["step"]))) == {"__main__:helper"}
    run("def helper(y):\n    return y\ndef helper(x):\n    return x + 1\n", "<ipython-input-4-a>")
    assert digests(code_leaves(vars(module)["step"])) == before


def test_a_class_in_a_cell_counts():
    text = "class Model:\n    rate = 3\n    def run(self):\n        return 1\n"
    step = "def step(x):\n    return Model().run()\n"
    before = in_cell(text + step, "<ipython-input-5-b>")
    after = in_cell(text.replace("return 1", "return 2") + step, "<ipython-input-6-b>")
    assert changed(before, after) == {"__main__:Model.run"}


def test_a_function_that_exec_made_counts():
    def made(body: str) -> dict[str, str]:
        names: dict[str, object] = {"__name__": "__main__"}
        exec(f"def helper(x):\n    return {body}\n", names)
        exec("def step(x):\n    return helper(x)\n", names)
        return digests(code_leaves(names["step"]))

    assert made("x + 1") == made("x + 1")
    assert changed(made("x + 1"), made("x + 2")) == {"__main__:helper"}


def test_a_module_without_source_is_keyed_by_its_bytecode_with_a_warning(project, tmp_path):
    def compiled(text: str) -> dict[str, str]:
        project.write(steps="from .a import f\n\ndef step(x):\n    return f(x)\n", a=text)
        source = tmp_path / "proj" / "a.py"
        subprocess.run([sys.executable, "-m", "compileall", "-qfb", str(source)], check=True)
        source.unlink()
        closure = project.close()
        assert [warning for warning in closure.warnings if "proj.a:f" in warning]
        return digests(closure)

    before = compiled("BY = 2\n\ndef f(x):\n    return x * BY\n\ndef other():\n    return 1\n")
    assert before.keys() >= {"a:f", "a:BY", "steps:step"}
    after = compiled("BY = 2\n\ndef f(x):\n    return x + BY\n\ndef other():\n    return 2\n")
    assert changed(before, after) == {"a:f"}
