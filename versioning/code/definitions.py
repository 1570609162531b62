"""What one function or class says by itself, worked out once for each code object."""

from __future__ import annotations

import ast
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeGuard, TypeVar

from versioning.code.bytecode import code_form, code_refs
from versioning.code.names import attribute_path, references
from versioning.code.normal import (
    Node,
    arguments_of,
    form,
    hints_of,
    normalise,
    own_form,
)
from versioning.code.renames import Spelling
from versioning.code.scopes import Ref
from versioning.code.statements import module_statements
from versioning.code.trees import all_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import CodeType

    from versioning.code.names import References
    from versioning.code.sources import Source

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Piece(NamedTuple):
    """Some source in normal form, and what it reads.

    Attributes:
        form: The source as bytes.
        refs: What it reads from outside, in the order of the source.
        warnings: What could not be followed.
    """

    form: bytes
    refs: tuple[Ref, ...] = ()
    warnings: tuple[str, ...] = ()


class Decorator(NamedTuple):
    """One decorator.

    Attributes:
        head: What is called, when it has a name.
        piece: The whole expression.
    """

    head: Ref | None
    piece: Piece


class Statement(NamedTuple):
    """One statement of a class body.

    Attributes:
        names: What it binds.
        piece: All of it.
        target: The same without the value that is assigned; None when that is computed by a call.
        is_definition: Whether it defines a function or class.
    """

    names: frozenset[str]
    piece: Piece
    target: Piece | None
    is_definition: bool


_NOTHING: Mapping[str, Piece] = MappingProxyType({})


class Definition(NamedTuple):
    """The static part of a function or class.

    Attributes:
        own: It, without decorators, default values and (of a class) statements.
        decorators: From the outermost inward.
        hints: The annotations of its signature; they matter for distributions, and where something
            may read them.
        defaults: The source of default values, by parameter.
        statements: The body of a class.
        variables: Names of variables that `own` has numbers for.
        reads_frames: Whether it may look at variables of other functions.
        reads_names: Whether something may look up names for it that texts say.
    """

    own: Piece
    decorators: tuple[Decorator, ...] = ()
    hints: Piece | None = None
    defaults: Mapping[str, Piece] = _NOTHING
    statements: tuple[Statement, ...] = ()
    variables: tuple[str, ...] = ()
    reads_frames: bool = False
    reads_names: bool = False


_Statement = TypeVar("_Statement", bound=ast.stmt)
_nodes: dict[int, tuple[ast.AST, Definition]] = {}


def function_definition(code: CodeType, source: Source) -> Definition | None:
    """Of the function that `code` is of; None when `source` is not what it was compiled from."""
    node = source.node_of(code)
    return _definition_of_node(node) if node else None


def compiled_definition(code: CodeType, *, has_source: bool) -> Definition:
    """Of a function whose source is not what runs: from its compiled code."""
    why = "its file was edited after it was loaded" if has_source else "it has no source"
    warning = f"{why}, so it is keyed by its compiled code"
    return Definition(Piece(code_form(code), tuple(dict.fromkeys(code_refs(code))), (warning,)))


def class_definition(name: str, codes: Sequence[CodeType], source: Source) -> Definition | None:
    """Of a class; None when `source` does not define it.

    Args:
        name: Its qualified name.
        codes: Of its methods.
        source: Where to look.
    """
    nodes = [node for node in source.nodes.get(name, ()) if isinstance(node, ast.ClassDef)]
    if not nodes:
        return None
    # Of several classes of one name, the one whose methods these are; else any, and what decides.
    methods = {id(node) for code in codes if (node := source.node_of(code))}
    own = [node for node in nodes if any(id(item) in methods for item in node.body)]
    found = _definition_of_node((own or nodes)[-1])
    if own or len(nodes) == 1:
        return found
    tests = [item.test for item in all_nodes(source.tree) if _chooses(item, nodes)]
    return found._replace(own=_piece([*_normal(nodes), *tests]))


def _chooses(item: ast.AST, nodes: Sequence[ast.AST]) -> TypeGuard[ast.If]:
    """Whether one of `nodes` is defined or not depending on what is tested."""
    inside = {id(part) for part in all_nodes(item)} if isinstance(item, ast.If) else set()
    return not inside.isdisjoint(map(id, nodes))


def binding_of(source: Source, name: str, *, is_called: bool = False) -> Piece | None:
    """The statements of a module that bind `name`, or do something with it; None without any.

    Args:
        source: The module.
        name: What is bound.
        is_called: Leave out definitions, whose decorators are keyed with them.
    """
    found = [
        item for item in module_statements(source.tree) if name in _bound(item) or _uses(item, name)
    ]
    if is_called:
        found = [item for item in found if not isinstance(item, (*_FUNCTIONS, ast.ClassDef))]
        found = [item for item in found if not isinstance(item, ast.Import | ast.ImportFrom)]
    return _piece(_normal(found)) if found else None


