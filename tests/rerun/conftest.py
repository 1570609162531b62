from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.rerun.projects import FILES, NEEDED, Project, install, wheel


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that has not run yet."""
    made = Project(tmp_path / "delays", tmp_path)
    made.write(FILES)
    return made


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment of its own and an index of wheels."""
    folder = tmp_path_factory.mktemp("old")
    for version, scale in (("1.0", 2), ("2.0", 5)):
        wheel(folder / "index", "scaling", version, f"SCALE = {scale}\n")
        wheel(folder / "index", "harmless", version, f"VERSION = {version!r}\n")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    install(folder, *NEEDED, "scaling==1.0", "harmless==1.0")
    return folder
