from __future__ import annotations

import json
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.local import Up
from versioning import Repository
from versioning.expiry import TRASHED, Expiry
from versioning.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
POLICY = "min_age = '0s'\nkeep_lineage = 'none'\n[[rules]]\nkeep_last = 1\n"
PAUSE_SECONDS, PAUSES = 0.5, 360


def repository(up: Up) -> Repository:
    settings = Settings(cache=up.folder / "cache")
    return Repository.open(str(up.folder / "versioning"), settings=settings)


def open_form(page: Any, up: Up, deployment: str) -> None:
    """As a person gets to the form that starts a run."""
    page.goto(f"{up.prefect}/deployments")
    page.get_by_text(deployment, exact=True).first.click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    page.get_by_text("Validate parameters").wait_for()


def runs(up: Up, deployment: str) -> list[dict[str, Any]]:
    """What people started of a deployment, oldest first; schedules start others."""
    wanted = {"deployments": {"name": {"any_": [deployment]}}, "limit": 200}
    asked = urllib.request.Request(
        f"{up.prefect}/api/flow_runs/filter",
        data=json.dumps(wanted).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        found = [run for run in json.load(answer) if not run["auto_scheduled"]]
    return sorted(found, key=lambda run: run["created"])


def submit(page: Any, up: Up, deployment: str) -> str:
    """Submit the form, and give the address of the run that it starts."""
    before = {run["id"] for run in runs(up, deployment)}
    page.get_by_role("button", name="Submit").click()
    for _ in range(PAUSES):
        if new := [run for run in runs(up, deployment) if run["id"] not in before]:
            return f"{up.prefect}/runs/flow-run/{new[0]['id']}"
        threading.Event().wait(PAUSE_SECONDS)
    pytest.fail("the form started nothing")


def open_shown(page: Any, run: str, key: str) -> None:
    """Open the page of what a run shows under a key."""
    page.goto(run)
    page.get_by_text("Artifacts", exact=True).click()
    page.get_by_text(key, exact=True).first.click()


@pytest.fixture(scope="module")
def retrained(browser: Any, up: Up) -> str:
    """A retraining of the digits that somebody started from the form."""
    page = browser.new_page()
    page.set_default_timeout(180_000)
    open_form(page, up, "retrain-weekly")
    page.locator("textarea").first.fill("digits")
    run = submit(page, up, "retrain-weekly")
    page.goto(run)
    page.get_by_text("Completed", exact=True).first.wait_for(timeout=300_000)
    page.close()
    return run


def test_deployments_are_scheduled(page: Any, up: Up) -> None:
    page.goto(f"{up.prefect}/deployments")
    for name in ("retrain-weekly", "prune-nightly", "verify-weekly", "audit-weekly"):
        page.get_by_text(name, exact=True).first.wait_for()
    page.get_by_text("At 03:00 AM every day").first.wait_for()


def test_the_form_explains_each_parameter(page: Any, up: Up) -> None:
    open_form(page, up, "retrain-weekly")
    for told in (
        "or the dotted path of its module",
        "First day that is not known yet",
        "Where chance begins",
        "What drift does to a model",
    ):
        page.get_by_text(told).first.wait_for()
    assert page.locator("textarea").first.input_value() == "flights"


def test_the_form_refuses_what_is_no_value_of_a_parameter(page: Any, up: Up) -> None:
    before = runs(up, "retrain-weekly")
    open_form(page, up, "retrain-weekly")
    page.locator("input[type=number]").first.fill("1.5")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("1.5 is not of type 'integer'").wait_for()
    assert page.get_by_role("button", name="Submit").is_visible(), "the form is still there"
    assert runs(up, "retrain-weekly") == before


def test_a_run_is_named_by_problem_and_day_and_tells_of_itself(page: Any, retrained: str) -> None:
    page.goto(retrained)
    page.get_by_text("retrain-digits-20").first.wait_for()
    page.get_by_text("evaluate against no champion").first.wait_for()
    page.get_by_text("0 reused, 32 computed").first.wait_for()


def test_the_table_of_a_run_says_why_and_links_the_models_card(page: Any, retrained: str) -> None:
    open_shown(page, retrained, "versions")
    page.get_by_text("first version").first.wait_for()
    page.get_by_text("find_failures").first.wait_for()
    with page.context.expect_page() as opened:
        page.locator("table a, .p-table a").first.click()
    card = opened.value
    card.get_by_role("heading", name="digit-reader@champion").wait_for()
    for told in ("accuracy at least 0.85", "learning_rate", "versioning rerun", "code commit"):
        card.get_by_text(told).first.wait_for()


def test_a_picture_is_shown_and_not_spelled_out(page: Any, retrained: str) -> None:
    open_shown(page, retrained, "digits-confusion")
    picture = page.get_by_role("img", name="digits: confusion")
    picture.wait_for()
    assert picture.bounding_box()["width"] > 200
    assert "base64" not in page.locator("main, #app").first.inner_text()


def test_a_prune_waits_for_a_person_and_goes_on_when_resumed(
    page: Any, up: Up, retrained: str, tmp_path: Path
) -> None:
    policy = tmp_path / "retention.toml"
    policy.write_text(POLICY)
    open_form(page, up, "prune-nightly")
    page.get_by_text("str", exact=True).first.click()
    page.locator("textarea").first.fill(str(policy))
    run = submit(page, up, "prune-nightly")
    page.goto(run)
    page.get_by_text("Paused", exact=True).first.wait_for()
    page.get_by_text("waits for approval: resume this run").first.wait_for()
    assert list(Expiry(repository(up)).states(TRASHED)) == []
    open_shown(page, run, "prune-plan")
    page.get_by_text("does not keep it").first.wait_for()
    page.goto(run)
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("Do you want to resume this flow run?").wait_for()
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Completed", exact=True).first.wait_for()
    assert list(Expiry(repository(up)).states(TRASHED)) != []


def test_a_verification_says_how_much_it_checked(page: Any, up: Up, retrained: str) -> None:
    open_form(page, up, "verify-weekly")
    page.get_by_text("Move what is damaged out of the way").first.wait_for()
    run = submit(page, up, "verify-weekly")
    page.goto(run)
    page.get_by_text("Completed", exact=True).first.wait_for()
    page.get_by_text("/versioning-20").first.wait_for()
    page.get_by_text("were checked; nothing is wrong").first.wait_for()
