"""Runners, processes and machines: handles travel, values do not, and one key runs one body."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prefect import flow
from prefect.task_runners import ProcessPoolTaskRunner

from tests.surface import steps
from tests.surface.journal import Journal
from tests.surface.runners import dask, ray
from versioning import Repository, versioned

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "runner",
    [lambda: ProcessPoolTaskRunner(max_workers=2), dask, ray],
    ids=["processes", "dask", "ray"],
)
def test_steps_on_other_processes_share_versions(
    runner, ran: Journal, repository: Repository
) -> None:
    @flow(task_runner=runner())
    def pipeline() -> int:
        parts = steps.double.map([[1], [2], [3]])
        return steps.total.submit(parts).result().load()

    assert pipeline() == 12
    assert sorted(ran.take()) == ["double", "double", "double", "total"]
    assert pipeline() == 12
    assert ran.take() == []
    assert repository.verify().is_sound


@versioned(retries=2)
def fails_once(folder: str) -> int:
    """Fails where nobody failed before."""
    flag = Path(folder) / "failed"
    if not flag.exists():
        flag.touch()
        raise RuntimeError("first time")
    return 1


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "runner", [lambda: ProcessPoolTaskRunner(max_workers=2), dask], ids=["processes", "dask"]
)
def test_retries_on_other_processes(runner, tmp_path: Path) -> None:
    @flow(task_runner=runner())
    def pipeline() -> int:
        return fails_once.submit(str(tmp_path)).result().load()

    assert pipeline() == 1


SCRIPT = """
import sys, time
from pathlib import Path
from versioning import versioned
from tests.surface.journal import note

@versioned
def slow(x: int, folder: str) -> int:
    note("slow")
    Path(folder, "begun").touch()
    while Path(folder, "hold").exists():
        time.sleep(0.05)
    return x * 2

print("answer", slow(21, sys.argv[1]).load())
"""


def _start(script: Path, folder: Path) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_LOGGING_LEVEL": "ERROR"}
    return subprocess.Popen(
        [sys.executable, str(script), str(folder)], env=env, stdout=subprocess.PIPE, text=True
    )


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "job.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture(autouse=True)
def _api(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes talk to the session's server, not to one of their own."""
    from prefect.settings import PREFECT_API_URL

    monkeypatch.setenv("PREFECT_API_URL", PREFECT_API_URL.value())


@pytest.mark.slow
def test_eight_processes_with_one_key_run_one_body(
    script: Path, tmp_path: Path, ran: Journal
) -> None:
    processes = [_start(script, tmp_path) for _ in range(8)]
    assert [process.communicate(timeout=120)[0] for process in processes] == ["answer 42\n"] * 8
    assert ran.take() == ["slow"]


@pytest.mark.slow
def test_a_second_process_hits(script: Path, tmp_path: Path, ran: Journal) -> None:
    for _ in range(2):
        assert _start(script, tmp_path).communicate(timeout=120)[0] == "answer 42\n"
    assert ran.take() == ["slow"]


@pytest.mark.slow
def test_a_killed_holder_delays_others_by_the_lease_at_most(
    script: Path, tmp_path: Path, ran: Journal, repository: Repository
) -> None:
    (tmp_path / "hold").touch()
    holder = _start(script, tmp_path)
    while not (tmp_path / "begun").exists():
        assert holder.poll() is None
        time.sleep(0.05)
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    (tmp_path / "hold").unlink()
    began = time.monotonic()
    assert _start(script, tmp_path).communicate(timeout=120)[0] == "answer 42\n"
    # The lease is 2 s here; the rest is starting Python and Prefect.
    assert time.monotonic() - began < 40
    assert ran.take() == ["slow", "slow"]
    assert repository.verify().is_sound
