"""Retention as a flow: what its page shows, a person's approval, and what is gone then."""

from __future__ import annotations

import threading
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from prefect.client.orchestration import get_client
from prefect.exceptions import FlowPauseTimeout

from flows.prune import prune
from tests.repositories import LARGE
from tests.steps import commit
from versioning import Repository, Version, open_repository
from versioning.expiry import Cause, Expiry
from versioning.retention import Policy

pytestmark = pytest.mark.slow
PAUSED = {"type": {"any_": ["PAUSED"]}}
POLICY = "min_age = '0s'\nmax_bytes = '250 kB'\n[[rules]]\nkeep_last = 2\n"


@pytest.fixture
def versions(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Version]:
    monkeypatch.setenv("VERSIONING_REPOSITORY", str(tmp_path / "repository"))
    monkeypatch.setenv("VERSIONING_CACHE", str(tmp_path / "cache"))
    repository = open_repository()
    return [commit(repository, LARGE + bytes([n]), "clean", minute=n, n=n) for n in range(3)]


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "retention.toml"
    path.write_text(POLICY, "utf-8")
    return str(path)


def bound(repository: Repository, versions: list[Version]) -> list[bool]:
    return [repository.lookup(version.key) is not None for version in versions]


def asked(path: str, wanted: dict[str, Any]) -> Any:
    with get_client(sync_client=True) as client:
        return client.request("POST", path, json=wanted).json()


def test_the_page_of_a_run_shows_the_plan_and_nothing_goes(
    versions: list[Version], policy: str
) -> None:
    state = prune(policy, return_state=True)
    run = str(state.state_details.flow_run_id)
    [artifact] = asked("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}})
    [row] = orjson.loads(artifact["data"])
    assert row["version"] == versions[0].id[:12]
    assert row["why it goes"] == "rule 1 (step '*') does not keep it"
    assert "1 versions go and 2 stay" in artifact["description"]
    assert bound(open_repository(), versions) == [True, True, True]


def test_what_was_applied_can_be_undone(versions: list[Version], policy: str) -> None:
    repository = open_repository()
    plan = prune(policy, apply=True)
    assert bound(repository, versions) == [False, True, True]
    assert repository.undo(plan) == {versions[0].id: True}
    assert bound(repository, versions) == [True, True, True]


def test_the_bytes_of_what_went_before_go_though_nothing_goes_now(
    versions: list[Version], tmp_path: Path
) -> None:
    repository = open_repository()
    short = tmp_path / "short.toml"
    short.write_text(f"trash = '1s'\n{POLICY}", "utf-8")
    at = datetime.now(UTC) - timedelta(days=1)
    plan = repository.plan_prune(Policy.read(short))
    Expiry(repository).trash(versions[0].id, Cause(plan.id, "all", "tests", at))
    prune(str(short), apply=True, approve=True)
    assert not repository.is_live(versions[0].record)


def test_nothing_goes_until_a_person_resumes_the_run(versions: list[Version], policy: str) -> None:
    repository = open_repository()
    seen: list[list[bool]] = []

    def approve() -> None:
        for _ in range(200):
            if runs := asked("/flow_runs/filter", {"flow_runs": {"state": PAUSED}}):
                break
            threading.Event().wait(0.3)  # the server says nothing by itself
        seen.append(bound(repository, versions))
        asked(f"/flow_runs/{runs[0]['id']}/resume", {})

    # The settings that name the server are those of this context.
    person = threading.Thread(target=copy_context().run, args=(approve,))
    person.start()
    prune(policy, apply=True, approve=True)
    person.join()
    assert seen == [[True, True, True]]
    assert bound(repository, versions) == [False, True, True]


def test_without_approval_nothing_goes(versions: list[Version], policy: str) -> None:
    with pytest.raises(FlowPauseTimeout):
        prune(policy, apply=True, approve=True, approval_seconds=1)
    assert bound(open_repository(), versions) == [True, True, True]
