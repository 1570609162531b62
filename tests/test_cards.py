"""Cards: what people read of a version."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from tests.repositories import LARGE
from tests.steps import commit, opened
from tests.test_promotion import judge, train
from versioning.api import Repository
from versioning.cli.app import run
from versioning.handles import Version


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    repository = opened(tmp_path)
    monkeypatch.setenv("VERSIONING_REPOSITORY", repository.url)
    monkeypatch.setenv("VERSIONING_CACHE", str(repository.settings.cache))
    return repository


@pytest.fixture
def model(repository: Repository) -> Version:
    """A champion of five weeks, better than the one before it."""
    before = train(repository, 3)
    repository.promote(before, "delays@champion")
    drift = [{"column": "seats", "psi": 0.31, "unseen": ""}, {"column": "hour", "psi": 0.002}]
    after = train(
        repository, 4, against=before.id, rival={"auc": 0.73, "rows": 6101.0}, drift=drift
    )
    repository.promote(after, "delays@champion")
    return after


def section(card: str, title: str) -> str:
    return card.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_a_card_shows_metrics_beside_the_champions_of_then(
    repository: Repository, model: Version
) -> None:
    against = repository.evaluations(model)[0].against
    assert against is not None
    metrics = section(repository.card(model), "Metrics")
    assert f"| metric | this model | champion then, {against[:12]} |" in metrics
    linked = repository.card(model, links={against[:12]: "/artifacts/1"})
    assert f"champion then, [{against[:12]}](/artifacts/1) |" in linked
    assert "| auc | 0.74 | 0.73 |" in metrics


def test_a_card_tells_names_gates_drift_and_how_to_go_back(
    repository: Repository, model: Version
) -> None:
    card = repository.card(model)
    assert card.startswith("# delays@champion\n")
    assert "| auc at least 0.6 | passed | 0.7400 |" in section(card, "Gates")
    drift = section(card, "Drift")
    assert drift.index("| seats | 0.31 |") < drift.index("| hour | 0.002 |")
    use = section(card, "Load it, make it again, go back")
    assert "versioning rollback delays@champion" in use
    assert f'get("{model.id}").load()' in use
    assert 'load_model("models:/delays@champion")' in use


def test_a_card_tells_how_to_go_back_only_where_there_is_a_former_version(
    repository: Repository, model: Version
) -> None:
    first = train(repository, 5)
    repository.promote(first, "other@champion")
    # Named again, it is still the only one.
    repository.promote(first, "other@challenger")
    assert "versioning rollback" not in repository.card(first)
    repository.promote(model, "other@challenger")
    repository.promote(first, "other@challenger")
    assert "versioning rollback other@challenger" in repository.card(first)


def test_a_card_tells_the_span_of_the_data_and_counts_sisters_in_the_tree(
    repository: Repository, model: Version
) -> None:
    card = repository.card(model)
    assert "| week | 5 | " in section(card, "Data")
    assert "n 0 to 4" in section(card, "Data")
    tree = section(card, "Lineage")
    assert tree.count("    week ") == 2
    assert "    and 3 more week" in tree


def test_a_span_is_of_dates_and_numbers_not_of_their_spelling(repository: Repository) -> None:
    days = [date(2013, month, 1) for month in (10, 2)]
    weeks = [commit(repository, n, "week", day=day, n=n) for n, day in zip((10, 9), days)]
    model = commit(repository, 1, "train", reads={f"tables[{v.id}]": v for v in weeks})
    told = section(repository.card(model), "Data")
    assert "day 2013-02-01 to 2013-10-01; n 9 to 10" in told


def test_a_tree_tells_of_every_sister_once_wherever_it_stands(repository: Repository) -> None:
    weeks = [commit(repository, n, "week", n=n) for n in range(4)]
    tables = [commit(repository, n, "table", reads={"rows": week}) for n, week in enumerate(weeks)]
    reads = {f"tables[{n}]": table for n, table in enumerate(tables)}
    model = commit(repository, "m", "train", reads={**reads, "extra": weeks[0]})
    tree = section(repository.card(model), "Lineage").split("```")[1].splitlines()[1:]
    named = [re.sub(r" [0-9a-f]{12}.*", "", line) for line in tree]
    assert named == [
        "train",
        "    week",
        "    table",
        "        week",
        "    table",
        "        week",
        "    and 2 more table",
    ]


def test_what_others_wrote_is_no_markup(repository: Repository) -> None:
    hostile = "a|b<script>\n# x `y` [z](http://evil)"
    model = commit(repository, 1, "train|<b>", text=hostile)
    judge(repository, model, drift=[{"column": hostile, "psi": "high"}])
    card = repository.card(model)
    prose = "".join(card.split("```")[::2])
    assert "<script>" not in prose
    assert "<b>" not in prose
    assert "[z](http" not in prose
    assert not any(line.startswith("# x") for line in card.splitlines())


def test_a_version_that_nobody_judged_has_a_card_too(repository: Repository) -> None:
    card = repository.card(commit(repository, LARGE, "clean", rate=3))
    assert "no evaluation of it is recorded" in card
    assert "| rate | 3 |" in section(card, "Parameters")
    assert "## Metrics" not in card


def test_export_writes_the_card(
    repository: Repository, model: Version, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "card.md"
    assert run(["export", "delays@champion", "--as", "card", "-o", str(path)]) == 0
    assert run(["export", model.id]) == 0
    out, _ = capsys.readouterr()
    assert path.read_text("utf-8") in out
    assert run(["export", model.id, "--as", "poem"]) == 2
