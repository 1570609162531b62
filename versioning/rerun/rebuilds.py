"""Rebuilds: values of versions whose bytes are gone, made again, as this machine keeps them.

Each lies in a small repository of its own below the cache, so it is checked at every read as any
other. What was made is put there only when it has the digest that was recorded.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from versioning.errors import NotFoundError
from versioning.fields import ID_PATTERN
from versioning.repository import Draft, Repository
from versioning.rerun.jobs import who_took
from versioning.rerun.twice import rebuilt
from versioning.settings import Settings

if TYPE_CHECKING:
    from versioning.records import VersionRecord

logger = logging.getLogger("versioning")


def shelved(
    repository: Repository, record: VersionRecord, gone: NotFoundError
) -> tuple[Repository, VersionRecord]:
    """Where the value of a version lies that `repository` has no bytes of, and its record there.

    Args:
        repository: Where the version is.
        record: The version.
        gone: What was raised when its bytes were asked for.

    Raises:
        NotFoundError: If it is not to be made again, or cannot be; says what to do.
        ConflictError: If it does not come out as it was recorded.
    """
    if record.erased is not None or not record.is_rebuildable:
        raise gone
    place = _place(repository, record)
    if found := _on(place, repository, record):
        return found
    if not repository.settings.rebuild:
        raise NotFoundError(
            f"the bytes of {record.step} {record.id[:12]} are gone "
            f"({who_took(repository, record)}), and what made them is kept: "
            f"`versioning get {record.id[:12]} --rebuild` makes them again, and so does loading "
            "with VERSIONING_REBUILD=true",
            id=record.id,
        ) from gone
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, ignore_cleanup_errors=True) as staged:
        logger.warning("the bytes of %s %s are gone: making it again", record.step, record.id[:12])
        with rebuilt(repository, record, progress=_logged) as (copy, made):
            _keep(copy.load(made), record, _opened(Path(staged, "v"), repository))
        # Whoever made it meanwhile made the same.
        with suppress(OSError):
            Path(staged, "v").rename(place)
    found = _on(place, repository, record)
    assert found is not None
    return found


def forget(repository: Repository, record: VersionRecord) -> None:
    """Delete what is kept of a version that was made again."""
    shutil.rmtree(_place(repository, record), ignore_errors=True)


def _logged(step: str, done: int, of: int) -> None:
    # Whoever loads a value waits, and nothing else says for what.
    if done == 0 < of:
        logger.warning("%s", step)


def _on(
    place: Path, repository: Repository, record: VersionRecord
) -> tuple[Repository, VersionRecord] | None:
    if not place.is_dir():
        return None
    shelf = _opened(place, repository)
    kept = shelf.lookup(record.key)
    if kept is not None and kept.digest == record.digest:
        return shelf, kept
    forget(repository, record)
    return None


def _keep(value: object, record: VersionRecord, shelf: Repository) -> None:
    facts = {item.name: getattr(record, item.name) for item in fields(Draft)}
    shelf.commit(value, Draft(**facts), codec=record.codec.partition("/")[0])


def _place(repository: Repository, record: VersionRecord) -> Path:
    # The id was read from a store; it becomes the name of a folder that is removed.
    assert ID_PATTERN.fullmatch(record.id)
    return repository.settings.cache / repository.id / "rebuilt" / record.id


def _opened(place: Path, repository: Repository) -> Repository:
    settings = Settings(
        cache=repository.settings.cache, allow_pickle=repository.settings.allow_pickle
    )
    return Repository.open(str(place), settings=settings)
