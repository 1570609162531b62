"""Which names a piece of source reads from outside itself, and which attributes of them.

`settings.model.depth` is one reference with a path, so that `settings.data` may change. Scopes
follow Python: names bound in a function, comprehension or lambda are its own, class scopes are not
seen from the functions in them, a walrus binds outside its comprehension.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from versioning.code.normal import arguments_of
from versioning.code.trees import all_nodes, children

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_BINDING = (ast.Global, ast.Import, ast.ImportFrom, ast.ExceptHandler, ast.pattern)
_BLIND_CALLS = frozenset(
    {"eval", "exec", "globals", "__import__", "import_module"}
    | {"__subclasses__", "get_annotations", "get_type_hints", "getsource", "getsourcelines"}
    | {"getdoc"}
)
# What the normal form leaves out; of a name of the module it is followed.
_LEFT_OUT = frozenset({"__annotations__", "__doc__"})
_Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


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

    def __str__(self) -> str:
        return ".".join((self.module or self.root, *self.path))


@dataclass(slots=True, eq=False)
class _Scope:
    bound: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    imports: dict[str, list[Ref]] = field(default_factory=dict)
    is_class: bool = False


# A variable of a function: the scope that binds it, and its name.
Variable: TypeAlias = tuple[_Scope, str]


@dataclass(slots=True)
class References:
    """What was found.

    Attributes:
        refs: What is read from outside, in the order of the source.
        warnings: What could not be followed.
        variables: Of each node that mentions a variable of a function, which one.
    """

    refs: dict[Ref, None] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    variables: dict[int, Variable] = field(default_factory=dict)


def references(
    nodes: Iterable[ast.AST], *, scope: ast.AST | None = None, hints: Iterable[ast.AST] = ()
) -> References:
    """What `nodes` read.

    Args:
        nodes: Statements and expressions.
        scope: The function or class that they stand in; None for a module.
        hints: Annotations of `scope`, which are read outside of it.
    """
    collector = _Collector()
    for node in hints:
        collector.visit(node)
    collector.scopes = [] if scope is None else [_scope_of(scope)]
    for node in nodes:
        collector.visit(node)
    # A module that the body loads and does not name is loaded for all that it does.
    unread = [item for item in collector.loads if item not in collector.read]
    collector.found.refs.update(dict.fromkeys(ref for _, ref in unread))
    return collector.found


def attribute_path(node: ast.AST) -> tuple[str, ...] | None:
    """`("a", "b", "c")` for `a.b.c`, or None when `node` does not begin with a name."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return (node.id, *reversed(attributes)) if isinstance(node, ast.Name) else None


