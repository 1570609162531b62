"""Many flow runs at once on the stack: `make stack-load RUNS=50`.

Each run has 20 steps, half of which all runs share. Prints what was lost, what ran twice, and how
long it took.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from infra.stack import HOSTS, Stack, running
from tests.stack.project import Api, Project
from versioning import Repository
from versioning.units import size

STEPS = 20


@dataclass
class Outcome:
    """What came of a load."""

    seconds: float
    states: Counter[str]
    bodies: Counter[str]
    waited: list[float]

    @property
    def is_whole(self) -> bool:
        """Whether every run came to its end."""
        return set(self.states) == {"COMPLETED"}

    @property
    def twice(self) -> list[str]:
        """Bodies that ran more than once, on whichever host."""
        return [body for body, count in self.bodies.items() if count > 1]


def expected(runs: int) -> set[str]:
    """The bodies that have to run."""
    half = range(STEPS // 2)
    return {f"priced {n}" for n in half} | {f"own {run} {n}" for run in range(runs) for n in half}


def load(stack: Stack, api: Api, runs: int) -> Outcome:
    """Start as many runs at once and wait for them."""
    journals = [stack.folder / "hosts" / host / "ran" for host in HOSTS]
    for journal in journals:
        journal.unlink(missing_ok=True)
    began = time.monotonic()
    started = [api.start("prices/cloned", run=run, steps=STEPS) for run in range(runs)]
    ended = api.ended(*started, seconds=60 + 30 * runs)
    seconds = time.monotonic() - began
    lines = [line for j in journals if j.exists() for line in j.read_text().splitlines()]
    states = Counter(run["state_type"] for run in ended)
    return Outcome(seconds, states, Counter(lines), [run["total_run_time"] for run in ended])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.stack.load", description=__doc__)
    parser.add_argument("runs", type=int, nargs="?", default=50)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="stack-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with running(folder / "stack", 0, threading.Event()) as stack:
            api = Api(stack.urls["prefect"])
            Project(folder / "project", stack)
            found = load(stack, api, runs)
            os.environ.update(stack.client(), VERSIONING_CACHE=str(folder / "cache"))
            repository = Repository.open(stack.client()["VERSIONING_REPOSITORY"])
            report = repository.verify()
            records = [entry.size_bytes for entry in repository.store.list("versions/")]
            versions = len([v for v in repository.versions() if v.step in {"priced", "own"}])
    wanted = expected(runs)
    print(f"{runs} runs of {STEPS} steps in {found.seconds:.0f} s: {dict(found.states)}")
    print(f"a run took {min(found.waited):.1f} to {max(found.waited):.1f} s")
    lost = len(wanted - set(found.bodies))
    print(f"{len(wanted)} bodies had to run; lost {lost}, ran twice {len(found.twice)}")
    mean = sum(records) / len(records)
    print(f"{versions} versions, a record has {size(mean)}; sound: {report.is_sound}")
    sys.exit(not (found.is_whole and report.is_sound and versions == len(wanted)))


if __name__ == "__main__":
    main()
