"""Files of the project as leaves of the key: `files = "key"`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from prefect import flow

from tests.steps import blob_path
from tests.surface.journal import Journal
from versioning import IntegrityError, Repository, UnkeyableError, Version, open_repository
from versioning.integrations.prefect import run_table

STEPS = '''
"""Steps of a project of its own."""
import tomllib
from datetime import datetime
from pathlib import Path

from tests.surface.journal import note
from versioning import versioned

CONFIG = Path(__file__).parents[1] / "config"


@versioned
def model(scale: int = 1) -> float:
    note("model")
    return scale * tomllib.loads((CONFIG / "model.toml").read_text())["rate"]


@versioned
def chosen() -> str:
    note("chosen")
    name = (CONFIG / "which.txt").read_text()
    return (CONFIG / name).read_text()


@versioned
def overridden() -> str:
    note("overridden")
    try:
        return (CONFIG / "override.txt").read_text()
    except FileNotFoundError:
        return "default"


@versioned
def names() -> list[str]:
    note("names")
    return sorted(path.name for path in CONFIG.iterdir())


@versioned
def none(scale: int = 1) -> int:
    note("none")
    return scale


@versioned
def around() -> float:
    note("around")
    return 10 * model().load()


@versioned
def pair() -> tuple[float, str]:
    note("pair")
    return model().load(), (CONFIG / "which.txt").read_text()


@versioned
def meddled() -> str:
    note("meddled")
    path = CONFIG / "model.toml"
    before = path.read_text()
    path.write_text(before + "# used\\n")
    return before


@versioned
def relative() -> str:
    return Path("model.toml").read_text()


@versioned
def named(name: str) -> str:
    with open(name) as file:
        return file.read()


@versioned
def large() -> str:
    note("large")
    return 199_995 * "x" + (CONFIG / "which.txt").read_text()


@versioned
def outside(name: str) -> str:
    return Path(name).read_text()
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with steps and configuration."""
    folder = tmp_path / "project"
    (folder / "filesproj").mkdir(parents=True)
    (folder / "config").mkdir()
    (folder / "pyproject.toml").write_text("[project]\n")
    (folder / "filesproj" / "steps.py").write_text(STEPS)
    (folder / "filesproj" / "__init__.py").touch()
    (folder / "config" / "model.toml").write_text("rate = 0.5\n")
    (folder / "config" / "which.txt").write_text("a.txt")
    for name in "ab":
        (folder / "config" / f"{name}.txt").write_text(name)
    monkeypatch.syspath_prepend(str(folder))
    yield folder / "config"
    for name in [name for name in sys.modules if name.partition(".")[0] == "filesproj"]:
        del sys.modules[name]


@pytest.fixture
def steps(project: Path) -> ModuleType:
    return importlib.import_module("filesproj.steps")


@pytest.fixture
def keyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository under `files = "key"`."""
    monkeypatch.setenv("VERSIONING_FILES", "key")
    return open_repository(str(tmp_path / "repository"))


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are read when a repository is opened: open it anew in each test."""
    from versioning import api

    monkeypatch.setattr(api, "_opened", {})


def files(version: Version) -> dict[str, str]:
    leaves = version.record.leaves
    return {leaf.name: leaf.digest for leaf in leaves if leaf.name.startswith("files/")}


def test_a_changed_file_misses_and_why_names_it(
    keyed: Repository, steps: ModuleType, project: Path, ran: Journal
) -> None:
    pipeline = flow(lambda: steps.model(), name="plain")
    first = pipeline()
    assert list(files(first)) == ["files/config/model.toml"]
    assert first.record.meta["hidden"] == []
    assert pipeline().id == first.id
    (project / "model.toml").write_text("rate = 0.25\n")
    second = pipeline()
    assert (first.load(), second.load()) == (0.5, 0.25)
    assert [change.leaf for change in second.why().changed] == ["files/config/model.toml"]
    assert run_table().rows[0].why == "files/config/model.toml changed"
    assert ran.take() == ["model", "model"]
    (project / "model.toml").write_text("rate = 0.5\n")
    assert pipeline().id == first.id
    assert ran.take() == []
    assert open_repository().verify().is_sound


