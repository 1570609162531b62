"""The folder of a rerun: everything that it needs, so that a person can step through it.

source/ source-2/ ...   the source as it was
inputs/                 a repository with the versions that are read, and those that are made
library/                this library, for what the source imports of it
jobs-1.json ...         what runs, in order
lock-1.txt ...          what is installed for it
wheels-1/ ...           wheels of it, where they were archived
run.sh                  runs all of it, without the repository that it is from
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from versioning import layout
from versioning.errors import ConflictError
from versioning.repository import Repository
from versioning.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from versioning.capture import Captured
    from versioning.records import VersionRecord

INPUTS, LIBRARY, SOURCE = "inputs", "library", "source"
_SHIPPED = ("versioning", "flows")


def begun(path: Path) -> Path:
    """`path`, made as an empty folder.

    Raises:
        ConflictError: If something is there.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConflictError(f"{path} is not empty: choose another place or remove it")
    path.mkdir(parents=True, exist_ok=True)
    return path.absolute()


def lay_library(folder: Path) -> None:
    """Copy this library: whatever was installed, today's reads the repository and compares."""
    here = Path(__file__).parents[2]
    for name in _SHIPPED:
        if (here / name).is_dir():
            # With what is compiled: it is told by the time of its source, which is kept.
            shutil.copytree(here / name, folder / LIBRARY / name)


def lay_versions(
    repository: Repository, versions: Iterable[VersionRecord], folder: Path
) -> Repository:
    """Copy versions, record and bytes, into a repository of their own that has the same id."""
    place = folder / INPUTS
    _copy(repository, layout.REPOSITORY, place)
    for record in versions:
        _copy(repository, layout.version(record.id), place)
        for blob in record.manifest:
            if blob.name is not None:
                _copy(repository, layout.blob(blob.name), place)
    settings = Settings(cache=folder / ".cache", allow_pickle=repository.settings.allow_pickle)
    return Repository.open(str(place), settings=settings)


def lay_source(repository: Repository, captured: Captured, folder: Path) -> Path:
    """Write the source as it was; returns where."""
    source = captured.kept["source"].id
    repository.path(repository.record(source), folder)
    if (files := captured.kept.get("files")) is not None:
        lay_files(repository, files.id, folder)
    # A body may write beside its source, as it could then.
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    for name in filter(None, (*captured.paths, captured.cwd)):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return folder


def lay_files(repository: Repository, version_id: str, folder: Path) -> None:
    """Lay files that a body opened beside the source."""
    tree = repository.path(repository.record(version_id))
    for path in tree.rglob("*"):
        target = folder / path.relative_to(tree)
        if path.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
            target.chmod(target.stat().st_mode | 0o200)


def _copy(repository: Repository, name: str, place: Path) -> None:
    target = place / name
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with repository.store.stream(name) as source, target.open("xb") as copy:
        shutil.copyfileobj(source, copy)
