"""`file/1` and `tree/1`: files and folders, a part each, named by kind and place.

`file/a/b.csv` is a file, `executable/run.sh` one that its owner may run, `folder/empty` a folder
with nothing in it; an empty tree is `folder`. Links inside a tree are stored as what they point to.
Loading makes a copy (shared by the file system where it can): a link to the stored file itself
would let whoever changes the loaded one change the version.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PosixPath, WindowsPath
from typing import TYPE_CHECKING, Any, BinaryIO

from versioning.codecs.protocol import Reader, Writer, recorded_name
from versioning.errors import FormatError, UnkeyableError
from versioning.records import is_part

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_BYTES = 4 * 1024 * 1024
_MODES = {"file": 0o444, "executable": 0o555}


class _FileCodec:
    """One file; comes back under its own name, read-only, somewhere else."""

    name = "file"
    version = 1

    def accepts(self, value: Any) -> bool:
        return type(value) in (PosixPath, WindowsPath) and not Path.is_dir(value)

    def write(self, value: Path, writer: Writer) -> None:
        _write_file(value, value.name, writer)

    def read(self, reader: Reader) -> Path:
        if len(reader.parts) != 1 or reader.parts[0].count("/") != 1:
            raise FormatError(f"{recorded_name(self)} is one file, not {len(reader.parts)} parts")
        return _lay(reader.parts[0], reader, reader.folder())


class _TreeCodec:
    """A folder with all that is in it."""

    name = "tree"
    version = 1

    def accepts(self, value: Any) -> bool:
        return type(value) in (PosixPath, WindowsPath) and Path.is_dir(value)

    def write(self, value: Path, writer: Writer) -> None:
        root = value.resolve()
        for path, place in _walk(root, "", root, (root,)):
            if path.is_dir():
                with writer.part(f"folder/{place}".rstrip("/")):
                    pass
            else:
                _write_file(path, place, writer)

    def read(self, reader: Reader) -> Path:
        folder = reader.folder()
        for part in reader.parts:
            _lay(part, reader, folder)
        return folder


def _walk(
    folder: Path, place: str, root: Path, above: tuple[Path, ...]
) -> Iterator[tuple[Path, str]]:
    """Every file and empty folder, with its place below the root, in one order everywhere."""
    children = sorted(folder.iterdir(), key=lambda child: os.fsencode(child.name))
    if not children:
        yield folder, place
    for child in children:
        inside = f"{place}/{child.name}".lstrip("/")
        real = child.resolve()
        if not real.is_relative_to(root):
            raise UnkeyableError(
                f"{inside} links to {real}, outside the tree: copy it in", path=child
            )
        if real in above:
            raise UnkeyableError(f"{inside} links to a folder above it: remove it", path=child)
        if child.is_dir():
            yield from _walk(child, inside, root, (*above, real))
        else:
            yield child, inside


def _write_file(path: Path, place: str, writer: Writer) -> None:
    if not path.is_file():
        what = "is neither file nor folder" if path.exists() else "does not exist"
        raise UnkeyableError(
            f"{path} {what}: return the path of a file that was written", path=path
        )
    kind = "executable" if path.stat().st_mode & 0o100 else "file"
    try:
        name = f"{kind}/{place}".encode().decode()
    except UnicodeEncodeError:
        raise UnkeyableError(f"{path!r} is not named in UTF-8: rename it", path=path) from None
    with path.open("rb") as source, writer.part(name) as target:
        shutil.copyfileobj(source, target, CHUNK_BYTES)


def _lay(part: str, reader: Reader, folder: Path) -> Path:
    """Lay what a part holds into `folder`: files read-only, folders as they come."""
    kind, _, place = part.partition("/")
    if kind not in {"folder", *_MODES} or not is_part(place):
        raise FormatError(f"part {part[:80]!r} is no place for a file below a folder")
    target = folder / place
    try:
        if kind == "folder":
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            with reader.open(part) as source, target.open("xb") as copy:
                _copy(source, copy)
            target.chmod(_MODES[kind])
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise FormatError(f"part {part[:80]!r} lies where another part does") from error
    return target


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    """Let the file system share the bytes where it can, else copy them."""
    try:
        while os.copy_file_range(source.fileno(), target.fileno(), 1 << 30):
            pass
    except (AttributeError, OSError):
        shutil.copyfileobj(source, target, CHUNK_BYTES)


CODECS: tuple[Any, ...] = (_FileCodec(), _TreeCodec())
