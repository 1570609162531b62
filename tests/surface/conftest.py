"""Real flows against a real Prefect server, which the whole session shares."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.surface import journal
from tests.surface.journal import Journal
from versioning import Repository, open_repository


@pytest.fixture(autouse=True)
def repository(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A new repository, which steps find as users' steps do."""
    monkeypatch.setenv("VERSIONING_REPOSITORY", str(tmp_path / "repository"))
    monkeypatch.setenv("VERSIONING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VERSIONING_LEASE_SECONDS", "2")
    # Each repository would hold the source of these tests; `tests/rerun` is about that.
    monkeypatch.setenv("VERSIONING_CAPTURE", "off")
    return open_repository()


@pytest.fixture(autouse=True)
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """What bodies ran."""
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    monkeypatch.setattr(journal, "PLACE", str(tmp_path / "ran"))
    return Journal(tmp_path / "ran")
