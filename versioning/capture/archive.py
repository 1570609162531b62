"""The archive of an environment: the wheels of what was installed, so that no index is needed.

Each wheel is a version of its own, by what is in it, so environments share them. The archive of an
environment names its wheels and is found by the environment; retention keeps both as long as a
version that ran in that environment is kept.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from versioning.capture.keeping import draft_of, input_of
from versioning.capture.lock import is_wanted, located
from versioning.capture.wheels import pack
from versioning.digest import digest_bytes
from versioning.envelope import UNREADABLE
from versioning.errors import NotFoundError, VersioningError
from versioning.records import ARCHIVE, WHEEL, Input, dump_input
from versioning.shards import in_silence
from versioning.units import size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from versioning.capture.lock import Distribution
    from versioning.records import VersionRecord
    from versioning.repository import Repository
    from versioning.shards import Progress

logger = logging.getLogger("versioning")


@dataclass(frozen=True, slots=True)
class Archive:
    """The wheels of an environment.

    Attributes:
        record: The version that names them.
        missing: Distributions of which there is no wheel, and why.
    """

    record: VersionRecord
    missing: dict[str, str]

    @property
    def is_whole(self) -> bool:
        """Whether nothing else is needed to make the environment again."""
        return not self.missing

    def lay(self, repository: Repository, folder: Path) -> None:
        """Write the wheels into `folder`, which is made.

        Raises:
            IntegrityError: If one is damaged.
            NotFoundError: If one is gone.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for item in self.record.inputs:
            path = repository.path(repository.record(item.id))
            shutil.move(path, folder / path.name)


def archive_of(repository: Repository, environment: Input) -> Archive | None:
    """The archive of an environment; None when there is none, or wheels of it are gone."""
    record = repository.lookup(draft_of(ARCHIVE, environment.digest).key)
    if record is None:
        return None
    try:
        wheels = [repository.record(item.id) for item in record.inputs]
        if not all(map(repository.is_live, wheels)):
            return None
        return Archive(record, dict(repository.load(record)["missing"]))
    except (NotFoundError, *UNREADABLE) as error:
        logger.warning("the archive %s cannot be used: %s", record.id[:12], error)
        return None


def archive(
    repository: Repository,
    environment: Input,
    lock: Iterable[Distribution],
    places: Iterable[str],
    *,
    progress: Progress = in_silence,
) -> Archive:
    """Keep the wheels of an environment, unless that was done.

    Args:
        repository: Where.
        environment: The version that holds the environment.
        lock: What is installed in it.
        places: Folders where it is installed, in the order of `sys.path`.
        progress: Told of each wheel.

    Raises:
        ReadOnlyError: If the repository cannot be written.
        StorageError: If the store fails or is full; what is kept by then is used the next time.
    """
    if (found := archive_of(repository, environment)) is not None:
        return found
    wanted = [found for found in lock if is_wanted(found)]
    wheels, missing = _wheels(repository, wanted, located(places), progress)
    draft = replace(
        draft_of(ARCHIVE, environment.digest),
        inputs=wheels,
        meta={"environment": dump_input(environment)},
    )
    if (lost := repository.lookup(draft.key)) is not None:
        # It names wheels that are gone, and would be adopted.
        repository.unbind(lost)
    record = repository.commit({"missing": missing}, draft)
    if missing:
        told = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
        logger.warning("%d distributions are not archived: %s", len(missing), told)
    return Archive(record, missing)


def _wheels(
    repository: Repository,
    wanted: Sequence[Distribution],
    here: dict[str, tuple[Distribution, Path]],
    progress: Progress,
) -> tuple[tuple[Input, ...], dict[str, str]]:
    """The wheel of each distribution, and why those that have none have none."""
    wheels: list[Input] = []
    missing: dict[str, str] = {}
    for number, found in enumerate(wanted):
        progress("archiving wheels", number, len(wanted))
        try:
            wheels.append(_wheel(repository, found, here))
        except NotFoundError as error:
            missing[found["name"]] = str(error)
    progress("archiving wheels", len(wanted), len(wanted))
    return tuple(wheels), missing


def _wheel(
    repository: Repository, wanted: Distribution, here: dict[str, tuple[Distribution, Path]]
) -> Input:
    name = wanted["name"]
    told = "\n".join((name, wanted["version"], wanted.get("record", "")))
    draft = draft_of(WHEEL, digest_bytes(told.encode()))
    if (record := repository.lookup(draft.key)) is None:
        found, info = here.get(name, (None, None))
        if info is None or found is None or _told(found) != _told(wanted):
            raise NotFoundError(f"{name} {wanted['version']} is not installed here as recorded")
        with tempfile.TemporaryDirectory(prefix="wheel-", dir=repository.store.staging()) as folder:
            wheel = pack(info, Path(folder))
            record = repository.commit(wheel, draft)
    return input_of(name, record)


def _told(found: Distribution) -> tuple[Any, ...]:
    return found["version"], found.get("record")


def archive_here(
    repository: Repository, environment: Input, lock: Sequence[Distribution], places: Sequence[str]
) -> str | None:
    """Keep the wheels of this process, once, and say so, as it may take a while.

    It never fails: a step whose environment cannot be archived is stored all the same.

    Returns:
        Id of the archive; None when there is none.
    """
    try:
        if (found := archive_of(repository, environment)) is None:
            count = sum(map(is_wanted, lock))
            logger.warning("archiving %d wheels, once for what is installed", count)
            found = archive(repository, environment, lock, places)
            logger.warning("archived %s", told(repository, found))
    except (VersioningError, OSError) as error:
        logger.warning("the wheels are not archived: %s", error)
        return None
    return found.record.id


def told(repository: Repository, found: Archive) -> str:
    """How much an archive holds, for people."""
    wheels = [repository.record(item.id) for item in found.record.inputs]
    return f"{len(wheels)} wheels, {size(sum(wheel.size_bytes for wheel in wheels))}"
