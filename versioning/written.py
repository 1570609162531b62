"""What this machine wrote to a repository since its catalog looked there last.

The catalog misses what it has seen and does not find again. A run looks for nothing but what it
needs, so each of its commits leaves a line here, and the next look misses that, too. Where there
are many lines, that is a reason to look: what they are for is then in the catalog.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import orjson

from versioning.digest import digest_bytes

if TYPE_CHECKING:
    from pathlib import Path

# Some 40,000 lines, which are held in memory when they are taken.
MOST_BYTES = 4 * 1024 * 1024


class Line(NamedTuple):
    """A version that was committed."""

    id: str
    step: str
    created: datetime


class Written:
    """The lines about one repository, which all processes of a user share."""

    def __init__(self, folder: Path, url: str) -> None:
        """Name the file.

        Args:
            folder: Where it is.
            url: Of the repository: two copies of one need not hold the same.
        """
        self._folder = folder
        self._path = folder / f"written-{digest_bytes(url.encode())[:16]}"

    def add(self, line: Line) -> None:
        """Add a line; one that cannot be written, or that a power cut takes, is not missed."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab", buffering=0) as file:
                file.write(orjson.dumps(tuple(line)) + b"\n")

    @property
    def is_long(self) -> bool:
        """Whether there are so many lines that the catalog is to look."""
        try:
            return self._path.stat().st_size > MOST_BYTES
        except OSError:
            return False

    def take(self) -> tuple[list[Line], list[Path]]:
        """All lines, and the files to `drop` once they are known: until then they come again."""
        with suppress(OSError):
            # Whoever writes meanwhile begins a new file.
            self._path.rename(f"{self._path}.{secrets.token_hex(8)}")
        files = list(self._folder.glob(f"{self._path.name}.*"))
        return [line for path in files for line in _lines(path)], files

    def drop(self, files: list[Path]) -> None:
        """Forget what was taken: the catalog knows it now."""
        for path in files:
            with suppress(OSError):
                path.unlink()


def _lines(path: Path) -> list[Line]:
    found = []
    with suppress(OSError):
        for text in path.read_bytes().splitlines():
            # A line that a full disk cut off says nothing.
            with suppress(ValueError, TypeError):
                id_, step, created = orjson.loads(text)
                found.append(Line(id_, step, datetime.fromisoformat(created)))
    return found
