from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import orjson
import pytest

from tests.repositories import LARGE, Crash, CrashingStore, edited, resealed
from tests.steps import blob_path, commit, opened, overwrite
from versioning import layout
from versioning.api import Repository
from versioning.errors import NotFoundError
from versioning.handles import Version


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return opened(tmp_path)


@pytest.fixture
def version(repository: Repository) -> Version:
    """One version with a blob of its own, read by another one."""
    source = commit(repository, LARGE, "source")
    commit(repository, 1, "reader", reads={"x": source})
    return source


def edit(repository: Repository, name: str, **fields: object) -> None:
    path = Path(repository.url) / name
    overwrite(path, edited(path.read_bytes(), **fields))


def test_a_whole_repository_is_sound(repository: Repository, version: Version) -> None:
    report = repository.verify()
    assert report.is_sound
    assert report.checked == 2
    assert report.checked_bytes == len(LARGE) + 1
    assert report.orphans == []


def test_an_empty_repository_is_sound(repository: Repository) -> None:
    assert repository.verify().is_sound


@pytest.mark.parametrize("position", [0, 51_200, len(LARGE) - 1])
def test_a_flipped_bit_is_found(repository: Repository, version: Version, position: int) -> None:
    data = bytearray(LARGE)
    data[position] ^= 1
    overwrite(blob_path(repository, version), bytes(data))
    for report in (repository.verify(), repository.verify(version)):
        [damage] = report.damaged
        assert (damage.id, damage.blob) == (version.id, version.record.manifest[0].name)
        assert not report.is_sound


def test_a_truncated_blob_is_found(repository: Repository, version: Version) -> None:
    overwrite(blob_path(repository, version), LARGE[:-1])
    [damage] = repository.verify().damaged
    assert damage.id == version.id


def test_a_blob_shared_by_two_versions_is_damage_to_both(
    repository: Repository, version: Version
) -> None:
    twin = commit(repository, LARGE, "twin")
    overwrite(blob_path(repository, version), b"x")
    assert {damage.id for damage in repository.verify().damaged} == {version.id, twin.id}


def test_bytes_are_counted_that_were_digested(repository: Repository, version: Version) -> None:
    # Shared bytes are digested once, and those that are gone cannot be.
    commit(repository, LARGE, "copy")
    assert repository.verify().checked_bytes == len(LARGE) + 1
    blob_path(repository, version).unlink()
    assert repository.verify().checked_bytes == 1


def test_a_missing_blob_is_found(repository: Repository, version: Version) -> None:
    blob_path(repository, version).unlink()
    report = repository.verify()
    [dangling] = report.dangling
    assert dangling.name == layout.version(version.id)
    assert dangling.target == version.record.manifest[0].name
    assert not report.is_sound


def test_bytes_changed_inside_a_record_are_found(repository: Repository) -> None:
    small = commit(repository, "text")
    manifest = orjson.loads((Path(repository.url) / layout.version(small.id)).read_bytes())[
        "manifest"
    ]
    for name in (layout.version(small.id), layout.binding(small.key)):
        data = repository.store.get(name)
        forged = resealed(data, manifest=[{**manifest[0], "inline": "AAAAAAAA"}])
        repository.store.put(name, forged)
    [damage] = repository.verify().damaged
    assert (damage.id, damage.blob) == (small.id, manifest[0]["part"])


