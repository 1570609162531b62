"""Digests: blake3, 256 bits, in lower-case hexadecimal.

A `Key` says what was asked for, a `Digest` says which bytes or which value exist. Both are 64
characters; the types keep them apart.
"""

from __future__ import annotations

import re
from typing import IO, NewType

from blake3 import blake3

Digest = NewType("Digest", str)
Key = NewType("Key", str)

PATTERN = re.compile(r"[0-9a-f]{64}")
CHUNK_BYTES = 4 * 1024 * 1024


def digest_bytes(data: bytes | memoryview) -> Digest:
    """Digest of `data`; several threads when it is large enough for that to pay."""
    if len(data) > CHUNK_BYTES:
        return Digest(blake3(data, max_threads=blake3.AUTO).hexdigest())
    # Called twice for each function of a closure: without the call of a NewType, and `hex` is
    # quicker than `hexdigest`.
    return blake3(data).digest().hex()  # type: ignore[return-value]


def digest_stream(stream: IO[bytes]) -> tuple[Digest, int]:
    """Digest and length in bytes of what is left in `stream`, in bounded memory."""
    hasher = blake3(max_threads=blake3.AUTO)
    size_bytes = 0
    while chunk := stream.read(CHUNK_BYTES):
        hasher.update(chunk)
        size_bytes += len(chunk)
    return Digest(hasher.hexdigest()), size_bytes


def is_digest(text: object) -> bool:
    """Whether `text` has the form of a digest or key; everything read from a store is asked."""
    return isinstance(text, str) and PATTERN.fullmatch(text) is not None
