"""Outlines of versions: what deletion needs to know of each, read without looking at the rest."""

from __future__ import annotations

from typing import Any, NamedTuple

from versioning.digest import Key
from versioning.envelope import parse
from versioning.fields import BLOB_PATTERN, as_digest, as_id, as_text, foreign


class Outline(NamedTuple):
    """What deletion needs to know of a version; see `VersionRecord`."""

    id: str
    repository: str
    key: Key
    blobs: tuple[str, ...]


def parse_outline(data: bytes, *, name: str) -> Outline:
    """The outline of the version stored as `data`; its other fields are not looked at.

    Raises:
        FormatError: If a field is missing, of another type, or not of its form.
        IntegrityError: If it is not as it was sealed.
    """
    fields = parse(data, "version", name=name)
    try:
        is_erased = "erased" in fields
        names = (_blob_name(item, is_erased=is_erased) for item in fields["manifest"])
        return Outline(
            as_id(fields["id"]),
            as_id(fields["repository"]),
            Key(as_digest(fields["key"])),
            tuple(name for name in names if name is not None),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise foreign(name, error) from error


def _blob_name(item: dict[str, Any], *, is_erased: bool) -> str | None:
    """The blob of a part, as `records` reads it; None of one that has none."""
    if item.get("inline") is not None or (is_erased and "name" not in item):
        return None
    name = as_text(item["name"])
    if not BLOB_PATTERN.fullmatch(name):
        raise ValueError(f"{name[:80]!r} names no blob")
    return name
