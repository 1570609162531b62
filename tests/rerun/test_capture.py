"""What versions keep of the process that made them."""

from __future__ import annotations

import functools
import inspect
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import SecretStr

from tests.rerun.projects import Project, erase
from tests.steps import commit, opened
from versioning import FormatError, NotFoundError, Version, references
from versioning.capture import Captured
from versioning.capture.lock import located
from versioning.capture.machine import container_image
from versioning.encoding import preview
from versioning.parameters import Given, kept
from versioning.planning import plan
from versioning.retention import Policy, Rule

LATER = datetime.now(UTC) + timedelta(days=40)


def captured(version: Version) -> Captured:
    return Captured.of(version.record)


def source_of(version: Version) -> dict[str, str]:
    repository = version.repository
    folder = repository.path(repository.record(captured(version).kept["source"].id))
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_source_holds_modules_late_imports_and_files_that_modules_open(project: Project) -> None:
    project.write({"unused.py": "", ".env": "TOKEN=hunter2"})
    project.write(
        {"helper.py": (project.folder / "helper.py").read_text() + "\nopen('.env').read()"}
    )
    *_, summary = map(project.repository.get, project.run())
    names = {name.removeprefix("delays/") for name in source_of(summary)}
    assert names == {"main.py", "runner.py", "job.py", "helper.py", "late.py", "config.json"}
    assert captured(summary).left_out == {"delays/.env": "its name says that it is secret"}
    assert captured(summary).cwd == "delays"
    assert captured(summary).paths == ("delays",)


def test_files_that_a_body_opens_are_kept_with_its_version(project: Project) -> None:
    numbers, scores, _ = map(project.repository.get, project.run())
    files = numbers.repository.record(captured(numbers).kept["files"].id)
    assert [blob.part for blob in files.manifest] == ["file/delays/rates.csv"]
    assert "files" not in captured(scores).kept


def test_an_unchanged_project_is_kept_once_and_shown_to_nobody(project: Project) -> None:
    project.run()
    repository = project.repository
    before = set(repository.ids())
    project.write({"main.py": (project.folder / "main.py").read_text()})
    other = {"count=2": "count=3"}
    main = (project.folder / "main.py").read_text()
    for old, new in other.items():
        project.write({"other.py": main.replace(old, new)})
    project.run("other.py")
    made = {repository.record(i).step for i in set(repository.ids()) - before}
    assert made == {"numbers", "scores", "summary", "captured:source"}
    third = set(repository.ids())
    project.write({"other.py": main.replace("count=2", "count=3")})
    project.run("other.py")
    assert set(repository.ids()) == third
    assert not [v for v in repository.versions() if v.step.startswith("captured:")]
    assert repository.versions(step="captured:source")
    assert repository.verify().is_sound


def test_nothing_is_kept_where_it_is_not_wanted(project: Project) -> None:
    project.run(VERSIONING_CAPTURE="off")
    repository = project.repository
    assert {repository.record(i).step for i in repository.ids()} == {"numbers", "scores", "summary"}
    code, said = project.versioning("rerun", "scores")
    assert code == 2
    assert "nothing was captured" in said


def test_variables_that_are_not_listed_are_never_kept(project: Project) -> None:
    made = project.run(API_TOKEN="hunter2", OMP_NUM_THREADS="2")
    version = project.repository.get(made[0])
    recorded = version.repository.load(
        version.repository.record(captured(version).kept["environment"].id)
    )
    assert recorded["machine"]["variables"] == {"OMP_NUM_THREADS": "2"}
    assert {"numpy", "pandas"} <= {d["name"] for d in recorded["distributions"]}
    assert "hunter2" not in everything_in(project.place / "repository")


