"""Files and folders outside any repository, by fsspec URL or path: read, never written."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from versioning.digest import CHUNK_BYTES, digest_bytes
from versioning.errors import NotFoundError
from versioning.storage.folders import Folder, looks, tags
from versioning.storage.pinned import filesystem_of
from versioning.storage.store import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LOCAL = {"", "file", "local"}
# An address that ends in a slash is a page there.
_PAGES = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Identity:
    """What stays the same only while an external file does.

    Attributes:
        text: Digest of size, inode and times of local files, or the tags of objects.
        modified: When a local file last changed, by its disk's clock in seconds since 1970; None
            for an object, whose tag needs no clock.
    """

    text: str
    modified: float | None


@contextmanager
def _reading(url: str, what: str) -> Iterator[None]:
    try:
        with translated(url, what):
            yield
    except NotFoundError as error:
        raise NotFoundError(f"nothing is at {url}: correct the path or URL", url=url) from error


def read_url(url: str) -> Iterator[bytes]:
    """The bytes of the file at `url`, in pieces.

    Raises:
        NotFoundError: If there is none.
        StorageError: If it cannot be read.
    """
    with _reading(url, "the file"):
        stream = _opened(url)
    with stream:
        while True:
            with _reading(url, "the file"):
                piece = stream.read(CHUNK_BYTES)
            if not piece:
                return
            yield piece


def is_folder(url: str) -> bool:
    """Whether a folder is at `url`; of a store, what ends in a slash or only has names below it.

    Raises:
        NotFoundError: If nothing is there.
        StorageError: If it cannot be reached.
    """
    if (path := _local(url)) is not None:
        return path.is_dir()
    with _reading(url, "the file"):
        return isinstance(_look(url), Folder)


def copy_folder(url: str, to: Path) -> None:
    """Copy a folder and all below it; links become what they lead to.

    Raises:
        NotFoundError: If it is gone.
        StorageError: If something in it cannot be read, or is no file and no folder.
    """
    with _reading(url, "the folder"):
        if (path := _local(url)) is not None:
            shutil.copytree(path, to)
            return
        found = _look(url)
        if not isinstance(found, Folder):
            raise FileNotFoundError(url)
        found.copy(to)


def stat_url(url: str) -> Identity | None:
    """What identifies the bytes at `url` without reading them; None where nothing does.

    Raises:
        NotFoundError: If there is no such file.
        StorageError: If it cannot be reached.
    """
    with _reading(url, "the file"):
        if (path := _local(url)) is not None:
            return _tree_identity(path) if path.is_dir() else _identity([path])
        found = _look(url)
        files = found.files() if isinstance(found, Folder) else {"": found}
    if not all(map(tags, files.values())):
        return None
    if isinstance(found, Folder):
        text = repr(looks(files)).encode("utf-8", "surrogatepass")
        return Identity(digest_bytes(text), None)
    return Identity(f"{found.get('size')} {' '.join(tags(found))}", None)


def _tree_identity(folder: Path) -> Identity | None:
    found = [folder, *sorted(folder.rglob("*"))]
    # What lies behind a link to a folder is not listed, so it could change unseen.
    return None if any(path.is_symlink() for path in found) else _identity(found)


def _identity(paths: list[Path]) -> Identity:
    looks = [path.stat() for path in paths]
    facts = [
        (str(path), look.st_size, look.st_mtime_ns, look.st_ctime_ns, look.st_ino)
        for path, look in zip(paths, looks, strict=True)
    ]
    text = digest_bytes(repr(facts).encode("utf-8", "surrogatepass"))
    return Identity(text, max(max(look.st_mtime, look.st_ctime) for look in looks))


def absolute_url(url: str) -> str:
    """`url`, whatever the working folder."""
    path = _local(url)
    return url if path is None else str(path.absolute())


def _local(url: str) -> Path | None:
    protocol, separator, rest = url.partition("://")
    if separator and protocol not in _LOCAL:
        return None
    return Path(rest if separator else url).expanduser()


def _opened(url: str) -> BinaryIO:
    if (path := _local(url)) is not None:
        return path.open("rb")
    filesystem, name = filesystem_of(url)
    stream: BinaryIO = filesystem.open(name, "rb")
    return stream


def _look(url: str) -> Folder | Mapping[str, Any]:
    """The folder at the URL of a store, or what is known of the file there."""
    filesystem, path = filesystem_of(url)
    folder = Folder(url, filesystem, path)
    if url.endswith("/") and not url.startswith(_PAGES):
        return folder
    info: Mapping[str, Any] = filesystem.info(path)
    return folder if info.get("type") == "directory" else info
