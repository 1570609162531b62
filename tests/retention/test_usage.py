"""What runs, names and audits say of versions, as retention weighs it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.repositories import LARGE, NOW
from tests.repositories import draft as drafted
from tests.steps import commit, opened
from versioning import layout
from versioning.api import Repository
from versioning.errors import ConflictError, FormatError
from versioning.handles import Version
from versioning.retention import Policy
from versioning.trust import remember
from versioning.usage import usage

ALL = Policy.of({"max_bytes": 0, "keep_named": "ever", "rules": [{"keep_tagged": ["x"]}]}, "tests")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return opened(tmp_path)


@pytest.fixture
def version(repository: Repository) -> Version:
    return commit(repository, LARGE, "train")


def facts(repository: Repository, policy: Policy = ALL) -> dict[str, object]:
    [row] = repository.catalog.versions(step="train")
    return usage(repository, [row], policy).facts(row)


def test_nothing_is_known_of_what_nobody_used(repository: Repository, version: Version) -> None:
    assert facts(repository) == {
        "tags": frozenset(),
        "names": (),
        "last_used": None,
        "trust": "unknown",
    }


def test_tags_are_those_of_the_run_that_made_it_and_of_those_that_used_it(
    repository: Repository,
) -> None:
    meta = {"run": {"tags": ["nightly"]}}
    record = repository.commit(LARGE, drafted("a", step="train", meta=meta))
    for n, tag in enumerate(["release", "audit"]):
        ended = (NOW + timedelta(hours=n)).isoformat()
        fields = {"ended": ended, "tags": [tag], "steps": [{"version": record.id}]}
        repository.write_run(f"r{n}", "flow", fields)
    found = facts(repository)
    assert found["tags"] == {"nightly", "release", "audit"}
    assert found["last_used"] == NOW + timedelta(hours=1)
    assert repository.versions()[0].record.tags == ("nightly",)


def test_a_name_that_was_taken_away_was_one(repository: Repository, version: Version) -> None:
    for named in (version.id, None):
        repository.append_name("m", {"alias": "champion", "version": named})
    assert facts(repository)["names"] == ("m@champion",)
    repository.store.put(layout.name_entry("m", 0), b"{")
    with pytest.raises(FormatError):
        facts(repository)


def test_audits_say_whether_it_is_reproducible(repository: Repository, version: Version) -> None:
    remember(repository, version.record, None, now=NOW)
    assert facts(repository)["trust"] == "reproducible"


@pytest.mark.parametrize("steps", [5, ["x"], [{"id": 1}]])
def test_a_run_that_says_nothing_is_left_out(
    repository: Repository, version: Version, steps: object
) -> None:
    repository.write_run("r1", "p", {"steps": steps, "ended": "once", "tags": 3})
    repository.store.put(layout.run("r2", "p"), b"{")
    assert facts(repository)["last_used"] is None


def test_what_a_policy_does_not_ask_for_is_not_read(
    repository: Repository, version: Version
) -> None:
    repository.append_name("m", {"alias": "champion", "version": version.id})
    repository.store.put(layout.name_entry("m", 0), b"{")
    assert facts(repository, Policy())["names"] == ()


def test_a_plan_weighs_tags_and_names(repository: Repository, version: Version) -> None:
    fields = {"ended": datetime.now(UTC).isoformat(), "tags": ["keep-me"]}
    repository.write_run("r1", "flow", {**fields, "steps": [{"version": version.id}]})
    commit(repository, LARGE + b"x", "train", minute=1, n=1)
    policy = Policy.of({"rules": [{"keep_tagged": ["keep*"]}], "min_age": "0s"}, "tests")
    made = repository.plan_prune(policy)
    assert [item.keep for item in made.keep] == [("tagged keep-me",)]
    assert len(made.expire) == 1


def test_a_legal_hold_ends_only_when_it_is_released(
    repository: Repository, version: Version
) -> None:
    repository.pin(version, "case 12", hold=True)
    repository.pin(version, "audit, too")
    assert repository.holds() == {version.id}
    with pytest.raises(ConflictError, match="is under a legal hold: audit, too"):
        repository.unpin(version)
    policy = Policy.of({"rules": [{"keep_within": "1s"}]}, "tests")
    [kept] = repository.plan_prune(policy).keep
    assert kept.keep == ("held: audit, too",)
    asked = {"erase": True, "reason": "GDPR", "apply": True, "force": True}
    with pytest.raises(ConflictError, match=r"is held: audit, too\. Release what is held first"):
        repository.invalidate(version, **asked)
    repository.unpin(version, release=True)
    assert repository.holds() == set()
    assert repository.pins() == {}
    repository.invalidate(version, **asked)
    assert not repository.is_live(version.record)


def test_a_pin_that_cannot_be_read_holds(repository: Repository, version: Version) -> None:
    repository.pin(version, "audit")
    repository.store.put(layout.pin(version.id, 0), b"{")
    assert repository.holds() == {version.id}


def test_a_plan_says_what_it_costs_to_make_again(repository: Repository) -> None:
    for n in range(2):
        leaves = drafted(f"{n}", step="train", seconds=3600.0 * n)
        repository.commit(LARGE + bytes([n]), replace(leaves, function="" if n else "m:f"))
    rules = [{"keep_within": "1s", "only_rebuildable": False}]
    policy = Policy.of({"rules": rules, "price_per_compute_hour": 2}, "tests")
    made = repository.plan_prune(policy)
    assert made.rebuild_money == pytest.approx(2.0)
    assert made.saved_per_month == pytest.approx(2 * (len(LARGE) + 1) / 1e9 * 0.023)
