"""Values: each is keyed by what it holds, or else by the source that makes it."""

from __future__ import annotations

from io import IOBase
from types import GeneratorType
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType

from versioning.code.log import Seen, digest_with
from versioning.code.lookup import Found
from versioning.code.objects import ATOMS, Place, code_in, containers_in, portable, qualified_name
from versioning.code.places import root_of
from versioning.code.unnamed import files_read
from versioning.encoding import preview
from versioning.errors import UnkeyableError
from versioning.keys import Leaf

if TYPE_CHECKING:
    from collections.abc import Callable

    from versioning.code.definitions import Piece
    from versioning.code.lookup import Scope
    from versioning.code.objects import Contents
    from versioning.code.walk import Walk

# What the source that makes it can never tell.
_HANDLES = (IOBase, ReferenceType, GeneratorType)


def key_value(walk: Walk, value: Any, label: str, found: Found | None) -> str:
    """Key `value` itself, or the source that makes it; see `Walk.reach`."""
    known = walk.valued.setdefault(label, [])
    name = next((name for seen, name in known if seen is value), None)
    if name is not None:
        return name
    if type(value) not in ATOMS:
        # A function around which the value was put keeps the name that both have.
        for item in code_in(value):
            walk.reach(item, qualified_name(item))
    plain, label = label, walk.unique(label)
    known.append((value, label))
    top = found.scope.top if found else None
    root = root_of(top.module, top.path) if top and top.path else None
    # Before it is digested: what changes in the meantime must not look unchanged.
    held = containers_in(value) if portable(value, root) is value else None
    try:
        add_value(walk, label, lambda: portable(value, root), held)
    except UnkeyableError:
        piece = _maker(value, found)
        if piece is None or found is None:
            # Whoever asks for it again shall hear it, too.
            known.pop()
            walk.taken[plain] -= 1
            raise
        _warn_of_source(walk, label)
        # It may be made of what it was before.
        walk.add(label, [piece.form])
        walk.add(label, walk.piece(piece, found.scope))
        for name, look in files_read(piece.form, found.scope.top):
            add_value(walk, name, look)
    return label


def key_default(
    walk: Walk, value: Any, label: str, piece: Piece | None, scope: Scope
) -> list[bytes]:
    """Follow a default value; one that cannot be keyed, by the source that makes it."""
    try:
        return [walk.reach(value, label, Found(value, label, scope)).encode()]
    except UnkeyableError:
        if piece is None or isinstance(value, _HANDLES):
            raise
    _warn_of_source(walk, label)
    return walk.piece(piece, scope)


def add_value(
    walk: Walk, label: str, look: Callable[[], Any], held: Contents | None = None
) -> None:
    """Add the leaf `label`: a value that `look` finds, and is asked for again at each call.

    Args:
        walk: What needs it.
        label: What to call it.
        look: Finds it.
        held: The containers that it was made of; see `Seen`.
    """
    value = look()
    digest = digest_with(walk, value, path=label)
    shown = value.text if isinstance(value, Place) else preview(value)
    walk.leaves[f"code/{label}"] = Leaf(f"code/{label}", digest, shown)
    if held != []:
        walk.log.values.append(Seen(look, label, digest, held))


def _maker(value: Any, found: Found | None) -> Piece | None:
    """The source that makes an object whose state cannot be keyed: a client, a console."""
    if found is None or not found.name or isinstance(value, _HANDLES):
        return None
    file = found.scope.top.file
    return file.binding(found.name) if file else None


def _warn_of_source(walk: Walk, label: str) -> None:
    walk.warn(f"{label} cannot be keyed by its value, so it is keyed by what makes it")
