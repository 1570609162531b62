"""Functions of libraries: their release says what they do, but not what of ours they wrap."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

from versioning.code.hints import READERS
from versioning.code.log import MISSING
from versioning.code.objects import is_offered, qualified_name
from versioning.code.places import is_first_party, is_runner, written_in
from versioning.code.renames import reads_frames
from versioning.code.values import add_value
from versioning.errors import UnkeyableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from versioning.code.lookup import Found
    from versioning.code.walk import Walk


def library_function(walk: Walk, function: FunctionType) -> str:
    """What stands for a function of a library: its name, and what of ours it wraps or holds."""
    module = written_in(function)
    wrapped = walk.log.read(vars(function), "__wrapped__")
    wrapped = None if wrapped is MISSING else wrapped
    if wrapped is None or not is_runner(module):
        walk.uses(module)
    name = qualified_name(function)
    walk.reads_frames |= reads_frames(name)
    walk.reads_hints |= function.__name__ in READERS
    walk.log.name(function, name)
    walk.log.function(function)
    inside: list[str] = []
    if wrapped is not None:
        inside.append(walk.reach(wrapped, name))
        is_known = is_runner(module) or module.partition(".")[0] in sys.stdlib_module_names
        walk.reads_hints |= not is_known and _is_undecorated(walk, wrapped)
    elif not is_offered(function, sys.modules.get(module)):
        inside.extend(_cells(walk, function, name))
    if hasattr(function, "registry"):
        inside.append(registry(walk, function, f"{name}[registry]"))
    wire = f"{name}({', '.join(inside)})" if inside else name
    walk.log.name(function, wire)
    return wire


def call_that_made(walk: Walk, found: Found) -> str:
    """The settings of a library's wrapper around what is ours, which only its source tells."""
    is_function = isinstance(found.value, FunctionType)
    module = written_in(found.value) if is_function else type(found.value).__module__
    if is_runner(module) or is_offered(found.value, sys.modules.get(module)):
        return ""
    found = walk.lookup.origin(found)
    file = found.scope.top.file
    piece = file.call(found.name) if file else None
    if piece is None:
        return ""
    label = f"{found.label}()"
    if walk.claim(label, found.value):
        walk.add(label, walk.piece(piece, found.scope))
    return f" of {label}"


def _is_undecorated(walk: Walk, wrapped: object) -> bool:
    """Whether a call wraps a function of ours; a decorator that may read annotations keeps them."""
    if not isinstance(wrapped, FunctionType) or not is_first_party(written_in(wrapped), None):
        return False
    return not walk.files.definition(wrapped.__code__, wrapped.__globals__).decorators


def registry(walk: Walk, function: Any, label: str) -> str:
    """The implementations of a `singledispatch` function, which others may add to."""
    add_value(walk, label, lambda: dict(function.registry))
    return label


def _cells(walk: Walk, function: FunctionType, name: str) -> Iterator[str]:
    unique = walk.unique(name)
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for free, cell in cells:
        held = walk.log.cell(cell)
        try:
            yield "" if held is MISSING else walk.reach(held, f"{unique}({free})")
        except UnkeyableError:
            walk.warn(f"{unique} is a library's and holds {free}, which cannot be keyed")
