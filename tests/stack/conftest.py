"""The stack of `make stack`, once for all tests of it; skipped where its programs are missing."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.processes import MissingError
from infra.stack import Stack, check_installed, running
from tests.stack.project import Api, Project
from versioning import Repository


@pytest.fixture(scope="session")
def installed() -> None:
    try:
        check_installed()
    except MissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def stack(installed: None) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="stack-") as name:
        # The user who runs PostgreSQL passes through it.
        Path(name).chmod(0o711)
        with running(Path(name), 0, threading.Event()) as up:
            yield up


@pytest.fixture(scope="session")
def api(stack: Stack) -> Api:
    return Api(stack.urls["prefect"])


@pytest.fixture(scope="session")
def project(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("git") / "project", stack)


@pytest.fixture
def repository(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The stack's repository, as a third machine sees it that may not write."""
    monkeypatch.setenv("VERSIONING_CACHE", str(tmp_path / "cache"))
    for role in ("writer", "reader"):
        for name, value in stack.client(role).items():
            monkeypatch.setenv(name, value)
        found = Repository.open(stack.client()["VERSIONING_REPOSITORY"])
    return found
