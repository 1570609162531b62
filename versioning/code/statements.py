"""The statements of a module: which run when it is loaded, what they import, and what is read."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from versioning.code.names import attribute_path
from versioning.code.normal import is_for_checkers
from versioning.code.scopes import Ref
from versioning.code.trees import all_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_CHECKING = "TYPE_CHECKING"
_TYPING = frozenset({"typing", "typing_extensions"})
_PATH = re.compile(r"[\w.]+")


def module_statements(node: ast.AST, *, is_running: bool = False) -> Iterator[ast.stmt]:
    """The statements that run when a module is loaded, those in `if` and `try` included.

    Args:
        node: The module.
        is_running: Leave out what is there for type checkers only.
    """
    is_skipped = is_running and is_for_checkers(node)
    for name in ("orelse",) if is_skipped else ("body", "orelse", "handlers", "finalbody"):
        for item in getattr(node, name, ()):
            if isinstance(item, ast.stmt):
                yield item
            if not isinstance(item, _DEFINITIONS):
                yield from module_statements(item, is_running=is_running)


def mark_checkers(tree: ast.Module) -> None:
    """Mark the blocks that never run since they stand below `TYPE_CHECKING` of `typing`.

    The name is that of `typing` when the module imports it from there and binds it nowhere else.
    """
    names = _names_from_typing(tree)
    if not names:
        return
    blocks = [node for node in all_nodes(tree) if isinstance(node, ast.If)]
    names -= {bound for node in all_nodes(tree) for bound in _bound_again(node)}
    for node in blocks:
        path = attribute_path(node.test)
        if path is not None and ".".join(path) in names:
            node.for_checkers = True  # type: ignore[attr-defined] # our own


def _names_from_typing(tree: ast.Module) -> set[str]:
    """What `TYPE_CHECKING` is called in a module that imports it, or `typing`."""
    names: set[str] = set()
    for item in module_statements(tree):
        if isinstance(item, ast.ImportFrom) and item.module in _TYPING and not item.level:
            names |= {p.asname or p.name for p in item.names if p.name == _CHECKING}
        elif isinstance(item, ast.Import):
            found = {p.asname or p.name for p in item.names if p.name in _TYPING}
            names |= {f"{name}.{_CHECKING}" for name in found}
    return names


def _bound_again(node: ast.AST) -> tuple[str, ...]:
    """What a node binds otherwise than from `typing`, and what that may have been called."""
    match node:
        case ast.Name(name, ast.Store() | ast.Del()) | ast.arg(name):
            bound = [name]
        case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
            bound = [name]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            bound = [name]
        case ast.ImportFrom(module=module, names=names) if module not in _TYPING or node.level:
            bound = [part.asname or part.name for part in names]
        case ast.Import(names=names):
            bound = [part.asname or part.name for part in names if part.name not in _TYPING]
        case _:
            return ()
    return (*bound, *(f"{name}.{_CHECKING}" for name in bound))


def imports_of(tree: ast.Module) -> dict[str, Ref]:
    """What names stand for that the module imports from another one."""
    return {
        name: Ref(name, (alias.name,), "." * item.level + (item.module or ""))
        for item in module_statements(tree)
        if isinstance(item, ast.ImportFrom)
        for alias in item.names
        for name in [alias.asname or alias.name]
    }


def unread_imports(tree: ast.Module) -> tuple[Ref, ...]:
    """What the module imports by statements that run, and never mentions afterwards."""
    read: set[str] = set()
    for part in all_nodes(tree):
        if path := attribute_path(part):
            read.add(".".join(path))
        read |= _quoted(part)
    found: list[Ref] = []
    names: list[tuple[str, str, tuple[str, ...]]]
    for item in module_statements(tree, is_running=True):
        if isinstance(item, ast.Import):
            names = [(alias.asname or alias.name, alias.name, ()) for alias in item.names]
        elif isinstance(item, ast.ImportFrom):
            module = "." * item.level + (item.module or "")
            names = [(part.asname or part.name, module, (part.name,)) for part in item.names]
        else:
            continue
        found += [
            Ref(name, path, module) for name, module, path in names if not _mentions(read, name)
        ]
    return tuple(found)


def _mentions(read: set[str], name: str) -> bool:
    return name in read or any(path.startswith(f"{name}.") for path in read)


def _quoted(part: ast.AST) -> set[str]:
    """What is mentioned in quotes by the annotation that a node has."""
    hint = getattr(part, "annotation", None) or getattr(part, "returns", None)
    texts = (
        [item.value for item in all_nodes(hint) if isinstance(item, ast.Constant)] if hint else []
    )
    return {path for text in texts if isinstance(text, str) for path in _PATH.findall(text)}
