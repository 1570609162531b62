"""Files that were edited after they were loaded: nothing is keyed by what does not run."""

import pytest

from tests.code.conftest import digests
from versioning.code import code_leaves
from versioning.code.loaded import note_loaded

CLASS = """
    from dataclasses import dataclass, field

    @dataclass
    class Conf:
        depth: int = field(default=3, compare=True)

    def step(x):
        return Conf(x) == Conf()
    """
DECORATED = """
    def times(by):
        def add(function):
            function.by = by
            return function
        return add

    @times(3)
    def helper(x):
        return x * helper.by

    def step(x):
        return helper(x)
    """


@pytest.mark.parametrize(
    ("text", "old", "new", "name"),
    [
        (CLASS, "compare=True", "compare=False", "steps:Conf"),
        (DECORATED, "times(3)", "times(4)", "steps:helper"),
    ],
    ids=["the body of a class", "the arguments of a decorator"],
)
def test_what_was_edited_before_it_was_first_keyed_has_no_key_of_the_edit(
    project, text, old, new, name
):
    project.write(steps=text)
    step = project.load().step
    note_loaded()
    project.edit("steps", old, new)
    as_runs = code_leaves(step)
    assert any("edited after it was loaded" in warning for warning in as_runs.warnings)
    assert digests(as_runs)[name] != project.leaves()[name]


def test_a_file_that_was_touched_is_believed(project, tmp_path):
    project.write(steps=CLASS)
    step = project.load().step
    note_loaded()
    expected = project.leaves()
    (tmp_path / "proj" / "steps.py").touch()
    closure = code_leaves(step)
    assert (digests(closure), closure.warnings) == (expected, ())


def test_a_module_that_was_loaded_again_is_believed(project):
    project.write(steps=CLASS)
    project.load()
    note_loaded()
    project.edit("steps", "compare=True", "compare=False")
    step = project.load().step
    note_loaded()
    assert code_leaves(step).warnings == ()
