"""Syntax trees, walked: operators and contexts, which mention nothing, are left out.

The walks of `ast` look at all of them, which is a third of what it costs to read a large project.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Fields that never hold a node that mentions a name.
_BARREN = frozenset(
    {"arg", "attr", "conversion", "ctx", "id", "kind", "level", "module", "op", "ops"}
    | {"type_comment", "type_ignores"}
)
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {ast.Constant: ()}


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes directly below `node`, in the order of its fields."""
    kind = type(node)
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = _FIELDS[kind] = tuple(name for name in kind._fields if name not in _BARREN)
    found: list[ast.AST] = []
    for name in fields:
        held = getattr(node, name, None)
        if isinstance(held, ast.AST):
            found.append(held)
        elif type(held) is list:
            found += [item for item in held if isinstance(item, ast.AST)]
    return found


def all_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """`node` and all below it, in any order."""
    waiting = [node]
    while waiting:
        item = waiting.pop()
        yield item
        waiting += children(item)
