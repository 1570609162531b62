"""Folders outside any repository that are not on this machine: listed, and copied whole.

An object store has no folders, only names that begin alike. What such a folder holds is what its
listing says, so a copy counts only when the listing after it is the one before it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from versioning.digest import CHUNK_BYTES
from versioning.errors import NotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# What services call the tag that changes with the bytes; a date alone is too coarse.
_TAGS = ("ETag", "etag", "generation", "VersionId", "md5Hash", "content_md5")
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder elsewhere.

    Attributes:
        url: Where.
        filesystem: fsspec's, which remembers no listing.
        root: The folder, as the filesystem calls it.
    """

    url: str
    filesystem: Any
    root: str

    def files(self) -> dict[str, Mapping[str, Any]]:
        """What is known of each file, by its path below the folder.

        Raises:
            NotFoundError: If nothing is there.
            StorageError: If a name cannot be that of a file in a folder.
        """
        self.filesystem.invalidate_cache()
        found = self.filesystem.find(self.root, withdirs=False, detail=True)
        prefix = self.root.rstrip("/") + "/"
        # What ends in a slash is a marker that stands for an empty folder.
        names = {name: info for name, info in sorted(found.items()) if not name.endswith("/")}
        if not names:
            raise NotFoundError(
                f"nothing is in the folder {self.url}: correct the name, or wait until it is filled"
            )
        return {self._below(name, prefix): info for name, info in names.items()}

    def copy(self, to: Path) -> None:
        """Copy all files, each in pieces.

        Raises:
            NotFoundError: If nothing is there.
            StorageError: If the folder changes all the while.
        """
        files = self.files()
        for _ in range(_ATTEMPTS):
            shutil.rmtree(to, ignore_errors=True)
            sizes = {path: self._fetch(info["name"], to / path) for path, info in files.items()}
            copied, files = files, self.files()
            is_whole = all(info.get("size") in {None, sizes[p]} for p, info in copied.items())
            if is_whole and looks(copied) == looks(files):
                return
        raise StorageError(
            f"{self.url} changed while it was read, {_ATTEMPTS} times in a row: wait until it is "
            "complete, or read a folder that nobody writes to",
            url=self.url,
        )

    def _fetch(self, name: str, to: Path) -> int:
        to.parent.mkdir(parents=True, exist_ok=True)
        with self.filesystem.open(name, "rb") as stream, to.open("xb") as target:
            shutil.copyfileobj(stream, target, CHUNK_BYTES)
            return target.tell()

    def _below(self, name: str, prefix: str) -> str:
        path = name.removeprefix(prefix)
        if path == name or any(part in {"", ".", ".."} for part in path.split("/")):
            raise StorageError(
                f"{name!r} in {self.url} is no path below that folder: rename it, or name the "
                "files that are needed one by one",
                url=self.url,
            )
        return path


def looks(files: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[Any, list[str]]]:
    """The size and the tags of each file."""
    return {path: (info.get("size"), tags(info)) for path, info in files.items()}


def tags(info: Mapping[str, Any]) -> list[str]:
    """What changes whenever the bytes of an object do; empty where a service has no such thing.

    A weak tag of HTTP (`W/"..."`, RFC 9110) may stay when bytes change, so it is none.
    """
    found = {name: str(info[name]) for name in _TAGS if info.get(name)}
    return [f"{name}={tag}" for name, tag in found.items() if not tag.startswith("W/")]