@pytest.mark.parametrize(
    "change",
    [
        {"step": "another"},
        {"seconds": 0.0},
        {"digest": "0" * 64},
        {"key": "0" * 64},
        {"leaves": []},
        {"created": "1999-01-01T00:00:00+00:00"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_hand_edited_record_is_found(
    repository: Repository, version: Version, change: dict[str, object]
) -> None:
    edit(repository, layout.version(version.id), **change)
    assert version.id in {damage.id for damage in repository.verify().damaged}


def test_an_edited_record_is_found_when_it_is_verified_alone(
    repository: Repository, version: Version
) -> None:
    edit(repository, layout.version(version.id), leaves=[])
    [damage] = repository.verify(version.id).damaged
    assert (damage.id, damage.blob) == (version.id, None)


def test_leaves_and_key_edited_together_are_found_by_the_binding(
    repository: Repository, version: Version
) -> None:
    other = commit(repository, 2, "other").record
    leaves = [{"name": leaf.name, "digest": leaf.digest} for leaf in other.leaves]
    edit(repository, layout.version(version.id), leaves=leaves, key=other.key)
    assert not repository.verify().is_sound


def test_an_unreadable_record_is_found(repository: Repository, version: Version) -> None:
    overwrite(Path(repository.url) / layout.version(version.id), b"{")
    report = repository.verify()
    assert (version.id, None) in {(damage.id, damage.blob) for damage in report.damaged}
    assert report.checked == 2
    assert [d.id for d in repository.verify(version.id).damaged] == [version.id]


def test_a_binding_that_points_elsewhere_is_found(repository: Repository, version: Version) -> None:
    other = commit(repository, 2, "other")
    name = layout.binding(version.key)
    repository.store.put(name, repository.store.get(layout.binding(other.key)))
    [dangling] = repository.verify().dangling
    assert (dangling.name, dangling.target) == (name, other.id)


def test_a_binding_of_a_version_that_is_gone_is_found(
    repository: Repository, version: Version
) -> None:
    repository.store.delete(layout.version(version.id))
    report = repository.verify()
    assert layout.binding(version.key) in {dangling.name for dangling in report.dangling}


def test_an_unreadable_binding_is_found(repository: Repository, version: Version) -> None:
    repository.store.put(layout.binding(version.key), b"[]")
    [dangling] = repository.verify().dangling
    assert dangling.name == layout.binding(version.key)


def test_an_input_that_is_gone_is_found(repository: Repository, version: Version) -> None:
    repository.store.delete(layout.version(version.id))
    repository.store.delete(layout.binding(version.key))
    [dangling] = repository.verify().dangling
    assert dangling.target == version.id


@pytest.mark.parametrize("calls", range(12))
@pytest.mark.parametrize("after", [False, True])
def test_a_repository_is_sound_after_a_crash(tmp_path: Path, calls: int, after: bool) -> None:
    repository = opened(tmp_path)
    commit(repository, "before", "before")
    store = repository.store
    repository.store = repository._blobs._store = CrashingStore(store, calls, after=after)
    with suppress(Crash):
        commit(repository, LARGE, "crashing")
    report = opened(tmp_path).verify()
    assert report.is_sound
    again = opened(tmp_path)
    assert commit(again, LARGE, "crashing").load() == LARGE
    assert again.verify().is_sound


def test_leftovers_of_an_interrupted_writer_are_orphans(
    repository: Repository, version: Version
) -> None:
    orphan = layout.blob("ab/" + "ab" * 32 + "-" + "0" * 16)
    intent = layout.intent("0" * 32)
    for name in (orphan, intent):
        repository.store.put_if_absent(name, b"x")
    report = repository.verify()
    assert report.is_sound
    assert report.orphans == sorted([orphan, intent])


def test_damage_is_healed_by_setting_aside_and_running_again(
    repository: Repository, version: Version
) -> None:
    overwrite(blob_path(repository, version), b"x" * len(LARGE))
    [name] = repository.verify(set_aside=True).set_aside
    assert name == version.record.manifest[0].name
    assert repository.lookup(version.key) is None
    assert [damage.blob for damage in repository.verify().damaged] == [name]
    again = commit(repository, LARGE, "source")
    assert again.load() == LARGE
    report = repository.verify()
    assert report.is_sound
    assert report.replaced == [version.id]


def test_verify_changes_nothing_unless_asked(repository: Repository, version: Version) -> None:
    overwrite(blob_path(repository, version), b"x")
    before = {path: path.stat().st_mtime_ns for path in Path(repository.url).rglob("*")}
    repository.verify()
    assert {path: path.stat().st_mtime_ns for path in Path(repository.url).rglob("*")} == before


def test_a_version_that_is_not_there_cannot_be_verified(repository: Repository) -> None:
    with pytest.raises(NotFoundError):
        repository.verify("0" * 32)
