"""A reserve: room on a disk that is kept back, so that a full one can still be pruned.

To delete bytes for good, who deletes must first write which. Pieces of room are given up for that,
one by one, and taken back when there is room again.
"""

from __future__ import annotations

import os
from contextlib import suppress

PIECES, PIECE_BYTES = 8, 512 * 1024
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class Reserve:
    """The pieces in one folder, which are no part of the repository and may be removed."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def fill(self) -> None:
        """Take back the pieces that lack, while the disk has much more room than they need."""
        there = set(self._pieces())
        lacking = [str(number) for number in range(PIECES) if str(number) not in there]
        with suppress(OSError):
            if lacking and self._room() >= 2 * PIECES * PIECE_BYTES:
                for piece in lacking:
                    self._take(f"{self._folder}/{piece}")

    def give(self) -> bool:
        """Give up one piece; whether there was one."""
        for number in reversed(range(PIECES)):
            with suppress(OSError):
                os.unlink(f"{self._folder}/{number}")
                return True
        return False

    def _pieces(self) -> list[str]:
        try:
            return os.listdir(self._folder)
        except OSError:
            return []

    def _room(self) -> int:
        os.makedirs(self._folder, exist_ok=True)
        disk = os.statvfs(self._folder)
        return disk.f_bavail * disk.f_frsize

    def _take(self, path: str) -> None:
        fd = os.open(path, _NEW, 0o444)
        try:
            # Elsewhere than on Linux a file of zeros need not take room.
            os.posix_fallocate(fd, 0, PIECE_BYTES)
        except (OSError, AttributeError):
            os.unlink(path)
            raise OSError from None
        finally:
            os.close(fd)
