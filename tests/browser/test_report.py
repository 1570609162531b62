from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.repositories import LARGE
from tests.steps import commit, opened
from tests.test_promotion import train
from versioning.cli.app import run

pytestmark = pytest.mark.slow
HOSTILE = "</script><img src=x onerror=document.title=1>"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The report of a repository with three models and a step of a hostile name."""
    repository = opened(tmp_path)
    monkeypatch.setenv("VERSIONING_REPOSITORY", repository.url)
    monkeypatch.setenv("VERSIONING_CACHE", str(repository.settings.cache))
    models = [train(repository, week, passed=week != 2) for week in range(3)]
    repository.promote(models[1], "delays@champion")
    commit(repository, LARGE, HOSTILE, minute=9)
    assert run(["report", "-o", str(tmp_path / "site")]) == 0
    return (tmp_path / "site" / "index.html").as_uri()


def test_the_report_is_clicked_through_and_asks_for_nothing(page: Any, site: str) -> None:
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(site)
    page.get_by_text("versions in").wait_for()
    title = page.locator("#version-title")
    assert title.inner_text().startswith("train ")
    page.get_by_text("delays@champion").first.wait_for()
    page.get_by_text("auc 0.71").wait_for()
    page.get_by_role("button", name="week").first.click()
    assert title.inner_text().startswith("week ")
    page.get_by_text("used by").wait_for()
    page.get_by_role("button", name="train").first.click()
    assert title.inner_text().startswith("train ")
    assert page.locator("#timeline .point").count() >= 7
    assert page.locator("#metrics .point").count() == 3
    assert page.locator("#lineage .sankey-node").count() >= 3
    assert page.title() == "Versions"
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file://", "data:", "blob:"))] == []


def test_an_empty_repository_has_a_report_too(
    page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = opened(tmp_path)
    monkeypatch.setenv("VERSIONING_REPOSITORY", repository.url)
    monkeypatch.setenv("VERSIONING_CACHE", str(repository.settings.cache))
    assert run(["report", "-o", str(tmp_path / "site")]) == 0
    page.goto((tmp_path / "site" / "index.html").as_uri())
    page.get_by_text("0 of 0 versions").wait_for()
    page.get_by_text("Nothing was evaluated yet").wait_for()


def test_a_limit_that_shows_nothing_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", "-o", str(tmp_path), "--limit", "0"]) == 2
    assert "--limit 0 shows nothing" in capsys.readouterr().err
