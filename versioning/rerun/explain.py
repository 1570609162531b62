"""Explain: swap one suspect at a time into the recorded run, and see whether its outcome flips.

A difference that is seen is no cause: a helper may have changed beside a dependency that makes all
of it. What flips the outcome alone is a cause. Where nothing does, none is named.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from versioning.rerun.contrasts import with_other, with_today
from versioning.rerun.execution import CAPTURED, execute
from versioning.rerun.swaps import Swaps
from versioning.rerun.verdicts import DIFFERENT, FAILED, IDENTICAL, Rerun, StepVerdict, Suspect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from versioning.records import VersionRecord
    from versioning.repository import Repository
    from versioning.rerun.contrasts import Contrast
    from versioning.rerun.execution import Outcome, Terms
    from versioning.rerun.jobs import Jobs

_BAD = {DIFFERENT, FAILED}
_SHOWN = 12
_TRYING = "trying suspects"


def explain(repository: Repository, jobs: Jobs, found: Rerun, terms: Terms) -> None:
    """Find the suspects that make the difference alone; none where the outcome is the same.

    Args:
        repository: Where the versions are.
        jobs: What is made again.
        found: What the rerun that is to be explained gave; it is told the causes.
        terms: Its terms.
    """
    found.causes = []
    found.not_considered = _not_considered(terms)
    if not found.is_same:
        with tempfile.TemporaryDirectory(prefix="explain-", ignore_cleanup_errors=True) as name:
            tried = with_today(repository, jobs, terms, Path(name) / "swapped")
            _explain(_Runs(repository, jobs, terms, Path(name)), list(tried), found)


def contrasted(
    repository: Repository, jobs: Jobs, record: VersionRecord, other: VersionRecord, terms: Terms
) -> Rerun:
    """What makes a version other than another one: single things of it, tried in the first.

    Args:
        repository: Where they are.
        jobs: What makes the first again.
        record: The first.
        other: The other one.
        terms: Under which both are as recorded.
    """
    found = Rerun(record.id, CAPTURED, CAPTURED, other.id, causes=[])
    is_same = record.digest == other.digest
    note = "" if is_same else f"compared with {other.step} {other.id[:_SHOWN]}, as recorded"
    verdict = IDENTICAL if is_same else DIFFERENT
    digests = str(record.digest), str(other.digest)
    found.steps = [StepVerdict(record.id, record.step, verdict, *digests, note=note)]
    with tempfile.TemporaryDirectory(prefix="explain-", ignore_cleanup_errors=True) as name:
        folder, progress = Path(name), terms.progress
        tried = list(with_other(repository, record, other, folder / "swapped", progress))
        found.suspects = [contrast.suspect for contrast in tried]
        if is_same:
            found.environment = "none was needed"
        else:
            _explain(_Runs(repository, jobs, terms, folder), tried, found)
    return found


def _explain(runs: _Runs, tried: Sequence[Contrast], found: Rerun) -> None:
    first = runs.outcome()
    found.environment = found.environment or first.environment
    found.not_rebuildable = found.not_rebuildable or first.not_rebuildable
    if _is_bad(first):
        # What is recorded does not come out by itself: by chance, or by the machine?
        values = [[s.after for s in run.steps] for run in (first, runs.outcome())]
        chance = Suspect("chance", "the first run", "another outcome in the second run")
        found.causes = [chance] if values[0] != values[1] else []
        return
    found.causes = []
    for number, (suspect, swaps) in enumerate(tried):
        runs.progress(_TRYING, number, len(tried))
        if swaps is None:
            found.untried.append(suspect)
        elif _is_bad(runs.outcome(swaps)):
            found.causes.append(suspect)
    runs.progress(_TRYING, len(tried), len(tried))


def _not_considered(terms: Terms) -> dict[str, str]:
    """What cannot be a cause under these terms, as there is no other to put in, and what would."""
    missing = {}
    if terms.code == CAPTURED:
        missing["files of the source"] = "--code current"
    if terms.env == CAPTURED:
        missing["distributions, variables and threads"] = "--env current"
    # Of today there are none: one version alone says nothing else to compare them with.
    return {**missing, "parameters, inputs and the seed": "--against VERSION"}


class _Runs:
    """The recorded run, again and again, each time with one thing swapped."""

    def __init__(self, repository: Repository, jobs: Jobs, terms: Terms, folder: Path) -> None:
        self._repository, self._jobs, self._folder = repository, jobs, folder
        self._terms = replace(terms, env=CAPTURED, code=CAPTURED, fresh=False, archive=False)
        self.progress = terms.progress
        self._count = 0

    def outcome(self, swaps: Swaps | None = None) -> Outcome:
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        terms = replace(self._terms, swaps=swaps or Swaps())
        return execute(self._repository, self._jobs, folder, terms)


def _is_bad(outcome: Outcome) -> bool:
    return any(step.verdict in _BAD for step in outcome.steps)
