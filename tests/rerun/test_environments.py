"""Environments made again from a recorded lock, in real virtual environments."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.rerun.projects import FILES, NO_INDEX, Project, index, install, uv
from versioning import IntegrityError, NotFoundError
from versioning.capture.lock import Distribution, installed
from versioning.capture.machine import machine
from versioning.rerun.environments import _build, _uv, as_recorded, current, locked
from versioning.rerun.origins import not_rebuildable, told_where_made
from versioning.rerun.suspects import of_distributions


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_model_of_then_is_identical_after_code_configuration_and_packages_changed(
    place: Path,
) -> None:
    project = Project(place / "delays", place, str(place / "venv" / "bin" / "python"))
    project.write(FILES)
    project.write(
        {
            "helper.py": FILES["helper.py"]
            .replace("import json", "import harmless\nimport json")
            .replace("import harmless", "import harmless, scaling")
            .replace("+ OFFSET", "* scaling.SCALE + OFFSET"),
        }
    )
    _, scores, summary = project.run()
    project.write(
        {
            "helper.py": (project.folder / "helper.py")
            .read_text()
            .replace("OFFSET = 1", "OFFSET = 9"),
            "late.py": "def total(values):\n    return sum(list(values))\n",
            "config.json": '{"scale": 7}',
        }
    )
    install(place, "scaling==2.0", "harmless==2.0")
    pip = {**{n: v for n, v in os.environ.items() if n.startswith("PIP_")}, **index(place)}

    code, found = project.versioning("rerun", summary, "--all", **pip, **uv())
    assert (code, found["verdict"]) == (0, "identical"), found
    assert [step["step"] for step in found["steps"]] == ["numbers", "scores", "summary"]
    assert (found["environment"], found["differs"]) == ("made of the recorded lock", [])

    now = ("--env", "current", "--code", "current")
    code, found = project.versioning("rerun", scores, *now, "--explain", **pip)
    assert (code, found["verdict"]) == (1, "different")
    assert {suspect["name"] for suspect in found["suspects"]} >= {
        "env/harmless",
        "env/scaling",
        "source/delays/config.json",
        "source/delays/helper.py",
        "source/delays/late.py",
    }
    assert {cause["name"] for cause in found["causes"]} == {
        "env/scaling",
        "source/delays/config.json",
        "source/delays/helper.py",
    }

    _, newer, _ = project.run(VERSIONING_ARCHIVE="on")
    (archive,) = project.repository.versions(step="captured:archive")
    assert {"numpy", "scaling"} <= {item.name for item in archive.record.inputs}
    assert archive.load() == {"missing": {}}
    _, found = project.versioning("rerun", scores, "--against", newer, **pip)
    assert {cause["name"] for cause in found["causes"]} == {
        "env/scaling",
        "source/delays/config.json",
        "source/delays/helper.py",
    }

    shutil.rmtree(project.folder)
    code, found = project.versioning("rerun", scores, **pip)
    assert (code, found["environment"]) == (0, "made of the recorded lock before")
    code, found = project.versioning("rerun", summary, "--env", "current", **pip)
    assert (code, found["verdict"]) == (0, "identical")

    # The release is withdrawn, while an environment with it is still here.
    made = (place / "cache" / "environments").rename(place / "environments")
    (place / "index" / "scaling-1.0-py3-none-any.whl").unlink()
    code, said = project.versioning("rerun", summary, **pip, **uv())
    assert code == 2
    assert "scaling==1.0 of the recorded lock is not in any index" in said
    made.rename(place / "cache" / "environments")
    code, found = project.versioning("rerun", summary, "--archive", **pip)
    assert (code, found["environment"]) == (0, "made of the recorded lock before")
    assert len(found["archived"]) == 1
    assert project.repository.verify().is_sound

    shutil.rmtree(place / "cache" / "environments")
    code, found = project.versioning("rerun", summary, **uv(), **NO_INDEX)
    assert (code, found["verdict"]) == (0, "identical"), found
    assert found["environment"] == "made of the recorded lock, from its archived wheels"
    shutil.rmtree(place / "cache" / "environments")
    old = place / "old run"
    code, found = project.versioning("rerun", summary, "--into", str(old), **NO_INDEX)
    assert (code, found["environment"]) == (
        0,
        "made of the recorded lock, from its archived wheels",
    )
    shutil.rmtree(place / "repository")
    script = old.rename(place / "moved") / "run.sh"
    plain = {name: os.environ[name] for name in ("PATH", "HOME")}
    done = subprocess.run(
        [script], env={**plain, **NO_INDEX}, capture_output=True, text=True, check=True
    )
    assert done.stdout.count('"verdict": "identical"') == 1, done.stderr


def test_the_environment_at_hand_is_taken_where_it_is_the_recorded_one(tmp_path: Path) -> None:
    cache = tmp_path / "environments"
    found = as_recorded(installed(), machine(), cache=cache)
    assert found.python == current(cache).python
    # What was read of what is installed is remembered, for the process that runs the steps.
    assert list(tmp_path.iterdir()) == [found.index]
    assert installed(found.index) == installed()


def test_uv_is_found_beside_a_python_that_is_not_activated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin" / "python"))
    assert _uv() is None
    beside = tmp_path / "bin" / "uv"
    beside.parent.mkdir()
    beside.write_text("#!/bin/sh\n")
    beside.chmod(0o755)
    assert _uv() == str(beside)


def test_a_python_that_is_not_here_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"Python 3\.99, which made .*--env current"):
        as_recorded([], {**machine(), "python": "3.99.1"}, cache=tmp_path)


def test_what_came_from_a_url_is_told_when_it_cannot_be_had(tmp_path: Path) -> None:
    url = "git+https://example.org/own.git@abc"
    lock: list[Distribution] = [{"name": "own", "version": "1.0", "url": url}]
    with pytest.raises(NotFoundError, match=r"Python 3\.99.*elsewhere: own from git"):
        as_recorded(lock, {**machine(), "python": "3.99.1"}, cache=tmp_path)


def test_a_release_that_has_other_files_now_is_a_suspect() -> None:
    before: list[Distribution] = [{"name": "own", "version": "1.0", "record": "a" * 64}]
    after: list[Distribution] = [{"name": "own", "version": "1.0", "record": "b" * 64}]
    (suspect,) = of_distributions(before, after)
    assert (suspect.name, suspect.before) == ("env/own", f"1.0 (files {'a' * 12})")
    assert suspect.after == f"1.0 (files {'b' * 12})"


def test_damaged_wheels_are_told_and_an_index_is_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Damaged:
        is_whole = True

        def lay(self, folder: Path) -> None:
            raise IntegrityError("a wheel has other bytes than were written", digest="x")

    with pytest.raises(NotFoundError, match="makes no virtual environment"):
        _build(tmp_path / "abc.1", ["a==1"], "/bin/false", Damaged())
    assert "so an index is asked: a wheel has other bytes" in caplog.text


def test_checkouts_and_this_library_are_not_asked_of_an_index() -> None:
    lock = [
        {"name": "numpy", "version": "2.1.0"},
        {"name": "delays", "version": "0.1", "url": "file:///delays", "editable": True},
        {"name": "prefect-versioning", "version": "0.1.0"},
    ]
    assert locked(lock) == ["numpy==2.1.0"]


def test_what_no_index_has_is_told_with_advice() -> None:
    found = not_rebuildable(
        [
            {"name": "numpy", "version": "2.1.0"},
            {"name": "delays", "version": "0.1", "url": "file:///delays", "editable": True},
            {"name": "rates", "version": "3", "url": "git+https://host/rates@abc"},
            {"name": "prefect-versioning", "version": "0.1.0", "url": "file:///here"},
        ]
    )
    assert list(found) == ["delays", "rates"]
    assert "stands in a checkout" in found["delays"]
    assert "VERSIONING_ARCHIVE" in found["rates"]


def test_people_are_told_before_an_environment_is_built(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    lock: list[Distribution] = [{"name": "no-such-thing", "version": "1.0"}]
    with pytest.raises(NotFoundError, match=r"no-such-thing==1\.0 of the recorded lock"):
        as_recorded(
            lock, machine(), cache=tmp_path, progress=lambda *progress: told.append(progress)
        )
    assert told == [("building an environment of 1 distributions", 0, 1)]


def test_a_record_of_another_platform_is_told(tmp_path: Path) -> None:
    there = {**machine(), "python": "3.99.1", "platform": "darwin", "machine": "arm64"}
    told = pytest.raises(NotFoundError, match=r"made on darwin arm64, .*run it on darwin arm64, or")
    with told, told_where_made(there):
        as_recorded([], there, cache=tmp_path)


def test_what_is_installed_is_read_once(tmp_path: Path) -> None:
    index = tmp_path / "installed.json"
    first = installed(index)
    assert {"numpy", "pandas"} <= {found["name"] for found in first}
    assert all("record" in found for found in first if found["name"] in {"numpy", "pandas"})
    text = index.read_text()
    index.write_text(text.replace('"numpy"', '"known-numpy"'))
    assert "known-numpy" in {found["name"] for found in installed(index)}
    index.write_text("damaged")
    assert installed(index) == first


def test_a_build_leaves_the_files_of_others_alone(tmp_path: Path) -> None:
    others = [tmp_path / "abc.txt", tmp_path / "abc.2.txt"]
    for path in others:
        path.write_text("of another process")
    with pytest.raises(NotFoundError, match="makes no virtual environment"):
        _build(tmp_path / "abc.1", ["a==1"], "/bin/false", None)
    assert sorted(tmp_path.iterdir()) == sorted(others)
