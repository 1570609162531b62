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
from versioning.errors import ConflictError
from versioning.expiry import Cause, Expiry
from versioning.retention import Policy
from versioning.turns import turn

pytestmark = pytest.mark.slow
PAUSED = {"type": {"any_": ["PAUSED"]}}
RUNNING = {"type": {"any_": ["RUNNING"]}}
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


def test_without_a_file_the_policy_of_the_project_counts(
    versions: list[Version], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "[tool.versioning.retention]\nmin_age = '0s'\n[[tool.versioning.retention.rules]]\n"
    (tmp_path / "pyproject.toml").write_text(f"{text}keep_last = 1\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    repository = open_repository()
    prune(apply=True)
    assert bound(repository, versions) == [False, False, True]


def test_the_page_of_a_run_shows_the_plan_and_nothing_goes(
    versions: list[Version], policy: str
) -> None:
    state = prune(policy, return_state=True)
    run = str(state.state_details.flow_run_id)
    found = asked("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}})
    shown = {artifact["type"]: artifact for artifact in found}
    [row] = orjson.loads(shown["table"]["data"])
    assert row["version"] == versions[0].id[:12]
    assert row["why it goes"] == "rule 1 (step '*') does not keep it"
    assert "1 versions go and 2 stay" in shown["table"]["description"]
    # The picture, which travels in its own address.
    assert shown["image"]["data"].startswith("data:image/png;base64,")
    assert "307.2 kB are held" in shown["image"]["description"]
    assert "max_bytes is reached" in shown["image"]["description"]
    assert float(shown["progress"]["data"]) == 100
    assert bound(open_repository(), versions) == [True, True, True]


def test_what_was_applied_can_be_undone(
    versions: list[Version], policy: str, caplog: pytest.LogCaptureFixture
) -> None:
    repository = open_repository()
    with caplog.at_level("INFO", "flows.prune"):
        plan = prune(policy, apply=True)
    assert "trash: 1 of 1 shards" in caplog.messages
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


def test_a_run_that_failed_leaves_its_bar_where_it_was(
    versions: list[Version], policy: str
) -> None:
    with turn(open_repository(), "prune", wait_seconds=0):
        state = prune(policy, apply=True, turn_seconds=0, return_state=True)
    with pytest.raises(ConflictError, match="somebody else is at work on prune"):
        state.result()
    run = str(state.state_details.flow_run_id)
    found = asked("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}})
    [bar] = [artifact for artifact in found if artifact["type"] == "progress"]
    assert float(bar["data"]) == 60
    assert bound(open_repository(), versions) == [True, True, True]


def test_of_runs_that_begin_at_once_one_works_and_the_others_wait(
    versions: list[Version], policy: str
) -> None:
    repository = open_repository()
    began, may_end = threading.Event(), threading.Event()
    plans: list[str] = []

    def other() -> None:
        with turn(repository, "prune", wait_seconds=0):
            began.set()
            may_end.wait()

    at_work = threading.Thread(target=other)
    at_work.start()
    began.wait()
    waiting = threading.Thread(
        target=copy_context().run, args=(lambda: plans.append(prune(policy, apply=True)),)
    )
    waiting.start()
    while not asked("/flow_runs/filter", {"flow_runs": {"state": RUNNING}}):
        threading.Event().wait(0.3)  # the server says nothing by itself
    assert bound(repository, versions) == [True, True, True]
    may_end.set()
    for thread in (at_work, waiting):
        thread.join()
    assert bound(repository, versions) == [False, True, True]
    assert len(plans) == 1


def test_people_are_told_when_a_budget_is_near(
    versions: list[Version], policy: str, caplog: pytest.LogCaptureFixture
) -> None:
    state = prune(policy, return_state=True)
    assert "307203 of max_bytes = 250000 is held" in caplog.text
    run = f"prefect.flow-run.{state.state_details.flow_run_id}"
    wanted = {
        "filter": {
            "event": {"name": ["versioning.budget"]},
            "related": {"id": [run], "role": ["flow-run"]},
        }
    }
    for _ in range(400):
        if found := asked("/events/filter", wanted)["events"]:
            break
        threading.Event().wait(0.3)  # events travel apart from the run
    [event] = found
    url = open_repository().url
    assert event["resource"]["prefect.resource.id"] == f"versioning.repository.{url}"
    reached = event["payload"].pop("reached")
    assert datetime.fromisoformat(reached).tzinfo is not None
    assert event["payload"] == {"budget": "max_bytes", "held": 307203, "most": 250000}


def test_a_run_is_named_by_repository_and_day(versions: list[Version], policy: str) -> None:
    state = prune(policy, return_state=True)
    run = asked(
        "/flow_runs/filter", {"flow_runs": {"id": {"any_": [str(state.state_details.flow_run_id)]}}}
    )[0]
    place = "/".join(Path(open_repository().url).parts[-2:])
    assert run["name"] == f"prune-{place}-{run['expected_start_time'][:10]}"
