"""Versions that are never a hit again, and bytes that are gone for good."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.repositories import LARGE, NOW, Crash, CrashingStore, shards_in
from tests.repositories import draft as drafted
from tests.steps import commit, opened
from versioning import Source, layout
from versioning.api import Repository
from versioning.concerned import Invalidated
from versioning.envelope import dump
from versioning.errors import ConflictError, FormatError, IntegrityError, NotFoundError
from versioning.expiry import Cause, Expiry
from versioning.handles import Version
from versioning.invalidate import apply, plan
from versioning.keys import Leaf
from versioning.prune import apply as carry_out
from versioning.repository import Draft
from versioning.retention import Policy
from versioning.settings import Settings
from versioning.standing import standing
from versioning.storage import Store
from versioning.sweep import Patience
from versioning.verify import verify

CAUSE = Cause(plan="", rule="", actor="ann@here", at=NOW)
HASTE = Patience(abandoned=timedelta(0), wait_seconds=0)
SECRET = "ann.secret@example.org"
ROWS = (SECRET.encode() + b"\n") * 8000


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return opened(tmp_path)


@pytest.fixture
def versions(repository: Repository) -> dict[str, Version]:
    """load -> clean -> train, of which load and clean hold the secret; and another load."""
    load = commit(repository, ROWS, "load", person=SECRET)
    other = commit(repository, LARGE, "load", minute=1, person="bob")
    clean = commit(repository, {"who": SECRET}, "clean", minute=2, reads={"rows": load})
    train = commit(repository, 0.5, "train", minute=3, reads={"rows": clean})
    return {"load": load, "other": other, "clean": clean, "train": train}


def hits(repository: Repository, versions: dict[str, Version]) -> list[str]:
    return [name for name, v in versions.items() if repository.lookup(v.key) is not None]


def traces(folder: Path) -> list[Path]:
    """Files below `folder` that hold the secret, in any of the ways in which they could."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if tells(path.read_bytes())]


def tells(data: bytes) -> bool:
    # In base64, it looks in three ways, by where it begins.
    encoded = (base64.b64encode(b"x" * n + SECRET.encode())[4:24] for n in range(3))
    return any(text in data for text in (SECRET.encode(), *encoded))


def test_nothing_is_done_unless_asked_to(
    repository: Repository, versions: dict[str, Version]
) -> None:
    before = {entry.name for entry in repository.store.list("")}
    made = repository.invalidate(versions["load"], down=True, reason="poisoned", erase=True)
    assert {item.id: item.why for item in made.versions} == {
        versions["load"].id: "named",
        versions["clean"].id: f"made from load {versions['load'].id[:12]}",
        versions["train"].id: f"made from clean {versions['clean'].id[:12]}",
    }
    assert {entry.name for entry in repository.store.list("")} == before
    assert len(hits(repository, versions)) == 4


def test_what_is_invalid_is_a_miss_and_can_be_loaded_still(
    repository: Repository, versions: dict[str, Version]
) -> None:
    repository.invalidate(versions["load"], reason="poisoned", apply=True)
    assert hits(repository, versions) == ["other", "clean", "train"]
    assert versions["load"].load() == ROWS
    assert verify(repository).is_sound


def test_with_down_goes_what_was_made_from_it(
    repository: Repository, versions: dict[str, Version]
) -> None:
    repository.invalidate("load~1", down=True, reason="poisoned", apply=True)
    assert hits(repository, versions) == ["other"]


def test_a_step_stands_for_all_of_its_versions(
    repository: Repository, versions: dict[str, Version]
) -> None:
    repository.invalidate("load", reason="a bug", apply=True)
    assert hits(repository, versions) == ["clean", "train"]


def test_the_next_run_computes_and_binds_a_new_version(
    repository: Repository, versions: dict[str, Version]
) -> None:
    old = versions["load"]
    repository.invalidate(old, down=True, reason="poisoned", apply=True)
    new = commit(repository, ROWS, "load", minute=9, person=SECRET)
    assert new.id != old.id
    found = repository.lookup(old.key)
    assert found is not None
    assert found.id == new.id
    # What was made from the old one is no answer for the new one, though the value is the same.
    again = commit(repository, {"who": SECRET}, "clean", minute=10, reads={"rows": new})
    assert again.key == versions["clean"].key
    assert again.id != versions["clean"].id
    assert again.why().invalidated == f"poisoned (made from load {old.id[:12]})"
    assert verify(repository).is_sound


