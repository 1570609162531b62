"""The index: outlines of files on disk, so that the next process need not parse what this one did.

An entry is found by the content of the file it is of, so none can be out of date. It is believed
only when it is whole, ours to write and nobody else's, and made by this very analysis. All else is
as if it was not there: the index saves time and is never needed.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from versioning.digest import digest_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

# Some ten kilobytes each. What goes is worked out again when it is asked for.
_LIMIT = 4096
_DIGEST_BYTES = 64
_WRITABLE_BY_OTHERS = 0o022
# A file written twice within the tick of its disk's clock looks unchanged; no tick is this long.
SETTLED_SECONDS = 2.0
_IMPORTED = time.time()


class Index:
    """A folder of outlines, each named by the text it is of."""

    def __init__(self, folder: Path, *, limit: int = _LIMIT) -> None:
        """Begin.

        Args:
            folder: Where entries lie; made when the first one is kept.
            limit: How many there may be; with one more, the oldest quarter goes.
        """
        self._folder = str(folder)
        self._limit = limit

    def find(self, text: bytes) -> bytes | None:
        """The outline of `text`, or None."""
        name = _name(text)
        if name is None:
            return None
        try:
            with open(f"{self._folder}/{name}", "rb") as stream:
                if not _is_ours(os.fstat(stream.fileno())):
                    return None
                entry = stream.read()
        except OSError:
            return None
        seal, outline = entry[:_DIGEST_BYTES], entry[_DIGEST_BYTES:]
        return outline if seal == _seal(name, outline) else None

    def keep(self, outlines: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep outlines, each after its text; a folder that cannot be written is left alone."""
        with suppress(OSError):
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            for text, outline in outlines:
                if (name := _name(text)) is not None:
                    self._write(name, _seal(name, outline) + outline)
            self._trim()

    def _write(self, name: str, entry: bytes) -> None:
        # Of several who write one entry the last one stays, and each of them is whole.
        descriptor, staged = tempfile.mkstemp(dir=self._folder, prefix=".")
        try:
            with open(descriptor, "wb") as stream:
                stream.write(entry)
            os.replace(staged, f"{self._folder}/{name}")
        except OSError:
            os.unlink(staged)
            raise

    def _trim(self) -> None:
        names = os.listdir(self._folder)
        if len(names) > self._limit:
            entries = [Path(self._folder, name) for name in names]
            ages = sorted((entry.stat().st_mtime_ns, entry) for entry in entries)
            for _, entry in ages[: len(ages) - self._limit * 3 // 4]:
                entry.unlink(missing_ok=True)


def _name(text: bytes) -> str | None:
    analysis = _analysis()
    return None if analysis is None else digest_bytes(analysis + text)


def _seal(name: str, outline: bytes) -> bytes:
    """What an entry begins with: torn, flipped or moved to another name, it does not match."""
    return digest_bytes(name.encode() + outline).encode()


def _is_ours(found: os.stat_result) -> bool:
    """Whether nobody but us can have written it; who can change a key can make a hit wrong."""
    if not hasattr(os, "geteuid"):
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & _WRITABLE_BY_OTHERS


@functools.cache
def _analysis() -> bytes | None:
    return analysis_of(Path(__file__).parent, _IMPORTED)


def analysis_of(folder: Path, imported: float) -> bytes | None:
    """What tells one way of reading a text from another: this Python and the modules that read.

    None when they cannot be told: what was edited about when it was imported may not be what runs.

    Args:
        folder: Where the modules lie.
        imported: When they were imported, in seconds.
    """
    parts = [sys.version.encode()]
    try:
        for path in sorted(folder.glob("*.py")):
            if path.stat().st_mtime > imported - SETTLED_SECONDS:
                return None
            parts.append(path.read_bytes())
    except OSError:
        return None
    if len(parts) == 1:
        return None
    return digest_bytes(b"".join(b"%d:%b" % (len(part), part) for part in parts)).encode()
