"""Files outside any repository, by fsspec URL or local path: to be read, never written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from versioning.digest import CHUNK_BYTES
from versioning.storage.store import translated

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCAL = {"", "file", "local"}
# What services call the tag that changes with the bytes; a date alone is too coarse.
_TAGS = ("ETag", "etag", "generation", "VersionId", "md5Hash", "content_md5")


@dataclass(frozen=True, slots=True)
class Identity:
    """What stays the same only while an external file does.

    Attributes:
        text: Size, inode and times of a local file, or the tag of an object.
        modified: When a local file last changed, by its disk's clock in seconds since 1970; None
            for an object, whose tag needs no clock.
    """

    text: str
    modified: float | None


def read_url(url: str) -> Iterator[bytes]:
    """The bytes of the file at `url`, in pieces.

    Raises:
        NotFoundError: If there is none.
        StorageError: If it cannot be read.
    """
    with translated(url, "the file"):
        stream = _opened(url)
    with stream:
        while True:
            with translated(url, "the file"):
                piece = stream.read(CHUNK_BYTES)
            if not piece:
                return
            yield piece


def stat_url(url: str) -> Identity | None:
    """What identifies the bytes at `url` without reading them; None where nothing does.

    Raises:
        NotFoundError: If there is no such file.
        StorageError: If it cannot be reached.
    """
    with translated(url, "the file"):
        if (path := _local(url)) is not None:
            found = path.stat()
            facts = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
            return Identity(repr(facts), max(found.st_mtime, found.st_ctime))
        info = _info(url)
        tags = [f"{name}={info[name]}" for name in _TAGS if info.get(name)]
    return Identity(f"{info.get('size')} {' '.join(tags)}", None) if tags else None


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
    import fsspec

    stream: BinaryIO = fsspec.open(url, "rb").open()
    return stream


def _info(url: str) -> dict[str, Any]:
    from fsspec.core import url_to_fs

    filesystem, path = url_to_fs(url, use_listings_cache=False)
    info: dict[str, Any] = filesystem.info(path)
    return info