def test_what_is_read_from_an_equal_version_of_the_key_goes_too(repository: Repository) -> None:
    """The earlier version lost its bytes; its reader is a hit for what was computed again."""
    old = commit(repository, ROWS, "load")
    clean = commit(repository, 1, "clean", reads={"rows": old})
    Expiry(repository).trash(old.id, replace(CAUSE, plan="p"))
    new = commit(repository, ROWS, "load", minute=1)
    repository.invalidate(new, down=True, reason="poisoned", apply=True)
    assert repository.lookup(clean.key) is None
    assert not Expiry(repository).restore(old.id, CAUSE) or repository.lookup(old.key) is None


def test_a_tuple_goes_with_its_parts_and_they_with_it(repository: Repository) -> None:
    whole = drafted("split", step="split")
    leaves = (*whole.leaves, Leaf("output", drafted("0").leaves[0].digest, "0"))
    from versioning.keys import root_key

    part_draft = replace(whole, leaves=leaves, key=root_key(leaves), step="split[0]")
    part = repository.commit(ROWS, part_draft, bind=False)
    outputs = {"outputs": [{"id": part.id, "digest": part.digest, "seal": part.seal}]}
    pair = repository.commit([part.digest], replace(whole, meta=outputs))
    [*_, other] = repository.invalidate(part.id).versions
    assert (other.id, other.why) == (pair.id, f"has split[0] {part.id[:12]} as a part")
    repository.invalidate(pair.id, reason="poisoned", apply=True)
    assert repository.is_invalid(part.id)
    assert repository.lookup(pair.key) is None


def test_a_version_in_flight_that_read_it_is_invalid_from_the_beginning(
    repository: Repository, versions: dict[str, Version]
) -> None:
    repository.invalidate(versions["load"], down=True, reason="poisoned", apply=True)
    late = commit(repository, 7, "report", minute=4, reads={"rows": versions["train"]})
    assert repository.lookup(late.key) is None
    below = commit(repository, 8, "send", minute=5, reads={"report": late})
    assert repository.lookup(below.key) is None
    assert verify(repository).is_sound


def test_undo_and_binding_again_do_not_make_it_a_hit(
    repository: Repository, versions: dict[str, Version]
) -> None:
    load = versions["load"]
    record = load.record
    Expiry(repository).trash(load.id, CAUSE)
    repository.invalidate(load, reason="poisoned", apply=True)
    Expiry(repository).restore(load.id, CAUSE)
    assert repository.lookup(load.key) is None
    assert repository.bind(record).id == load.id
    assert repository.lookup(load.key) is None


def test_erasing_leaves_no_byte_of_it_anywhere(
    repository: Repository, versions: dict[str, Version], tmp_path: Path
) -> None:
    rows = [{"step": "load", "version": versions["other"].id, "why": f"person {SECRET} -> bob"}]
    repository.write_run("r1", "flow", {"flow": "f", "ended": "x", "steps": rows})
    blob = versions["load"].record.manifest[0]
    aside = layout.quarantined(str(blob.name))
    repository.store.put(aside, ROWS)
    copy = repository.settings.cache / repository.id / "blobs" / blob.digest[:2] / blob.digest
    copy.parent.mkdir(parents=True)
    copy.write_bytes(ROWS)
    assert len(traces(tmp_path)) == 8
    made = repository.invalidate("load~1", down=True, erase=True, reason="GDPR 17", apply=True)
    assert not made.left
    assert traces(tmp_path) == []
    report = verify(repository)
    assert report.is_sound
    assert sorted(report.erased) == sorted(versions[n].id for n in ("load", "clean", "train"))
    assert hits(repository, versions) == ["other"]
    [row] = repository.run_parts("r1")[0]["steps"]
    assert row["why"] == "erased"


def test_a_tombstone_keeps_lineage_and_digests_and_says_why(
    repository: Repository, versions: dict[str, Version]
) -> None:
    clean = versions["clean"]
    before = clean.record
    repository.invalidate("load~1", down=True, erase=True, reason="GDPR 17", apply=True)
    after = repository.record(clean.id)
    assert after.erased is not None
    assert (after.erased.reason, after.erased.seal) == ("GDPR 17", before.seal)
    assert "@" in after.erased.actor
    assert (after.key, after.digest, after.inputs) == (before.key, before.digest, before.inputs)
    assert [blob.digest for blob in after.manifest] == [blob.digest for blob in before.manifest]
    assert clean.lineage("up").nodes.keys() == {clean.id, versions["load"].id}
    for version in (clean, repository.get(clean.id)):
        with pytest.raises(NotFoundError, match=r"was erased by .*: GDPR 17"):
            version.load()
    assert clean.record == after
    with pytest.raises(NotFoundError, match="was erased"):
        clean.path()


