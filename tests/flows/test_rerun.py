"""A version that a flow made, made again: by command, and as a flow."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from prefect.client.orchestration import get_client

from flows.rerun import rerun
from versioning import open_repository
from versioning.cli.reruns import Choices
from versioning.errors import FormatError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
CHECKOUT = Path(__file__).parents[2]
PIPELINE = """
import sys
import pandas as pd
from prefect import flow
from versioning import versioned
from shared import FACTOR

@versioned
def load(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"x": range(rows), "y": [n % 3 == 0 for n in range(rows)]})

@versioned
def split(table: pd.DataFrame, share: float = 0.5) -> tuple[pd.DataFrame, pd.DataFrame]:
    middle = int(len(table) * share)
    return table.iloc[:middle], table.iloc[middle:]

@versioned
def fit(table: pd.DataFrame, seed: int = 7, strength: float = 1.0):
    from sklearn.linear_model import LogisticRegression
    return LogisticRegression(random_state=seed, C=FACTOR * strength).fit(table[["x"]], table["y"])

@flow
def pipeline(rows: int) -> None:
    training, _ = split(load(rows))
    fit(training, strength=0.001)
    print(fit(training).id)

if __name__ == "__main__":
    pipeline(60)
"""


@pytest.fixture
def project(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose flow ran on the server of these tests."""
    from prefect.settings import PREFECT_API_URL

    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    (folder / "pipeline.py").write_text(PIPELINE)
    (folder / "shared.py").write_text("FACTOR = 1.0\n")
    monkeypatch.setenv("VERSIONING_REPOSITORY", str(tmp_path / "repository"))
    monkeypatch.setenv("VERSIONING_CACHE", str(tmp_path / "cache"))
    variables = {"PYTHONPATH": str(CHECKOUT), "PREFECT_API_URL": str(PREFECT_API_URL.value())}
    done = subprocess.run(
        [sys.executable, "pipeline.py"],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def artifacts(run: str) -> dict[str, Any]:
    with get_client(sync_client=True) as client:
        wanted = {"artifacts": {"flow_run_id": {"any_": [run]}}}
        found = client.request("POST", "/artifacts/filter", json=wanted).json()
    return {item["key"]: item["data"] for item in found}


def test_a_run_shows_the_verdict_and_fails_when_a_step_differs(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = rerun("fit", everything=True, return_state=True)
    assert state.result() == "identical"
    shown = artifacts(str(state.state_details.flow_run_id))
    assert {row["step"]: row["verdict"] for row in orjson.loads(shown["rerun"])} == {
        "load": "identical",
        "split[0]": "identical",
        "fit": "identical",
    }
    old = open_repository().get("fit").record.meta["run"]["flow_run"]
    assert f"/runs/flow-run/{old}" in shown["verdict"]

    (project / "shared.py").write_text("FACTOR = 0.001\n")
    monkeypatch.chdir(project)
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr("flows.rerun.emit_event", lambda **event: sent.append(event))
    state = rerun("fit", code="current", return_state=True)
    assert state.is_failed()
    told = [(event["event"], event["payload"]["verdict"]) for event in sent]
    assert told == [("versioning.rerun-different", "different")]
    shown = artifacts(str(state.state_details.flow_run_id))
    (row,) = orjson.loads(shown["rerun"])
    assert row["verdict"] == "different"
    assert "predicts of 30 rows" in row["note"]
    suspects = {row["not as it was"] for row in orjson.loads(shown["suspects"])}
    assert "source/project/shared.py" in suspects


def test_two_versions_are_compared_as_the_form_asks(project: Path) -> None:
    state = rerun("fit", against="fit~1", return_state=True)
    assert state.result() == "different"
    verdict = artifacts(str(state.state_details.flow_run_id))["verdict"]
    assert "What makes the difference, alone:\n\n- `params/strength`: " in verdict
    other = open_repository().get("fit~1")
    assert f"Compared with fit `{other.id[:12]}`" in verdict

    # What these do is tested without a flow, where packing everything that is installed is rarer.
    with pytest.raises(FormatError, match="leave out `fresh`"):
        rerun("fit", against="fit~1", fresh=True)
    with pytest.raises(FormatError, match="wheels are archived of the captured environment"):
        rerun("fit", archive=True, env="current")


def test_every_choice_of_the_command_is_described_in_the_form() -> None:
    fields = rerun.parameters.properties
    assert fields.keys() >= {item.name for item in dataclasses.fields(Choices)}
    assert all(field.get("description") for field in fields.values())
