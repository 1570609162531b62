"""What makes a version another one: each kind of cause, planted beside what makes no difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rerun.projects import RUNNER, Project
from versioning import FormatError
from versioning.rerun.suspects import of_threads

pytestmark = pytest.mark.slow

FILES = {
    "pyproject.toml": "",
    "runner.py": RUNNER,
    "config.json": '{"scale": 3}',
    "helper.py": """
import json
from pathlib import Path

CONFIG = json.loads(Path(__file__).with_name("config.json").read_text())
OFFSET = 1.0

def scaled(values):
    return [value * CONFIG["scale"] + OFFSET for value in values]
""",
    "job.py": """
import os, random
from helper import scaled

def numbers(count):
    return [float(number) for number in range(count)]

def scores(parts, note, power=1, seed=7):
    threads = int(os.environ["OMP_NUM_THREADS"])
    drawn = random.Random(seed).random()
    return [value**power * threads + drawn for value in scaled(parts[0])]
""",
    "main.py": """
import json, sys
from runner import run
import job

one, two = run(job.numbers, count=3), run(job.numbers, count=4)
base = {"parts": [one], "note": "first", "power": 1, "seed": 7}
changes = {"": {}, "params/power": {"power": 2}, "seed": {"seed": 8}}
changes["inputs/parts"] = {"parts": [two]}
wanted = changes if len(sys.argv) == 1 else {sys.argv[1]: {}}
made = {}
for name, change in wanted.items():
    # It is keyed, and makes no difference.
    note = "first" if not name else "second"
    made[name] = run(job.scores, **{**base, "note": note, **change}).id
print(json.dumps(made))
""",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, str]]:
    """A project, and a version by what is planted in it."""
    folder = tmp_path_factory.mktemp("causes")
    project = Project(folder / "delays", folder)
    project.write(FILES)
    found: dict[str, str] = project.run(OMP_NUM_THREADS="1")
    helper = FILES["helper.py"]
    edits = {
        "variables/OMP_NUM_THREADS": {},
        "source/delays/config.json": {"config.json": '{"scale": 4}'},
        "source/delays/helper.py": {"helper.py": helper.replace("+ OFFSET", "- OFFSET")},
        "a constant": {"helper.py": helper.replace("OFFSET = 1.0", "OFFSET = 2.0")},
    }
    for name, edit in edits.items():
        # Another edit each time, which makes no difference.
        project.write({**FILES, "job.py": f"{FILES['job.py']}\nNAME = {name!r}\n", **edit})
        threads = "2" if name.startswith("variables") else "1"
        found |= project.run("main.py", name, OMP_NUM_THREADS=threads)
    return project, found


@pytest.mark.parametrize(
    "planted",
    [
        "params/power",
        "seed",
        "inputs/parts",
        "variables/OMP_NUM_THREADS",
        "source/delays/config.json",
        "source/delays/helper.py",
        "a constant",
    ],
)
def test_what_makes_a_version_another_one_is_named(
    made: tuple[Project, dict[str, str]], planted: str
) -> None:
    project, versions = made
    found = project.repository.rerun(versions[""], against=versions[planted])
    assert (found.verdict, found.untried) == ("different", [])
    cause = "source/delays/helper.py" if planted == "a constant" else planted
    assert [suspect.name for suspect in found.causes or ()] == [cause]
    others = {suspect.name for suspect in found.suspects} - {cause}
    assert others >= {"params/note"}
    assert found.causes is not None
    assert found.causes[0].before != found.causes[0].after
    assert found.to_dict()["against"] == versions[planted]


def test_two_versions_stand_side_by_side_under_their_names(
    made: tuple[Project, dict[str, str]],
) -> None:
    project, versions = made
    one, two = versions[""], versions["seed"]
    said = project.say("rerun", one, "--against", two)
    (header,) = [line for line in said.splitlines() if "makes the difference, alone" in line]
    assert header.split()[-2:] == [one[:12], two[:12]]


def test_versions_of_the_same_value_need_no_explanation(
    made: tuple[Project, dict[str, str]],
) -> None:
    project, versions = made
    code, found = project.versioning("rerun", versions[""], "--against", versions[""])
    assert (code, found["verdict"], found["suspects"], found["causes"]) == (0, "identical", [], [])
    code, said = project.versioning(
        "rerun", versions[""], "--against", versions["seed"], "--code", "current"
    )
    assert code == 2
    assert "leave out `current`" in said
    with pytest.raises(FormatError, match="leave out `fresh`"):
        project.repository.rerun(versions[""], against=versions["seed"], fresh=True)
    with pytest.raises(FormatError, match="leave out `into`"):
        project.repository.rerun(versions[""], against=versions["seed"], into=Path("x"))


def test_threads_of_numerical_libraries_are_told_with_what_sets_them() -> None:
    before = {"numerics": [{"internal_api": "openblas", "num_threads": 2}, {"internal_api": "x"}]}
    after = {"numerics": [{"internal_api": "openblas", "num_threads": 8}]}
    ((variable, suspect),) = of_threads(before, after)
    assert (variable, suspect.name) == ("OPENBLAS_NUM_THREADS", "threads/openblas")
    assert (suspect.before, suspect.after) == ("2", "8")
