"""A repository copied to another store: a backup, a restore, a move."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import versioning
from infra.copying import _ORDER, _tell, copy
from tests.repositories import LARGE, draft
from versioning import Repository
from versioning.errors import ConflictError, NotFoundError
from versioning.settings import Settings
from versioning.storage import Store


def opened(url: Path, folder: Path) -> Repository:
    return Repository.open(str(url), settings=Settings(cache=folder / "cache"))


@pytest.fixture
def source(tmp_path: Path) -> Repository:
    repository = opened(tmp_path / "source", tmp_path)
    for name, value in (("small", {"auc": 0.9}), ("large", LARGE)):
        repository.pin(repository.commit(value, draft(name)).id, reason="audit")
    return repository


def test_a_copy_is_the_same_repository_and_whole(source: Repository, tmp_path: Path) -> None:
    done = copy(source.store, Store.open(str(tmp_path / "copy")))
    assert done["there"] == 0
    assert done["bytes"] > len(LARGE)
    found = opened(tmp_path / "copy", tmp_path / "elsewhere")
    assert found.id == source.id
    assert found.verify().is_sound
    record = found.lookup(draft("large").key)
    assert record is not None
    assert found.load(record) == LARGE
    assert {version.id for version in found.versions()} == {v.id for v in source.versions()}


def test_each_folder_is_told_before_it_is_copied(
    source: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[tuple[str, int, int]] = []
    for _ in range(2):
        target = Store.open(str(tmp_path / "copy"))
        copy(source.store, target, tell=lambda *facts: told.append(facts))
    versions = [facts for facts in told if facts[0] == "versions/"]
    assert versions == [("versions/", 2, 2), ("versions/", 0, 2)]
    assert "plans/" not in [folder for folder, *_ in told]
    _tell("versions/", 2, 2)
    assert capsys.readouterr().err == "versions/ 2 of 2 are copied ...\n"


def test_copying_again_brings_what_came_since(source: Repository, tmp_path: Path) -> None:
    target = Store.open(str(tmp_path / "copy"))
    copy(source.store, target)
    record = source.commit({"auc": 0.8}, draft("later"))
    again = copy(source.store, target)
    # The version, and the bindings, which can change.
    assert again["names"] == 4
    assert opened(tmp_path / "copy", tmp_path).lookup(record.key) == record


def test_a_version_that_is_written_meanwhile_leaves_no_hole(
    source: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = source.store.list

    def committing(prefix: str):
        source.commit(LARGE + prefix.encode(), draft(f"beside {prefix}"))
        return listed(prefix)

    monkeypatch.setattr(source.store, "list", committing)
    copy(source.store, Store.open(str(tmp_path / "copy")))
    assert opened(tmp_path / "copy", tmp_path).verify().is_sound


def test_a_place_with_another_repository_is_refused(source: Repository, tmp_path: Path) -> None:
    other = opened(tmp_path / "other", tmp_path)
    with pytest.raises(ConflictError, match="holds another repository"):
        copy(source.store, other.store)
    with pytest.raises(NotFoundError):
        copy(Store.open(str(tmp_path / "nothing")), Store.open(str(tmp_path / "copy")))


def test_all_that_the_format_knows_is_copied() -> None:
    text = (Path(versioning.__file__).parent / "FORMAT.md").read_text()
    names = re.findall(
        r"^    ([a-z]+/)\S+  ", text.split("## Names")[1].split("\n- ")[0], re.MULTILINE
    )
    # Who computes, writes or deletes does so in one store only.
    assert set(_ORDER) == set(names) - {"leases/", "intents/", "marks/"}
