"""Execution: lay everything out, run the jobs in processes of their own, read what they say."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from versioning.adapters import is_adapter
from versioning.capture.machine import HASH_SEED, machine
from versioning.hidden.reads import NETWORK, PROGRAM, told
from versioning.rerun import environments
from versioning.rerun import folder as folders
from versioning.rerun.groups import grouped
from versioning.rerun.jobs import has_bytes
from versioning.rerun.origins import told_where_made
from versioning.rerun.script import Part, own_variables, write_script
from versioning.rerun.shelves import Shelf, keep_wheels, not_rebuildable
from versioning.rerun.suspects import of_capture, of_environment, of_hidden, of_source, threads
from versioning.rerun.swaps import Swaps, apply_files, today
from versioning.rerun.verdicts import FAILED, StepVerdict, Suspect
from versioning.settings import SECRETS
from versioning.shards import in_silence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from versioning.records import VersionRecord
    from versioning.repository import Repository
    from versioning.rerun.environments import Environment
    from versioning.rerun.jobs import Job, Jobs
    from versioning.shards import Progress

CAPTURED, CURRENT = "captured", "current"
RESULTS = "results.jsonl"
_RUNNING = "running steps"
_PASSED = (
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE", "PYTHONDONTWRITEBYTECODE",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms versions are made again.

    Attributes:
        env: `captured` or `current`: with what was installed then, or with what is now.
        code: `captured` or `current`: the source of then, or that of the project here.
        tolerance: Within which values count as equal.
        fresh: Make an environment even where this one, or one made before, is the recorded one.
        archive: Keep the wheels of the environments, so that the next rerun needs no index.
        swaps: What is taken from today although the rest is captured.
        progress: Told of what takes long: environments, steps, wheels that are archived.
    """

    env: str = CAPTURED
    code: str = CAPTURED
    tolerance: float = 0.0
    fresh: bool = False
    archive: bool = False
    swaps: Swaps = field(default_factory=Swaps)
    progress: Progress = in_silence


@dataclass(slots=True)
class Outcome:
    """What an execution gave: verdicts in order, suspects, environment, what is kept of it."""

    steps: list[StepVerdict] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)
    environment: str = ""
    archived: list[str] = field(default_factory=list)
    not_rebuildable: dict[str, str] = field(default_factory=dict)


def execute(
    repository: Repository,
    jobs: Jobs,
    folder: Path,
    terms: Terms,
    *,
    is_left: bool = False,
) -> Outcome:
    """Make versions again in `folder`.

    Args:
        repository: Where they are.
        jobs: What is to be made.
        folder: An empty one.
        terms: What is taken from then, and what from now.
        is_left: Whether somebody is to step through the folder later: archived wheels lie in it.

    Raises:
        NotFoundError: If the environment cannot be had.
    """
    outcome = Outcome()
    folders.lay_library(folder)
    folders.lay_versions(repository, _read(repository, jobs, terms.swaps), folder)
    groups = enumerate(grouped(repository, jobs.ordered), 1)
    prepared = [_Group(repository, folder, number, group, terms) for number, group in groups]
    write_script(folder, [group.script(is_left=is_left) for group in prepared])
    results = folder / RESULTS
    for group in prepared:
        terms.progress(_RUNNING, len(outcome.steps), jobs.count)
        died = group.run(results)
        outcome.environment = outcome.environment or group.environment.how
        outcome.suspects = list(dict.fromkeys([*outcome.suspects, *group.suspects(results)]))
        outcome.steps += group.verdicts(results, died)
        if terms.archive:
            outcome.archived.append(group.archive(repository))
        outcome.not_rebuildable |= group.not_rebuildable(repository)
    terms.progress(_RUNNING, jobs.count, jobs.count)
    return outcome


def _read(repository: Repository, jobs: Jobs, swaps: Swaps) -> Iterator[Any]:
    """All versions that the jobs read or are compared with, whose bytes are there."""
    from versioning.references import outputs

    for record in (*jobs.taken.values(), *map(repository.record, swaps.reads)):
        yield record
        yield from (repository.record(part.id) for part in outputs(record))
        if is_adapter(record):
            # Whoever loads it loads its base.
            bases = (repository.record(item.id) for item in record.inputs)
            yield from (item for item in bases if has_bytes(repository, item))
    for job in jobs.ordered:
        kept = job.captured.kept.items()
        parameters = (item.id for name, item in kept if name.startswith("parameters/"))
        yield from map(repository.record, parameters)


