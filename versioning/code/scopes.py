"""Scopes: the names that a function, class or comprehension binds, and what it imports."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from versioning.code.normal import arguments_of
from versioning.code.trees import all_nodes, children

if TYPE_CHECKING:
    from collections.abc import Iterator

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_BINDING = (ast.Global, ast.Import, ast.ImportFrom, ast.ExceptHandler, ast.pattern)
Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Ref(NamedTuple):
    """One thing read from outside.

    Attributes:
        root: The name it begins with; for an import inside the body, the local name.
        path: The attributes followed from there.
        module: Module imported in the body (`..pkg.mod` when relative); None for a global.
    """

    root: str
    path: tuple[str, ...] = ()
    module: str | None = None

    @property
    def name(self) -> str:
        """The last name of it."""
        return self.path[-1] if self.path else self.root

    def __str__(self) -> str:
        return ".".join((self.module or self.root, *self.path))


@dataclass(slots=True, eq=False)
class LocalScope:
    """What one function, class or comprehension binds.

    Attributes:
        bound: The names that are its own.
        outside: Those that it declares to be of the module, or of a function around it.
        imports: What those names stand for that it imports.
        is_class: Whether functions inside do not see it.
    """

    bound: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    imports: dict[str, list[Ref]] = field(default_factory=dict)
    is_class: bool = False


def stored(node: ast.AST) -> Iterator[str]:
    """The names that are assigned to in `node`."""
    names = (item for item in all_nodes(node) if isinstance(item, ast.Name))
    return (item.id for item in names if isinstance(item.ctx, ast.Store))


def scope_of(node: ast.AST) -> LocalScope:
    """The scope of a function or class."""
    scope = LocalScope(is_class=isinstance(node, ast.ClassDef))
    if isinstance(node, _FUNCTIONS):
        scope.bound.update(item.arg for item in arguments_of(node.args))
    body = getattr(node, "body", [])
    for statement in body if isinstance(body, list) else [body]:
        _bind(statement, scope)
    scope.bound -= scope.outside
    return scope


def _bind(node: ast.AST, scope: LocalScope) -> None:
    """Add to `scope` what `node` binds in it, nested functions and classes left out."""
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            scope.bound.add(node.id)
        return
    if isinstance(node, _BINDING):
        _bind_names(node, scope)
    _bind_below(node, scope)


def _bind_names(node: ast.AST, scope: LocalScope) -> None:
    match node:
        case ast.Global(names=names):
            scope.outside.update(names)
        case ast.Import() | ast.ImportFrom():
            for name, ref in imported(node):
                scope.bound.add(name)
                scope.imports.setdefault(name, []).append(ref)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            scope.bound.add(name)
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            scope.bound.add(name)


def _bind_below(node: ast.AST, scope: LocalScope) -> None:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        scope.bound.add(node.name)
    elif isinstance(node, COMPREHENSIONS):
        scope.bound.update(_walruses(node))
    elif not isinstance(node, ast.Lambda):
        for child in children(node):
            _bind(child, scope)


def _walruses(node: ast.AST) -> Iterator[str]:
    """What a comprehension binds around itself; a lambda in it keeps its own."""
    if isinstance(node, ast.NamedExpr):
        yield from stored(node.target)
    for child in children(node):
        if not isinstance(child, ast.Lambda):
            yield from _walruses(child)


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Ref]]:
    """The names an import binds, with what each stands for."""
    for alias in node.names:
        name = alias.asname or alias.name
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield name, Ref(name, (alias.name,), module)
        elif alias.asname:
            yield name, Ref(name, (), alias.name)
        else:
            # `import a.b` binds `a`; that `a.b` is loaded too is seen when the path is followed.
            yield name.partition(".")[0], Ref(name, (), name.partition(".")[0])
