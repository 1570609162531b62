"""Twice: run a step again to find out whether it is reproducible, or to have its bytes back."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from versioning.errors import ConflictError
from versioning.references import outputs
from versioning.repository import Draft, Repository
from versioning.rerun.execution import Terms
from versioning.rerun.folder import INPUTS
from versioning.rerun.run import rerun
from versioning.rerun.verdicts import DIFFERENT, IDENTICAL
from versioning.settings import Settings
from versioning.shards import in_silence
from versioning.trust import remember

if TYPE_CHECKING:
    from collections.abc import Iterator

    from versioning.records import VersionRecord
    from versioning.rerun.verdicts import Rerun
    from versioning.shards import Progress


def twice(
    repository: Repository, record: VersionRecord, *, progress: Progress = in_silence
) -> Rerun:
    """Make a version again as it was made, and keep what that says of its step.

    The same value is a point for the step. Another value, where nothing else is known to differ, is
    one against it: the value is kept, too, as a version that answers no key. Where something else
    differs, such as the processor, nothing is said of the step.

    Args:
        repository: Where the version is, opened for writing.
        record: The version; of a tuple, each part is made again.
        progress: As of `rerun`.

    Raises:
        NotFoundError: As `rerun`.
        ReadOnlyError: If the repository cannot be written.
    """
    repository.check_writable()
    found = None
    for part in [repository.record(part.id) for part in outputs(record)] or [record]:
        with tempfile.TemporaryDirectory(prefix="twice-", ignore_cleanup_errors=True) as name:
            found = rerun(repository, part, Terms(progress=progress), into=Path(name))
            found.other = _remember(repository, part, found)
            found.folder = None
        if not found.is_same:
            break
    assert found is not None
    return found


@contextmanager
def rebuilt(
    repository: Repository, record: VersionRecord, *, progress: Progress = in_silence
) -> Iterator[tuple[Repository, VersionRecord]]:
    """A version with the value of one whose bytes are gone, in a repository that lasts as long.

    Args:
        repository: Where the version is.
        record: The version.
        progress: As of `rerun`.

    Raises:
        ConflictError: If it does not come out as it was recorded, or is a tuple.
        NotFoundError: As `rerun`.
    """
    if outputs(record):
        raise ConflictError(f"{record.step} {record.id[:12]} is a tuple: name one of its parts")
    with tempfile.TemporaryDirectory(prefix="rebuilt-", ignore_cleanup_errors=True) as name:
        found = rerun(repository, record, Terms(progress=progress), into=Path(name))
        last = found.steps[-1]
        if last.verdict != IDENTICAL:
            raise ConflictError(
                f"{record.step} {record.id[:12]} did not come out as it was recorded: "
                f"{last.verdict}, {last.note}. `versioning rerun {record.id[:12]}` tells more",
                id=record.id,
            )
        copy = _opened(repository, Path(name))
        yield copy, copy.record(last.made[0])


def _remember(repository: Repository, record: VersionRecord, found: Rerun) -> str | None:
    last, now = found.steps[-1], datetime.now(UTC)
    if last.verdict == IDENTICAL:
        remember(repository, record, None, now=now)
    elif last.verdict == DIFFERENT and all(suspect.is_harmless for suspect in found.suspects):
        copy = _opened(repository, Path(str(found.folder)))
        value = copy.load(copy.record(last.made[0]))
        draft = Draft(
            key=record.key,
            leaves=record.leaves,
            step=record.step,
            function=record.function,
            flow=record.flow,
            inputs=record.inputs,
            created=now,
            seconds=last.seconds,
            meta={**record.meta, "value": None, "run": {"rerun_of": record.id}},
        )
        codec = record.codec.partition("/")[0]
        other = repository.commit(value, draft, bind=False, codec=codec)
        remember(repository, record, other, now=now)
        return other.id
    return None


def _opened(repository: Repository, folder: Path) -> Repository:
    settings = Settings(cache=folder / ".cache", allow_pickle=repository.settings.allow_pickle)
    return Repository.open(str(folder / INPUTS), settings=settings)
