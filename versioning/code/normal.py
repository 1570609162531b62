"""The normal form of source: a syntax tree without what cannot change a result.

Gone are comments, layout and positions, docstrings and other constant statements, `pass` beside
other statements, `if TYPE_CHECKING:` blocks, annotations of local variables, and annotations of
functions unless a decorator that we do not know may read them. In class bodies annotations stay
when the class has bases, keywords or decorators: dataclasses, pydantic, pandera and NamedTuple read
them. Names of local variables are numbers where `renames` says that nobody can tell. All else
stays.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, TypeAlias

from versioning.code.renames import NAMED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from versioning.code.renames import Spelling

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Node: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef

# Decorators known not to read annotations; any other one keeps them in the normal form.
_BLIND = frozenset(
    {"abstractmethod", "asynccontextmanager", "cache", "cached_property", "classmethod"}
    | {"contextmanager", "deleter", "final", "fixture", "getter", "lru_cache", "override"}
    | {"overload", "property", "setter", "staticmethod", "task", "versioned", "wraps"}
)
_HANDLE = re.compile(r"\bVersion\b")
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}
_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


def normalise(node: ast.AST) -> None:
    """Bring `node` into normal form, in place; doing it twice is the same as once."""
    if isinstance(node, ast.stmt):
        _statement(node, keeps=False)
    else:
        _blocks(node, keeps=False)


def hints_of(node: Node) -> list[tuple[str, ast.expr]]:
    """The annotations that the signature of `node`, which is in normal form, had in its source.

    Each with the parameter that it is of; that of the result is of `return`.
    """
    return getattr(node, "hints", [])


def form(node: ast.AST | Iterable[ast.AST]) -> bytes:
    """`node`, which is in normal form, as bytes: equal for equal trees and different for others."""
    out: list[str] = []
    _write(node if isinstance(node, ast.AST) else list(node), out)
    return "".join(out).encode("utf-8", "surrogatepass")


def own_form(node: Node, spelling: Spelling | None = None) -> bytes:
    """`node` without decorators and default values, which are keyed by what they are when they run.

    That a parameter has a default is part of the form, since it decides what may be called.

    Args:
        node: A definition in normal form.
        spelling: Numbers to write instead of names of variables; None to write names.
    """
    if isinstance(node, ast.ClassDef):
        return form([*node.bases, *node.keywords])
    arguments = node.args
    optional = [len(arguments.defaults), *(item is None for item in arguments.kw_defaults)]
    out: list[str] = [type(node).__name__, repr([int(item) for item in optional])]
    for argument in arguments_of(arguments):
        _write(argument, out, spelling)
    groups = (arguments.posonlyargs, arguments.args, arguments.kwonlyargs)
    out.append(repr([*map(len, groups), arguments.vararg is None, arguments.kwarg is None]))
    _write(node.body, out, spelling)
    _write(getattr(node, "returns", None), out, spelling)
    return "".join(out).encode("utf-8", "surrogatepass")


def arguments_of(arguments: ast.arguments) -> Iterator[ast.arg]:
    """Every parameter, in one order."""
    yield from arguments.posonlyargs
    yield from arguments.args
    yield from arguments.kwonlyargs
    yield from (item for item in (arguments.vararg, arguments.kwarg) if item is not None)


def _fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a kind of node that are written."""
    return _FIELDS.setdefault(kind, tuple(name for name in kind._fields if name not in _SKIPPED))


def _write(value: object, out: list[str], spelling: Spelling | None = None) -> None:
    if isinstance(value, ast.Constant):
        constant = value.value
        # The interpreter limits decimal digits of very long integers, not hexadecimal ones.
        text = hex(constant) if type(constant) is int else repr(constant)
        out.append(f"{type(constant).__name__}={len(text)}:{text}")
    elif isinstance(value, ast.AST):
        kind = type(value)
        out.append(kind.__name__ + "(")
        named = NAMED.get(kind) if spelling else None
        for name in _FIELDS.get(kind) or _fields(kind):
            number = spelling.number(value) if spelling and name == named else None
            if number is None:
                _write(getattr(value, name, None), out, spelling)
            else:
                # No other text begins like this.
                out.append(f"~{number};")
        out.append(")")
    elif isinstance(value, list):
        out.append(f"[{len(value)}")
        for item in value:
            _write(item, out, spelling)
        out.append("]")
    else:
        text = repr(value)
        out.append(f"{len(text)}:{text}")


def _block(statements: list[ast.stmt], *, keeps: bool) -> None:
    """Bring statements into normal form; `keeps` says whether annotations of variables stay."""
    kept: list[ast.stmt] = []
    for statement in statements:
        if isinstance(statement, ast.If) and is_for_checkers(statement):
            _block(statement.orelse, keeps=keeps)
            kept.extend(statement.orelse)
        elif not _is_idle(statement):
            kept.append(_statement(statement, keeps=keeps))
    statements[:] = kept


def _statement(node: ast.stmt, *, keeps: bool) -> ast.stmt:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        _strip_hints(node)
        keeps = False
    elif isinstance(node, ast.ClassDef):
        keeps = bool(node.bases or node.keywords or node.decorator_list)
    elif isinstance(node, ast.AnnAssign) and not keeps:
        if node.value is not None:
            return ast.copy_location(ast.Assign([node.target], node.value), node)
        node.annotation = ast.Constant(None)
    _blocks(node, keeps=keeps)
    return node


def _blocks(node: ast.AST, *, keeps: bool) -> None:
    """Expressions hold nothing to normalise, so only the statements below `node` are looked at."""
    for name in ("body", "orelse", "finalbody"):
        statements = getattr(node, name, None)
        if isinstance(statements, list):
            _block(statements, keeps=keeps)
            if not statements and name == "body":
                statements.append(ast.Pass())
    for name in ("handlers", "cases"):
        for part in getattr(node, name, ()):
            _blocks(part, keeps=keeps)


def _strip_hints(node: FunctionNode) -> None:
    if not hasattr(node, "hints"):
        hints = [(argument.arg, argument.annotation) for argument in arguments_of(node.args)]
        hints.append(("return", node.returns))
        node.hints = [(name, hint) for name, hint in hints if hint]  # type: ignore[union-attr] # our own
    if all(last_name(item) in _BLIND for item in node.decorator_list):
        for argument in arguments_of(node.args):
            argument.annotation = _read_by_us(argument.annotation)
        node.returns = None


def is_for_checkers(node: ast.AST) -> bool:
    """Whether `node` is a block that `mark_checkers` found to be there for type checkers."""
    return getattr(node, "for_checkers", False)


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
