"""`run.sh`: a rerun by hand, and what every rerun sets in its environment."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple

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
  "${{PYTHON:-$(command -v {python} || command -v python3)}}" -m venv {venv}
  PIP_CONSTRAINT=/dev/null {venv}/bin/python -m pip install --quiet --no-deps {where} -r {lock} \\
    || {{ rm -rf {venv}; exit 1; }}
fi
env -i PATH="$PATH" HOME="$HOME" {variables} \\
  {venv}/bin/python -m versioning.replay {plan} results.jsonl
"""


class Part(NamedTuple):
    """What the script says of one process.

    Attributes:
        number: Of the process, from 1.
        lock: File that says what is installed for it.
        plan: File that says what it runs.
        variables: Its environment variables.
        python: Version of the recorded interpreter.
        where: Options of pip that say where wheels are; nothing to ask the index.
    """

    number: int
    lock: Path
    plan: Path
    variables: Mapping[str, str]
    python: str
    where: str = ""


def own_variables(folder: Path) -> dict[str, str]:
    """Whatever the source does to a repository or a server, it does to ones of its own."""
    return {
        "PYTHONPATH": str(folder / LIBRARY),
        "VERSIONING_REPOSITORY": str(folder / ".scratch"),
        "VERSIONING_CACHE": str(folder / ".cache"),
        "VERSIONING_CAPTURE": "off",
        "PREFECT_HOME": str(folder / ".prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }


def write_script(folder: Path, parts: Iterable[Part]) -> None:
    """Write `run.sh`.

    Args:
        folder: Of the rerun.
        parts: What it says of each process.
    """
    own = own_variables(folder).items()
    fixed = [f'{name}="{value.replace(str(folder), "$here")}"' for name, value in own]
    text, made = _HEAD, dict[tuple[str, str], str]()
    for part in parts:
        given = [f"{name}={shlex.quote(value)}" for name, value in part.variables.items()]
        told = " ".join([*fixed, *given])
        # Processes with one lock share an environment.
        shared = part.python, part.lock.read_text("utf-8")
        text += _GROUP.format(
            venv=made.setdefault(shared, f"venv-{part.number}"),
            python=f"python{'.'.join(part.python.split('.')[:2])}",
            where=part.where,
            lock=part.lock.name,
            plan=part.plan.name,
            variables=told,
        )
    script = folder / "run.sh"
    script.write_text(f"{text}cat results.jsonl\n", "utf-8")
    script.chmod(0o755)
