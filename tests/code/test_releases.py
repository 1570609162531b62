"""Leaves are the same under another patch release of Python."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.code.test_edits_of_classes import CASES as CLASSES
from tests.code.test_edits_of_functions import CASES as FUNCTIONS
from tests.code.test_edits_of_modules import CASES as MODULES

ROOT = Path(__file__).parents[2]
VERSION = "import platform, sys; print(platform.python_version(), sys.executable)"
PRINT = """
import importlib, json, sys
from versioning.code import code_leaves
found = {}
for folder in json.loads(sys.argv[1]):
    sys.path.insert(0, folder)
    for name in [name for name in sys.modules if name.partition(".")[0] == "proj"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    step = importlib.import_module("proj.steps").step
    found[folder] = {leaf.name: leaf.digest for leaf in code_leaves(step).leaves}
    sys.path.remove(folder)
print(json.dumps(found))
"""


def other_release() -> str:
    """Another Python of this minor version, or a reason to skip."""
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin", "/usr/local/bin"]
    for folder in folders:
        found = shutil.which(minor, path=folder)
        if found is None:
            continue
        asked = subprocess.run([found, "-c", VERSION], capture_output=True, text=True, check=False)
        version = asked.stdout.partition(" ")[0]
        if asked.returncode == 0 and version != sys.version.partition(" ")[0]:
            return found
    pytest.skip(f"there is no other release of {minor}")


def leaves(python: str, folders: list[Path]) -> dict[str, dict[str, str]]:
    # The other release finds our distributions beside ours: they are of the same minor version.
    site = next(path for path in sys.path if path.endswith("site-packages"))
    done = subprocess.run(
        [python, "-c", PRINT, json.dumps([str(folder) for folder in folders])],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{site}", "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_leaves_are_the_same_under_another_patch_release(project, tmp_path):
    other = other_release()
    folders = []
    for number, case in enumerate([*FUNCTIONS, *CLASSES, *MODULES]):
        folder = tmp_path / str(number)
        type(project)(folder).write(**case.files)
        folders.append(folder)
    assert leaves(other, folders) == leaves(sys.executable, folders)
