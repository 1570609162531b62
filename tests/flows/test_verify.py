"""Verification as a flow: sound, damaged, and what its page shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from prefect.client.orchestration import get_client

from flows.verify import verify
from tests.repositories import LARGE
from tests.steps import blob_path, commit, overwrite
from versioning import IntegrityError, Version, open_repository

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
]


@pytest.fixture
def version(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Version:
    monkeypatch.setenv("VERSIONING_REPOSITORY", str(tmp_path / "repository"))
    monkeypatch.setenv("VERSIONING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return commit(open_repository(), LARGE, "clean")


def shown(state: Any) -> dict[str, Any]:
    """The table on the page of a run."""
    run = str(state.state_details.flow_run_id)
    wanted = {"artifacts": {"flow_run_id": {"any_": [run]}}}
    with get_client(sync_client=True) as client:
        listed = client.request("POST", "/artifacts/filter", json=wanted).json()
    [found] = [item for item in listed if item["key"] == "verify-findings"]
    return found


def test_a_sound_repository_passes_and_says_how_much_was_checked(version: Version) -> None:
    state = verify(return_state=True)
    assert state.result() == 1
    assert shown(state)["description"] == "1 versions and 102.4 kB were checked; nothing is wrong"


def test_damage_fails_the_run_and_is_named_on_its_page(version: Version) -> None:
    path = blob_path(open_repository(), version)
    overwrite(path, b"x" * path.stat().st_size)
    state = verify(return_state=True)
    with pytest.raises(IntegrityError, match="1 found wrong"):
        state.result()
    [row] = orjson.loads(shown(state)["data"])
    assert row["what"] == "damaged"
    assert row["about"] == version.record.manifest[0].name


def test_what_mlflow_says_otherwise_is_told_and_fails_nothing(version: Version) -> None:
    open_repository().promote(version, "delays@champion", force=True, reason="a drill")
    state = verify(return_state=True)
    assert state.is_completed()
    [row] = orjson.loads(shown(state)["data"])
    assert (row["what"], row["about"]) == ("MLflow", "delays@champion")
    assert "has no registered model version" in row["found"]
