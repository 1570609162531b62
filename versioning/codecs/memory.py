"""Parts held in memory: for values small enough to live inside a record, and for tests."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from versioning.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class MemoryParts:
    """A `Writer` and a `Reader` in one: what was written can be read.

    Args:
        parts: What can be read from the start.

    Attributes:
        data: The bytes of each part, in the order they were written.
    """

    def __init__(self, parts: Mapping[str, bytes] | None = None) -> None:
        self.data = dict(parts or {})
        self._folder: Path | None = None

    @contextmanager
    def part(self, name: str) -> Iterator[BinaryIO]:
        """As `Writer.part`."""
        if name in self.data:
            raise ValueError(f"part {name!r} is written twice")
        stream = BytesIO()
        yield stream
        self.data[name] = stream.getvalue()

    @property
    def parts(self) -> Sequence[str]:
        """As `Reader.parts`."""
        return list(self.data)

    def read(self, part: str) -> bytes:
        """As `Reader.read`."""
        try:
            return self.data[part]
        except KeyError:
            raise FormatError(f"there is no part {part[:80]!r} here") from None

    def open(self, part: str) -> BinaryIO:
        """As `Reader.open`."""
        return BytesIO(self.read(part))

    def size(self, part: str) -> int:
        """As `Reader.size`."""
        return len(self.read(part))

    def path(self, part: str) -> Path:
        """As `Reader.path`, but the file goes when this object goes."""
        path = self.folder() / "part"
        path.write_bytes(self.read(part))
        path.chmod(0o444)
        return path

    def folder(self) -> Path:
        """As `Reader.folder`, but the folder goes when this object goes."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="versioning-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return Path(tempfile.mkdtemp(dir=self._folder))
