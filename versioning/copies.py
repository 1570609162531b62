"""Copies of blobs that are not files of this machine, in a folder that holds so much and no more.

All processes of a user share the folder. Who uses a copy has a shared lock on its file, which ends
with the process at the latest; whoever adds one deletes the least recently used that nobody has.
So a copy is never deleted under its reader, and what a killed process left is room again.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from versioning.digest import Digest

# What is deleted at once when it gets full, so that not every copy looks through all.
SPARE = 0.1


class Copies:
    """The copies of blobs of one repository on this machine."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        """Look at the copies in `folder`.

        Args:
            folder: Where they lie, by digest; made when there is one.
            limit_bytes: What they may take in all, but for those in use.
        """
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._kept: dict[Digest, int] = {}

    def find(self, digest: Digest, until: ExitStack) -> Path | None:
        """The copy of a blob, which stays until the end of `until`; None when there is none."""
        path = self._path(digest)
        try:
            stream = until.enter_context(path.open("rb"))
        except FileNotFoundError:
            return None
        fcntl.flock(stream, fcntl.LOCK_SH)
        # It may have been deleted between the two.
        return path if os.fstat(stream.fileno()).st_nlink else None

    def keep(self, digest: Digest) -> None:
        """Let a copy stay while this process lives."""
        if digest not in self._kept:
            fd = self._kept[digest] = os.open(self._path(digest), os.O_RDONLY)
            fcntl.flock(fd, fcntl.LOCK_SH)

    def add(
        self, digest: Digest, fill: Callable[[BinaryIO], None], until: ExitStack
    ) -> Path | None:
        """Make the copy of a blob, which stays until the end of `until`.

        Args:
            digest: Digest of the blob.
            fill: Writes its bytes; what it raises leaves no copy.
            until: Holds on to what was written, for as long as it is used.

        Returns:
            The copy; None when somebody else had made one by then, or deleted this one.
        """
        path = self._path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(f"{digest}.{secrets.token_hex(8)}")
        try:
            target = until.enter_context(staged.open("xb"))
            fcntl.flock(target, fcntl.LOCK_SH)
            fill(target)
            target.flush()
            os.fchmod(target.fileno(), 0o444)
            try:
                path.hardlink_to(staged)
            except (FileExistsError, FileNotFoundError):
                # Or it was deleted before it was locked.
                return None
            except OSError:
                # Some disks know no links.
                staged.replace(path)
        finally:
            staged.unlink(missing_ok=True)
        return path

    def forget(self, digest: Digest) -> None:
        """Delete the copy of a blob, whoever uses it."""
        self._path(digest).unlink(missing_ok=True)

    def trim(self) -> None:
        """Delete what was not used for longest and nobody uses, if there is more than may be."""
        found = []
        for folder, _, names in os.walk(self._folder):
            for name in names:
                with suppress(FileNotFoundError):
                    seen = (path := Path(folder, name)).stat()
                    found.append((max(seen.st_atime, seen.st_mtime), seen.st_size, path))
        total = sum(size for _, size, _ in found)
        if total <= self._limit_bytes:
            return
        for _, size, path in sorted(found):
            if total <= self._limit_bytes * (1 - SPARE):
                return
            total -= size if _deleted(path) else 0

    def _path(self, digest: Digest) -> Path:
        return self._folder / digest[:2] / digest


def _deleted(path: Path) -> bool:
    """Delete a file unless somebody holds it."""
    try:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(stream.fileno()), path.stat()):
                # Another copy lies there by now.
                return False
            path.unlink()
    except (BlockingIOError, FileNotFoundError):
        return False
    return True