def test_which_files_are_read_may_depend_on_files(
    keyed: Repository, steps: ModuleType, project: Path, ran: Journal
) -> None:
    first = steps.chosen()
    (project / "b.txt").write_text("not read by it")
    assert steps.chosen().id == first.id
    (project / "which.txt").write_text("b.txt")
    second = steps.chosen()
    assert list(files(second)) == ["files/config/b.txt", "files/config/which.txt"]
    (project / "a.txt").write_text("changed")
    assert steps.chosen().id == second.id
    (project / "which.txt").write_text("a.txt")
    assert steps.chosen().load() == "changed"
    assert ran.take() == ["chosen"] * 3


def test_a_file_that_appears_and_names_in_a_folder_count(
    keyed: Repository, steps: ModuleType, project: Path
) -> None:
    assert (steps.overridden().load(), len(steps.names().load())) == ("default", 4)
    (project / "override.txt").write_text("other")
    assert (steps.overridden().load(), len(steps.names().load())) == ("other", 5)
    (project / "override.txt").unlink()
    assert (steps.overridden().load(), len(steps.names().load())) == ("default", 4)


def test_a_link_that_points_elsewhere_is_another_content(
    keyed: Repository, steps: ModuleType, project: Path, tmp_path: Path, ran: Journal
) -> None:
    outside = tmp_path / "outside.toml"
    outside.write_text("rate = 7\n")
    for target in ("first.toml", "second.toml", outside):
        (project / "first.toml").write_text("rate = 1\n")
        (project / "second.toml").write_text("rate = 2\n")
        (project / "model.toml").unlink()
        (project / "model.toml").symlink_to(target)
        assert steps.model().load() == {"first.toml": 1, "second.toml": 2}.get(str(target), 7)
    outside.write_text("rate = 8\n")
    assert list(files(steps.model())) == ["files/config/model.toml"]
    assert steps.model().load() == 8
    assert ran.take() == ["model"] * 4


def test_a_project_that_is_reached_by_a_link_has_files_of_its_own(
    keyed: Repository, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "current").symlink_to(project.parent)
    monkeypatch.syspath_prepend(str(tmp_path / "current"))
    linked = importlib.import_module("filesproj.steps")
    assert str(linked.CONFIG).startswith(str(tmp_path / "current"))
    version = linked.model()
    assert list(files(version)) == ["files/config/model.toml"]
    (project / "model.toml").write_text("rate = 3\n")
    assert linked.model().load() == 3