class _Collector(ast.NodeVisitor):
    def __init__(self) -> None:
        self.scopes: list[_Scope] = []
        self.loads: dict[tuple[_Scope, Ref], None] = {}
        self.read: set[tuple[_Scope, Ref]] = set()
        self.found = References()

    def generic_visit(self, node: ast.AST) -> None:
        """Visit what may read a name."""
        for child in children(node):
            self.visit(child)

    def visit_Name(self, node: ast.Name) -> None:
        self._mention(node, node.id)
        if isinstance(node.ctx, ast.Load):
            self._read(node.id, ())

    def visit_ExceptHandler(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar) -> None:
        if node.name is not None:
            self._mention(node, node.name)
        self.generic_visit(node)

    visit_MatchAs = visit_MatchStar = visit_ExceptHandler  # noqa: N815

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest is not None:
            self._mention(node, node.rest)
        self.generic_visit(node)

    def _mention(self, node: ast.AST, name: str) -> None:
        """Note which variable `node` mentions; what a class body reads may be of its metaclass."""
        scope = self._lookup(name)
        if scope is not None and not self.scopes[-1].is_class:
            self.found.variables[id(node)] = (scope, name)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        path = attribute_path(node)
        if node.attr in _LEFT_OUT and (path is None or self._lookup(path[0]) is not None):
            self._warn(node, f"{node.attr} may be of code whose key cannot see it")
        if path is None:
            self.generic_visit(node)
        elif path[:2] == ("sys", "modules"):
            self._warn(node, "sys.modules reaches what its key cannot see")
        else:
            root: ast.expr = node
            while isinstance(root, ast.Attribute):
                root = root.value
            self._mention(root, path[0])
            # What is written or deleted is an attribute of what is read.
            self._read(path[0], path[1:] if isinstance(node.ctx, ast.Load) else path[1:-1])

    def visit_Call(self, node: ast.Call) -> None:
        path = attribute_path(node.func)
        if path is not None and not any(path[0] in scope.bound for scope in self.scopes):
            self._call(node, path[-1])
        if path == ("getattr",) and (followed := _constant_getattr(node)) is not None:
            self.visit(followed)
            node = ast.Call(node.func, node.args[2:], node.keywords)
        self.generic_visit(node)

    def _call(self, node: ast.Call, name: str) -> None:
        first = node.args[0] if node.args else None
        if name in {"__import__", "import_module"} and isinstance(first, ast.Constant):
            self.found.refs[Ref(str(first.value), (), str(first.value))] = None
        elif name in _BLIND_CALLS:
            self._warn(node, f"{name}() reaches what its key cannot see")
        elif (
            name == "getattr" and len(node.args) > 1 and not isinstance(node.args[1], ast.Constant)
        ):
            path = attribute_path(node.args[0])
            # A global that is named bare is keyed whole, whatever attribute is asked for.
            if path is None or self._lookup(path[0]) is not None:
                self._warn(node, "getattr() with a computed name reaches what its key cannot see")

    def _warn(self, node: ast.AST, text: str) -> None:
        line = f"line {node.lineno}: " if hasattr(node, "lineno") else ""
        self.found.warnings.append(f"{line}{text}")

    def _read(self, name: str, path: tuple[str, ...]) -> None:
        scope = self._lookup(name)
        if scope is None:
            self.found.refs[Ref(name, path)] = None
            return
        for imported in scope.imports.get(name, ()):
            self.found.refs[_extended(imported, path)] = None
            below = _below(imported)
            if path[: len(below)] == below:
                self.read.add((scope, _extended(imported, below)))
        if scope.is_class:
            self.found.refs[Ref(name, path)] = None

    def _lookup(self, name: str) -> _Scope | None:
        """The scope that binds `name`, or None when it is a name of the module."""
        for depth, scope in enumerate(reversed(self.scopes)):
            if name in scope.outside:
                return None
            if name in scope.bound and (depth == 0 or not scope.is_class):
                return scope
        return None

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, node.args, *filter(None, [node.returns])):
            self.visit(part)
        self._inside(_scope_of(node), node.body)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)
        self._inside(_scope_of(node), [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(part)
        self._inside(_scope_of(node), node.body)

    def _comprehension(self, node: _Comprehension) -> None:
        self.visit(node.generators[0].iter)
        targets = {name for part in node.generators for name in _stored(part.target)}
        inner: list[ast.AST] = children(node)
        for part in node.generators:
            inner.remove(part)
            inner.extend([part.target, *part.ifs])
        inner.extend(part.iter for part in node.generators[1:])
        self._inside(_Scope(targets), inner)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815

    def _inside(self, scope: _Scope, nodes: Iterable[ast.AST]) -> None:
        self.scopes.append(scope)
        for node in nodes:
            self.visit(node)
        self.scopes.pop()

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        if not self.scopes:
            return
        scope = self.scopes[-1]
        for name, ref in _imported(node):
            if name in scope.outside:
                self.found.refs[ref] = None
            else:
                self.loads[scope, _extended(ref, _below(ref))] = None

    visit_ImportFrom = visit_Import  # noqa: N815


def _extended(ref: Ref, path: tuple[str, ...]) -> Ref:
    return Ref(ref.root, ref.path + path, ref.module)


def _below(ref: Ref) -> tuple[str, ...]:
    """The rest of what `import a.b.c` loads, which binds `a`."""
    return tuple(ref.root.split(".")[1:])


def _constant_getattr(node: ast.Call) -> ast.Attribute | None:
    match node.args:
        case [owner, ast.Constant(value=str(name)), *_]:
            return ast.Attribute(owner, name, ast.Load())
    return None


def _stored(node: ast.AST) -> Iterator[str]:
    names = (item for item in all_nodes(node) if isinstance(item, ast.Name))
    return (item.id for item in names if isinstance(item.ctx, ast.Store))


def _scope_of(node: ast.AST) -> _Scope:
    scope = _Scope(is_class=isinstance(node, ast.ClassDef))
    if isinstance(node, _FUNCTIONS):
        scope.bound.update(item.arg for item in arguments_of(node.args))
    body = getattr(node, "body", [])
    for statement in body if isinstance(body, list) else [body]:
        _bind(statement, scope)
    scope.bound -= scope.outside
    return scope


def _bind(node: ast.AST, scope: _Scope) -> None:
    """Add to `scope` what `node` binds in it, nested functions and classes left out."""
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            scope.bound.add(node.id)
        return
    if isinstance(node, _BINDING):
        _bind_names(node, scope)
    _bind_below(node, scope)


def _bind_names(node: ast.AST, scope: _Scope) -> None:
    match node:
        case ast.Global(names=names):
            scope.outside.update(names)
        case ast.Import() | ast.ImportFrom():
            for name, ref in _imported(node):
                scope.bound.add(name)
                scope.imports.setdefault(name, []).append(ref)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            scope.bound.add(name)
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            scope.bound.add(name)


def _bind_below(node: ast.AST, scope: _Scope) -> None:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        scope.bound.add(node.name)
    elif isinstance(node, _COMPREHENSIONS):
        scope.bound.update(_walruses(node))
    elif not isinstance(node, ast.Lambda):
        for child in children(node):
            _bind(child, scope)


def _walruses(node: ast.AST) -> Iterator[str]:
    """What a comprehension binds around itself; a lambda in it keeps its own."""
    if isinstance(node, ast.NamedExpr):
        yield from _stored(node.target)
    for child in children(node):
        if not isinstance(child, ast.Lambda):
            yield from _walruses(child)


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Ref]]:
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
