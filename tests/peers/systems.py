"""The systems that are compared: what their adapters say of them, and where they are installed.

To add one, write `adapters/NAME.py` (see `runner.py`) and `adapters/NAME.txt`, a requirements file
that names the system first.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".venv" / "peers"
OURS = "ours"


@dataclass(frozen=True)
class Described:
    """A system, as its adapter and its requirements describe it.

    Attributes:
        name: Name of the adapter.
        title: What people call the system.
        version: The version that is tried.
        configuration: How it is set up.
    """

    name: str
    title: str
    version: str
    configuration: str


def described(name: str) -> Described:
    """What the adapter `name` says, without importing it."""
    tree = ast.parse((HERE / "adapters" / f"{name}.py").read_text("utf-8"))
    said = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in {"TITLE", "CONFIGURATION"}
    }
    first = version("prefect-versioning") if name == OURS else _requirements(name).split()[0]
    return Described(name, said["TITLE"], first.rpartition("==")[2], said["CONFIGURATION"])


def names() -> list[str]:
    """Every system: those with requirements, and this library first."""
    return [OURS, *sorted(path.stem for path in (HERE / "adapters").glob("*.txt"))]


def python(name: str) -> Path:
    """The interpreter that has the system installed; made if it is not there.

    Raises:
        subprocess.CalledProcessError: If it cannot be installed; its output says why.
    """
    if name == OURS:
        return Path(sys.executable)
    folder = ENVIRONMENTS / name
    interpreter, stamp = folder / "bin" / "python", folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != _requirements(name):
        venv.create(folder, with_pip=True, clear=True)
        environ = {key: value for key, value in os.environ.items() if key != "PIP_CONSTRAINT"}
        subprocess.run(
            [interpreter, "-m", "pip", "install", "-q", "-r", HERE / "adapters" / f"{name}.txt"],
            env=environ,
            check=True,
            capture_output=True,
            text=True,
        )
        stamp.write_text(_requirements(name))
    return interpreter


def _requirements(name: str) -> str:
    return (HERE / "adapters" / f"{name}.txt").read_text("utf-8")
