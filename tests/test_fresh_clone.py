"""The README's first command, as a newcomer runs it: in an empty folder, from a clone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_make_demo_works_in_a_fresh_clone(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists() or shutil.which("make") is None:
        pytest.skip("needs git and make, and this is no clone")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", ROOT.as_uri(), clone], check=True)
    ours = ("VERSIONING_", "PREFECT_", "MLFLOW_", "COV", "PYTEST_", "PYTHON")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # Compile what runs, not everything that is installed; pip takes this variable by its value.
    env |= {"COLUMNS": "100", "PIP_NO_COMPILE": "0"}
    demo = subprocess.run(
        ["make", "demo"],
        cwd=clone,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert demo.returncode == 0, demo.stdout[-2000:] + demo.stderr[-2000:]
    assert "0 computed" in demo.stdout
    assert "params/learning_rate 0.05 -> 0.1" in demo.stdout
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True
    )
    assert status.stdout == ""
