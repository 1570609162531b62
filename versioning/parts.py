"""The parts of a value on their way into a repository: digested while a codec writes them.

Small values stay in memory, since they go into their record. As soon as there is more, the
rest streams into files, so a value of any size passes through a bounded amount of memory.
"""

from __future__ import annotations

import io
import secrets
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast

from blake3 import blake3

from versioning.digest import Digest
from versioning.errors import UnkeyableError
from versioning.records import INLINE_BYTES, is_part
from versioning.storage.disk import write_back
from versioning.storage.store import translated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from versioning.storage import Store

BUFFER_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One complete part: its bytes, or the staged file that holds them."""

    name: str
    digest: Digest
    size_bytes: int
    data: bytes | None
    path: Path | None


class PartWriter:
    """What a codec writes to; use as a context, which removes staged files that nobody moved away.

    Attributes:
        parts: The complete parts, in the order written.
    """

    def __init__(self, store: Store) -> None:
        self.parts: list[Part] = []
        self.held_bytes = 0
        self._store = store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for part in self.parts:
            if part.path is not None:
                part.path.unlink(missing_ok=True)

    @contextmanager
    def part(self, name: str) -> Iterator[BinaryIO]:
        """A stream for a new part, complete when the context ends without error.

        Raises:
            UnkeyableError: If the name is taken, leaves its folder or is no text.
        """
        if not is_part(name) or any(part.name == name for part in self.parts):
            raise UnkeyableError(
                f"{name[:80]!r} cannot name a part of a version: names are unique, relative and "
                "UTF-8, without backslash, `.` or `..`; rename it",
                name=name,
            )
        stream = _PartStream(self, self._store)
        try:
            yield cast("BinaryIO", stream)
            self.parts.append(stream.complete(name))
        except BaseException:
            stream.discard()
            raise

    @property
    def is_small(self) -> bool:
        """Whether all parts together fit into the record."""
        return all(part.path is None for part in self.parts) and self.held_bytes <= INLINE_BYTES


class _PartStream(io.RawIOBase):
    def __init__(self, writer: PartWriter, store: Store) -> None:
        self._writer, self._store = writer, store
        self._hasher = blake3(max_threads=blake3.AUTO)
        self._size_bytes = 0
        self._memory = bytearray()
        self._path: Path | None = None
        self._file: BinaryIO | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data)
        if not view.nbytes:
            return 0
        view = view.cast("B")
        self._size_bytes += len(view)
        if self._file is None and self._writer.held_bytes + self._size_bytes <= INLINE_BYTES:
            self._hasher.update(view)
            self._memory += view
        else:
            with self._digesting(view):
                self._write_out(view)
        return len(view)

    def complete(self, name: str) -> Part:
        self.close()
        digest = Digest(self._hasher.hexdigest())
        if self._file is not None:
            with self._translated():
                self._file.close()
            return Part(name, digest, self._size_bytes, None, self._path)
        self._writer.held_bytes += self._size_bytes
        return Part(name, digest, self._size_bytes, bytes(self._memory), None)

    def discard(self) -> None:
        self.close()
        if self._file is not None and self._path is not None:
            with suppress(OSError):
                self._file.close()
            self._path.unlink(missing_ok=True)

    @contextmanager
    def _digesting(self, view: memoryview) -> Iterator[None]:
        """Digest `view` while it is written: neither waits for the other where both take long."""
        if len(view) < BUFFER_BYTES:
            self._hasher.update(view)
            yield
            return
        beside = threading.Thread(target=self._hasher.update, args=(view,))
        beside.start()
        try:
            yield
        finally:
            beside.join()

    def _write_out(self, view: memoryview) -> None:
        with self._translated():
            if self._file is None:
                self._path = self._store.staging() / secrets.token_hex(8)
                self._file = self._path.open("xb", buffering=BUFFER_BYTES)
                self._file.write(self._memory)
                self._memory.clear()
            self._file.write(view)
            if len(view) >= BUFFER_BYTES:
                write_back(self._file.fileno())

    def _translated(self) -> Any:
        return translated(self._store.url, "a blob being written", writing=True)
