"""Shelves: the archived wheels of an environment, on their way into one that is made again."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from versioning.capture.archive import archive, archive_of, told
from versioning.rerun import origins

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from versioning.capture import Captured
    from versioning.capture.archive import Archive
    from versioning.capture.lock import Distribution
    from versioning.records import Input
    from versioning.repository import Repository
    from versioning.shards import Progress

_PATHS = "import sys; print(*sys.path, sep='\\n')"


@dataclass(frozen=True, slots=True)
class Shelf:
    """The archive of what a version ran in, laid out only when it is needed."""

    repository: Repository
    archive: Archive

    @classmethod
    def of(cls, repository: Repository, captured: Captured) -> Self | None:
        """That of a version; None when nothing was archived, or it is gone."""
        found = archive_of(repository, captured.kept["environment"])
        return None if found is None else cls(repository, found)

    @property
    def is_whole(self) -> bool:
        """Whether it has all of the lock."""
        return self.archive.is_whole

    def lay(self, folder: Path) -> None:
        """Write the wheels into a folder, which is made; raises as `Archive.lay`."""
        self.archive.lay(self.repository, folder)


def not_rebuildable(
    repository: Repository, environment: Input, lock: Sequence[Distribution]
) -> dict[str, str]:
    """What of a lock neither an index nor an archive is known to have, by name, and advice.

    Args:
        repository: Where wheels may be archived.
        environment: The version that holds the recorded environment.
        lock: What was installed in it.
    """
    found = origins.not_rebuildable(lock)
    if found and (kept := archive_of(repository, environment)) is not None:
        archived = {item.name for item in kept.record.inputs}
        return {name: advice for name, advice in found.items() if name not in archived}
    return found


def keep_wheels(
    repository: Repository,
    environment: Input,
    lock: Sequence[Distribution],
    python: Path,
    progress: Progress,
) -> str:
    """Archive an environment that was made again, or is at hand; how much that is, for people.

    Args:
        repository: Where.
        environment: The version that holds the recorded environment.
        lock: What was installed in it.
        python: The interpreter of the one at hand.
        progress: Told of each wheel.

    Raises:
        ReadOnlyError: If the repository cannot be written.
        StorageError: If the store fails or is full.
    """
    places = paths_of(python)
    return told(repository, archive(repository, environment, lock, places, progress=progress))


def paths_of(python: Path) -> list[str]:
    """Folders from which an interpreter imports what is installed for it."""
    asked = subprocess.run([python, "-I", "-c", _PATHS], capture_output=True, text=True, check=True)
    return [place for place in asked.stdout.splitlines() if place]
