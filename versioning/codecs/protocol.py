"""What a codec is, and what it writes to and reads from.

A codec turns one kind of value into named parts (runs of bytes) and back. Parts are named by
relative, `/`-separated names; the repository decides where their bytes lie. Reading is pure data:
whatever the bytes say, no code of theirs runs, and bytes that make no sense raise `FormatError`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, runtime_checkable

from versioning.errors import FormatError, VersioningError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path


class Writer(Protocol):
    """Where a codec puts the parts of one value."""

    def part(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A stream for the bytes of a new part, complete when the context ends without error.

        The stream takes `write` only: it may neither seek nor tell. Parts are written one after
        another, never two at a time. An error inside the context discards the part.
        """
        ...


class Reader(Protocol):
    """Where a codec finds the parts of one value; their bytes are verified before it sees them."""

    @property
    def parts(self) -> Sequence[str]:
        """Names of the parts, in the order they were written."""
        ...

    def read(self, part: str) -> bytes:
        """All bytes of a part.

        Raises:
            FormatError: If there is no such part.
        """
        ...

    def path(self, part: str) -> Path:
        """A local file, not to be written, that holds the part for as long as this process lives.

        Raises:
            FormatError: If there is no such part.
        """
        ...

    def open(self, part: str) -> BinaryIO:
        """A stream over the bytes of a part.

        Raises:
            FormatError: If there is no such part.
        """
        ...

    def size(self, part: str) -> int:
        """Length of a part in bytes, which costs no read.

        Raises:
            FormatError: If there is no such part.
        """
        ...

    def folder(self) -> Path:
        """A new, empty local folder for a value that consists of files; lives as long as we do."""
        ...


@runtime_checkable
class Codec(Protocol):
    """One way to store values of some types.

    Attributes:
        name: Recorded in a version, with `version`, as `name/version`.
        version: Grows when older readers could not read what is written now.
    """

    name: str
    version: int

    def accepts(self, value: object) -> bool:
        """Whether this codec stores values like this; cheap, and imports nothing new."""
        ...

    def write(self, value: Any, writer: Writer) -> None:
        """Write `value` as parts; equal values give equal bytes.

        Raises:
            UnkeyableError: If something in `value` cannot be stored exactly; names it.
        """
        ...

    def read(self, reader: Reader) -> Any:
        """The value, equal to what was written in type and content.

        Changing it changes nothing that is stored: what is mapped is read-only or copied on write.

        Raises:
            FormatError: If the bytes are not what this codec writes.
        """
        ...


def recorded_name(codec: Codec) -> str:
    """What a version says its codec is, as `arrow/1`."""
    return f"{codec.name}/{codec.version}"


@contextmanager
def refuse_damage(codec: Codec) -> Iterator[None]:
    """Turn whatever a library says of bytes it cannot read into `FormatError`.

    The bytes were digested before, so they are what somebody wrote: no retry helps. Errors of the
    machine (out of memory, an errno) pass unchanged.
    """
    try:
        yield
    except (VersioningError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise FormatError(
            f"these bytes are not {recorded_name(codec)}: {type(error).__name__}: {error}; "
            "run `versioning verify` and recompute the version",
            codec=recorded_name(codec),
        ) from error
