"""The normal form of source: a syntax tree without what cannot change a result.

Gone are comments, layout and positions, docstrings and other constant statements, `pass` beside
other statements, `if TYPE_CHECKING:` blocks, annotations of local variables, and annotations of
functions unless a decorator that we do not know may read them. In class bodies annotations stay
when the class has bases, keywords or decorators: dataclasses, pydantic, pandera and NamedTuple read
them. Everything else stays, names of local variables included.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Node: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef

# Decorators known not to read annotations; any other one keeps them in the normal form.
_BLIND = frozenset(
    {"abstractmethod", "asynccontextmanager", "cache", "cached_property", "classmethod"}
    | {"contextmanager", "deleter", "final", "fixture", "getter", "lru_cache", "override"}
    | {"overload", "property", "setter", "staticmethod", "task", "versioned", "wraps"}
)
_HANDLE = re.compile(r"\bVersion\b")
_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


def normalise(node: ast.AST) -> None:
    """Bring `node` into normal form, in place; doing it twice is the same as once."""
    if isinstance(node, ast.ClassDef):
        _Normaliser().visit_ClassDef(node)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        _Normaliser().visit_FunctionDef(node)
    else:
        _Normaliser().visit(node)


def hints_of(node: Node) -> list[ast.expr]:
    """The annotations that the signature of `node`, which is in normal form, had in its source."""
    return getattr(node, "hints", [])


def form(node: ast.AST | Iterable[ast.AST]) -> bytes:
    """`node`, which is in normal form, as bytes: equal for equal trees and different for others."""
    out: list[str] = []
    _write(node if isinstance(node, ast.AST) else list(node), out)
    return "".join(out).encode("utf-8", "surrogatepass")


def own_form(node: Node) -> bytes:
    """`node` without decorators and default values, which are keyed by what they are when they run.

    That a parameter has a default is part of the form, since it decides what may be called.
    """
    if isinstance(node, ast.ClassDef):
        return form([*node.bases, *node.keywords])
    arguments = node.args
    optional = [len(arguments.defaults), *(item is None for item in arguments.kw_defaults)]
    out: list[str] = [type(node).__name__, repr([int(item) for item in optional])]
    for argument in arguments_of(arguments):
        _write(argument, out)
    groups = (arguments.posonlyargs, arguments.args, arguments.kwonlyargs)
    out.append(repr([*map(len, groups), arguments.vararg is None, arguments.kwarg is None]))
    _write(node.body, out)
    _write(getattr(node, "returns", None), out)
    return "".join(out).encode("utf-8", "surrogatepass")


def arguments_of(arguments: ast.arguments) -> Iterator[ast.arg]:
    """Every parameter, in one order."""
    yield from arguments.posonlyargs
    yield from arguments.args
    yield from arguments.kwonlyargs
    yield from (item for item in (arguments.vararg, arguments.kwarg) if item is not None)


def _write(value: object, out: list[str]) -> None:
    if isinstance(value, ast.Constant):
        constant = value.value
        # The interpreter limits decimal digits of very long integers, not hexadecimal ones.
        text = hex(constant) if type(constant) is int else repr(constant)
        out.append(f"{type(constant).__name__}={len(text)}:{text}")
    elif isinstance(value, ast.AST):
        out.append(type(value).__name__ + "(")
        for name in value._fields:
            if name not in _SKIPPED:
                _write(getattr(value, name, None), out)
        out.append(")")
    elif isinstance(value, list):
        out.append(f"[{len(value)}")
        for item in value:
            _write(item, out)
        out.append("]")
    else:
        text = repr(value)
        out.append(f"{len(text)}:{text}")


class _Normaliser(ast.NodeTransformer):
    """Rewrites one tree; `_keeps` says of the scope at hand whether its annotations stay."""

    _keeps = False

    def visit_FunctionDef(self, node: FunctionNode) -> FunctionNode:
        if not hasattr(node, "hints"):
            hints = [argument.annotation for argument in arguments_of(node.args)]
            node.hints = [hint for hint in [*hints, node.returns] if hint]  # type: ignore[union-attr]
        if all(last_name(item) in _BLIND for item in node.decorator_list):
            for argument in arguments_of(node.args):
                argument.annotation = _read_by_us(argument.annotation)
            node.returns = None
        self._scope(node, keeps=False)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self._scope(node, keeps=bool(node.bases or node.keywords or node.decorator_list))
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        self.generic_visit(node)
        if self._keeps:
            return node
        if node.value is not None:
            return ast.copy_location(ast.Assign([node.target], node.value), node)
        node.annotation = ast.Constant(None)
        return node

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        if last_name(node.test) == "TYPE_CHECKING":
            kept = (self.visit(item) for item in node.orelse)
            return [item for part in kept for item in (part if isinstance(part, list) else [part])]
        self.generic_visit(node)
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                statements[:] = [item for item in statements if not _is_idle(item)]
                if not statements and name == "body":
                    statements.append(ast.Pass())
        return node

    def _scope(self, node: ast.AST, *, keeps: bool) -> None:
        outer, self._keeps = self._keeps, keeps
        self.generic_visit(node)
        self._keeps = outer


def _is_idle(statement: ast.AST) -> bool:
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Pass)


def _read_by_us(hint: ast.expr | None) -> ast.expr | None:
    """`hint` when it asks for a handle: the body then receives that instead of the value."""
    is_ours = hint is not None and _HANDLE.search(ast.unparse(hint))
    return hint if is_ours else None


def last_name(node: ast.expr | None) -> str | None:
    """The last name of what is called or named: `c` of `a.b.c` and of `a.b.c(1)`."""
    if isinstance(node, ast.Call):
        return last_name(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None
