"""A problem of one's own, as the README shows it."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest

from flows.retrain import retrain
from tests.readme import example
from versioning.integrations.prefect import run_table

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
]


@pytest.fixture
def wine(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "wine.py").write_text(example("# wine.py"))
    monkeypatch.syspath_prepend(tmp_path)
    yield "wine"
    sys.modules.pop("wine", None)


def test_the_problem_in_the_readme_is_retrained_by_the_same_flows(wine: str) -> None:
    first = retrain(wine, as_of=date(2026, 1, 4))
    assert first.promoted
    assert first.evaluation.metrics["auc"] > 0.9
    retrain(wine, as_of=date(2026, 1, 5))
    rows = run_table().rows
    assert sorted(row.status for row in rows if row.step == "bottles") == ["hit"] * 3 + ["miss"]
