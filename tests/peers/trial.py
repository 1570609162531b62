"""Trials: a system, run through cases, and what came of each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from tests.peers.case import Case

HERE = Path(__file__).parent
# Text in the large values that cases store, to find where a system has put them.
MARK = b"payload payload payload"
SECONDS = 60
# Prefect caches tasks outside a flow without a server, if nothing is to be asked of one or sent.
NO_SERVER = {
    "PREFECT_API_URL": "http://127.0.0.1:9/api",
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}

Verdict = Literal["right", "wrong", "needless", "inexpressible", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What a system did with a case.

    Attributes:
        verdict: `right`; `wrong` when the value differs from that of an uncached call; `needless`
            when the body ran although the value was there; `inexpressible`; `failed`.
        note: What it said, or which wrong value it gave.
        changed: The leaves that it says have changed.
    """

    verdict: Verdict
    note: str = ""
    changed: tuple[str, ...] = ()


class Runner:
    """A process in the environment of a system, which runs steps there (see `runner.py`).

    Args:
        python: The interpreter of that environment.
        system: Name of the adapter.
        seed: Its hash seed.
        log: File for what the system prints.
    """

    def __init__(self, python: Path, system: str, *, seed: int, log: Path) -> None:
        environ = {
            **os.environ,
            "PYTHONPATH": str(HERE),
            "PYTHONHASHSEED": str(seed),
            # Compiled files would hide an edit that keeps size and second.
            "PYTHONDONTWRITEBYTECODE": "1",
            **NO_SERVER,
        }
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                [python, "-P", HERE / "runner.py", HERE / "adapters" / f"{system}.py"],
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
            )

    def __call__(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """What each process that did the job says."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise RuntimeError("the system does not start")
        return json.loads(line)

    def close(self) -> None:
        """End it."""
        self._process.communicate()


class System:
    """A system under trial: two runners, since the two runs of a case have different hash seeds."""

    def __init__(self, python: Path, name: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name, self._folder = name, folder
        log = folder / "log.txt"
        self._runners = [Runner(python, name, seed=seed, log=log) for seed in (1, 2)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for runner in self._runners:
            runner.close()

    def answers(self, case: Case) -> tuple[Run, Run]:
        """Both runs of a case."""
        root = self._folder / "".join(c if c.isalnum() else "-" for c in case.claim)
        shutil.rmtree(root, ignore_errors=True)
        place = Place(root)
        place.write(case.project())
        first = self._run(0, case, place)
        if first.problem or (case.kill and not first.runs):
            return first, first
        if case.damage == "swap":
            other = Place(place.root / "other")
            other.write(case.project())
            self._run(0, case, other, call=-1)
            place.swap(other)
        elif case.damage:
            place.damage(case.damage)
        if case.moved:
            place = place.moved()
            place.write(case.project())
        place.write(case.edited(), keep_times=case.keep_times)
        return first, self._run(1, case, place)

    def _run(self, turn: int, case: Case, place: Place, call: int | None = None) -> Run:
        steps = (case.later or case.steps) if turn else case.steps
        job = {
            "folder": str(place.project),
            "state": str(place.state),
            "ran": str(place.root / f"ran-{turn}"),
            "functions": [f"proj.{step}" for step in steps],
            "call": case.calls[turn if call is None else call],
            "kill": "" if turn else case.kill,
            "processes": case.processes if turn else 1,
            "seconds": SECONDS,
            "prepare": False,
        }
        if not turn:
            self._runners[0]({**job, "prepare": True, "processes": 1})
        return Run(self._runners[turn](job), _runs(Path(job["ran"])), was_killed=bool(job["kill"]))


@dataclass(frozen=True)
class Run:
    """What the processes of a run said, and how often the body ran in them."""

    replies: Sequence[dict[str, Any]]
    runs: int
    was_killed: bool = False

    @property
    def problem(self) -> Outcome | None:
        """Why there is no value, unless the process was killed on purpose."""
        for kind, verdict in (("inexpressible", "inexpressible"), ("error", "failed")):
            for reply in self.replies:
                if kind in reply and not self.was_killed:
                    return Outcome(verdict, reply[kind])
        return None

    @property
    def values(self) -> set[str]:
        """The values that the processes got."""
        return {reply["value"] for reply in self.replies if "value" in reply}


def _runs(journal: Path) -> int:
    return journal.stat().st_size if journal.exists() else 0


class Place:
    """Where a case happens: a checkout of the project, and what the system stores."""

    def __init__(self, root: Path, checkout: str = "checkout") -> None:
        self.root, self.project, self.state = root, root / checkout, root / "state"
        self.project.mkdir(parents=True, exist_ok=True)
        self.state.mkdir(exist_ok=True)

    def moved(self) -> Place:
        """Another checkout beside the same storage."""
        return Place(self.root, "another/checkout")

    def write(self, files: dict[str, str], *, keep_times: bool = False) -> None:
        """Write files of the project."""
        for name, text in files.items():
            path = self.project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            times = path.stat() if keep_times else None
            path.write_text(text, "utf-8")
            if times is not None:
                os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def damage(self, how: str) -> None:
        """Damage the file that holds the stored value."""
        if (path := self._stored()) is None:
            return
        if how == "delete":
            path.unlink()
        elif how == "truncate":
            _rewrite(path, path.read_bytes()[: path.stat().st_size // 2])
        else:
            _rewrite(path, _flipped(path.read_bytes()))

    def swap(self, other: Place) -> None:
        """Put the value that is stored elsewhere in the place of the one stored here."""
        mine, theirs = self._stored(), other._stored()
        if mine and theirs:
            _rewrite(mine, theirs.read_bytes())

    def _stored(self) -> Path | None:
        """The largest file that holds the value readably; of none, the largest file."""
        files = [path for path in sorted(self.state.rglob("*")) if path.is_file()]
        marked = [path for path in files if MARK in path.read_bytes()]
        return max(marked or files, key=lambda path: path.stat().st_size, default=None)


def _rewrite(path: Path, data: bytes) -> None:
    """Change a file as a failing disk does: what is allowed stays as it is."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(mode)


def _flipped(data: bytes) -> bytes:
    """These bytes with one bit flipped, in the value, where letters stay letters.

    So no decoder of texts minds.
    """
    middle = len(data) // 2
    start = next((n for n in (data.find(MARK, middle), data.find(MARK)) if n >= 0), middle)
    places = range(start, len(data))
    place = next(n for n in places if chr(data[n]).isalpha() and chr(data[n] ^ 1).isalpha())
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def outcome(case: Case, answers: tuple[Run, Run], truth: tuple[Run, Run]) -> Outcome:
    """What a system did with a case, given what uncached calls return."""
    for run, right in zip(answers, truth, strict=True):
        if run.problem:
            return run.problem
        if not run.was_killed and run.values != right.values:
            return Outcome("wrong", f"{_brief(run.values)} for {_brief(right.values)}")
    again = answers[1]
    changed = tuple(name for reply in again.replies for name in reply.get("why", ()))
    allowed = 0 if case.expected == "reuse" else 1
    if again.runs > allowed:
        return Outcome("needless", f"{again.runs} bodies ran", changed)
    return Outcome("right", "", changed)


def _brief(values: set[str]) -> str:
    return ", ".join(value if len(value) < 40 else f"{value[:40]}..." for value in sorted(values))
