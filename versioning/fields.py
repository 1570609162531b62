"""Fields of stored records: each is checked for type and form before anybody believes it."""

from __future__ import annotations

import re

from versioning.digest import Digest, is_digest
from versioning.errors import FormatError

ID_PATTERN = re.compile(r"[0-9a-f]{32}")
# As one pattern for all: compiling one for each digest takes longer than all else about a record.
BLOB_PATTERN = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}-[0-9a-f]{16}")


def as_text(value: object) -> str:
    """`value` if it is text, else `TypeError`."""
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:80]!r} is not text")
    return value


def as_digest(value: object) -> Digest:
    """`value` if it is a digest, else `ValueError`."""
    if not is_digest(value):
        raise ValueError(f"{str(value)[:80]!r} is not a digest")
    return Digest(str(value))


def as_id(value: object) -> str:
    """`value` if it can be the id of a version, else `ValueError`."""
    if not isinstance(value, str) or not ID_PATTERN.fullmatch(value):
        raise ValueError(f"{str(value)[:80]!r} is not a version id")
    return value


def foreign(name: str, error: Exception) -> FormatError:
    """What to raise of the record `name` when `error` was found in its fields."""
    return FormatError(
        f"{name} is damaged or foreign ({type(error).__name__}: {error}); run `versioning verify`",
        name=name,
    )
