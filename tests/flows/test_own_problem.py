"""A problem of one's own, as short as the README shows it."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest

from flows.retrain import retrain
from versioning.integrations.prefect import run_table

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
]

WINE = '''
"""Problem: is this wine of the first grower? Bottles come in by the day."""
import pandas as pd
import pandera.pandas as pa
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression

from flows import metrics
from flows.gates import AtLeast
from versioning import versioned

MODEL = "wine-grower"
SCHEMA = pa.DataFrameSchema({"alcohol": pa.Column(float, pa.Check.in_range(8, 20))})
GATES = (AtLeast("auc", 0.9),)

@versioned
def bottles(day: int) -> pd.DataFrame:
    rows = load_wine(as_frame=True).frame.sample(frac=1, random_state=0, ignore_index=True)
    return rows.iloc[30 * day : 30 * (day + 1)].assign(first=lambda rows: rows["target"] == 0)

def load(as_of):
    return [bottles(day) for day in range(as_of.day - 1)]

def features(portions):
    return portions

def train(tables, seed=7, strength=1.0):
    rows = pd.concat(tables)
    return LogisticRegression(C=strength).fit(rows[["alcohol", "flavanoids"]], rows["first"])

def predict(model, table):
    return model.predict_proba(table[["alcohol", "flavanoids"]])[:, 1]

def evaluate(tables, scores):
    return metrics.binary(metrics.outcomes(tables, "first"), scores[0])
'''


@pytest.fixture
def wine(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "wine.py").write_text(WINE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "wine"
    sys.modules.pop("wine", None)


def test_a_module_of_thirty_lines_is_retrained_by_the_same_flows(wine: str) -> None:
    first = retrain(wine, as_of=date(2026, 1, 4))
    assert first.promoted
    assert first.evaluation.metrics["auc"] > 0.9
    retrain(wine, as_of=date(2026, 1, 5))
    rows = run_table().rows
    assert sorted(row.status for row in rows if row.step == "bottles") == ["hit"] * 3 + ["miss"]
