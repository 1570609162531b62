"""Real flows against a real Prefect server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


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
