"""What a file of the project says: its content, the names in a folder, or that it is absent."""

from __future__ import annotations

import os
from pathlib import Path

from versioning.digest import Digest, digest_bytes
from versioning.encoding import file_digest, value_digest

# Stands for the folder that a process works in, where a body opened a relative path.
WORKING = "<working folder>"
ABSENT = digest_bytes(b"absent")
# Of a file that changed while it was read: whatever was read, nothing says it again.
_CHANGED = "changed"


def found_at(root: str | None, name: str) -> Digest:
    """Digest of what a body finds now in a file that is named from the folder of its project.

    Raises:
        OSError: If it is there and cannot be read.
    """
    if name == WORKING:
        return digest_bytes(os.path.relpath(os.getcwd(), root or "/").encode())
    return content(os.path.join(root or "/", name))


def content(path: str) -> Digest:
    """Digest of what a body finds at `path` now.

    Raises:
        OSError: If it is there and cannot be read.
    """
    place = Path(path)
    if place.is_dir():
        return value_digest(["folder", *sorted(item.name for item in place.iterdir())])
    return file_digest(place) if place.exists() else ABSENT


def identity(path: str) -> tuple[int, ...] | None:
    """What changes when the content at `path` does; None when there is nothing."""
    try:
        seen = Path(path).stat()
    except OSError:
        return None
    return (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)


def changed() -> Digest:
    """A digest that no content has, and no other call gives."""
    return digest_bytes(_CHANGED.encode() + os.urandom(16))
