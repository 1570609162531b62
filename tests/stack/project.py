"""A project of a user's, in a git repository that workers clone; and a client of Prefect's API."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from infra.stack import Stack

ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
FLOWS = """
import os
import time
from pathlib import Path

from prefect import flow
from rates import RATE
from versioning import versioned


def note(line):
    with open(os.path.join(os.environ["STACK"], "ran"), "a") as file:
        file.write(line + "\\n")


@versioned
def priced(number: int) -> float:
    note(f"priced {number}")
    return number * RATE


@versioned
def own(number: int, run: int) -> float:
    note(f"own {run} {number}")
    return number * RATE + run


@versioned
def held(number: int) -> str:
    note("held")
    host = Path(os.environ["STACK"]).name
    if host == "host-a":
        time.sleep(3600)
    return host


@flow
def prices(run: int = 0, steps: int = 2) -> float:
    half = steps // 2
    shared = [priced(number) for number in range(half)]
    return sum(item.load() for item in [*shared, *(own(number, run) for number in range(half))])


@flow
def holds(number: int) -> str:
    return held(number).load()
"""
DEPLOYMENT = """
  - {{name: cloned, entrypoint: "pipeline.py:{flow}", work_pool: {{name: flows}},
      pull: [{{prefect.deployments.steps.git_clone: {{repository: "{url}", branch: main}}}}]}}
"""


class Project:
    """The repository, and its flows as deployments of a stack."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        self.folder = folder
        self.stack = stack
        folder.mkdir()
        self._git("init", "-q", "-b", "main")
        (folder / "pipeline.py").write_text(FLOWS)
        self.commit("rates.py", "RATE = 2.0\n")
        self._deploy("prices", "holds")

    def commit(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        self._git("add", "-A")
        self._git("-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-qm", "Change")

    def _git(self, *words: str) -> None:
        subprocess.run(["git", "-C", self.folder, *words], check=True)

    def _deploy(self, *flows: str) -> None:
        file = self.folder.with_name("deployments.yaml")
        described = [DEPLOYMENT.format(flow=flow, url=self.folder) for flow in flows]
        file.write_text("deployments:" + "".join(described))
        home = self.folder.parent
        environ = {"HOME": str(home), "PATH": "/usr/bin:/bin", **self.stack.client()}
        command = [sys.executable, "-m", "infra.deployments", "--file", str(file)]
        subprocess.run(command, env=environ, check=True, capture_output=True)


class Api:
    """Flow runs, as any client asks for them."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=f"{url}/api", timeout=60)

    def post(self, path: str, **fields: Any) -> Any:
        return self.http.post(path, json=fields).raise_for_status().json()

    def start(self, deployment: str, *, queue: str = "default", **parameters: Any) -> str:
        found = self.http.get(f"/deployments/name/{deployment}").raise_for_status().json()
        made = self.post(
            f"/deployments/{found['id']}/create_flow_run",
            parameters=parameters,
            work_queue_name=queue,
            state={"type": "SCHEDULED"},
        )
        return str(made["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/flow_runs/{run_id}").raise_for_status().json()
        return found

    def completed(self, *run_ids: str) -> list[dict[str, Any]]:
        """The runs, once all of them have ended as they should."""
        runs = self.ended(*run_ids)
        for run in runs:
            logs = {"flow_run_id": {"any_": [run["id"]]}}
            said = [line["message"] for line in self.post("/logs/filter", logs=logs)]
            assert run["state_type"] == "COMPLETED", "\n".join([str(run["state"]), *said])
        return runs

    def ended(self, *run_ids: str, seconds: float = 240) -> list[dict[str, Any]]:
        """The runs, once all of them have ended."""
        deadline = time.monotonic() + seconds
        while True:
            runs = [self.run(run_id) for run_id in run_ids]
            states = [run["state_type"] for run in runs]
            if ENDED.issuperset(states):
                return runs
            assert time.monotonic() < deadline, f"after {seconds} s they are {states}"
            time.sleep(0.5)