def test_readers_that_are_kept_stay_sound(
    repository: Repository, versions: dict[str, Version]
) -> None:
    made = repository.invalidate("load~1", erase=True, reason="GDPR 17", apply=True)
    assert made.readers == 1
    assert verify(repository).is_sound
    assert versions["clean"].load() == {"who": SECRET}


def test_what_is_pinned_or_named_is_erased_only_by_force(
    repository: Repository, versions: dict[str, Version]
) -> None:
    repository.pin(versions["clean"], "audit")
    repository.append_name("m", {"alias": "champion", "version": versions["train"].id})
    asked: dict[str, Any] = {"down": True, "erase": True, "reason": "GDPR 17", "apply": True}
    with pytest.raises(ConflictError, match=r"clean .* is pinned: audit; train .* is named m@"):
        repository.invalidate("load~1", **asked)
    assert len(hits(repository, versions)) == 4
    # Marking deletes nothing, so nothing stands against it.
    repository.invalidate("load~1", down=True, reason="poisoned", apply=True)
    assert versions["clean"].load() == {"who": SECRET}
    made = repository.invalidate("load~1", force=True, **asked)
    assert [item.was for item in made.versions] == ["erased"] * 3


def test_bytes_that_others_hold_are_told_and_stay_only_by_force(
    repository: Repository, versions: dict[str, Version]
) -> None:
    copy = commit(repository, ROWS, "copy")
    with pytest.raises(ConflictError, match=f"{copy.id[:12]} holds the same bytes"):
        repository.invalidate("load~1", erase=True, reason="GDPR", apply=True)
    made = repository.invalidate("load~1", erase=True, reason="GDPR", apply=True, force=True)
    assert made.left == [layout.blob(str(copy.record.manifest[0].name))]
    assert copy.load() == ROWS
    made = repository.invalidate("load~1", copy, erase=True, reason="GDPR", apply=True)
    assert made.left == []


def test_invalidating_twice_changes_nothing_and_erasing_goes_further(
    repository: Repository, versions: dict[str, Version]
) -> None:
    load = versions["load"]
    for _ in range(2):
        repository.invalidate(load, reason="poisoned", apply=True)
    entries = list(repository.store.list(layout.INVALID))
    assert len(entries) == 1
    repository.invalidate(load, erase=True, reason="GDPR", apply=True)
    why = repository.invalidations.of(load.id)
    assert why is not None
    assert (why.reason, why.erase) == ("GDPR", True)