class _Group:
    """Jobs that run in one process."""

    def __init__(
        self, repository: Repository, folder: Path, number: int, jobs: Sequence[Job], terms: Terms
    ) -> None:
        self.folder, self.number, self.jobs = folder, number, jobs
        self._terms = terms
        # The last knows most of the libraries that were loaded by then.
        self._captured = captured = jobs[-1].captured
        kept = repository.record(captured.kept["environment"].id)
        self.recorded: dict[str, Any] = repository.load(kept)
        # Threads as they were, where libraries chose them by a number of processors not here.
        is_other = self.recorded["machine"].get("processors") != os.cpu_count()
        is_pinned = terms.env != CURRENT and is_other
        self._pinned = threads(self.recorded["machine"]) if is_pinned else {}
        self.shelf = Shelf.of(repository, captured)
        self.source = folder / (f"{folders.SOURCE}-{number}" if number > 1 else folders.SOURCE)
        folders.lay_source(repository, captured, self.source)
        opened = (job.captured.kept.get("files") for job in jobs)
        for files in sorted({item.id for item in opened if item is not None}):
            folders.lay_files(repository, files, self.source)
        self.today = today(captured)
        apply_files(terms.swaps, self.source)
        with told_where_made(self.recorded["machine"]):
            self.environment = self._environment(repository)
        self.lock = folder / f"lock-{number}.txt"
        self.lock.write_text("\n".join(environments.locked(self.recorded["distributions"])) + "\n")
        self.plan = folder / f"jobs-{number}.json"
        self.plan.write_text(json.dumps(self._plan(repository), indent=1, default=str))

    def _environment(self, repository: Repository) -> Environment:
        cache = repository.settings.cache / "environments"
        if self._terms.env == CURRENT:
            return environments.current(cache)
        return environments.as_recorded(
            self.recorded["distributions"],
            self.recorded["machine"],
            cache=cache,
            fresh=self._terms.fresh,
            archive=self.shelf,
            progress=self._terms.progress,
        )

    def _plan(self, repository: Repository) -> dict[str, Any]:
        captured, swaps = self._captured, self._terms.swaps
        if self._terms.code == CURRENT:
            places = {name: str(path) for name, path in self.today.items()}
        else:
            inside = self.source.name
            places = {name: f"{inside}/{name}" for name in captured.folders or {}}
        paths = [_within(places, path) for path in captured.paths]
        fallback = paths[0] if paths else "."
        return {
            "paths": [*(str(path) for path in swaps.overlays), *paths],
            "cwd": _within(places, captured.cwd) if captured.cwd else fallback,
            "tolerance": self._terms.tolerance,
            "allow_pickle": repository.settings.allow_pickle,
            "image": repository.settings.image,
            "jobs": [_job(job, repository, swaps) for job in self.jobs],
        }

    def variables(self) -> dict[str, str]:
        """The environment variables of the process: few that it needs, and those recorded."""
        now = machine()
        source = now if self._terms.env == CURRENT else self.recorded["machine"]
        seed = str(source.get("hash_seed", "random"))
        values: dict[str, str | None] = {
            **{name: str(number) for name, number in self._pinned.items()},
            **source.get("variables", {}),
            HASH_SEED: seed if seed.isdigit() else "0",
            # What is compiled already is used; the project itself stays as it is.
            **({"PYTHONDONTWRITEBYTECODE": "1"} if self._terms.code == CURRENT else {}),
            **self._terms.swaps.variables,
        }
        return {name: value for name, value in values.items() if value is not None}

    def script(self, *, is_left: bool) -> Part:
        """What `run.sh` says of it."""
        where = ""
        if is_left and self.shelf is not None:
            wheels = self.folder / f"wheels-{self.number}"
            self.shelf.lay(wheels)
            where = f"--find-links {wheels.name}" + (" --no-index" if self.shelf.is_whole else "")
        python = str(self.recorded["machine"].get("python", ""))
        return Part(self.number, self.lock, self.plan, self.variables(), python, where)

    def archive(self, repository: Repository) -> str:
        """Keep the wheels of its environment; how much that is, for people."""
        environment, lock = self._captured.kept["environment"], self.recorded["distributions"]
        python, progress = self.environment.python, self._terms.progress
        return keep_wheels(repository, environment, lock, python, progress)

    def not_rebuildable(self, repository: Repository) -> dict[str, str]:
        """What of its environment cannot be had again, and advice."""
        environment, lock = self._captured.kept["environment"], self.recorded["distributions"]
        return not_rebuildable(repository, environment, lock)

    def run(self, results: Path) -> str:
        """Run the process; what it said when it died, or nothing."""
        passed = {n: v for n, v in os.environ.items() if n in _PASSED or n.startswith(SECRETS)}
        command = [str(self.environment.python), "-m", "versioning.replay"]
        done = subprocess.run(
            [*command, str(self.plan), str(results), str(self.environment.index)],
            cwd=self.folder,
            env={**passed, **own_variables(self.folder), **self.variables()},
            capture_output=True,
            text=True,
            check=False,
        )
        (self.folder / f"said-{self.number}.txt").write_text(done.stdout + done.stderr)
        return "" if done.returncode == 0 else _last_words(done)

    def verdicts(self, results: Path, died: str) -> Iterator[StepVerdict]:
        """What came of each version that the jobs make."""
        said = {line["id"]: line for line in _lines(results) if "id" in line}
        for job in self.jobs:
            for version_id, (record, _) in job.wanted.items():
                line = said.get(version_id)
                if line is None:
                    note = f"the process ended before: {died or 'it said nothing'}"
                    line = {"verdict": FAILED, "after": None, "seconds": 0.0, "note": note}
                if line["verdict"] == FAILED:
                    line["note"] += _called(record)
                before = {leaf.name: leaf.digest for leaf in record.leaves}
                # What is captured is as it was; another release may digest it otherwise.
                is_as_captured = (self._terms.code, self._terms.env) == (CAPTURED, CAPTURED)
                changed = () if is_as_captured else _changed(before, line.get("leaves"))
                yield StepVerdict(
                    version_id,
                    record.step,
                    line["verdict"],
                    record.digest,
                    line["after"],
                    line["seconds"],
                    line["note"],
                    tuple(line.get("made", ())),
                    changed,
                )

    def suspects(self, results: Path) -> Iterator[Suspect]:
        """What was not as it had been."""
        for job in self.jobs:
            yield from of_capture(job.captured)
        if self._terms.code == CURRENT:
            yield from of_source(self.source, self.today)
        facts = [line["facts"] for line in _lines(results) if "facts" in line]
        if facts:
            variables = facts[-1]["machine"]["variables"]
            for name in self._pinned.keys() - self.recorded["machine"]["variables"].keys():
                variables.pop(name, None)
            yield from of_environment(self.recorded, facts[-1])
        for job in self.jobs:
            yield from of_hidden(job.record.meta.get("hidden") or ())


