"""Audits as a flow: what runs reused is made again; a step that draws without a seed is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from prefect.client.orchestration import get_client

from flows.audit import NotReproducibleError, audit
from versioning import FormatError, open_repository

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
CHECKOUT = Path(__file__).parents[2]
PIPELINE = """
import random
from prefect import flow
from versioning import versioned

@versioned
def steady(count: int) -> list[int]:
    return list(range(count))

@versioned
def drawn(numbers: list[int]) -> float:
    return random.random() + len(numbers)

@flow
def pipeline() -> None:
    drawn(steady(3))

if __name__ == "__main__":
    pipeline()
    pipeline()
"""


@pytest.fixture
def project(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose flow ran twice: the second run reused two versions."""
    from prefect.settings import PREFECT_API_URL

    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    monkeypatch.setenv("VERSIONING_REPOSITORY", str(tmp_path / "repository"))
    monkeypatch.setenv("VERSIONING_CACHE", str(tmp_path / "cache"))
    variables = {"PYTHONPATH": str(CHECKOUT), "PREFECT_API_URL": str(PREFECT_API_URL.value())}
    done = subprocess.run(
        [sys.executable, "pipeline.py"],
        cwd=tmp_path,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return tmp_path


def page(state: Any) -> tuple[str, dict[str, Any]]:
    """Name of a run, and the table on its page."""
    run = str(state.state_details.flow_run_id)
    wanted = {"artifacts": {"flow_run_id": {"any_": [run]}}}
    with get_client(sync_client=True) as client:
        listed = client.request("POST", "/artifacts/filter", json=wanted).json()
        name = client.read_flow_run(run).name
    (found,) = [item for item in listed if item["key"] == "audit"]
    return name, found


def test_what_differs_is_an_incident(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr("flows.audit.emit_event", lambda **event: sent.append(event))
    state = audit(step="steady", return_state=True)
    assert state.result() == 1
    name, shown = page(state)
    assert name.startswith("audit-steady-20")
    assert shown["description"] == "1 reused versions were due: 1 came out identical"
    assert not sent

    repository = open_repository()
    kept = repository.get("drawn")
    state = audit(share=1, return_state=True)
    assert state.is_failed()
    with pytest.raises(NotReproducibleError, match="1 of 2 audited versions differ") as told:
        state.result()
    (other,) = [v for v in repository.versions(step="drawn") if v.id != kept.id]
    assert f"versioning diff {kept.id[:12]} {other.id[:12]}" in str(told.value)
    rows = {row["step"]: row for row in orjson.loads(page(state)[1]["data"])}
    assert {step: row["made again"] for step, row in rows.items()} == {
        "steady": "identical",
        "drawn": "different",
    }
    assert rows["steady"]["reproducible"] == "reproducible"
    assert rows["drawn"]["reproducible"] == "not reproducible"
    assert other.id[:12] in rows["drawn"]["what to do"]
    (event,) = sent
    assert event["event"] == "versioning.differs"
    assert (event["payload"]["version"], event["payload"]["other"]) == (kept.id, other.id)
    assert repository.lookup(kept.key) == kept.record
    assert repository.verify().is_sound

    assert audit(flow="nobody") == 0
    with pytest.raises(FormatError, match="share 0"):
        audit(share=0)
