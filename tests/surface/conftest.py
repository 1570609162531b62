"""Real flows against a real Prefect server, which the whole session shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW, temporary_settings
from prefect.testing.utilities import prefect_test_harness

from tests.surface.journal import Journal
from versioning import Repository, open_repository


@pytest.fixture(scope="session", autouse=True)
def server() -> Iterator[None]:
    # Steps outside a flow are tested too; Prefect warns that their logs belong to no run.
    quiet = {PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore"}
    with prefect_test_harness(server_startup_timeout=120), temporary_settings(quiet):
        yield


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A new repository, which steps find as users' steps do."""
    monkeypatch.setenv("VERSIONING_REPOSITORY", str(tmp_path / "repository"))
    monkeypatch.setenv("VERSIONING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VERSIONING_LEASE_SECONDS", "2")
    monkeypatch.setenv("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    return open_repository()


@pytest.fixture(autouse=True)
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """What bodies ran."""
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    return Journal(tmp_path / "ran")
