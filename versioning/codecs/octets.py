"""`bytes/1`: bytes as they are. And how all codecs write much in little memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from versioning.codecs.protocol import Reader, Writer

CHUNK_BYTES = 8 * 1024 * 1024


class _BytesCodec:
    """Bytes; streamed in chunks, so that no second copy is made of a large value."""

    name = "bytes"
    version = 1

    def accepts(self, value: object) -> bool:
        return type(value) is bytes

    def write(self, value: bytes, writer: Writer) -> None:
        with writer.part("data.bin") as stream:
            write_all(chunked(memoryview(value)), stream)

    def read(self, reader: Reader) -> bytes:
        return reader.read("data.bin")


def write_all(chunks: Iterable[bytes | memoryview], stream: BinaryIO) -> None:
    """Write one chunk after another; a part's stream has `write` and no more."""
    for chunk in chunks:  # noqa: FURB122 - it has no `writelines`
        stream.write(chunk)


def chunked(data: memoryview) -> Iterator[memoryview]:
    """Views of `data` small enough that whoever copies or compresses them needs little memory."""
    return (data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES))


CODECS = (_BytesCodec(),)