def test_the_image_of_the_container_is_kept_and_compared(project: Project, tmp_path: Path) -> None:
    told = tmp_path / "containerenv"
    told.write_text('engine="podman-5"\nimageid="4ad5"\nimage="docker.io/library/python:3.11"\n')
    assert container_image(told) == "4ad5"
    assert container_image(tmp_path / "nothing") is None
    made = project.run(VERSIONING_IMAGE="python@sha256:old")
    code, found = project.versioning("rerun", made[0], VERSIONING_IMAGE="python@sha256:new")
    assert (code, found["differs"]) == (0, ["image"])
    assert found["suspects"][0]["before"] == "python@sha256:old"


def test_secrets_are_keyed_and_never_kept(project: Project) -> None:
    project.write(
        {
            "job.py": "def asks(token):\n    return len(token.get_secret_value())\n",
            "main.py": "import json, os\nfrom runner import run\nimport job\n"
            "from pydantic import SecretStr\nwords = os.environ['WORDS'].split()\n"
            "print(json.dumps([run(job.asks, token=SecretStr(word)).id for word in words]))\n",
        }
    )
    first, second = project.run(WORDS="hunter2 hunter")
    assert first != second
    assert "hunter" not in everything_in(project.place / "repository")
    code, said = project.versioning("rerun", first)
    assert (code, said["verdict"]) == (1, "failed")
    assert "set VERSIONING_SECRET_TOKEN" in said["steps"][0]["note"]
    code, said = project.versioning("rerun", first, VERSIONING_SECRET_TOKEN="hunter2")
    assert (code, said["verdict"]) == (0, "identical")


def test_a_rerun_takes_a_url_with_a_password_from_a_variable(project: Project) -> None:
    url = "postgresql://ann:hunter2@db/flights"
    project.write(
        {
            "job.py": "def asks(url, urls):\n    return len(url)\n",
            "main.py": "import json, os\nfrom runner import run\nimport job\n"
            "url = os.environ['DB_URL']\n"
            "made = [run(job.asks, url=url, urls=()), run(job.asks, url=url, urls=[url])]\n"
            "print(json.dumps([version.id for version in made]))\n",
        }
    )
    alone, nested = project.run(DB_URL=url)
    assert "hunter2" not in everything_in(project.place / "repository")
    variables = {"VERSIONING_SECRET_URL": url, "VERSIONING_SECRET_URLS": url}
    assert project.versioning("rerun", alone, **variables)[1]["verdict"] == "identical"
    code, said = project.versioning("rerun", nested, **variables)
    assert (code, said["verdict"]) == (1, "failed")
    assert "a list with a secret in it" in said["steps"][0]["note"]


def everything_in(folder: Path) -> str:
    return "\n".join(
        path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()
    )


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        -2.5,
        "text",
        "two\nlines",
        float("inf"),
        2**70,
        b"bytes",
        (1, [2.0]),
        {"a": {1, 2}, 3: None},
        datetime(2026, 1, 2, tzinfo=UTC),
        timedelta(hours=1),
        np.arange(4),
        pd.DataFrame({"a": [1, 2]}),
        ["long"] * 2000,
    ],
    ids=repr,
)
def test_parameters_come_back_as_they_were(value: object, tmp_path: Path) -> None:
    repository = opened(tmp_path)
    facts = kept({"value": value}, signature("value"), (), repository)
    given = Given(_none, lambda told: repository.load(repository.record(told["id"])), _none)
    back = given.all(facts)["value"]
    assert type(back) is type(value)
    assert repr(back) == repr(value)


def test_handles_in_containers_are_told_by_the_name_of_the_input(tmp_path: Path) -> None:
    repository = opened(tmp_path)
    first, second = commit(repository, 1, "a"), commit(repository, 2, "b")
    value = {"x": [first, 3], "y": (second,)}
    facts = kept({"value": value}, signature("value"), (), repository)
    back = Given(lambda name: name, _none, _none).all(facts)["value"]
    assert back == {"x": ["value['x'][0]", 3], "y": ("value['y'][0]",)}


