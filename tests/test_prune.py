"""Plans of retention: made, kept, carried out, undone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.repositories import LARGE, Crash, CrashingStore
from tests.repositories import draft as drafted
from tests.steps import commit, opened
from versioning import layout, plans
from versioning.api import Repository
from versioning.bindings import Bindings
from versioning.cli.app import run
from versioning.envelope import dump
from versioning.errors import ConflictError, FormatError, IntegrityError, NotFoundError
from versioning.expiry import Expiry
from versioning.handles import Version
from versioning.planning import SMALL, plan
from versioning.plans import Plan, save, saved
from versioning.prune import Applied, apply, sparing, undo
from versioning.repository import Draft
from versioning.retention import Policy
from versioning.trash import Cause
from versioning.units import size
from versioning.verify import verify

NOW = datetime(2027, 1, 1, tzinfo=UTC)
CAUSE = Cause(plan="", rule="", actor="tests", at=NOW)
ONE = Policy.of({"rules": [{"keep_last": 1}], "keep_lineage": "none"}, "tests")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return opened(tmp_path)


@pytest.fixture
def versions(repository: Repository) -> list[Version]:
    """Three of one step, the newest last, each with bytes of its own; and a small one."""
    commit(repository, 1, "small")
    return [commit(repository, LARGE + bytes([n]), "clean", minute=n, n=n) for n in range(3)]


def made(repository: Repository, policy: Policy = ONE, now: datetime = NOW) -> Plan:
    found = plan(repository, repository.catalog, policy, now)
    save(repository, found)
    return found


def carried_out(repository: Repository, plan_id: str, **facts: Any) -> Applied:
    return apply(repository, repository.catalog, plan_id, replace(CAUSE, **facts))


def test_a_plan_says_what_goes_what_stays_and_what_it_is_worth(
    repository: Repository, versions: list[Version]
) -> None:
    [small] = repository.versions(step="small")
    found = made(repository)
    assert [item.candidate.id for item in found.expire] == [versions[1].id, versions[0].id]
    assert found.expire[0].expire == "rule 1 (step '*') does not keep it"
    assert [(item.candidate.id, item.keep) for item in found.keep] == [
        (versions[2].id, ("keep_last = 1",)),
        (small.id, ("keep_last = 1",)),
    ]
    assert found.freed_bytes == sum(version.size_bytes for version in versions[:2])
    assert found.saved_per_month == pytest.approx(found.freed_bytes / 1e9 * 0.023)
    assert found.rebuild_seconds == pytest.approx(sum(v.seconds for v in versions[:2]))
    again = saved(repository, found.id)
    assert again.expire.keys() == {versions[0].id, versions[1].id}
    assert (again.policy, again.made) == (ONE, NOW)


def test_bytes_that_a_kept_version_shares_are_not_counted_as_freed(
    repository: Repository, versions: list[Version]
) -> None:
    commit(repository, LARGE + b"\0", "other", minute=9)
    found = made(repository)
    assert [item.candidate.id for item in found.expire] == [versions[1].id, versions[0].id]
    assert found.freed_bytes == versions[1].size_bytes


def test_making_a_plan_changes_nothing_and_carrying_it_out_does(
    repository: Repository, versions: list[Version]
) -> None:
    found = made(repository)
    assert all(repository.lookup(version.key) for version in versions)
    applied = carried_out(repository, found.id)
    assert sorted(applied.expired) == sorted(version.id for version in versions[:2])
    assert not applied.swept.deleted
    assert [bool(repository.lookup(version.key)) for version in versions] == [False, False, True]
    assert verify(repository).is_sound
    # Again, as after an interruption: the same.
    assert sorted(carried_out(repository, found.id).expired) == sorted(applied.expired)
    assert not made(repository).expire


def test_undo_brings_back_all_of_it(repository: Repository, versions: list[Version]) -> None:
    found = made(repository)
    carried_out(repository, found.id)
    assert undo(repository, found.id, CAUSE) == {v.id: True for v in versions[:2]}
    assert all(repository.lookup(version.key) for version in versions)
    assert verify(repository).is_sound
    with pytest.raises(ConflictError, match="nothing is in the trash"):
        undo(repository, found.id, CAUSE)


def test_undo_needs_no_policy_that_is_still_taken(
    repository: Repository, versions: list[Version], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made(repository)
    carried_out(repository, found.id)

    def refuse(document: object, name: str) -> Policy:
        raise FormatError(f"{name}: a later release takes no such rule")

    monkeypatch.setattr(Policy, "of", refuse)
    assert set(undo(repository, found.id, CAUSE).values()) == {True}
    assert all(repository.lookup(version.key) for version in versions)


def test_when_the_trash_period_is_over_the_next_prune_frees_the_bytes(
    repository: Repository, versions: list[Version]
) -> None:
    found = made(repository)
    carried_out(repository, found.id)
    later = NOW + timedelta(days=7)
    applied = carried_out(repository, made(repository, now=later).id, at=later)
    assert sorted(applied.swept.erased) == sorted(version.id for version in versions[:2])
    assert applied.swept.freed_bytes == found.freed_bytes
    assert undo(repository, found.id, CAUSE) == {v.id: False for v in versions[:2]}
    report = verify(repository)
    assert report.is_sound
    assert sorted(report.expired) == sorted(version.id for version in versions[:2])


def test_how_long_trash_is_kept_is_read_from_the_first_page_of_its_plan(
    repository: Repository, versions: list[Version], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "PAGE", 1)
    found = made(repository)
    carried_out(repository, found.id)
    read: list[str] = []
    get = repository.store.get

    def reading(name: str) -> bytes:
        read.append(name)
        return get(name)

    monkeypatch.setattr(repository.store, "get", reading)
    last = Expiry(repository).last(versions[0].id)
    assert last is not None
    assert sparing(repository, NOW + timedelta(days=6))(versions[0].id, last)
    assert not sparing(repository, NOW + timedelta(days=7))(versions[0].id, last)
    assert [name for name in read if name.startswith(layout.PLANS)] == [
        layout.plan(found.id, 0)
    ] * 2


def test_another_policy_does_not_shorten_the_trash_period_of_a_plan(
    repository: Repository, versions: list[Version]
) -> None:
    first = made(repository, ONE)
    carried_out(repository, first.id)
    hasty = ONE.model_copy(update={"trash": timedelta(0)})
    for days in (1, 6):
        later = NOW + timedelta(days=days)
        applied = carried_out(repository, made(repository, hasty, later).id, at=later)
        assert applied.swept.erased == []
    assert set(undo(repository, first.id, CAUSE).values()) == {True}
    assert all(version.load() for version in versions)


def test_a_plan_that_cannot_be_read_keeps_its_versions_in_the_trash(
    repository: Repository, versions: list[Version]
) -> None:
    first = made(repository)
    carried_out(repository, first.id)
    repository.store.put(layout.plan(first.id, 0), b"{}")
    later = NOW + timedelta(days=30)
    assert carried_out(repository, made(repository, now=later).id, at=later).swept.erased == []


def test_what_is_pinned_named_or_used_since_is_spared(
    repository: Repository, versions: list[Version]
) -> None:
    more = [commit(repository, LARGE + bytes([n]), "clean", minute=n, n=n) for n in range(3, 5)]
    old = [*versions, *more[:1]]
    found = made(repository, now=datetime.now(UTC))
    assert len(found.expire) == 4
    repository.pin(old[0], "audit")
    repository.append_name("m", {"alias": "champion", "version": old[1].id, "at": NOW.isoformat()})
    row = {"version": old[2].id}
    ended = (found.made + timedelta(seconds=1)).isoformat()
    repository.write_run("r1", "p", {"ended": ended, "steps": [row]})
    applied = carried_out(repository, found.id, at=found.made)
    assert applied.expired == [old[3].id]
    assert applied.spared == {
        old[0].id: "pinned: audit",
        old[1].id: "named m@champion",
        old[2].id: "run r1 used it since",
    }


@pytest.mark.parametrize("steps", [5, None, ["clean"], [{"id": 1}]])
def test_nothing_is_carried_out_while_a_run_does_not_say_what_it_used(
    repository: Repository, versions: list[Version], steps: Any
) -> None:
    found = made(repository, now=datetime.now(UTC))
    repository.write_run("r1", "p", {"steps": steps})
    with pytest.raises(FormatError, match="runs/r1/ does not say which versions were used"):
        carried_out(repository, found.id, at=found.made)
    assert all(repository.lookup(version.key) for version in versions)


def test_a_step_that_read_a_version_since_spares_it(
    repository: Repository, versions: list[Version]
) -> None:
    past = versions[0].created + timedelta(seconds=1)
    policy = Policy.of(
        {"rules": [{"keep_last": 1}], "keep_lineage": "none", "min_age": "0s"}, "tests"
    )
    found = made(repository, policy, past)
    late = commit(repository, 5, "train", minute=30, reads={"rows": versions[0]})
    applied = carried_out(repository, found.id, at=found.made)
    assert applied.spared[versions[0].id] == f"train {late.id[:12]} was made from it since"


@pytest.mark.parametrize("how", ["pinned", "named"])
def test_what_was_pinned_or_named_in_the_trash_keeps_its_bytes(
    repository: Repository, versions: list[Version], how: str
) -> None:
    found = made(repository)
    carried_out(repository, found.id)
    if how == "pinned":
        repository.pin(versions[0], "audit")
    else:
        repository.append_name("m", {"alias": "champion", "version": versions[0].id})
    later = NOW + timedelta(days=8)
    applied = carried_out(repository, made(repository, now=later).id, at=later)
    assert applied.swept.erased == [versions[1].id]
    assert versions[0].load() == LARGE + b"\0"


def test_a_pin_brings_back_what_is_in_the_trash(
    repository: Repository, versions: list[Version]
) -> None:
    found = made(repository)
    carried_out(repository, found.id)
    parts = [{"id": v.id, "digest": v.digest, "seal": v.seal} for v in versions[:1]]
    pair = repository.commit(["0"], replace(drafted("pair"), meta={"outputs": parts}))
    repository.pin(pair.id, "audit")
    repository.pin(versions[1], "audit")
    assert all(repository.lookup(version.key) for version in versions)
    later = NOW + timedelta(days=8)
    assert not carried_out(repository, found.id, at=later).swept.erased
    with pytest.raises(ConflictError, match="nothing is in the trash"):
        undo(repository, found.id, CAUSE)


def test_what_a_small_version_was_made_from_stays_with_it(
    repository: Repository, versions: list[Version]
) -> None:
    model = commit(repository, 7, "train", minute=40, reads={"rows": versions[0]})
    policy = Policy.of({"rules": [{"keep_last": 1}], "keep_lineage": "inputs"}, "tests")
    found = made(repository, policy)
    assert [item.candidate.id for item in found.expire] == [versions[1].id]
    reasons = {item.candidate.id: item.keep for item in found.keep}
    assert reasons[versions[0].id] == (f"train {model.id[:12]} was made from it",)


def test_the_parts_of_a_pinned_tuple_stay(repository: Repository, versions: list[Version]) -> None:
    parts = [{"id": v.id, "digest": v.digest, "seal": v.seal} for v in versions[:1]]
    draft = replace(drafted("split"), meta={"outputs": parts})
    repository.pin(repository.commit(["0"], draft).id, "audit")
    found = made(repository)
    assert [item.candidate.id for item in found.expire] == [versions[1].id]


def test_what_a_crash_left_bound_in_the_trash_is_unbound_by_the_next_call(
    repository: Repository, versions: list[Version]
) -> None:
    found = made(repository)
    bindings = [layout.binding(version.key) for version in versions[:2]]
    before = [repository.store.get(name) for name in bindings]
    carried_out(repository, found.id)
    for name, data in zip(bindings, before, strict=True):
        repository.store.put(name, data)
    carried_out(repository, found.id)
    assert not any(repository.lookup(version.key) for version in versions[:2])
    # Nor does it outlive the bytes, should that plan never be carried out again.
    repository.store.put(bindings[0], before[0])
    later = NOW + timedelta(days=8)
    carried_out(repository, made(repository, now=later).id, at=later)
    assert not repository.store.exists(bindings[0])


def test_undo_binds_what_was_bound_and_nothing_else(repository: Repository) -> None:
    old = commit(repository, LARGE + b"1", "clean", minute=1, n=1)
    now = commit(repository, LARGE + b"2", "clean", minute=2, n=1, replace=True)
    commit(repository, LARGE + b"3", "clean", minute=3, n=2)
    plan_id = made(repository).id
    carried_out(repository, plan_id)
    assert undo(repository, plan_id, CAUSE) == {old.id: True, now.id: True}
    found = repository.lookup(old.key)
    assert found is not None
    assert found.id == now.id


def test_undo_leaves_what_was_computed_meanwhile(
    repository: Repository, versions: list[Version]
) -> None:
    plan_id = made(repository).id
    carried_out(repository, plan_id)
    again = commit(repository, LARGE + b"\0", "clean", minute=9, n=0)
    assert again.id != versions[0].id
    undo(repository, plan_id, CAUSE)
    found = repository.lookup(again.key)
    assert found is not None
    assert found.id == again.id
    assert verify(repository).is_sound


def test_a_plan_of_another_repository_is_refused(repository: Repository) -> None:
    with pytest.raises(NotFoundError, match="has no plan 0123"):
        saved(repository, "0123")
    with pytest.raises(FormatError, match="cannot be a name"):
        saved(repository, "../x")


@pytest.mark.parametrize(
    "pages",
    [
        [{}],
        [{"made": NOW, "policy": {"nonsense": 1}, "versions": 0}],
        [{"made": NOW, "policy": {}, "versions": 1}],
        [
            {"made": NOW, "policy": {}, "versions": 1},
            {"expire": [{"id": "../../x", "reason": ""}]},
        ],
    ],
)
def test_a_damaged_or_unfinished_plan_is_refused(
    repository: Repository, pages: list[dict[str, Any]]
) -> None:
    for position, fields in enumerate(pages):
        repository.store.put(layout.plan("broken", position), dump("plan", fields))
    with pytest.raises(FormatError):
        saved(repository, "broken")


def test_nothing_is_planned_while_what_protects_cannot_be_read(
    repository: Repository, versions: list[Version]
) -> None:
    repository.append_name("m", {"alias": "champion", "version": versions[0].id})
    repository.store.put(layout.name_entry("m", 0), b"{}")
    with pytest.raises(FormatError, match="names/m"):
        plan(repository, repository.catalog, ONE, NOW)


@pytest.mark.parametrize("calls", range(0, 40, 3))
def test_an_undo_that_is_stopped_anywhere_is_finished_by_the_next(
    repository: Repository, versions: list[Version], calls: int
) -> None:
    plan_id = made(repository).id
    carried_out(repository, plan_id)
    store = CrashingStore(repository.store, calls)
    dying = Repository(store, repository_id=repository.id, settings=repository.settings)
    with suppress(Crash):
        undo(dying, plan_id, CAUSE)
    assert verify(repository).is_sound
    # Nothing is left to do once all calls were made.
    with suppress(ConflictError):
        undo(repository, plan_id, CAUSE)
    assert all(repository.lookup(version.key) for version in versions)


def test_what_lies_in_its_record_stays_and_says_why(repository: Repository) -> None:
    old, new = (commit(repository, n, "small", minute=n, n=n) for n in range(2))
    found = made(repository)
    assert found.expire == []
    kept = {item.candidate.id: item.keep for item in found.keep}
    assert kept == {new.id: ("keep_last = 1",), old.id: (SMALL,)}


def test_expiring_reads_no_binding_that_the_index_knows(
    repository: Repository, versions: list[Version], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made(repository)
    read: list[str] = []
    get_all = repository.store.get_all

    def noted(names: Iterable[str]) -> Iterator[bytes | None]:
        asked = list(names)
        read.extend(name for name in asked if name.startswith(layout.KEYS))
        return get_all(asked)

    monkeypatch.setattr(repository.store, "get_all", noted)
    carried_out(repository, found.id)
    assert [bool(repository.lookup(version.key)) for version in versions] == [False, False, True]
    assert read == []
    assert set(undo(repository, found.id, CAUSE).values()) == {True}
    assert all(repository.lookup(version.key) for version in versions)


def test_a_binding_of_another_version_of_the_key_stays(
    repository: Repository, versions: list[Version]
) -> None:
    found = made(repository)
    first = versions[0].record
    draft = Draft(first.key, first.leaves, first.step, first.function, first.created, 1.0)
    other = repository.commit(LARGE + b"another", draft, replace=True)
    carried_out(repository, found.id)
    answer = repository.lookup(first.key)
    assert answer is not None
    assert answer.id == other.id


def test_a_binding_whose_version_cannot_be_read_stays_as_its_only_copy(
    repository: Repository, versions: list[Version]
) -> None:
    found = made(repository)
    first = versions[0].record
    draft = Draft(first.key, first.leaves, first.step, first.function, first.created, 1.0)
    other = repository.commit(LARGE + b"another", draft, replace=True)
    repository.store.put(layout.version(other.id), b"{}")
    with pytest.raises(IntegrityError):
        carried_out(repository, found.id)
    assert verify(repository, set_aside=True).damaged
    assert repository.record(other.id) == other


def test_a_binding_whose_version_is_lost_stays_as_its_only_copy(
    repository: Repository, versions: list[Version]
) -> None:
    first = versions[0].record
    draft = Draft(first.key, first.leaves, first.step, first.function, first.created, 1.0)
    other = repository.commit(LARGE + b"another", draft, replace=True)
    repository.catalog.refresh()
    repository.store.delete(layout.version(other.id))
    keys = {first.id: first.key}
    Bindings(repository, repository.catalog, keys).delete(keys)
    assert repository.bound(first.key) == other


def test_what_is_bound_after_it_was_looked_at_stays(
    repository: Repository, versions: list[Version]
) -> None:
    first, second = (version.record for version in versions[:2])
    keys = {first.id: first.key, second.id: second.key}
    bindings = Bindings(repository, repository.catalog, keys)
    draft = Draft(first.key, first.leaves, first.step, first.function, first.created, 1.0)
    other = repository.commit(LARGE + b"another", draft, replace=True)
    bindings.delete(keys)
    answer = repository.lookup(first.key)
    assert answer is not None
    assert answer.id == other.id
    assert repository.lookup(second.key) is None


def test_what_is_restored_while_a_plan_is_carried_out_answers_again(
    repository: Repository, versions: list[Version], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made(repository)
    delete = Bindings.delete

    def undone(self: Bindings, ids: Iterable[str]) -> None:
        undo(repository, found.id, CAUSE)
        delete(self, ids)

    monkeypatch.setattr(Bindings, "delete", undone)
    carried_out(repository, found.id)
    assert all(repository.lookup(version.key) for version in versions)


SOURCES_GO = Policy.of(
    {
        "rules": [
            {"step": "source", "keep_last": 1, "only_rebuildable": False},
            {"step": "model", "keep_last": 1, "only_rebuildable": False},
            {"keep_last": 1},
        ],
        "keep_lineage": "none",
        "trash": "0s",
    },
    "tests",
)


@pytest.fixture
def days(repository: Repository) -> list[list[Version]]:
    """A source, a table and a model of each of two days, each made from the one before it."""
    found = []
    for day in range(2):
        facts = {"step": "source", "function": "", "created": NOW - timedelta(days=9 - day)}
        draft = drafted(f"source {day}", **facts)
        source = Version.of(repository, repository.commit(LARGE + b"s%d" % day, draft))
        reads = {"x": source}
        table = commit(repository, LARGE + b"t%d" % day, "table", minute=day, reads=reads)
        reads = {"x": table}
        model = commit(repository, LARGE + b"m%d" % day, "model", minute=day, reads=reads)
        found.append([source, table, model])
    return found


def test_a_plan_tells_all_that_is_never_made_again(
    repository: Repository, days: list[list[Version]]
) -> None:
    """What is made from a source cannot be, once the source is gone with what was made from it."""
    found = made(repository, SOURCES_GO)
    first = {version.id for version in days[0]}
    assert {item.candidate.id for item in found.expire} == first
    assert found.never_again == first


def test_a_plan_that_is_shown_again_tells_it_too(
    repository: Repository, days: list[list[Version]], capsys: pytest.CaptureFixture[str]
) -> None:
    found = made(repository, SOURCES_GO)
    shown = ["prune", "--plan", found.id, "--repository", repository.url]
    assert run([*shown, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["never_again"] == sorted(found.never_again)
    assert document["freed_bytes"] == found.freed_bytes
    assert run(shown) == 0
    told = f"to make again; {size(found.freed_bytes)} would be free. 3 of them can never be made"
    assert told in capsys.readouterr().out


def test_what_was_made_from_what_is_gone_for_good_is_not_taken_for_rebuildable(
    repository: Repository, days: list[list[Version]]
) -> None:
    [source, table, model], _ = days
    carried_out(repository, made(repository, SOURCES_GO).id)
    undone = commit(repository, LARGE + b"again", "table", minute=-1, reads={"x": source})
    later = commit(repository, LARGE + b"later", "model", minute=-1, reads={"x": undone})
    found = made(repository, SOURCES_GO)
    kept = {item.candidate.id: item.keep for item in found.keep}
    assert kept[undone.id] == ("it cannot be computed again",)
    # From a table that is there and stays, a model can be made again.
    assert [item.candidate.id for item in found.expire] == [later.id]
    assert found.never_again == set()
    assert not {table.id, model.id} & kept.keys()
