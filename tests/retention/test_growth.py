"""How much was held when, and when a budget is reached."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.repositories import LARGE, NOW
from tests.steps import commit, opened
from versioning.costs import AGES, Costs, costs
from versioning.expiry import Cause, Expiry
from versioning.growth import Span, growth_per_day, held_at, reached, series, spans_of
from versioning.pictures import cost_picture
from versioning.retention import Policy

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


def days(start: int, end: int | None, amount: float = 10) -> Span:
    return Span(START + start * DAY, None if end is None else START + end * DAY, amount)


def test_a_span_begins_with_its_start_and_ends_before_its_end() -> None:
    span = days(0, 1)
    assert held_at([span], START) == 10
    assert held_at([span], START + DAY) == 0
    assert held_at([span], START - timedelta(microseconds=1)) == 0


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], 0),
        ([days(0, None)], 10 / 10),
        ([days(n, None) for n in range(10)], 10),
        # What went counts against what came.
        ([days(0, 5), days(4, None)], 1),
        ([days(0, 5)], 0),
    ],
)
def test_growth_is_what_came_less_what_went(spans: list[Span], expected: float) -> None:
    assert growth_per_day(spans, START + 10 * DAY) == pytest.approx(expected)


def test_only_the_last_days_count() -> None:
    spans = [days(0, None, 1000), *(days(n, None) for n in range(71, 101))]
    assert growth_per_day(spans, START + 100 * DAY) == pytest.approx(10)


@pytest.mark.parametrize(
    ("held", "per_day", "budget", "expected"),
    [
        (50, 10, 100, START + 5 * DAY),
        (100, 10, 100, START),
        (50, 0, 100, None),
        (50, -1, 100, None),
        (50, 1e-300, 100, None),
    ],
)
def test_a_budget_is_reached_by_and_by(
    held: float, per_day: float, budget: float, expected: datetime | None
) -> None:
    assert reached(held, per_day, budget, START) == expected


def test_history_says_what_was_held_at_each_moment() -> None:
    spans = [days(0, 5), days(2, None, 7)]
    for moment, amount in series(spans, START + 10 * DAY):
        assert amount == held_at(spans, moment)
    assert series([], START)[-1] == (START, 0)


def test_shared_bytes_are_held_from_the_first_version_to_the_last() -> None:
    lives = {"a": (START, START + DAY), "b": (START + 3 * DAY, None)}
    assert spans_of({"a": {"x": 5}, "b": {"x": 5}}, lives) == [Span(START, None, 5)]


@pytest.fixture
def found(tmp_path: Path) -> Costs:
    """A hundred kilobytes a day for twenty days, of which the first is erased on the tenth."""
    repository = opened(tmp_path)
    versions = [
        commit(repository, LARGE + bytes([n]), f"step{n % 2}", minute=n * 1440, n=n)
        for n in range(20)
    ]
    cause = Cause("p", "r", "a", NOW + 10 * DAY)
    expiry = Expiry(repository)
    expiry.trash(versions[0].id, cause)
    of = expiry.of(versions[0].id[:2])
    assert expiry.erase_all(of, [versions[0].id], cause)
    policy = Policy.of({"max_bytes": "10 MB", "max_money": 1}, "tests")
    return costs(repository, repository.catalog, policy, NOW + 20 * DAY, "age")


def test_costs_tell_growth_and_forecast(found: Costs) -> None:
    size_bytes = len(LARGE) + 1
    assert found.total.versions == 19
    assert found.total.held_bytes == 19 * size_bytes
    assert [row.name for row in found.rows] == ["1 to 7 days", "7 to 30 days"]
    assert found.total.growth_per_day == pytest.approx(19 * size_bytes / 20)
    [in_bytes, in_money] = found.forecasts
    left = (10**7 - found.total.held_bytes) / found.total.growth_per_day
    assert in_bytes.at == found.now + left * DAY
    assert in_money.at is None
    assert max(held for _, held in found.history) == found.total.held_bytes


def test_forecasts_count_what_budgets_count(tmp_path: Path) -> None:
    """Else a budget were reached that nothing goes for: prune counts neither trash nor records."""
    repository = opened(tmp_path)
    for n in range(2):
        commit(repository, LARGE + bytes([n]), "large", n=n)
    commit(repository, b"x" * 1000, "small")
    size_bytes = len(LARGE) + 1
    policy = Policy.of({"max_bytes": size_bytes + 500, "max_money": 9}, "tests")
    repository.prune(repository.plan_prune(policy))
    after = costs(repository, repository.catalog, policy, datetime.now(UTC))
    assert after.total.held_bytes == 2 * size_bytes + 1000
    [in_bytes, in_money] = after.forecasts
    assert in_bytes.held == size_bytes
    assert in_bytes.at != after.now
    assert in_money.held == pytest.approx(size_bytes / 1e9 * policy.price_per_gb_month)


def test_budgets_of_rules_are_forecast_by_what_follows_the_rule(tmp_path: Path) -> None:
    repository = opened(tmp_path)
    for n in range(10):
        commit(repository, LARGE + bytes([n]), f"step{n % 2}", minute=n * 1440, n=n)
    repository.write_run("r1", "p", {"tags": ["nightly"], "steps": []})
    tagged = commit(repository, LARGE + b"t", "step1", minute=9 * 1440, n=99)
    row = {"version": tagged.id}
    repository.write_run("r2", "p", {"tags": ["release"], "steps": [row]})
    rules = [
        {"tag": "release", "max_money": 0},
        {"step": "step0", "max_bytes": "1 MB"},
        {"step": "step1", "keep_last": 1},
    ]
    size_bytes = len(LARGE) + 1
    policy = Policy.of({"rules": rules, "max_bytes": "10 MB"}, "tests")
    now = NOW + 10 * DAY
    found = costs(repository, repository.catalog, policy, now)
    released, step0, all_of_them = found.forecasts
    assert [f.budget for f in found.forecasts] == [
        "rule 1: max_money",
        "rule 2: max_bytes",
        "max_bytes",
    ]
    assert released.held == pytest.approx(size_bytes / 1e9 * policy.price_per_gb_month)
    assert released.at == now
    assert (step0.most, step0.held) == (10**6, 5 * size_bytes)
    assert step0.per_day == pytest.approx(5 * size_bytes / 10)
    assert step0.at == now + (10**6 - step0.held) / step0.per_day * DAY
    assert all_of_them.held == 11 * size_bytes


def test_an_age_is_of_the_range_that_begins_with_it() -> None:
    from versioning.costs import _age

    assert [_age(least) for least in AGES.values()] == list(AGES)
    assert _age(timedelta(days=-1)) == "under a day"


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_picture_has_the_same_bytes_for_the_same_numbers(found: Costs, kind: str) -> None:
    assert cost_picture(found, kind) == cost_picture(found, kind)