def test_values_beside_handles_are_kept_with_the_version_that_read_them(project: Project) -> None:
    project.write({
        "job.py": "def size(parts):\n    return len(parts['x'][0]) + len(parts['x'][1])\n"
        "def made(n):\n    return [n]\n",
        "main.py": "import json\nimport numpy as np\nfrom runner import run\nimport job\n"
        "parts = {'x': [run(job.made, n=1), np.arange(9000)]}\n"
        "print(json.dumps(run(job.size, parts=parts).id))\n",
    })  # fmt: skip
    version = project.repository.get(project.run())
    [array] = project.repository.versions(step="captured:parameter")
    assert array.id in {item.id for item in captured(version).kept.values()}
    assert version.repository.rerun(version).verdict == "identical"


def test_values_that_versions_gave_are_kept_as_these_versions(project: Project) -> None:
    project.write({
        "job.py": "import numpy as np\ndef made(n):\n    return np.arange(9000) * n\n"
        "def some(n):\n    return list(range(9000 * n))\ndef few(n):\n    return [n]\n"
        "def size(one, some, few, parts):\n    return len(one) + len(some) + len(parts['x'][0])\n",
        "main.py": "import json\nimport numpy as np\nfrom runner import run\nimport job\n"
        "from versioning.arguments import giving, loaded\n"
        "made = [run(job.made, n=1), run(job.made, n=2), run(job.some, n=1), run(job.few, n=1)]\n"
        "with giving():\n"
        "    one, two, some, few = map(loaded, made)\n"
        "    parts = {'x': (two, np.arange(8000)), 'y': 3}\n"
        "    made.append(run(job.size, one=one, some=some, few=few, parts=parts))\n"
        "print(json.dumps([version.id for version in made]))\n",
    })  # fmt: skip
    one, two, some, _, size = map(project.repository.get, project.run())
    read = {item.name: item.id for item in size.record.inputs}
    assert read == {"one": one.id, "some": some.id, "parts['x'][0]": two.id}
    # What no version gave is one of its own; what is small lies in the record.
    [array] = project.repository.versions(step="captured:parameter")
    assert (array.load() == np.arange(8000)).all()
    repository = project.repository
    concerned = repository.invalidate(two, down=True).versions
    assert {item.id for item in concerned} == {two.id, size.id}
    # Nothing but what the budget frees holds these bytes, and reruns make them again.
    made = plan(repository, repository.catalog, Policy.of({"max_bytes": 1}, "x"), LATER)
    assert {d.candidate.id for d in made.expire} == {one.id, two.id}
    for version in (one, two, some):
        erase(repository, version)
    found = repository.rerun(size)
    assert found.verdict == "identical", found
    assert sorted(step.step for step in found.steps) == ["made", "made", "size", "some"]


def test_a_value_that_was_changed_since_is_kept_by_itself(project: Project) -> None:
    project.write({
        "job.py": "def made(n):\n    return list(range(9000 * n))\n"
        "def size(values):\n    return len(values)\n",
        "main.py": "import json\nfrom runner import run\nimport job\n"
        "from versioning.arguments import giving, loaded\n"
        "with giving():\n"
        "    values = loaded(run(job.made, n=1))\n"
        "    values.append(1)\n"
        "    print(json.dumps(run(job.size, values=values).id))\n",
    })  # fmt: skip
    size = project.repository.get(project.run())
    assert size.record.inputs == ()
    [kept_value] = project.repository.versions(step="captured:parameter")
    assert len(kept_value.load()) == 9001


@pytest.mark.parametrize("fact", ["list", 7, {"list": 7}, {"version": 7}, {"version": {}}, "deep"])
def test_parameters_that_are_not_of_their_form_are_refused(fact: object, tmp_path: Path) -> None:
    if fact == "deep":
        fact = functools.reduce(lambda inner, _: {"list": [inner]}, range(2000), {})
    record = commit(opened(tmp_path), 1).record
    record = replace(record, meta={"capture": {"parameters": {"x": fact}}})
    with pytest.raises(FormatError, match="does not say what was captured"):
        references.captured(record)


