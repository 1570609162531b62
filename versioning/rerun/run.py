"""A rerun from end to end: what to make, where, the verdict, and what it says of the step."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from versioning.errors import FormatError
from versioning.rerun.execution import CAPTURED, CURRENT, Terms, execute
from versioning.rerun.explain import causes
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
    for name, value in (("env", terms.env), ("code", terms.code)):
        if value not in {CAPTURED, CURRENT}:
            raise FormatError(f"{name} is {value!r}: it must be {CAPTURED!r} or {CURRENT!r}")
    if not 0 <= terms.tolerance < float("inf"):
        raise FormatError(f"tolerance is {terms.tolerance}: it must be 0 or more")
    began = time.perf_counter()
    jobs = Jobs(repository, everything=everything)
    jobs.add(record)
    with _folder(into) as folder:
        outcome = execute(repository, jobs, folder, terms)
    found = Rerun(
        record.id,
        terms.env,
        terms.code,
        outcome.steps,
        environment=outcome.environment,
        folder=None if into is None else str(folder),
    )
    found.suspects = [s for s in outcome.suspects if not (found.is_same and s.is_harmless)]
    if explain:
        found.causes = causes(repository, jobs, found, terms)
    found.seconds = time.perf_counter() - began
    return found


@contextmanager
def _folder(into: Path | None) -> Iterator[Path]:
    if into is not None:
        yield begun(into)
        return
    with tempfile.TemporaryDirectory(prefix="rerun-", ignore_cleanup_errors=True) as name:
        yield Path(name)
