"""What retention is given and cannot use: clear errors, and nothing is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.repositories import LARGE, resealed
from tests.steps import commit, opened
from versioning import layout, marks
from versioning.api import Repository
from versioning.cli.app import run
from versioning.handles import Version
from versioning.storage import local

Run = Callable[..., tuple[int, str, str]]
ONE = "min_age = '0s'\nkeep_lineage = 'none'\ntrash = '0s'\n[[rules]]\nkeep_last = 1\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    repository = opened(tmp_path)
    monkeypatch.setenv("VERSIONING_REPOSITORY", repository.url)
    monkeypatch.setenv("VERSIONING_CACHE", str(repository.settings.cache))
    monkeypatch.chdir(tmp_path)
    return repository


@pytest.fixture
def versions(repository: Repository) -> list[Version]:
    return [commit(repository, LARGE + bytes([n]), "train", minute=n, n=n) for n in range(3)]


@pytest.fixture
def policy(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "retention.toml"
        path.write_text(text, "utf-8")
        return str(path)

    return write


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Run:
    def ran(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        return code, *capsys.readouterr()

    return ran


def live(versions: list[Version]) -> list[bool]:
    return [version.repository.lookup(version.key) is not None for version in versions]


@pytest.mark.parametrize("text", ["", "rules = []\n", "min_age = '0s'\ntrash = '0s'\n"])
def test_an_empty_policy_deletes_nothing(
    versions: list[Version], policy: Callable[[str], str], command: Run, text: str
) -> None:
    code, out, _ = command("prune", "--policy", policy(text), "--apply")
    assert code == 0
    assert "Nothing to expire: 3 versions all stay." in out
    assert live(versions) == [True] * 3
    assert all(version.load() for version in versions)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keep_for = '1d'", "keep_for: there is no such field. Known fields: rules,"),
        ("[[rules]]\nkeep_lats = 3\nkeep_last = 1", "rules.1.keep_lats: there is no such field"),
        ("[[rules]]\n", "rules.1: it keeps nothing"),
        ("[[rules]]\nkeep_all = true\nkeep_last = 1", "keep_all contradicts keep_last"),
        ("[[rules]]\nkeep_last = 1\n[[rules]]\nkeep_last = 2", "rule 2 never counts"),
        ("min_age = '-1d'", "min_age: write a span"),
        ("[[rules]]\nkeep_within = '-1d'", "rules.1.keep_within: write a span"),
        ("[[rules]]\nkeep_last = -1", "rules.1.keep_last: Input should be greater"),
    ],
)
def test_a_wrong_policy_is_refused_by_its_field(
    versions: list[Version], policy: Callable[[str], str], command: Run, text: str, said: str
) -> None:
    code, out, err = command("prune", "--policy", policy(text), "--apply")
    assert (code, out) == (2, "")
    assert said in err
    assert live(versions) == [True] * 3


@pytest.mark.parametrize("budget", ["max_bytes = 1", "max_money = 0"])
def test_a_budget_that_cannot_be_kept_is_told(
    repository: Repository,
    versions: list[Version],
    policy: Callable[[str], str],
    command: Run,
    budget: str,
) -> None:
    repository.pin(versions[0], "audit")
    limited = policy(f"min_age = '0s'\n{budget}\n")
    told = f"{budget} is exceeded all the same: what stays may not go."
    out = command("prune", "--policy", limited)[1]
    assert "2 versions would go" in out
    assert told in out
    assert json.loads(command("prune", "--policy", limited, "--json")[1])["exceeded"] == [budget]
    for version in versions[1:]:
        repository.pin(version, "audit")
    out = command("prune", "--policy", limited)[1]
    assert "Nothing to expire: 3 versions all stay." in out
    assert told in out


def test_a_plan_of_another_repository_is_refused(
    versions: list[Version], policy: Callable[[str], str], command: Run, tmp_path: Path
) -> None:
    plan = json.loads(command("prune", "--policy", policy(ONE), "--json")[1])["plan"]
    other = opened(tmp_path / "other")
    there = ["--repository", other.url]
    for arguments in (["prune", "--apply", "--plan", plan], ["undo", plan]):
        code, out, err = command(*arguments, *there)
        assert (code, out) == (2, "")
        assert f"has no plan {plan}: `versioning prune` makes one" in err
    assert live(versions) == [True] * 3


def test_a_stale_plan_spares_what_changed_since(
    repository: Repository, versions: list[Version], policy: Callable[[str], str], command: Run
) -> None:
    plan = json.loads(command("prune", "--policy", policy(ONE), "--json")[1])["plan"]
    repository.pin(versions[0], "audit")
    code, out, _ = command("prune", "--apply", "--plan", plan)
    assert code == 0
    assert f"{versions[0].id[:12]} is spared: pinned: audit" in out
    assert live(versions) == [True, False, True]


def test_what_a_plan_does_not_expire_any_more_is_not_told_as_going(
    repository: Repository, versions: list[Version], policy: Callable[[str], str], command: Run
) -> None:
    week = policy(ONE.replace("trash = '0s'", "trash = '7d'"))
    first, then = (
        json.loads(command("prune", "--policy", week, "--json")[1])["plan"] for _ in range(2)
    )
    repository.pin(versions[0], "audit")
    out = command("prune", "--apply", "--plan", first)[1]
    assert out.count(versions[0].id[:12]) == 1
    assert f"1 versions are in the trash: versioning undo {first}" in out
    assert "exceeded" not in out
    # All that is left of this one went by the other.
    out = command("prune", "--apply", "--plan", then)[1]
    assert "0 versions" not in out
    assert "1 versions went before, by another plan or an earlier run." in out
    assert "versioning undo" not in out


def refuse(patch: pytest.MonkeyPatch, is_refused: Callable[[str], bool]) -> None:
    """Let the store refuse to delete some files."""
    unlink = os.unlink

    def refusing(path: Any) -> None:
        if is_refused(str(path)):
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path)

    patch.setattr(local.os, "unlink", refusing)


def test_a_store_that_refuses_to_delete_says_what_is_left(
    repository: Repository,
    versions: list[Version],
    policy: Callable[[str], str],
    command: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As an object lock on the blobs, or a policy of the bucket, does.
    refuse(monkeypatch, lambda path: path.startswith(f"{repository.url}/blobs/"))
    code, out, err = command("prune", "--policy", policy(ONE), "--apply")
    assert (code, err) == (1, "")
    assert "2 blobs are left, as the store keeps them:" in out
    assert "ask for write access" in out
    assert repository.verify().is_sound
    code, out, _ = command("invalidate", "train~0", "--erase", "--reason", "x", "--apply")
    assert code == 1
    assert "1 version is invalid: x" in out
    assert "is there still: the store keeps it." in out
    assert "ask for write access" in out
    # Whoever may delete finishes it.
    monkeypatch.undo()
    monkeypatch.setenv("VERSIONING_REPOSITORY", repository.url)
    monkeypatch.setenv("VERSIONING_CACHE", str(repository.settings.cache))
    assert command("prune", "--policy", policy(ONE), "--apply")[0] == 0
    assert list(repository.store.list(layout.BLOBS)) == []


def test_a_store_that_lets_nothing_go_says_what_is_left(
    repository: Repository,
    versions: list[Version],
    policy: Callable[[str], str],
    command: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        # As a folder does that is sticky, or a role that may read and write only.
        refuse(patch, lambda path: not path.startswith(f"{repository.url}/.staging/"))
        for _ in range(2):
            code, out, err = command("prune", "--policy", policy(ONE), "--apply")
            assert (code, err) == (1, "")
            assert "2 bindings are left, as the store keeps them: " in out
            assert "ask for write access" in out
    # Nothing is lost: they are hits on bytes that are there.
    assert live(versions) == [True] * 3
    assert repository.verify().is_sound
    code, out, _ = command("prune", "--policy", policy(ONE), "--apply")
    assert code == 0
    assert "2 versions are expired" in out
    assert live(versions) == [False, False, True]


@pytest.mark.parametrize("erase", [False, True])
def test_an_invalidation_says_what_a_store_that_lets_nothing_go_keeps(
    repository: Repository,
    versions: list[Version],
    command: Run,
    monkeypatch: pytest.MonkeyPatch,
    erase: bool,
) -> None:
    asked = ["invalidate", "train", "--reason", "x", "--apply", *(["--erase"] if erase else [])]
    bindings = [layout.binding(version.key) for version in versions]
    blobs = [layout.blob(str(version.record.manifest[0].name)) for version in versions]
    records = [layout.version(version.id) for version in versions]
    with monkeypatch.context() as patch:
        refuse(patch, lambda path: not path.startswith(f"{repository.url}/.staging/"))
        code, out, err = command(*asked, "--json")
        assert (code, err) == (1, "")
        told = json.loads(out)
        assert sorted(told["left"]) == sorted([*bindings, *(blobs + records if erase else [])])
        assert "ask for write access" in told["refused"]
        code, out, err = command(*asked)
        assert (code, err) == (1, "")
        assert "3 versions are invalid: x" in out
        assert f"{bindings[0]} is there still: the store keeps it." in out
        assert "ask for write access" in out
    # All of them are misses all the same.
    assert live(versions) == [False] * 3
    code, out, _ = command(*asked, "--json")
    assert (code, json.loads(out)["left"], json.loads(out)["refused"]) == (0, [], "")
    left = {entry.name for entry in repository.store.list("")}
    assert left.isdisjoint([*bindings, *(blobs if erase else [])])


def test_what_a_store_refuses_beside_an_invalidation_is_an_error(
    repository: Repository, versions: list[Version], command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["invalidate", "train~0", "--erase", "--reason", "x", "--apply"]
    # What another sweep left, and this one would remove.
    marks.put(repository.store, "00", ["00/" + "0" * 64 + "-" + "0" * 16])
    refuse(monkeypatch, lambda path: path.startswith(f"{repository.url}/marks/"))
    code, out, err = command(*asked)
    assert (code, out) == (3, "")
    assert "ask for write access" in err


@pytest.mark.parametrize("command_line", [["prune"], ["invalidate", "train~0", "--reason", "x"]])
def test_beside_a_newer_release_nothing_is_done(
    repository: Repository,
    versions: list[Version],
    policy: Callable[[str], str],
    command: Run,
    command_line: list[str],
) -> None:
    name = layout.version("f" * 32)
    data = repository.store.get(layout.version(versions[0].id))
    repository.store.put(name, resealed(data, id="f" * 32).replace(b'"format":1', b'"format":2'))
    more = ["--policy", policy(ONE)] if command_line == ["prune"] else []
    code, out, err = command(*command_line, *more, "--apply")
    assert (code, out) == (2, "")
    assert "1 versions in" in err
    assert "upgrade prefect-versioning" in err
    assert live(versions) == [True] * 3


def test_a_repository_of_a_newer_format_is_refused(
    repository: Repository, versions: list[Version], policy: Callable[[str], str], command: Run
) -> None:
    data = repository.store.get(layout.REPOSITORY)
    repository.store.put(layout.REPOSITORY, data.replace(b'"format":1', b'"format":2'))
    code, out, err = command("prune", "--policy", policy(ONE), "--apply")
    assert (code, out) == (2, "")
    assert "has format 2" in err
    assert "upgrade prefect-versioning" in err
    assert len(list(repository.store.list(layout.BLOBS))) == 3
