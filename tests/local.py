"""The command behind `make ui`, started for tests."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Up:
    """What `make ui` started: where Prefect's pages are, and the folder that it writes to."""

    prefect: str
    folder: Path


def started(folder: Path, ports: list[int]) -> subprocess.Popen[str]:
    """The command behind `make ui`, on its way."""
    flags = ["--port", str(ports[0]), "--mlflow-port", str(ports[1])]
    return subprocess.Popen(
        [sys.executable, "-m", "infra.local", "--folder", str(folder), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """What a process says up to a line with `text`."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    pytest.fail(f"it ended before it said {text!r}:\n{''.join(lines)}")
