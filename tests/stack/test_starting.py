"""The command behind `make stack`: what goes wrong on the way, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.local import read_until


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="stack-") as name:
        # The user who runs PostgreSQL passes through it.
        Path(name).chmod(0o711)
        yield Path(name)


def started(folder: Path, port: int = 0, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "infra.stack", "--folder", str(folder), "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environ},
    )


def failed(process: subprocess.Popen[str]) -> str:
    """What a command said that could not do what it should."""
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert "Traceback" not in said
    return said


def test_a_port_that_is_taken_is_named(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = failed(started(folder, port))
    assert f"port {port} is taken" in said
    assert f"make stack PORT={port + 100}" in said


def test_what_is_not_installed_is_named_with_the_command_that_installs_it(folder: Path) -> None:
    said = failed(started(folder, PATH="/nowhere"))
    assert "Redis is not here: apt-get install redis-server" in said


def test_data_of_another_postgresql_are_left_alone(folder: Path) -> None:
    (folder / "postgresql").mkdir()
    (folder / "postgresql" / "PG_VERSION").write_text("9.6\n")
    said = failed(started(folder))
    assert "was written by PostgreSQL 9.6" in said
    assert "pg_upgrade" in said
    assert running_below(folder) == []


@pytest.mark.slow
def test_ctrl_c_while_it_starts_ends_what_had_started(folder: Path) -> None:
    process = started(folder)
    read_until(process, "starting PostgreSQL")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert running_below(folder) == []


def running_below(folder: Path) -> list[str]:
    """Commands of the processes that belong to a stack."""
    return [
        " ".join(process.info["cmdline"] or ())
        for process in psutil.process_iter(["cmdline", "environ"])
        if (process.info["environ"] or {}).get("STACK", "").startswith(str(folder))
    ]