def _normal(statements: Sequence[_Statement]) -> Sequence[_Statement]:
    for statement in statements:
        normalise(statement)
    return statements


def _uses(item: ast.stmt, name: str) -> bool:
    """Whether a statement sets an attribute or item of `name`, calls its method or passes it."""
    match item:
        case ast.Expr(value=ast.Call(func=function, args=given, keywords=named)):
            owners = [function.value] if isinstance(function, ast.Attribute) else []
            owners += [*given, *(keyword.value for keyword in named)]
        case ast.Assign(targets=targets):
            owners = [part for part in targets if not isinstance(part, ast.Name)]
        case ast.AugAssign(target=target):
            owners = [target]
        case _:
            return False
    return any(_root(owner) == name for owner in owners)


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _definition_of_node(node: Node) -> Definition:
    known = _nodes.get(id(node))
    if known is None or known[0] is not node:
        known = _nodes[id(node)] = (node, _worked_out(node))
    return known[1]


def _worked_out(node: Node) -> Definition:
    normalise(node)
    found = references(_inside(node), scope=node, hints=_hints(node))
    spelling = None if isinstance(node, ast.ClassDef) else Spelling(node, found.variables)
    return Definition(
        own=Piece(own_form(node, spelling), *_seen(found)),
        decorators=tuple(_decorator(item) for item in getattr(node, "decorator_list", ())),
        hints=_signature(hints_of(node)),
        defaults=dict(_defaults(node)),
        statements=tuple(_statements(node)) if isinstance(node, ast.ClassDef) else (),
        variables=tuple(spelling.names) if spelling else (),
        reads_frames=spelling is not None and spelling.reads_frames,
        reads_names=spelling is not None and spelling.reads_names,
    )


def _signature(hints: list[tuple[str, ast.expr]]) -> Piece | None:
    """Annotations by parameter."""
    if not hints:
        return None
    said = [part for name, hint in hints for part in (ast.Constant(name), hint)]
    return Piece(form(said), *_seen(references((), hints=[hint for _, hint in hints])))


def _inside(node: Node) -> Sequence[ast.AST]:
    if isinstance(node, ast.ClassDef):
        return [*node.bases, *node.keywords]
    return node.body if isinstance(node.body, list) else [node.body]


def _hints(node: Node) -> list[ast.expr]:
    """The annotations that stay; they are read outside the function."""
    if isinstance(node, ast.ClassDef):
        return []
    hints = [item.annotation for item in arguments_of(node.args)]
    return [item for item in (*hints, getattr(node, "returns", None)) if item is not None]


def _decorator(node: ast.expr) -> Decorator:
    path = attribute_path(node.func if isinstance(node, ast.Call) else node)
    return Decorator(Ref(path[0], path[1:]) if path else None, _piece([node]))


def _defaults(node: Node) -> Iterator[tuple[str, Piece]]:
    if isinstance(node, ast.ClassDef):
        return
    positional = [*node.args.posonlyargs, *node.args.args]
    given = zip(positional[::-1], node.args.defaults[::-1], strict=False)
    by_name = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    for argument, default in chain(given, by_name):
        if default is not None:
            yield argument.arg, _piece([default])


def _statements(node: ast.ClassDef) -> Iterator[Statement]:
    for item in node.body:
        is_definition = isinstance(item, (*_FUNCTIONS, ast.ClassDef))
        target = None if is_definition else _without_value(item, node)
        yield Statement(frozenset(_bound(item)), _piece([item], node), target, is_definition)


def _without_value(item: ast.stmt, scope: ast.AST) -> Piece | None:
    """The statement but for its value, which can be looked up, unless a call made it."""
    if not isinstance(item, ast.Assign | ast.AnnAssign) or item.value is None:
        return None
    if any(isinstance(part, ast.Call) for part in all_nodes(item.value)):
        return None
    if isinstance(item, ast.AnnAssign):
        return _piece([item.target, item.annotation], scope)
    return _piece(item.targets, scope)


def _piece(nodes: Iterable[ast.AST], scope: ast.AST | None = None) -> Piece:
    listed = list(nodes)
    return Piece(form(listed), *_read(listed, scope=scope))


def _read(
    nodes: Iterable[ast.AST], *, scope: ast.AST | None
) -> tuple[tuple[Ref, ...], tuple[str, ...]]:
    return _seen(references(nodes, scope=scope))


def _seen(found: References) -> tuple[tuple[Ref, ...], tuple[str, ...]]:
    return tuple(found.refs), tuple(dict.fromkeys(found.warnings))


def _bound(item: ast.AST) -> Iterator[str]:
    """The names that a statement binds by itself, the statements in it left out."""
    if isinstance(item, (*_FUNCTIONS, ast.ClassDef)):
        yield item.name
    elif isinstance(item, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in item.names)
    else:
        targets = (getattr(item, "target", None), *getattr(item, "targets", ()))
        for part in chain.from_iterable(all_nodes(target) for target in targets if target):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id