def test_a_source_that_was_erased_is_not_stored_again(
    repository: Repository, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(ROWS)
    version = Source(str(path)).version(repository)
    clean = commit(repository, 1, "clean", reads={"rows": version})
    repository.invalidate("source:people.csv", down=True, erase=True, reason="GDPR", apply=True)
    assert repository.lookup(clean.key) is None
    assert traces(tmp_path) == [path]
    with pytest.raises(ConflictError, match=r"people\.csv was erased .*: GDPR\. Correct or remove"):
        Source(str(path)).version(repository)
    assert traces(tmp_path) == [path]
    path.write_bytes(b"nobody")
    assert Source(str(path)).version(repository).load().read_bytes() == b"nobody"


def test_a_source_that_was_invalidated_is_read_again(
    repository: Repository, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(ROWS)
    old = Source(str(path)).version(repository)
    repository.invalidate(old, reason="poisoned", apply=True)
    new = Source(str(path)).version(repository)
    assert new.id != old.id
    assert new.digest == old.digest


def test_a_writer_that_read_what_is_erased_meanwhile_stores_nothing(
    repository: Repository, versions: dict[str, Version], tmp_path: Path
) -> None:
    repository.invalidate("load~1", down=True, erase=True, reason="GDPR", apply=True)
    for value in ({"late": SECRET}, ROWS + b"late"):
        with pytest.raises(ConflictError, match="Nothing of it was stored"):
            commit(repository, value, "late", reads={"rows": versions["load"]})
    # The blob of the second is finished by the next prune, as after a crash.
    policy = repository.plan_prune(Policy.of({}, "tests"))
    carry_out(repository, repository.catalog, policy.id, CAUSE, patience=HASTE)
    assert traces(tmp_path) == []
    assert verify(repository).is_sound


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("erase", [False, True])
def test_a_kill_at_any_call_leaves_a_sound_repository_and_is_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, erase: bool, after: bool
) -> None:
    calls = 0
    while True:
        store = Store.memory()
        repository = Repository.open(store.url, settings=Settings(cache=tmp_path))
        load = commit(repository, ROWS, "load", person=SECRET)
        commit(repository, {"who": SECRET}, "clean", minute=2, reads={"rows": load})
        monkeypatch.setattr("versioning.sweep.SHARDS", shards_in(store))
        crashing = CrashingStore(repository.store, calls, after=after)
        dying = Repository(crashing, repository_id=repository.id, settings=repository.settings)
        asked: dict[str, Any] = {"reason": "GDPR", "down": True, "erase": erase}
        made = plan(repository, repository.catalog, ["load"], **asked)
        with contextlib.suppress(Crash):
            apply(dying, repository.catalog, made, CAUSE, patience=HASTE)
        is_over = crashing.left > 0
        assert verify(repository).is_sound
        repository.invalidate("load", apply=True, **asked)
        assert verify(repository).is_sound
        assert not list(repository.store.list(layout.KEYS))
        names = [entry.name for entry in store.list("")]
        assert not (erase and any(tells(store.get(name)) for name in names))
        if is_over:
            return
        calls += 1


def test_verify_finds_what_a_writer_bound_and_was_killed(
    repository: Repository, versions: dict[str, Version]
) -> None:
    load = versions["load"]
    name = layout.binding(load.key)
    before = repository.store.get(name)
    repository.invalidate(load, erase=True, reason="GDPR", apply=True)
    repository.store.put(name, before)
    report = verify(repository)
    assert report.is_sound
    assert report.invalid == [name]
    # Not even then are its bytes an answer, nor is it adopted.
    with pytest.raises(NotFoundError, match="was erased"):
        Version.of(repository, repository.bound(load.key)).load()
    assert verify(repository, set_aside=True).set_aside == [name]
    assert repository.lookup(load.key) is None


def test_what_is_damaged_is_erased_where_it_was_set_aside(
    repository: Repository, versions: dict[str, Version], tmp_path: Path
) -> None:
    clean = versions["clean"]
    repository.catalog.refresh()
    name = layout.version(clean.id)
    repository.store.put(name, repository.store.get(name)[:-9] + b'beef"}')
    repository.store.delete(layout.binding(clean.key))
    with pytest.raises(IntegrityError):
        repository.invalidate("load~1", down=True, erase=True, reason="GDPR", apply=True)
    verify(repository, set_aside=True)
    repository.invalidate("load~1", down=True, erase=True, reason="GDPR", apply=True)
    assert traces(tmp_path) == []


def test_an_invalidation_that_cannot_be_read_is_one(
    repository: Repository, versions: dict[str, Version]
) -> None:
    load = versions["load"]
    repository.invalidate(load, reason="poisoned", apply=True)
    for broken in (b"{", dump("invalid", {"reason": "x"})):
        repository.store.put(layout.invalid(load.id, 0), broken)
        assert repository.is_invalid(load.id)
        why = repository.invalidations.of(load.id)
        assert why is not None
        assert "cannot be read" in why.reason
        assert repository.bind(load.record).id == load.id
        assert repository.lookup(load.key) is None


@pytest.mark.parametrize(
    ("names", "reason", "error", "said"),
    [
        ([], "x", FormatError, "name a step or a version"),
        (["nobody"], "x", NotFoundError, "no version is named 'nobody'"),
        (["f" * 32], "x", NotFoundError, "f" * 32),
        (["load"], " ", FormatError, "give a reason"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_done(
    repository: Repository,
    versions: dict[str, Version],
    names: list[str],
    reason: str,
    error: type[Exception],
    said: str,
) -> None:
    with pytest.raises(error, match=said):
        repository.invalidate(*names, reason=reason, apply=True)
    assert len(hits(repository, versions)) == 4


def test_other_trash_keeps_its_period(repository: Repository, versions: dict[str, Version]) -> None:
    other = versions["other"]
    Expiry(repository).trash(other.id, replace(CAUSE, plan="p", at=NOW - timedelta(days=400)))
    repository.invalidate("load~1", erase=True, reason="GDPR", apply=True)
    assert other.load() == LARGE
    assert Expiry(repository).restore(other.id, CAUSE)


class Interfering(CrashingStore):
    """Lets somebody else act once, just before the first tombstone is written."""

    def __init__(self, store: Store, act: Callable[[], object]) -> None:
        super().__init__(store, -1)
        self._act: Callable[[], object] | None = act

    def put(self, name: str, data: bytes) -> None:
        if layout.version_id(name) and (act := self._act):
            self._act = None
            act()
        super().put(name, data)


def erased_beside(
    repository: Repository, version: Version, act: Callable[[], object]
) -> Invalidated:
    store = Interfering(repository.store, act)
    other = Repository(store, repository_id=repository.id, settings=repository.settings)
    asked: dict[str, Any] = {"down": True, "erase": True, "reason": "GDPR"}
    made = plan(repository, repository.catalog, [version.id], **asked)
    return apply(other, repository.catalog, made, CAUSE, patience=HASTE)


def test_who_uses_the_same_bytes_meanwhile_keeps_them_and_is_told(
    repository: Repository, versions: dict[str, Version]
) -> None:
    made = erased_beside(
        repository, versions["load"], lambda: commit(repository, ROWS, "copy", minute=9)
    )
    [copy] = repository.versions(step="copy")
    assert copy.load() == ROWS
    assert made.holders == [copy.id]
    assert made.left == [layout.blob(str(copy.record.manifest[0].name))]
    assert verify(repository).is_sound


def test_what_is_made_from_it_meanwhile_is_erased_too(
    repository: Repository, versions: dict[str, Version], tmp_path: Path
) -> None:
    def reads() -> None:
        with contextlib.suppress(ConflictError):
            commit(repository, ROWS + b"!", "late", minute=9, reads={"rows": versions["load"]})

    made = erased_beside(repository, versions["load"], reads)
    assert made.left == []
    assert "late" in {item.step for item in made.versions}
    assert traces(tmp_path) == []
    assert verify(repository).is_sound


def test_a_source_that_is_read_while_it_is_erased_is_not_kept(
    repository: Repository, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(ROWS)
    version = Source(str(path)).version(repository)
    record = version.record
    repository.invalidate(version, erase=True, reason="GDPR", apply=True)
    names = ("key", "leaves", "step", "function", "created", "seconds")
    draft = Draft(**{name: getattr(record, name) for name in names})
    # As a writer that had looked for an erasure just before there was one.
    with pytest.raises(ConflictError, match="Nothing of it was stored"):
        repository.commit(path, draft)
    assert repository.lookup(record.key) is None
    made = repository.plan_prune(Policy())
    carry_out(repository, repository.catalog, made.id, CAUSE, patience=HASTE)
    path.unlink()
    assert traces(tmp_path) == []


def test_a_version_is_the_worst_that_happened_to_it(
    repository: Repository, versions: dict[str, Version]
) -> None:
    clean, load = versions["clean"], versions["load"]
    assert standing(repository, clean.record) == "live"
    repository.invalidate(clean, load, reason="poisoned", apply=True)
    assert standing(repository, clean.record) == "invalid"
    Expiry(repository).trash(load.id, CAUSE)
    assert standing(repository, load.record) == "trashed"
    repository.invalidate(clean, load, erase=True, reason="GDPR", apply=True)
    assert {standing(repository, v.record) for v in (clean, load)} == {"erased"}


def test_names_of_runs_that_are_made_of_parameters_go_too(
    repository: Repository, tmp_path: Path
) -> None:
    run = {"task_run": "t1", "task_run_name": f"load-{SECRET}", "flow_run_name": SECRET}
    record = repository.commit(1, drafted("a", meta={"run": {**run, "tags": ["nightly"]}}))
    repository.invalidate(record.id, erase=True, reason="GDPR", apply=True)
    assert traces(tmp_path) == []
    after = repository.record(record.id)
    assert after.meta["run"] == {"task_run": "t1", "tags": ["nightly"]}


@pytest.mark.parametrize("step", ["load", "clean"])
def test_what_a_killed_writer_bound_is_no_hit_and_is_unbound_by_a_run_and_by_a_prune(
    repository: Repository, versions: dict[str, Version], step: str
) -> None:
    version = versions[step]
    name = layout.binding(version.key)
    before = repository.store.get(name)
    repository.invalidate(version, reason="poisoned", apply=True)
    repository.store.put(name, before)
    assert repository.lookup(version.key) is None
    assert verify(repository).invalid == [name]
    again = repository.bind(commit(repository, ROWS + b"!", "late", minute=9).record)
    assert repository.lookup(again.key) is not None
    made = repository.plan_prune(Policy())
    carry_out(repository, repository.catalog, made.id, CAUSE, patience=HASTE)
    assert not repository.store.exists(name)
    assert verify(repository).invalid == []


def test_a_run_binds_over_what_a_killed_writer_bound(
    repository: Repository, versions: dict[str, Version]
) -> None:
    name = layout.binding(versions["clean"].key)
    before = repository.store.get(name)
    repository.invalidate("clean", reason="poisoned", apply=True)
    repository.store.put(name, before)
    new = commit(repository, {"who": "bob"}, "clean", minute=5, reads={"rows": versions["load"]})
    found = repository.lookup(new.key)
    assert found is not None
    assert (new.key, found.id) == (versions["clean"].key, new.id)
