from __future__ import annotations

from pathlib import Path

import pytest

from tests.rerun.projects import FILES, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that has not run yet."""
    made = Project(tmp_path / "delays", tmp_path)
    made.write(FILES)
    return made
