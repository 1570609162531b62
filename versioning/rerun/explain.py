"""Explain: swap one suspect at a time into the recorded run, and see whether its outcome flips.

A difference that is seen is no cause: a helper may have changed beside a dependency that makes all
of it. What flips the outcome alone is a cause. Where nothing does, none is named.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from versioning.capture.lock import installed
from versioning.capture.machine import HASH_SEED, machine
from versioning.errors import VersioningError
from versioning.rerun.execution import CAPTURED, execute
from versioning.rerun.folder import lay_source
from versioning.rerun.suspects import of_distributions, of_source, of_variables
from versioning.rerun.swaps import Swaps, overlay, today
from versioning.rerun.verdicts import DIFFERENT, FAILED, Suspect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from versioning.repository import Repository
    from versioning.rerun.execution import Outcome, Terms
    from versioning.rerun.jobs import Jobs
    from versioning.rerun.verdicts import Rerun

_BAD = {DIFFERENT, FAILED}


def causes(repository: Repository, jobs: Jobs, found: Rerun, terms: Terms) -> list[Suspect]:
    """The suspects that make the difference alone; none where the outcome is the same.

    Args:
        repository: Where the versions are.
        jobs: What is made again.
        found: What the rerun that is to be explained gave.
        terms: Its terms.
    """
    if found.is_same:
        return []
    baseline = replace(terms, env=CAPTURED, code=CAPTURED, swaps=Swaps())
    with tempfile.TemporaryDirectory(prefix="explain-", ignore_cleanup_errors=True) as name:
        runs = _Runs(repository, jobs, Path(name))
        first = runs.outcome(baseline)
        if _is_bad(first):
            # What is recorded does not come out by itself: by chance, or by the machine?
            values = [[s.after for s in run.steps] for run in (first, runs.outcome(baseline))]
            chance = Suspect("chance", "the first run", "another outcome in the second run")
            return [chance] if values[0] != values[1] else []
        tried = _tried(repository, jobs, terms, Path(name) / "swapped")
        return [
            suspect
            for suspect, swaps in tried
            if _is_bad(runs.outcome(replace(baseline, swaps=swaps)))
        ]


class _Runs:
    def __init__(self, repository: Repository, jobs: Jobs, folder: Path) -> None:
        self._repository, self._jobs, self._folder = repository, jobs, folder
        self._count = 0

    def outcome(self, terms: Terms) -> Outcome:
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        return execute(self._repository, self._jobs, folder, replace(terms, fresh=False))


def _is_bad(outcome: Outcome) -> bool:
    return any(step.verdict in _BAD for step in outcome.steps)


def _tried(
    repository: Repository, jobs: Jobs, terms: Terms, folder: Path
) -> Iterator[tuple[Suspect, Swaps]]:
    """What can be swapped alone: a file, a distribution, a variable."""
    seen: set[str] = set()
    for number, job in enumerate(jobs.ordered):
        captured = job.captured
        recorded = repository.load(repository.record(captured.kept["environment"].id))
        swaps: list[tuple[Suspect, Swaps]] = []
        if terms.code != CAPTURED:
            source, now = (
                lay_source(repository, captured, folder / f"source-{number}"),
                today(captured),
            )
            for suspect in of_source(source, now):
                place = suspect.name.removeprefix("source/")
                name, _, rest = place.partition("/")
                path = now[name] / rest
                swaps.append((suspect, Swaps(files={place: path if path.is_file() else None})))
        if terms.env != CAPTURED:
            swaps += _of_environment(recorded, folder / f"overlays-{number}")
        for suspect, swap in swaps:
            if suspect.name not in seen:
                seen.add(suspect.name)
                yield suspect, swap


def _of_environment(recorded: dict, folder: Path) -> Iterator[tuple[Suspect, Swaps]]:  # type: ignore[type-arg]
    for suspect in of_distributions(recorded["distributions"], installed()):
        name = suspect.name.removeprefix("env/")
        if suspect.after is None:
            continue
        try:
            place = overlay(name, folder / name)
        except VersioningError:
            continue
        yield suspect, Swaps(overlays=(place,))
    for suspect in of_variables(recorded["machine"], machine()):
        variable = suspect.name.removeprefix("variables/")
        if suspect.name == "hash seed":
            variable, is_number = HASH_SEED, str(suspect.after).isdigit()
            yield suspect, Swaps(variables={variable: suspect.after if is_number else "random"})
        else:
            yield suspect, Swaps(variables={variable: suspect.after})