def _called(record: VersionRecord) -> str:
    """What a body called outside when it was made, which may be why it fails now."""
    hidden = record.meta.get("hidden") or ()
    calls = [read for read in hidden if read.get("kind") in {NETWORK, PROGRAM}]
    if not calls:
        return ""
    return (
        f". When it was made it called {told(calls)}, which nothing keeps: with volatile=True on "
        "the step, reruns take its version instead of calling again"
    )


def _job(job: Job, repository: Repository, swaps: Swaps) -> dict[str, Any]:
    record = job.record
    wanted = [
        {
            "id": version_id,
            "digest": made.digest,
            "position": position,
            "codec": made.codec.partition("/")[0],
            "there": version_id in swaps.there(job, repository),
        }
        for version_id, (made, position) in job.wanted.items()
    ]
    is_target = swaps.target in job.wanted
    inputs = {item.name: item.id for item in record.inputs}
    return {
        "step": record.step.partition("[")[0],
        "function": record.function,
        "parameters": {**job.captured.parameters, **(swaps.parameters if is_target else {})},
        "inputs": {**inputs, **(swaps.inputs if is_target else {})},
        "wanted": wanted,
    }


def _within(places: Mapping[str, str], path: str) -> str:
    name, slash, rest = path.partition("/")
    return f"{places[name]}{slash}{rest}"


def _changed(before: Mapping[str, str], after: Mapping[str, str] | None) -> tuple[str, ...]:
    """Leaves of code and environment that differ, and code that is reached now and was not."""
    names = (name for name in sorted(after or ()) if name in before or name.startswith("code/"))
    return tuple(name for name in names if before.get(name) != (after or {})[name])


def _lines(results: Path) -> list[dict[str, Any]]:
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text("utf-8").splitlines()]


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr or done.stdout).strip().splitlines()
    return f"exit code {done.returncode}" + (f", {lines[-1][:300]}" if lines else "")
