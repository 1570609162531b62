"""Files and folders by content.

A path that is passed in is its text and what lies there; a file that a step returns is only what
lies there. Inside a project (the nearest folder upward with a `pyproject.toml` or `.git`) an
absolute path counts relative to it, so a checkout elsewhere keys the same.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import TYPE_CHECKING

from versioning.digest import Digest, digest_stream
from versioning.encoding.encoder import Encoder
from versioning.encoding.paths import Label, Trail
from versioning.encoding.registry import encodes

if TYPE_CHECKING:
    from collections.abc import Iterable

PROJECT_MARKERS = ("pyproject.toml", ".git")


def file_digest(path: Path) -> Digest:
    """Digest of a file, or of a folder with all that is in it, wherever it lies.

    What counts: names below the folder, bytes, whether the owner may execute a file, and empty
    folders. Links are followed. Times, owners and other permissions do not count.

    Args:
        path: The file or folder.

    Raises:
        UnkeyableError: If it is missing, a device or a pipe, or a link leads back to a folder above
            itself.
    """
    encoder = Encoder(Trail(str(path)))
    write_tree(path, encoder)
    return encoder.digest()


def write_tree(path: Path, to: Encoder, above: frozenset[Path] = frozenset()) -> None:
    """Write the content of a file, or of a folder and everything below it."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            _write_folder(path, to, above)
        elif stat.S_ISREG(mode):
            _write_file(path, to, is_executable=bool(mode & stat.S_IXUSR))
        else:
            raise to.refusal(path, "it is no file and no folder; pass a regular file")
    except OSError as error:
        raise to.refusal(path, f"it cannot be read ({error}); check that it exists") from error


def _write_file(path: Path, to: Encoder, *, is_executable: bool) -> None:
    with path.open("rb") as stream:
        digest, size_bytes = digest_stream(stream)
    to.text("executable" if is_executable else "file")
    to.integer(size_bytes)
    to.text(digest)


def _write_folder(path: Path, to: Encoder, above: frozenset[Path]) -> None:
    real = path.resolve()
    if real in above:
        raise to.refusal(path, "a link in it leads back to a folder above; remove the link")
    children = sorted(path.iterdir(), key=lambda child: os.fsencode(child.name))
    to.text("folder")
    to.integer(len(children))
    for child in children:
        to.data(os.fsencode(child.name))
        with to.at(Label(f"/{child.name}")):
            write_tree(child, to, above | {real})


@encodes(PosixPath, WindowsPath, tag="path", is_atomic=True)
def _path(value: Path, to: Encoder) -> None:
    to.text(_location(value))
    write_tree(value, to)


@encodes(PurePosixPath, PureWindowsPath, tag="purepath", is_atomic=True)
def _pure_path(value: PurePath, to: Encoder) -> None:
    to.text(value.as_posix())


def _location(path: Path) -> str:
    if not path.is_absolute():
        return path.as_posix()
    root = _project_root(path.parents)
    return (path if root is None else path.relative_to(root)).as_posix()


def _project_root(folders: Iterable[Path]) -> Path | None:
    for folder in folders:
        if any((folder / marker).exists() for marker in PROJECT_MARKERS):
            return folder
    return None
