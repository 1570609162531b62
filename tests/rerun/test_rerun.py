"""Versions made again from what was captured with them, in processes of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import orjson
import pytest

from tests.rerun.projects import CHECKOUT, FILES, Project, erase, write_installed
from versioning import ConflictError, FormatError, NotFoundError, Repository, Settings
from versioning.integrations.mlflow.serving import _load_pyfunc

pytestmark = pytest.mark.slow


def verdicts(found: dict) -> dict[str, str]:
    return {step["step"]: step["verdict"] for step in found["steps"]}


def test_a_version_is_identical_after_its_project_changed_and_went(project: Project) -> None:
    *_, summary = project.run()
    before = set(project.repository.ids())
    project.write({"helper.py": "raise ImportError", "config.json": "{}", "rates.csv": ""})
    code, found = project.versioning("rerun", summary, "--all")
    assert (code, found["verdict"]) == (0, "identical")
    assert verdicts(found) == dict.fromkeys(("numbers", "scores", "summary"), "identical")
    assert found["differs"] == []
    assert all(step["before"] == step["after"] for step in found["steps"])
    shutil.rmtree(project.folder)
    code, found = project.versioning("rerun", summary)
    assert (code, verdicts(found)) == (0, {"summary": "identical"})
    assert set(project.repository.ids()) == before


def test_code_of_today_is_compared_and_the_cause_is_named(project: Project) -> None:
    _, scores, _ = project.run()
    project.write(
        {
            "config.json": '{"scale": 4}',
            "late.py": "def total(values):\n    return sum(values) + 1\n",
            "job.py": (project.folder / "job.py").read_text() + "\n# a comment\n",
        }
    )
    code, found = project.versioning("rerun", scores, "--code", "current", "--explain")
    assert (code, found["verdict"]) == (1, "different")
    assert found["steps"][0]["note"] == "value[0]: by 4 at most"
    assert {suspect["name"] for suspect in found["suspects"]} == {
        "source/delays/config.json",
        "source/delays/job.py",
        "source/delays/late.py",
        "hash seed",
    }
    assert [cause["name"] for cause in found["causes"]] == ["source/delays/config.json"]
    assert "code/helper:CONFIG" in found["differs"]
    assert found["not_considered"] == {
        "distributions, variables and threads": "--env current",
        "parameters, inputs and the seed": "--against VERSION",
    }


@pytest.mark.parametrize(
    ("edit", "cause"),
    [
        ({"OFFSET = 1.0": "OFFSET = 2.0"}, "helper.py"),
        ({"+ OFFSET": "- OFFSET"}, "helper.py"),
    ],
    ids=["a constant", "a helper"],
)
def test_an_edit_is_named(project: Project, edit: dict[str, str], cause: str) -> None:
    _, scores, _ = project.run()
    text = (project.folder / "helper.py").read_text()
    for old, new in edit.items():
        text = text.replace(old, new)
    project.write({"helper.py": text, "late.py": "def total(values):\n    return 0\n"})
    code, found = project.versioning("rerun", scores, "--code", "current", "--explain")
    assert (code, found["verdict"]) == (1, "different")
    assert [suspect["name"] for suspect in found["causes"]] == [f"source/delays/{cause}"]


def test_values_within_the_tolerance_are_equal(project: Project) -> None:
    _, scores, _ = project.run()
    project.write({"config.json": '{"scale": 3.0000001}'})
    exact = project.versioning("rerun", scores, "--code", "current")
    near = project.versioning("rerun", scores, "--code", "current", "--tolerance", "1e-3")
    assert (exact[0], exact[1]["verdict"]) == (1, "different")
    assert (near[0], near[1]["verdict"]) == (0, "equal")
    assert near[1]["steps"][0]["before"] != near[1]["steps"][0]["after"]


def test_ancestors_without_bytes_are_made_again_in_order(project: Project) -> None:
    numbers, scores, summary = map(project.repository.get, project.run())
    erase(project.repository, numbers)
    erase(project.repository, scores)
    code, found = project.versioning("rerun", summary.id)
    assert (code, found["verdict"]) == (0, "identical")
    assert list(verdicts(found)) == ["numbers", "scores", "summary"]
    code, found = project.versioning("rerun", scores.id)
    assert (code, verdicts(found)) == (0, {"numbers": "identical", "scores": "identical"})


def test_a_body_that_tells_of_handles_tells_of_the_recorded_ones(project: Project) -> None:
    project.write(
        {
            "job.py": "from versioning import Version\ndef number(n):\n    return n * 1.5\n"
            "def told(model: Version, parts: list[Version]):\n"
            "    return [model.id, *(part.id for part in parts), model.load()]\n",
            "main.py": "import json\nfrom runner import run\nimport job\n"
            "made = run(job.number, n=2)\n"
            "print(json.dumps([made.id, run(job.told, model=made, parts=[made]).id]))\n",
        }
    )
    _, told = project.run()
    code, found = project.versioning("rerun", told, "--all")
    assert (code, verdicts(found)) == (0, {"number": "identical", "told": "identical"})


def test_steps_of_one_run_share_a_process(project: Project) -> None:
    """Whatever they opened, as long as no file was another one for another step."""
    *_, summary = project.run()
    place = project.place / "left"
    found = project.repository.rerun(summary, everything=True, into=place)
    assert (found.verdict, len(found.steps)) == ("identical", 3)
    assert [path.name for path in place.glob("jobs-*.json")] == ["jobs-1.json"]


def test_parameters_are_kept_as_they_were_before_the_body_changed_them(project: Project) -> None:
    project.write(
        {
            "job.py": "def grown(values, table):\n    values.append(1.0)\n    table['b'] = 1\n"
            "    return [sum(values), len(table.columns)]\n",
            "main.py": "import json\nimport pandas as pd\nfrom runner import run\nimport job\n"
            "table = pd.DataFrame({'a': [1]})\n"
            "print(json.dumps([run(job.grown, values=[2.0], table=table).id]))\n",
        }
    )
    [made] = project.run()
    assert project.versioning("rerun", made)[1]["verdict"] == "identical"
    kept = project.repository.versions(step="captured:parameter")
    assert [list(version.load().columns) for version in kept] == [["a"]]


def test_threads_and_the_hash_seed_are_as_recorded_and_named(project: Project) -> None:
    project.write(
        {
            "job.py": "import os\ndef threads(n):\n    return os.environ['OMP_NUM_THREADS'] * n\n"
            "def order(words):\n    return list(set(words))\n",
            "main.py": "import json\nfrom runner import run\nimport job\n"
            "made = [run(job.threads, n=2), run(job.order, words=[str(n) for n in range(50)])]\n"
            "print(json.dumps([version.id for version in made]))\n",
        }
    )
    made = project.run(OMP_NUM_THREADS="1", PYTHONHASHSEED="5")
    now = {"OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "6", "TZ": "Asia/Tokyo"}
    for version in made:
        assert project.versioning("rerun", version, **now)[1]["verdict"] == "identical"
    for version, cause in zip(made, ("variables/OMP_NUM_THREADS", "hash seed"), strict=True):
        code, found = project.versioning("rerun", version, "--env", "current", "--explain", **now)
        assert (code, found["verdict"]) == (1, "different")
        assert {s["name"] for s in found["suspects"]} >= {
            "variables/OMP_NUM_THREADS",
            "variables/TZ",
            "hash seed",
        }
        assert [suspect["name"] for suspect in found["causes"]] == [cause]


def test_what_could_not_be_a_cause_is_said_with_how_it_could(project: Project) -> None:
    _, scores, _ = project.run()
    project.write({"helper.py": "def scaled(values):\n    return values\n"})
    said = project.say("rerun", scores, "--code", "current", "--explain")
    assert "makes the difference, alone" in said
    assert "parameters, inputs and the seed (--against VERSION)" in said
    said = project.say("rerun", scores, "--explain")
    assert "There is no difference to explain." in said
    assert "files of the source (--code current)" in said


def test_what_takes_long_is_told(project: Project) -> None:
    *_, summary = project.run()
    told: list[tuple[str, int, int]] = []
    project.repository.rerun(
        summary, everything=True, progress=lambda *progress: told.append(progress)
    )
    assert told == [("running steps", 0, 3), ("running steps", 3, 3)]


def test_what_cannot_be_installed_again_is_told_unless_it_is_archived(project: Project) -> None:
    url = "git+https://example.org/own.git@abc"
    site = project.place / "site"
    write_installed(site, "own", "1.0", url)
    project.write({"job.py": "import own\n" + FILES["job.py"]})
    *_, summary = project.run(PYTHONPATH=f"{CHECKOUT}:{site}")
    variables = {"PYTHONPATH": f"{CHECKOUT}:{site}"}
    _, found = project.versioning("rerun", summary, "--env", "current", **variables)
    assert found["not_rebuildable"]["own"].startswith(f"1.0 was installed from {url}: ")
    said = project.say("rerun", summary, "--env", "current", **variables)
    assert f"Not rebuildable: own 1.0 was installed from {url}" in said


def test_chance_is_named_and_no_suspect(project: Project) -> None:
    project.write(
        {
            "job.py": "import random\ndef draw(n):\n    return random.random() * n\n",
            "main.py": "import json\nfrom runner import run\nimport job\n"
            "print(json.dumps([run(job.draw, n=1).id]))\n",
        }
    )
    (version,) = project.run()
    code, found = project.versioning("rerun", version, "--explain")
    assert (code, found["verdict"]) == (1, "different")
    assert [suspect["name"] for suspect in found["causes"]] == ["chance"]


def test_what_reads_or_acts_outside_is_taken_and_not_run(project: Project) -> None:
    project.write(
        {
            "job.py": "from pathlib import Path\n"
            "def reads(place):\n    Path(place, 'ran').open('a').write('x')\n    return 3\n"
            "def uses(value):\n    return value + 1\n",
            "main.py": "import json, os\nfrom runner import run\nimport job\n"
            "read = run(job.reads, place=os.environ['PLACE'], options={'volatile': True})\n"
            "print(json.dumps([read.id, run(job.uses, value=read).id]))\n",
        }
    )
    read, used = project.run(PLACE=str(project.place))
    assert project.versioning("rerun", used, "--all")[1]["verdict"] == "identical"
    assert (project.place / "ran").read_text() == "x"
    code, said = project.versioning("rerun", read)
    assert code == 2
    assert "reads the outside world" in said
    erase(project.repository, project.repository.get(read))
    code, said = project.versioning("rerun", used)
    assert code == 2
    assert "gone for good (erased by ann@here on " in said


def test_a_rerun_of_the_code_of_today_changes_nothing_in_the_project(project: Project) -> None:
    *_, summary = project.run()
    before = project.files()
    now = ("--all", "--code", "current", "--into", str(project.place / "left"))
    code, _ = project.versioning("rerun", summary, *now, PYTHONDONTWRITEBYTECODE="")
    assert code == 0
    assert project.files() == before
    assert "PYTHONDONTWRITEBYTECODE=1" in (project.place / "left" / "run.sh").read_text()


def test_a_body_that_fails_now_is_told_with_what_could_run(project: Project) -> None:
    *_, summary = project.run()
    project.write({"helper.py": "def scaled(values):\n    raise RuntimeError('boom')\n"})
    code, found = project.versioning("rerun", summary, "--all", "--code", "current")
    assert (code, found["verdict"]) == (1, "failed")
    assert verdicts(found) == {"numbers": "identical", "scores": "failed", "summary": "identical"}
    (failed,) = [step for step in found["steps"] if step["verdict"] == "failed"]
    assert failed["note"] == "RuntimeError: boom (helper.py:2)"


def test_a_process_that_dies_is_a_verdict(project: Project) -> None:
    *_, summary = project.run()
    project.write({"helper.py": "import os\ndef scaled(values):\n    os._exit(3)\n"})
    code, found = project.versioning("rerun", summary, "--all", "--code", "current")
    assert code == 1
    assert verdicts(found) == {"numbers": "identical", "scores": "failed", "summary": "failed"}
    assert "exit code 3" in found["steps"][1]["note"]


def test_a_body_that_called_the_network_is_told_so_when_it_fails_now(project: Project) -> None:
    project.write(
        {
            "job.py": "import socket\nfrom helper import scaled\ndef asked(port):\n"
            "    with socket.create_connection(('127.0.0.1', port)) as line:\n"
            "        return float(line.recv(9))\n"
            "def grown(value):\n    return scaled([value])[0]\n",
            "main.py": "import json, socket, threading\nfrom runner import run\nimport job\n"
            "with socket.create_server(('127.0.0.1', 0)) as server:\n"
            "    threading.Thread(target=lambda: server.accept()[0].sendall(b'7')).start()\n"
            "    asked = run(job.asked, port=server.getsockname()[1])\n"
            "grown = run(job.grown, value=asked)\n"
            "print(json.dumps([asked.id, grown.id]))\n",
        }
    )
    *_, grown = project.run()
    code, found = project.versioning("rerun", grown, "--all")
    assert (code, found["verdict"]) == (1, "failed")
    assert verdicts(found) == {"asked": "failed", "grown": "identical"}
    note = found["steps"][0]["note"]
    assert "ConnectionRefusedError" in note
    assert "When it was made it called network 127.0.0.1:" in note
    assert "volatile=True" in note


def test_functions_that_nothing_can_import_are_told(project: Project) -> None:
    project.write(
        {
            "main.py": "import json\nfrom runner import run\n"
            "def outer():\n    def inner(n):\n        return n\n    return inner\n"
            "print(json.dumps([run(outer(), n=1).id]))\n",
        }
    )
    (version,) = project.run()
    found = project.repository.rerun(version)
    assert found.verdict == "failed"
    assert "move it to the top of a module" in found.steps[0].note


def test_a_step_of_a_script_is_found_by_the_name_of_its_file(project: Project) -> None:
    project.write(
        {
            "main.py": "import json\nfrom runner import run\n"
            "def double(n):\n    return 2 * n\n"
            "if __name__ == '__main__':\n    print(json.dumps([run(double, n=2).id]))\n",
        }
    )
    (version,) = project.run()
    assert project.repository.rerun(version).verdict == "identical"


def test_everything_is_left_in_a_folder_that_runs_by_itself(project: Project) -> None:
    *_, summary = project.run()
    place = project.place / "old run"
    code, found = project.versioning("rerun", summary, "--all", "--into", str(place))
    assert (code, found["folder"]) == (0, str(place))
    shutil.rmtree(project.place / "repository")
    shutil.rmtree(project.folder)
    moved = place.rename(project.place / "moved")
    # An environment that is there is used; making one takes minutes.
    (moved / "venv-1" / "bin").mkdir(parents=True)
    script = moved / "venv-1" / "bin" / "python"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    script.chmod(0o755)
    done = subprocess.run([moved / "run.sh"], capture_output=True, text=True, check=True)
    assert done.stdout.count('"verdict": "identical"') == 3


def test_a_folder_that_is_not_empty_is_left_alone(project: Project) -> None:
    *_, summary = project.run()
    with pytest.raises(ConflictError, match="is not empty"):
        project.repository.rerun(summary, into=project.folder)


def test_a_project_that_is_installed_for_editing_is_not_what_runs(project: Project) -> None:
    """The captured source alone is imported from, wherever paths of the environment lead."""
    _, scores, _ = project.run()
    project.write({"helper.py": "def scaled(values):\n    return []\n"})
    found = project.repository.rerun(scores)
    assert found.verdict == "identical"


def test_wrong_use_is_told(project: Project, tmp_path: Path) -> None:
    *_, summary = project.run()
    with pytest.raises(FormatError, match="env is 'old'"):
        project.repository.rerun(summary, env="old")
    with pytest.raises(FormatError, match="tolerance is -1"):
        project.repository.rerun(summary, tolerance=-1)
    with pytest.raises(NotFoundError):
        project.repository.rerun("nothing")
    assert project.versioning("rerun", summary, "--env", "old")[0] == 2


def test_a_step_is_made_twice_to_find_out_whether_it_is_reproducible(project: Project) -> None:
    project.write(
        {
            "job.py": "import random\ndef draw(n):\n    return random.random() * n\n"
            "def pair(n):\n    return n, random.random()\n"
            "def double(n):\n    return 2 * n\n",
            "main.py": "import json\nfrom runner import run\nimport job\n"
            "made = [run(job.draw, n=1), run(job.double, n=2), run(job.pair, n=3)[1]]\n"
            "print(json.dumps([version.id for version in made]))\n",
        }
    )
    drawn, doubled, part = project.run()
    code, found = project.versioning("verify", "--twice", "double")
    assert (code, found["verdict"], found["trust"]) == (0, "identical", "reproducible")
    for version in (drawn, part):
        code, found = project.versioning("verify", "--twice", version)
        assert (code, found["verdict"], found["trust"]) == (1, "different", "not reproducible")
    _, listed = project.versioning("list")
    assert {row["id"]: row["trust"] for row in listed}.items() >= {
        doubled: "reproducible",
        drawn: "not reproducible",
        part: "not reproducible",
    }.items()
    repository = project.repository
    (other,) = [v for v in repository.versions(step="draw") if v.id != drawn]
    assert other.record.meta["run"] == {"rerun_of": drawn}
    assert repository.lookup(other.key).id == drawn
    assert other.load() != repository.get(drawn).load()
    assert repository.verify().is_sound
    assert project.versioning("verify", "--twice")[0] == 2


def test_expired_bytes_are_had_again_and_checked(project: Project) -> None:
    numbers, scores, _ = map(project.repository.get, project.run())
    value = scores.load()
    for version in (numbers, scores):
        erase(project.repository, version)
    code, found = project.versioning("get", scores.id, "--rebuild")
    assert (code, found["value"], found["rebuilt"]) == (0, value, True)
    output = project.place / "scores.json"
    assert project.versioning("get", "scores", "--rebuild", "-o", str(output))[0] == 0
    assert output.exists()
    project.write({"config.json": '{"scale": 4}'})
    assert project.versioning("get", scores.id, "--rebuild")[1]["value"] == value


WIDE = {
    "job.py": "import numpy\ndef wide(count):\n    return numpy.arange(count, dtype='float64')\n"
    "def total(values):\n    return float(values.sum())\n",
    "main.py": "import json\nfrom runner import run\nimport job\n"
    "wide = run(job.wide, count=20000)\n"
    "print(json.dumps([wide.id, run(job.total, values=wide).id]))\n",
}


def test_loading_makes_expired_bytes_again_where_the_setting_allows(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(WIDE)
    repository = project.repository
    wide = repository.get(project.run()[0])
    value = wide.load()
    erase(repository, wide)
    with pytest.raises(NotFoundError, match=r"erased by ann@here.*--rebuild.*VERSIONING_REBUILD"):
        repository.get(wide.id).load()
    settings = Settings(cache=project.place / "cache", rebuild=True)
    allowed = Repository.open(repository.url, settings=settings)
    project.write({"job.py": "raise SystemExit"})
    assert (allowed.get(wide.id).load() == value).all()
    assert (allowed.load(wide.record) == value).all()
    copy = allowed.path(wide.record, project.place / "copy.npy")
    assert (numpy.load(copy) == value).all()
    # What was made again is kept on this machine, checked at every read, and goes with the version.
    assert (
        Repository.open(repository.url, settings=repository.settings).load(wide.record) == value
    ).all()
    assert repository.verify().is_sound
    allowed.forget_copies(wide.record)
    (project.place / "version.json").write_bytes(
        orjson.dumps({"id": wide.id, "repository": wide.repository_url})
    )
    monkeypatch.setenv("VERSIONING_REBUILD", "true")
    monkeypatch.setenv("VERSIONING_CACHE", str(project.place / "another"))
    assert (_load_pyfunc(str(project.place)).model == value).all()
    with pytest.raises(NotFoundError):
        repository.load(wide.record)


def test_what_comes_out_otherwise_is_never_loaded_for_what_expired(project: Project) -> None:
    project.write(
        WIDE
        | {
            "job.py": WIDE["job.py"].replace(
                "arange(count, dtype='float64')", "random.random(count)"
            )
        }
    )
    repository = project.repository
    wide = repository.get(project.run()[0])
    erase(repository, wide)
    settings = Settings(cache=project.place / "cache", rebuild=True)
    with pytest.raises(ConflictError, match="did not come out as it was recorded: different"):
        Repository.open(repository.url, settings=settings).load(wide.record)
