"""Annotations that something reads when it runs: models and validators are made of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NewType, get_args, get_origin

from versioning.code.objects import ATOMS, is_typing
from versioning.code.values import key_value
from versioning.errors import UnkeyableError

if TYPE_CHECKING:
    from versioning.code.lookup import Found
    from versioning.code.walk import Walk

# What is known to look at the annotations of functions that it is given.
READERS = frozenset(
    {"signature", "Signature", "getfullargspec", "get_annotations", "get_type_hints"}
    | {"validate_call", "validate_arguments", "TypeAdapter", "beartype", "typechecked"}
)
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")


def followed(walk: Walk, value: Any, label: str, found: Found | None) -> str:
    """What stands for an annotation (`list[Row]`, `Annotated[int, Check(f)]`); it is followed.

    Args:
        walk: What follows it.
        value: The annotation.
        label: What to call it.
        found: How it was found, for the source that makes it.
    """
    origin = get_origin(value)
    if origin is None and isinstance(value, NewType):
        return f"{value}={walk.reach(value.__supertype__, label)}"
    if origin is None:
        return str(value)
    arguments = enumerate(get_args(value))
    inside = [_argument(walk, item, f"{label}[{n}]", found) for n, item in arguments]
    return f"{walk.reach(origin, label)}[{', '.join(inside)}]"


def _argument(walk: Walk, item: Any, label: str, found: Found | None) -> str:
    """Of what stands in brackets: an annotation, or something that validates or converts."""
    if isinstance(item, type) or is_typing(item):
        return walk.reach(item, label, found)
    if isinstance(item, list):
        return f"[{', '.join([_argument(walk, part, label, found) for part in item])}]"
    if type(item) in ATOMS:
        return repr(item)
    try:
        return key_value(walk, item, label, found)
    except UnkeyableError:
        return _ADDRESS.sub("", repr(item))
