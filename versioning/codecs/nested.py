"""The parts of a value inside a value: writing and reading below a prefix of the part names."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from versioning.codecs.protocol import Reader, Writer


def writer_below(writer: Writer, prefix: str) -> Writer:
    """Writes every part as `prefix/part` of `writer`."""
    return _WriterBelow(writer, prefix)


def reader_below(reader: Reader, prefix: str) -> Reader:
    """Sees nothing of `reader` but the parts below `prefix`."""
    return _ReaderBelow(reader, prefix)


class _WriterBelow:
    def __init__(self, writer: Writer, prefix: str) -> None:
        self._writer = writer
        self._prefix = prefix + "/"

    def part(self, name: str) -> AbstractContextManager[BinaryIO]:
        return self._writer.part(self._prefix + name)


class _ReaderBelow:
    def __init__(self, reader: Reader, prefix: str) -> None:
        self._reader = reader
        self._prefix = prefix + "/"

    @property
    def parts(self) -> Sequence[str]:
        below = (part for part in self._reader.parts if part.startswith(self._prefix))
        return [part.removeprefix(self._prefix) for part in below]

    def read(self, part: str) -> bytes:
        return self._reader.read(self._prefix + part)

    def path(self, part: str) -> Path:
        return self._reader.path(self._prefix + part)

    def open(self, part: str) -> BinaryIO:
        return self._reader.open(self._prefix + part)

    def size(self, part: str) -> int:
        return self._reader.size(self._prefix + part)

    def folder(self) -> Path:
        return self._reader.folder()