def test_a_relative_path_means_another_file_in_another_folder(
    keyed: Repository, steps: ModuleType, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = project / "other"
    other.mkdir()
    (other / "model.toml").write_text("rate = 9\n")
    found = []
    for folder in (project, other, project):
        monkeypatch.chdir(folder)
        found.append(steps.relative())
    assert [version.load() for version in found] == ["rate = 0.5\n", "rate = 9\n", "rate = 0.5\n"]
    assert found[0].id == found[2].id


def test_what_dots_behind_a_link_mean_is_what_is_read(
    keyed: Repository, steps: ModuleType, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "far" / "model.toml").write_text("rate = 6\n")
    (project / "deep").symlink_to(tmp_path / "far" / "deep")
    version = steps.named(str(project / "deep" / ".." / "model.toml"))
    assert version.load() == "rate = 6\n"
    assert files(version) == {}
    assert version.record.meta["hidden"][0]["what"] == str(tmp_path / "far" / "model.toml")


def test_a_step_that_reads_no_file_hits_as_ever(
    keyed: Repository, steps: ModuleType, ran: Journal
) -> None:
    assert steps.none().id == steps.none().id
    assert ran.take() == ["none"]


def test_what_a_step_inside_reads_counts_for_the_step_around(
    keyed: Repository, steps: ModuleType, project: Path, ran: Journal
) -> None:
    assert steps.around().load() == 5
    (project / "model.toml").write_text("rate = 1\n")
    assert steps.model().load() == 1
    assert (
        steps.around().load() == 10
    )  # the step inside is a hit, and tells of its file all the same
    (project / "model.toml").write_text("rate = 2\n")
    assert steps.around().load() == 20
    assert ran.take() == ["around", "model", "model", "around", "around", "model"]


def test_a_tuple_has_the_files_of_its_body(
    keyed: Repository, steps: ModuleType, project: Path, ran: Journal
) -> None:
    first = steps.pair()
    assert [part.id for part in steps.pair()] == [part.id for part in first]
    (project / "which.txt").write_text("b.txt")
    assert [part.load() for part in steps.pair()] == [0.5, "b.txt"]
    assert ran.take() == ["pair", "model", "pair"]


def test_a_file_that_changed_while_it_was_read_is_never_a_hit(
    keyed: Repository, steps: ModuleType, project: Path, ran: Journal
) -> None:
    steps.meddled()
    (project / "model.toml").write_text("rate = 0.5\n")
    steps.meddled()
    assert ran.take() == ["meddled", "meddled"]


def test_a_version_made_without_the_setting_is_no_hit_once_its_file_could_have_changed(
    tmp_path: Path, steps: ModuleType, project: Path, ran: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from versioning import api

    warned, unread = steps.model(), steps.none()
    (project / "model.toml").write_text("rate = 4\n")
    assert steps.model().id == warned.id
    monkeypatch.setenv("VERSIONING_FILES", "key")
    monkeypatch.setattr(api, "_opened", {})
    assert steps.model().load() == 4
    assert steps.none().id == unread.id
    assert ran.take() == ["model", "none", "model"]


def test_files_of_the_project_are_not_hidden_and_others_are(
    keyed: Repository, steps: ModuleType, project: Path, tmp_path: Path
) -> None:
    assert steps.model.with_options(strict=True)().load() == 0.5
    (tmp_path / "elsewhere.txt").write_text("x")
    with pytest.raises(UnkeyableError, match=r"elsewhere\.txt"):
        steps.outside.with_options(strict=True)(str(tmp_path / "elsewhere.txt"))


def test_lost_bytes_are_made_again_only_from_the_same_file(
    keyed: Repository, steps: ModuleType, project: Path, ran: Journal
) -> None:
    steps.large()
    hit = steps.large()
    blob_path(keyed, hit).unlink()
    assert len(hit.load()) == 200_000
    assert ran.take() == ["large", "large"]
    hit = steps.large()
    blob_path(keyed, hit).unlink()
    (project / "which.txt").write_text("b.txt")
    with pytest.raises(IntegrityError, match="returns another value"):
        hit.load()
    assert steps.large().load().endswith("b.txt")


def test_two_bodies_at_once_keep_their_files_apart(
    keyed: Repository, steps: ModuleType, project: Path
) -> None:
    @flow
    def at_once() -> list[Version]:
        futures = [steps.model.submit(scale) for scale in range(1, 4)]
        return [future.result() for future in [*futures, steps.chosen.submit()]]

    *models, chosen = at_once()
    assert {tuple(files(version)) for version in models} == {("files/config/model.toml",)}
    assert len(files(chosen)) == 2


@pytest.mark.slow
def test_a_process_pool_finds_them_too(
    keyed: Repository, steps: ModuleType, project: Path, ran: Journal, monkeypatch
) -> None:
    from prefect.task_runners import ProcessPoolTaskRunner

    monkeypatch.setenv("PYTHONPATH", f"{project.parent}:{Path(__file__).parents[2]}")

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def elsewhere() -> float:
        return steps.model.submit().result().load()

    assert elsewhere() == 0.5
    assert elsewhere() == 0.5
    (project / "model.toml").write_text("rate = 3\n")
    assert elsewhere() == 3
    assert ran.take() == ["model", "model"]
