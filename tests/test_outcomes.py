"""What became of plans, and which go by themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.repositories import LARGE
from tests.retention.test_bad_input import refuse
from tests.steps import commit, opened
from versioning import layout
from versioning.api import Repository
from versioning.envelope import dump
from versioning.errors import ConflictError, NotFoundError
from versioning.expiry import here
from versioning.handles import Version
from versioning.outcomes import KEPT, SKEW, discard, outcomes
from versioning.planning import plan
from versioning.plans import save, saved
from versioning.prune import apply, undo
from versioning.retention import Policy

ONE = Policy.of({"rules": [{"keep_last": 1}], "keep_lineage": "none", "min_age": "0s"}, "tests")
LATE = KEPT + SKEW
SECOND = timedelta(seconds=1)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return opened(tmp_path)


@pytest.fixture
def versions(repository: Repository) -> list[Version]:
    return [commit(repository, LARGE + bytes([n]), "clean", minute=n, n=n) for n in range(3)]


def states(repository: Repository, now: datetime | None = None) -> dict[str, str]:
    return {o.plan: o.state for o in outcomes(repository, now or datetime.now(UTC))}


def there(repository: Repository) -> set[str]:
    return {name.split("/")[1] for name in repository.store.names(layout.PLANS)}


def test_a_plan_tells_who_made_it_when_and_what_it_frees(
    repository: Repository, versions: list[Version]
) -> None:
    before = datetime.now(UTC)
    made = repository.plan_prune(ONE)
    [found] = repository.plans()
    assert (found.plan, found.versions, found.state) == (made.id, 2, "planned")
    assert before <= found.made <= datetime.now(UTC)
    assert found.actor == here().actor
    assert found.freed_bytes == made.freed_bytes == 2 * versions[0].size_bytes


def test_plans_are_told_newest_first_with_what_became_of_them(
    repository: Repository, versions: list[Version]
) -> None:
    now = datetime.now(UTC)
    first, then = (
        save(repository, plan(repository, repository.catalog, ONE, now + n * SECOND))
        for n in range(2)
    )
    assert [o.plan for o in repository.plans()] == [then.id, first.id]
    repository.prune(first)
    assert states(repository) == {first.id: "applied", then.id: "planned"}
    repository.undo(first)
    assert states(repository) == {first.id: "undone", then.id: "planned"}
    # What the next one takes, the first one has had.
    cause = replace(here(), at=now)
    apply(repository, repository.catalog, then.id, cause)
    assert states(repository) == {first.id: "undone", then.id: "applied"}
    later = replace(cause, at=now + ONE.trash)
    apply(repository, repository.catalog, then.id, later)
    assert states(repository) == {first.id: "undone", then.id: "past undo"}


def test_a_plan_of_which_a_part_can_be_undone_is_applied(
    repository: Repository, versions: list[Version]
) -> None:
    now = datetime.now(UTC)
    made = save(repository, plan(repository, repository.catalog, ONE, now))
    apply(repository, repository.catalog, made.id, replace(here(), at=now))
    repository.append_name("m", {"alias": "champion", "version": versions[0].id})
    later = replace(here(), at=now + ONE.trash)
    apply(repository, repository.catalog, made.id, later)
    assert states(repository) == {made.id: "applied"}
    assert undo(repository, made.id, later) == {versions[0].id: True, versions[1].id: False}
    assert states(repository) == {made.id: "past undo"}


def test_what_nobody_carried_out_goes_when_the_next_plan_is_made(
    repository: Repository, versions: list[Version]
) -> None:
    now = datetime.now(UTC)
    old = repository.plan_prune(ONE)
    assert discard(repository, now + LATE - SECOND) == []
    assert there(repository) == {old.id}
    assert states(repository, now + KEPT + SECOND) == {old.id: "out of date"}
    assert discard(repository, now + LATE + 60 * SECOND) == [old.id]
    assert there(repository) == set()
    with pytest.raises(NotFoundError, match="has no plan"):
        repository.prune(old)


def test_plan_prune_lets_plans_go(
    repository: Repository, versions: list[Version], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("versioning.outcomes.KEPT", -SKEW)
    old = repository.plan_prune(ONE)
    new = repository.plan_prune(ONE)
    assert old.id not in there(repository)
    assert new.id in there(repository)


def test_what_was_carried_out_or_can_be_undone_never_goes(
    repository: Repository, versions: list[Version]
) -> None:
    now = datetime.now(UTC)
    applied, undone = repository.plan_prune(ONE), repository.plan_prune(ONE)
    repository.prune(undone)
    repository.undo(undone)
    repository.prune(applied)
    erasure = repository.invalidate("clean~0", reason="x", apply=True)
    assert discard(repository, now + 100 * LATE) == []
    assert there(repository) == {applied.id, undone.id, erasure.plan}
    # An interrupted one is finished, however late.
    apply(repository, repository.catalog, applied.id, replace(here(), at=now + 100 * LATE))
    assert states(repository)[applied.id] == "past undo"
    assert discard(repository, now + 200 * LATE) == []


def test_a_plan_is_not_begun_when_it_may_be_let_go(
    repository: Repository, versions: list[Version]
) -> None:
    now = datetime.now(UTC)
    made = save(repository, plan(repository, repository.catalog, ONE, now))
    late = replace(here(), at=now + KEPT)
    with pytest.raises(ConflictError, match=r"30 days .*`versioning prune` makes another"):
        apply(repository, repository.catalog, made.id, late)
    assert all(repository.lookup(version.key) for version in versions)
    in_time = replace(late, at=now + KEPT - SECOND)
    assert len(apply(repository, repository.catalog, made.id, in_time).expired) == 2


def test_what_is_no_plan_is_neither_told_nor_deleted(
    repository: Repository, versions: list[Version], caplog: pytest.LogCaptureFixture
) -> None:
    repository.store.put(layout.plan("broken", 0), b"{}")
    repository.store.put(layout.plan("bare", 0), dump("plan", {"made": "noon", "versions": 1}))
    made = repository.plan_prune(ONE)
    assert [o.plan for o in repository.plans()] == [made.id]
    assert "plan broken cannot be read" in caplog.text
    assert "plan bare cannot be read" in caplog.text
    assert "broken" not in discard(repository, datetime.now(UTC) + 2 * LATE)


def test_a_plan_that_an_earlier_build_made_is_told_as_far_as_it_says(
    repository: Repository, versions: list[Version]
) -> None:
    now = datetime.now(UTC)
    fields = {"made": now, "policy": ONE.model_dump(mode="json"), "versions": 0}
    repository.store.put(layout.plan("old", 0), dump("plan", fields))
    [found] = repository.plans()
    assert (found.actor, found.freed_bytes, found.made) == ("", None, now)
    assert saved(repository, "old").expire == {}


def test_a_plan_that_may_not_be_deleted_stays(
    repository: Repository, versions: list[Version], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = repository.plan_prune(ONE)
    refuse(monkeypatch, lambda path: path.startswith(f"{repository.url}/plans/"))
    assert discard(repository, datetime.now(UTC) + 2 * LATE) == []
    assert there(repository) == {old.id}


def test_a_plan_whose_deletion_was_interrupted_goes_too(
    repository: Repository, versions: list[Version]
) -> None:
    old = repository.plan_prune(ONE)
    repository.store.delete(layout.plan(old.id, 0))
    assert repository.plans() == []
    assert discard(repository, datetime.now(UTC) + 2 * LATE) == [old.id]
    assert there(repository) == set()
