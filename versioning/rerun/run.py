"""A rerun from end to end: what to make, where, the verdict, and what it says of the step."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from versioning.errors import FormatError
from versioning.rerun.execution import CAPTURED, CURRENT, Terms, execute
from versioning.rerun.explain import contrasted
from versioning.rerun.explain import explain as tell_causes
from versioning.rerun.folder import begun
from versioning.rerun.jobs import Jobs
from versioning.rerun.verdicts import Rerun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from versioning.records import VersionRecord
    from versioning.repository import Repository


def rerun(
    repository: Repository,
    record: VersionRecord,
    terms: Terms | None = None,
    *,
    into: Path | None = None,
    everything: bool = False,
    explain: bool = False,
) -> Rerun:
    """Make a version again in a process of its own, and compare.

    Nothing that is recorded changes: what is made lies in a folder of the rerun.

    Args:
        repository: Where the version is.
        record: The version.
        terms: What is taken from the recording, and what from today.
        into: Folder to leave everything in, with a `run.sh`; must be empty or absent.
        everything: Make also those ancestors again whose bytes are there.
        explain: Find out which suspects make the difference, one at a time.

    Raises:
        NotFoundError: If something that it needs is gone for good, or no environment can be had.
        ConflictError: If `into` is not empty.
    """
    terms = terms or Terms()
    _check(terms)
    began = time.perf_counter()
    jobs = Jobs(repository, everything=everything)
    jobs.add(record)
    with _folder(into) as folder:
        outcome = execute(repository, jobs, folder, terms, is_left=into is not None)
    found = Rerun(
        record.id,
        terms.env,
        terms.code,
        steps=outcome.steps,
        environment=outcome.environment,
        archived=outcome.archived,
        not_rebuildable=outcome.not_rebuildable,
        folder=None if into is None else str(folder),
    )
    found.suspects = [s for s in outcome.suspects if not (found.is_same and s.is_harmless)]
    # The parts of a tuple come from one body.
    bodies = sum({step.seconds for step in found.steps})
    found.overhead_seconds = max(0.0, time.perf_counter() - began - bodies)
    if explain:
        tell_causes(repository, jobs, found, terms)
    found.seconds = time.perf_counter() - began
    return found


def against(
    repository: Repository,
    record: VersionRecord,
    other: VersionRecord,
    terms: Terms | None = None,
    *,
    everything: bool = False,
) -> Rerun:
    """Find out what makes a version another one than `record`.

    Single things that it was made of (a file, a distribution, a parameter, the seed, an input, a
    variable, threads) are put into the run of `record`, which is otherwise as recorded.

    Args:
        repository: Where both are.
        record: The version that is made again.
        other: The other one.
        terms: Within which tolerance values count as equal.
        everything: Make also those ancestors of `record` again whose bytes are there.

    Raises:
        NotFoundError: If something that `record` needs is gone for good.
        FormatError: If `terms` ask for anything of today, or a fresh environment.
    """
    terms = terms or Terms()
    _check(terms)
    if (terms.env, terms.code) != (CAPTURED, CAPTURED):
        raise FormatError("two versions are compared as they were captured: leave out `current`")
    if terms.fresh:
        raise FormatError("two versions are compared where they can be: leave out `fresh`")
    began = time.perf_counter()
    jobs = Jobs(repository, everything=everything)
    jobs.add(record)
    found = contrasted(repository, jobs, record, other, terms)
    found.seconds = found.overhead_seconds = time.perf_counter() - began
    return found


def _check(terms: Terms) -> None:
    for name, value in (("env", terms.env), ("code", terms.code)):
        if value not in {CAPTURED, CURRENT}:
            raise FormatError(f"{name} is {value!r}: it must be {CAPTURED!r} or {CURRENT!r}")
    if not 0 <= terms.tolerance < float("inf"):
        raise FormatError(f"tolerance is {terms.tolerance}: it must be 0 or more")
    if terms.archive and terms.env != CAPTURED:
        raise FormatError("wheels are archived of the captured environment: leave out `current`")


@contextmanager
def _folder(into: Path | None) -> Iterator[Path]:
    if into is not None:
        yield begun(into)
        return
    with tempfile.TemporaryDirectory(prefix="rerun-", ignore_cleanup_errors=True) as name:
        yield Path(name)