def test_what_no_codec_stores_is_said_to_be_left_out(tmp_path: Path) -> None:
    facts = kept({"value": object()}, signature("value"), (), opened(tmp_path))
    assert list(facts["value"]) == ["left_out"]
    facts = kept({"value": [SecretStr("x")]}, signature("value"), (), opened(tmp_path))
    assert list(facts["value"]) == ["secret"]


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://ann:hunter2@db:5432/flights",
        ["x", "see https://ann:hunter2@host/p?q=1"],
        {"https://:hunter2@host": 1},
        "redis://:hunter2@host " + "x" * 5000,
        {"a": ("s3://k:hunter2@b",)},
    ],
)
def test_passwords_in_urls_are_never_kept_nor_shown(value: object, tmp_path: Path) -> None:
    facts = kept({"value": value}, signature("value"), (), opened(tmp_path))
    assert list(facts["value"]) == ["secret"]
    assert "hunter2" not in str(preview(value))
    assert "hunter2" not in everything_in(tmp_path)


def signature(name: str) -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(name, kind)])


def _none(*_: object) -> object:
    raise AssertionError("nothing of that kind was kept")


def test_retention_keeps_the_source_of_what_it_keeps_and_no_other(project: Project) -> None:
    large = "# " + "x" * 100_000
    project.write({"late.py": f"{large}\ndef total(values):\n    return sum(values)\n"})
    project.run()
    project.write({"late.py": f"{large}\ndef total(values):\n    return 2 * sum(values)\n"})
    project.run()
    repository = project.repository
    now = datetime.now(UTC) + timedelta(days=40)
    rule = Rule(keep_last=1, only_rebuildable=False)
    source_rule = Rule(step="captured:*", keep_within=timedelta(days=1), only_rebuildable=False)
    made = plan(repository, repository.catalog, Policy(rules=(source_rule, rule)), now)
    sources = {v.id for v in repository.versions(step="captured:source")}
    assert len(sources) == 2
    newest = captured(repository.get("summary")).kept["source"].id
    assert {d.candidate.id for d in made.keep} >= {newest}
    # The numbers did not change: they were made by the earlier source, and are kept.
    assert {d.candidate.id for d in made.keep} >= sources


def test_erasing_a_version_erases_the_parameters_kept_for_it_alone(project: Project) -> None:
    project.write(
        {
            "job.py": "def count(people, other):\n    return len(people)\n",
            "main.py": "import json, os\nimport numpy as np\nfrom runner import run\nimport job\n"
            "people = np.frombuffer(os.environ['PEOPLE'].encode() * 9000, dtype='u1')\n"
            "made = [run(job.count, people=people, other=np.arange(n)) for n in (1, 2)]\n"
            "print(json.dumps([version.id for version in made]))\n",
        }
    )
    first, second = project.run(PEOPLE="Ann Smith")
    repository = project.repository
    assert "Ann Smith" in everything_in(project.place / "repository")
    repository.invalidate(first, reason="asked for", erase=True, apply=True)
    assert repository.rerun(second).verdict == "identical"
    repository.invalidate(second, reason="asked for", erase=True, apply=True)
    assert "Ann Smith" not in everything_in(project.place / "repository")
    assert repository.verify().is_sound
    with pytest.raises(NotFoundError, match="nothing was captured"):
        repository.rerun(second)
    # Who passes it once more means it: a parameter is not refused as a Source is.
    again, _ = project.run(PEOPLE="Ann Smith")
    assert repository.rerun(again).verdict == "identical"


@pytest.mark.parametrize("facts", ["old-1.0.egg-info", "old-1.0.egg-info/PKG-INFO"])
def test_distributions_that_a_system_installed_are_found(tmp_path: Path, facts: str) -> None:
    path = tmp_path / facts
    path.parent.mkdir(exist_ok=True)
    path.write_text("Metadata-Version: 1.1\nName: Old\nVersion: 1.0\n\nName: of another\n", "utf-8")
    [(found, _)] = located([str(tmp_path)]).values()
    assert (found["name"], found["version"]) == ("old", "1.0")
