"""`run.sh`: a rerun by hand, and what every rerun sets in its environment."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from versioning.rerun.folder import LIBRARY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_HEAD = """#!/bin/sh
# Makes the recorded environments and runs the recorded steps; results.jsonl says what came of each.
# inputs/ holds what they read and what they make.
set -e; cd "$(dirname "$0")"; here=$PWD; rm -f results.jsonl
"""
_GROUP = """
if [ ! -d {venv} ]; then
  ${{PYTHON:-python3}} -m venv {venv}
  PIP_CONSTRAINT=/dev/null {venv}/bin/pip install --quiet --no-deps -r {lock}
fi
env -i PATH="$PATH" HOME="$HOME" {variables} \\
  {venv}/bin/python -m versioning.replay {plan} results.jsonl
"""


def own_variables(folder: Path) -> dict[str, str]:
    """Whatever the source does to a repository or a server, it does to ones of its own."""
    return {
        "PYTHONPATH": str(folder / LIBRARY),
        "PYTHONDONTWRITEBYTECODE": "1",
        "VERSIONING_REPOSITORY": str(folder / ".scratch"),
        "VERSIONING_CACHE": str(folder / ".cache"),
        "VERSIONING_CAPTURE": "off",
        "PREFECT_HOME": str(folder / ".prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }


def write_script(folder: Path, groups: Iterable[tuple[int, Path, Path, Mapping[str, str]]]) -> None:
    """Write `run.sh`.

    Args:
        folder: Of the rerun.
        groups: Number, lock, jobs and variables of each process.
    """
    own = own_variables(folder).items()
    fixed = [f'{name}="{value.replace(str(folder), "$here")}"' for name, value in own]
    text, made = _HEAD, dict[str, str]()
    for number, lock, plan, variables in groups:
        given = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
        told = " ".join([*fixed, *given])
        # Processes with one lock share an environment.
        venv = made.setdefault(lock.read_text("utf-8"), f"venv-{number}")
        text += _GROUP.format(venv=venv, lock=lock.name, plan=plan.name, variables=told)
    script = folder / "run.sh"
    script.write_text(f"{text}cat results.jsonl\n", "utf-8")
    script.chmod(0o755)
