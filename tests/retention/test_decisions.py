"""What a policy keeps, and why."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from versioning.retention import Candidate, Policy, decide

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def version(name: str, age: timedelta, **facts: Any) -> Candidate:
    """A version of the step that the name begins with: `train-1`."""
    chosen = {"seconds": 60.0, "blobs": {name: 1000}, "flow": None, **facts}
    return Candidate(id=name, step=name.partition("-")[0], created=NOW - age, **chosen)


def policy(**fields: Any) -> Policy:
    return Policy.of({"min_age": "0s", **fields}, "policy")


def kept(
    versions: list[Candidate], chosen: Policy, inputs: dict[str, list[str]] | None = None
) -> dict[str, tuple[str, ...]]:
    """The reasons of what is kept, by id."""
    decisions = decide(versions, chosen, NOW, inputs=inputs or {})
    assert [bool(item.keep) for item in decisions] == [not item.expire for item in decisions]
    return {item.candidate.id: item.keep for item in decisions if item.keep}


def days(step: str, count: int) -> list[Candidate]:
    return [version(f"{step}-{n}", n * DAY + timedelta(minutes=1)) for n in range(count)]


def test_an_empty_policy_keeps_everything() -> None:
    assert len(kept(days("train", 400), Policy())) == 400


def test_the_newest_of_each_step_stay() -> None:
    rules = [{"keep_last": 2}]
    found = kept([*days("train", 5), *days("clean", 3)], policy(rules=rules))
    assert found.keys() == {"train-0", "train-1", "clean-0", "clean-1"}
    assert found["train-0"] == ("keep_last = 2",)


def test_the_first_rule_that_is_about_a_version_counts() -> None:
    rules = [{"step": "train*", "keep_last": 1}, {"step": "t*", "keep_all": True}]
    found = kept([*days("train", 3), *days("test", 3), *days("other", 3)], policy(rules=rules))
    assert found.keys() == {"train-0"} | {f"{s}-{n}" for s in ("test", "other") for n in range(3)}
    assert found["other-0"] == ("no rule is about it",)


def test_the_parts_of_a_tuple_follow_their_step() -> None:
    assert kept(days("split[0]", 3), policy(rules=[{"step": "split", "keep_last": 1}])).keys() == {
        "split[0]-0"
    }


def test_a_rule_can_be_about_a_flow() -> None:
    inside = version("train-1", 9 * DAY, flow="nightly")
    outside = version("train-2", 9 * DAY)
    rules = [{"flow": "night*", "keep_within": "1d"}]
    assert kept([inside, outside], policy(rules=rules)).keys() == {"train-2"}


@pytest.mark.parametrize("edge", ["min_age", "keep_within"])
def test_spans_are_half_open(edge: str) -> None:
    young = version("train-1", 30 * DAY - timedelta(microseconds=1))
    old = version("train-2", 30 * DAY)
    rules = [{"keep_within": "30d" if edge == "keep_within" else "1s"}]
    chosen = policy(rules=rules, **({"min_age": "30d"} if edge == "min_age" else {}))
    assert kept([young, old], chosen).keys() == {"train-1"}


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("keep_daily", [0, 1, 2]),
        # The 15th of March 2026 is a Sunday, and weeks begin on Monday.
        ("keep_weekly", [0, 7, 14]),
        ("keep_monthly", [0, 15, 43]),
        ("keep_yearly", [0, 74, 439]),
    ],
)
def test_the_newest_of_each_period_stays(field: str, expected: list[int]) -> None:
    found = kept(days("train", 600), policy(rules=[{field: 3}]))
    assert found.keys() == {f"train-{n}" for n in expected}


def test_periods_without_versions_do_not_count() -> None:
    versions = [version("train-1", DAY), version("train-2", 400 * DAY)]
    assert len(kept(versions, policy(rules=[{"keep_daily": 2}]))) == 2


def test_what_is_pinned_or_named_stays_with_every_reason() -> None:
    named = version("train-9", 99 * DAY, protection=("pinned: audit", "named m@champion"))
    rules = [{"keep_yearly": 1}]
    found = kept([*days("train", 3), named], policy(rules=rules))
    assert found["train-9"] == ("pinned: audit", "named m@champion")
    assert found.keys() == {"train-0", "train-9"}


def test_what_cannot_be_computed_again_stays_unless_the_rule_says_otherwise() -> None:
    source = version("download-1", 99 * DAY, is_rebuildable=False)
    newer = version("download-2", DAY, is_rebuildable=False)
    assert len(kept([source, newer], policy(rules=[{"keep_last": 1}]))) == 2
    rules = [{"keep_last": 1, "only_rebuildable": False}]
    assert kept([source, newer], policy(rules=rules)).keys() == {"download-2"}


@pytest.mark.parametrize(
    ("lineage", "expected"),
    [
        ("inputs", {"load-1", "clean-1", "train-1"}),
        ("sources", {"load-1", "train-1"}),
        ("none", {"train-1"}),
    ],
)
def test_what_kept_versions_were_made_from(lineage: str, expected: set[str]) -> None:
    versions = [version(f"{step}-1", DAY) for step in ("load", "clean", "train")]
    inputs = {"train-1": ["clean-1"], "clean-1": ["load-1"]}
    rules = [{"step": "train", "keep_last": 1}, {"keep_within": "1s"}]
    found = kept(versions, policy(rules=rules, keep_lineage=lineage), inputs)
    assert found.keys() == expected


@pytest.mark.parametrize("has_bytes", [True, False])
def test_an_input_that_cannot_be_computed_again_stays_whatever_lies_between(
    has_bytes: bool,
) -> None:
    between = [version("clean-1", DAY)] if has_bytes else []
    source = version("load-1", DAY, is_rebuildable=False)
    rules = [
        {"step": "train", "keep_last": 1},
        {"keep_within": "1s", "only_rebuildable": False},
    ]
    inputs = {"train-1": ["clean-1"], "clean-1": ["load-1"]}
    chosen = policy(rules=rules, keep_lineage="none")
    found = kept([*between, source, version("train-1", DAY)], chosen, inputs)
    assert found.keys() == {"train-1", "load-1"}
    assert found["load-1"] == ("train train-1 was made from it",)


def test_a_budget_takes_first_what_is_large_and_quick_to_make() -> None:
    slow = version("train-1", 9 * DAY, seconds=3600, blobs={"a": 1000})
    quick = version("clean-1", DAY, seconds=1, blobs={"b": 1000})
    small = version("score-1", DAY, seconds=1, blobs={"c": 10})
    chosen = policy(max_bytes=1010)
    assert kept([slow, quick, small], chosen).keys() == {"train-1", "score-1"}
    [gone] = [item for item in decide([slow, quick, small], chosen, NOW, inputs={}) if item.expire]
    assert "max_bytes = 1010" in gone.expire


def test_a_budget_counts_shared_bytes_once_and_frees_them_with_the_last() -> None:
    shared = [version(f"train-{n}", n * DAY, blobs={"same": 1000}) for n in range(3)]
    assert len(kept(shared, policy(max_bytes=1000))) == 3
    assert kept(shared, policy(max_bytes=999)) == {}


def test_a_budget_drops_nothing_whose_bytes_stay_for_others_that_may_not_go() -> None:
    source = version("load-1", DAY, is_rebuildable=False, blobs={"same": 1000})
    table = version("clean-1", DAY, blobs={"same": 1000})
    other = version("score-1", DAY, seconds=3600, blobs={"s": 10})
    assert kept([source, table, other], policy(max_bytes=0)).keys() == {"load-1", "clean-1"}


def test_a_budget_takes_nothing_that_is_protected() -> None:
    pinned = version("train-1", DAY, protection=("pinned: audit",))
    source = version("load-1", DAY, is_rebuildable=False)
    young = version("clean-1", timedelta(minutes=1))
    found = kept([pinned, source, young], policy(max_bytes=0, min_age="1h"))
    assert len(found) == 3


def test_a_budget_drops_something_else_for_what_a_kept_version_was_made_from() -> None:
    pinned = version("train-1", DAY, blobs={"m": 10}, protection=("pinned: audit",))
    needed = version("clean-1", DAY, seconds=1, blobs={"c": 1000})
    other = version("score-1", DAY, seconds=3600, blobs={"s": 1000})
    chosen = policy(max_bytes=1010, keep_lineage="inputs")
    found = kept([pinned, needed, other], chosen, {"train-1": ["clean-1"]})
    assert found.keys() == {"train-1", "clean-1"}


def test_a_budget_drops_what_only_dropped_versions_were_made_from() -> None:
    empty = version("score-1", DAY, blobs={})
    needed = version("clean-1", DAY, blobs={"c": 1000})
    chosen = policy(max_bytes=0, keep_lineage="inputs")
    assert kept([empty, needed], chosen, {"score-1": ["clean-1"]}) == {}


def gone(versions: list[Candidate], chosen: Policy) -> dict[str, str]:
    """Why what goes goes, by id."""
    found = decide(versions, chosen, NOW, inputs={})
    return {item.candidate.id: item.expire for item in found if item.expire}


def test_a_rule_can_be_about_a_tag_or_a_name() -> None:
    release = version("train-1", 9 * DAY, tags=frozenset({"release-3", "nightly"}))
    champion = version("train-2", 9 * DAY, names=("delays@champion",))
    other = version("train-3", 9 * DAY)
    within = {"keep_within": "1d"}
    for rule in ({"tag": "release*"}, {"tag": "nightly"}):
        found = gone([release, champion, other], policy(rules=[{**rule, **within}]))
        assert found == {"train-1": f"rule 1 (tag {rule['tag']!r}) does not keep it"}
    for pattern in ("delays", "delays@champion", "*@champion"):
        found = gone([release, champion, other], policy(rules=[{"name": pattern, **within}]))
        assert found.keys() == {"train-2"}


def test_what_is_tagged_stays() -> None:
    tagged = version("train-1", 9 * DAY, tags=frozenset({"release-3"}))
    rules = [{"keep_tagged": ["x", "release*"]}]
    found = kept([tagged, version("train-2", DAY)], policy(rules=rules))
    assert found == {"train-1": ("tagged release-3",)}


def test_what_was_ever_named_stays_where_that_is_asked_for() -> None:
    former = version("train-1", 9 * DAY, names=("delays@champion",))
    rules = [{"keep_within": "1d"}]
    assert kept([former], policy(rules=rules)) == {}
    found = kept([former], policy(rules=rules, keep_named="ever"))
    assert found == {"train-1": ("delays@champion named it",)}


def test_a_rule_has_a_budget_of_its_own() -> None:
    versions = [*days("train", 4), *days("clean", 4)]
    rules = [{"step": "train", "max_bytes": 2000}, {"step": "clean", "keep_last": 3}]
    found = kept(versions, policy(rules=rules))
    assert found.keys() == {"train-0", "train-1", "clean-0", "clean-1", "clean-2"}
    assert found["train-0"] == ("within its budget",)
    reason = gone(versions, policy(rules=rules))["train-3"]
    assert reason.startswith("more than rule 1: max_bytes = 2000 is held: it saves 2.3e-08 a month")


def test_the_whole_has_a_budget_beside_those_of_rules() -> None:
    versions = [*days("train", 4), *days("clean", 4)]
    rules = [{"step": "train", "max_bytes": 3000}, {"keep_last": 4}]
    assert len(kept(versions, policy(rules=rules, max_bytes=5000))) == 5


@pytest.mark.parametrize("place", ["policy", "rule"])
def test_a_budget_can_be_money(place: str) -> None:
    versions = [version(f"train-{n}", n * DAY, blobs={str(n): 10**9}) for n in range(5)]
    limit: dict[str, Any] = {"max_money": 1.5}
    chosen: dict[str, Any] = limit if place == "policy" else {"rules": [limit]}
    found = kept(versions, policy(price_per_gb_month=0.5, **chosen))
    # A budget of exactly what is held is not exceeded.
    assert found.keys() == {"train-0", "train-1", "train-2"}


def test_older_bytes_cost_what_their_storage_class_does() -> None:
    archive = {"name": "archive", "after": "30d", "price_per_gb_month": 0.1}
    versions = [version(f"train-{n}", n * 30 * DAY, blobs={str(n): 10**9}) for n in range(3)]
    chosen = policy(price_per_gb_month=1, max_money=1.2, storage_classes=[archive])
    assert len(kept(versions, chosen)) == 3
    shared = [version(f"train-{n}", n * 30 * DAY, blobs={"same": 10**9}) for n in range(3)]
    assert len(kept(shared, policy(**{**chosen.model_dump(), "max_money": 0.1}))) == 3


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"blobs": {"a": 2000}}, {"blobs": {"b": 1000}}),
        ({"seconds": 1.0}, {"seconds": 2.0}),
        ({"trust": "reproducible"}, {"trust": "unknown"}),
        ({"trust": "unknown"}, {"trust": "not reproducible"}),
        ({}, {"last_used": NOW - DAY}),
        ({"last_used": NOW - 5 * DAY}, {"last_used": NOW - DAY}),
    ],
)
def test_a_budget_takes_first_what_is_worth_least(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    one, other = version("a-1", 9 * DAY, **first), version("b-1", 9 * DAY, **second)
    found = gone([one, other], policy(max_bytes=2500 if "blobs" in first else 1500))
    assert found.keys() == {"a-1"}


def test_the_plan_says_what_a_budget_weighed() -> None:
    item = version("a-1", 9 * DAY, seconds=7200, blobs={"a": 10**10}, trust="reproducible")
    chosen = policy(max_bytes=0, price_per_gb_month=0.02, price_per_compute_hour=0.5)
    assert gone([item], chosen) == {
        "a-1": "more than max_bytes = 0 is held: it saves 0.2 a month, costs 1 to make again, is "
        "reproducible, and was unused for 9 days"
    }


def test_free_prices_still_take_first_what_is_large_and_quick() -> None:
    slow = version("a-1", DAY, seconds=100)
    quick = version("b-1", DAY, seconds=1)
    chosen = policy(max_bytes=1500, price_per_gb_month=0, price_per_compute_hour=0)
    assert gone([slow, quick], chosen).keys() == {"b-1"}


VERSIONS = st.lists(
    st.builds(
        Candidate,
        id=st.uuids().map(str),
        step=st.sampled_from("ab"),
        flow=st.none() | st.just("f"),
        created=st.timedeltas(timedelta(0), 900 * DAY).map(lambda age: NOW - age),
        seconds=st.floats(0, 1e6),
        blobs=st.dictionaries(st.sampled_from("pqrst"), st.just(100), max_size=3),
        is_rebuildable=st.booleans(),
        protection=st.sampled_from([(), ("pinned: x",)]),
    ),
    unique_by=lambda item: item.id,
    max_size=12,
)
COUNTS = st.fixed_dictionaries(
    {},
    optional={f"keep_{p}": st.integers(1, 4) for p in ("last", "hourly", "daily", "monthly")},
).filter(bool)


@examples(60)
@given(VERSIONS, st.lists(COUNTS, max_size=1), st.none() | st.integers(0, 600), st.data())
def test_whatever_the_policy_what_must_stay_stays(
    versions: list[Candidate], rules: list[Any], max_bytes: int | None, data: st.DataObject
) -> None:
    inputs = {
        item.id: data.draw(st.lists(st.sampled_from([v.id for v in versions]), max_size=2))
        for item in versions
    }
    chosen = policy(rules=rules, max_bytes=max_bytes, keep_lineage="none")
    found = kept(versions, chosen, inputs)
    for item in versions:
        assert item.id in found or (item.is_rebuildable and not item.protection)
    more = policy(
        rules=[{**rule, "keep_last": rule.get("keep_last", 0) + 1} for rule in rules],
        keep_lineage="none",
    )
    if max_bytes is None:
        assert found.keys() <= kept(versions, more, inputs).keys()
        return
    lineage = policy(rules=rules, max_bytes=max_bytes, keep_lineage="inputs")
    stays = kept(versions, lineage, inputs)
    held = {blob for item in versions if item.id in stays for blob in item.blobs}
    needed = {above for version_id in stays for above in inputs[version_id]}
    may_go = [
        item
        for item in versions
        if item.id in stays and item.is_rebuildable and not item.protection
        if item.id not in needed
    ]
    # Over the budget only when nothing that frees a byte could go any more.
    shared = Counter(blob for item in versions if item.id in stays for blob in item.blobs)
    assert sum(100 for _ in held) <= max_bytes or not any(
        shared[blob] == 1 for item in may_go for blob in item.blobs
    )


@examples(60)
@given(VERSIONS, st.integers(0, 500), st.floats(0, 1e-6), st.booleans())
def test_budgets_are_kept_to_as_far_as_versions_may_go(
    versions: list[Candidate], max_bytes: int, max_money: float, is_money: bool
) -> None:
    limit: dict[str, Any] = {"max_money": max_money} if is_money else {"max_bytes": max_bytes}
    rules = [{"step": "a", **limit}, {"keep_last": 3}]
    found = kept(versions, policy(rules=rules, keep_lineage="none"))
    own = [item for item in versions if item.step == "a" and item.id in found]
    sizes = {blob: size for item in own for blob, size in item.blobs.items()}
    held = sum(sizes.values())
    is_within = held / 1e9 * 0.023 <= max_money + 1e-12 if is_money else held <= max_bytes
    may_go = {i.id for i in versions if i.is_rebuildable and not i.protection}
    stays = {b for i in versions if i.id in found and i.id not in may_go for b in i.blobs}
    assert is_within or not [i for i in own if i.id in may_go and i.blobs.keys() - stays]
    for item in versions:
        assert item.id in found or (item.is_rebuildable and not item.protection)
