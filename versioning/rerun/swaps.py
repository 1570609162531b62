"""Swaps: single things of today in a rerun that is otherwise as recorded."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from versioning.capture.lock import located
from versioning.errors import NotFoundError
from versioning.hidden.paths import project_root
from versioning.rerun.jobs import has_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from versioning.capture import Captured
    from versioning.repository import Repository
    from versioning.rerun.jobs import Job


@dataclass(frozen=True, slots=True)
class Swaps:
    """What is not as recorded.

    Attributes:
        files: Files of the source that are taken from elsewhere; None for those left out.
        overlays: Folders from which modules are imported before all others.
        variables: Environment variables; None for those left out.
        parameters: Parameters, as records keep them.
        inputs: Versions to read, by name of the input.
        reads: Versions that these need.
        target: The version that parameters and inputs are swapped for; those before it keep theirs.
    """

    files: Mapping[str, Path | None] = field(default_factory=dict)
    overlays: tuple[Path, ...] = ()
    variables: Mapping[str, str | None] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    target: str | None = None

    def there(self, job: Job, repository: Repository) -> set[str]:
        """Which of the versions that a job makes can be compared with their values."""
        return {i for i, (record, _) in job.wanted.items() if has_bytes(repository, record)}


def apply_files(swaps: Swaps, source: Path) -> None:
    """Put other files into a source that is laid out."""
    for place, path in swaps.files.items():
        target = source / place
        target.unlink(missing_ok=True)
        if path is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def today(captured: Captured) -> dict[str, Path]:
    """Where each folder of the source is now: in the project here, or where it was then."""
    here = Path.cwd()
    project = Path(project_root(str(here / "here.py")) or here)
    found = {}
    for name, folder in (captured.folders or {}).items():
        is_alone = len(captured.folders or {}) == 1
        candidates = [project] if is_alone or project.name == name else []
        places = [path for path in (*candidates, Path(folder)) if _has_source(path, name, captured)]
        found[name] = places[0] if places else Path(folder)
    return found


def _has_source(path: Path, name: str, captured: Captured) -> bool:
    """Whether modules could be imported from where the source had them."""
    paths = [p.partition("/")[2] for p in captured.paths if p.partition("/")[0] == name]
    return (
        path.is_dir()
        and all((path / inside).is_dir() for inside in paths)
        and any(path.joinpath(inside).glob("**/*.py") for inside in paths)
    )


def overlay(name: str, folder: Path, places: Iterable[str]) -> Path:
    """Copy a distribution as it is installed in `places` to a folder of its own.

    Raises:
        NotFoundError: If it is not there, or does not say which files it has.
    """
    _, info = located(places).get(name, (None, None))
    if info is None:
        raise NotFoundError(f"{name} is not installed: install it, or leave it out")
    found = metadata.PathDistribution(info)
    files = [file for file in found.files or () if ".." not in file.parts]
    if not files:
        raise NotFoundError(f"{name} does not say which files it has: install it from a wheel")
    for file in files:
        source, target = Path(str(found.locate_file(file))), folder / file
        if source.is_file() and "__pycache__" not in file.parts:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    return folder
