"""Real flows against a real Prefect server, started for the first test that needs one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.testing.utilities import prefect_test_harness


@pytest.fixture(scope="session")
def server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="module")
def home(server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for everything that the flows of one module write."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERSIONING_REPOSITORY", str(folder / "versioning"))
        patch.setenv("VERSIONING_CACHE", str(folder / "cache"))
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield folder
