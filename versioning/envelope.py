"""The envelope of every record: a JSON object that begins with its kind and format version.

It ends in its seal, the digest of all bytes before it, so that damage and edits are seen wherever a
record is read. A seal is no signature: whoever edits a record can seal it anew. Yet it pins the
record down for everybody who has kept the seal elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from versioning.digest import Digest, digest_bytes
from versioning.errors import FormatError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT_VERSION = 1
MAX_RECORD_BYTES = 16 * 1024 * 1024
# What reading a record raises when it is not, or not as, one of ours was written.
UNREADABLE = (FormatError, IntegrityError)
_SEAL = b',"seal":"%b"}'
SEAL_BYTES = len(_SEAL % bytes(64))


def dump(kind: str, fields: Mapping[str, Any]) -> bytes:
    """A record as JSON: kind and format first, then `fields` in the order given, then its seal.

    Raises:
        FormatError: If a field is not JSON-like, or it is all too long to be read again.
    """
    try:
        body = orjson.dumps({"kind": kind, "format": FORMAT_VERSION, **fields})[:-1]
    except orjson.JSONEncodeError as error:
        raise FormatError(
            f"a {kind} record cannot hold this ({error}): pass text, numbers, lists and mappings"
        ) from error
    data = body + _seal(body)
    if len(data) > MAX_RECORD_BYTES:
        raise FormatError(
            f"a {kind} record of {len(data)} bytes is longer than {MAX_RECORD_BYTES}: store fewer, "
            "larger parts (as an archive of many files), or say less beside it"
        )
    return data


def parse(data: bytes, kind: str, *, name: str) -> dict[str, Any]:
    """The fields of a record of `kind`.

    Args:
        data: The stored bytes.
        kind: What the record must say it is.
        name: Where it was read, for the error.

    Raises:
        FormatError: If it is too large, no JSON object, of another kind, or of a newer format.
        IntegrityError: If it is not as it was sealed.
    """
    if len(data) > MAX_RECORD_BYTES:
        raise FormatError(
            f"{name} has {len(data)} bytes, more than a record may have ({MAX_RECORD_BYTES}); "
            "it was not written by this library: remove it",
            name=name,
        )
    try:
        fields = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise FormatError(
            f"{name} is not a JSON record ({error}); run `versioning verify`", name=name
        ) from error
    if not isinstance(fields, dict) or fields.get("kind") != kind:
        raise FormatError(f"{name} is not a {kind} record; run `versioning verify`", name=name)
    version = fields.get("format")
    if type(version) is not int or not 1 <= version <= FORMAT_VERSION:
        raise FormatError(
            f"{name} has format {version!r}; this release reads up to {FORMAT_VERSION}: "
            "upgrade prefect-versioning",
            name=name,
            format=version,
        )
    if data[-SEAL_BYTES:] != _seal(data[:-SEAL_BYTES]):
        wrong = "is not what was written" if "seal" in fields else "has no seal"
        raise IntegrityError(
            f"{name} {wrong}: it is damaged, or was edited; run `versioning verify`", name=name
        )
    return fields


def seal_of(data: bytes) -> Digest:
    """The seal that a record ends in."""
    return Digest(data[-SEAL_BYTES + len(b',"seal":"') : -len(b'"}')].decode())


def _seal(body: bytes) -> bytes:
    """How a record ends."""
    return _SEAL % digest_bytes(body).encode()
