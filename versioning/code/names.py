"""Which names a piece of source reads from outside itself, and which attributes of them.

`settings.model.depth` is one reference with a path, so that `settings.data` may change. Scopes
follow Python: names bound in a function, comprehension or lambda are its own, class scopes are not
seen from the functions in them, a walrus binds outside its comprehension.
"""

from __future__ import annotations

import ast
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from versioning.code.scopes import Comprehension, LocalScope, Ref, imported, scope_of, stored
from versioning.code.trees import all_nodes, children

if TYPE_CHECKING:
    from collections.abc import Iterable

_BLIND_CALLS = frozenset(
    {"eval", "exec", "globals", "__import__", "import_module"}
    | {"__subclasses__", "get_annotations", "get_type_hints", "getsource", "getsourcelines"}
    | {"getdoc", "run_module", "run_path"}
    | {"resolve_name", "import_string", "locate", "exec_module", "spec_from_file_location"}
)
# What the normal form leaves out; of a name of the module it is followed.
_LEFT_OUT = frozenset({"__annotations__", "__doc__"})

# A variable of a function: the scope that binds it, and its name.
Variable: TypeAlias = tuple[LocalScope, str]


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
    nodes: Iterable[ast.AST], *, scope: ast.AST | None = None, hints: Iterable[ast.expr] = ()
) -> References:
    """What `nodes` read.

    Args:
        nodes: Statements and expressions.
        scope: The function or class that they stand in; None for a module.
        hints: Annotations of `scope`, which are read outside of it.
    """
    collector = _Collector()
    for hint in hints:
        collector.annotation(hint)
    collector.scopes = [] if scope is None else [scope_of(scope)]
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
        self.scopes: list[LocalScope] = []
        self.loads: dict[tuple[LocalScope, Ref], None] = {}
        self.read: set[tuple[LocalScope, Ref]] = set()
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

    visit_MatchAs = visit_MatchStar = visit_ExceptHandler

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
        if path is None or self._lookup(path[0]) is not None:
            for name in sorted(_LEFT_OUT & {node.attr, *(path or ())[1:]}):
                self._warn(node, f"{name} may be of code whose key cannot see it")
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
        for ref in scope.imports.get(name, ()):
            self.found.refs[_extended(ref, path)] = None
            below = _below(ref)
            if path[: len(below)] == below:
                self.read.add((scope, _extended(ref, below)))
        if scope.is_class:
            self.found.refs[Ref(name, path)] = None

    def _lookup(self, name: str) -> LocalScope | None:
        """The scope that binds `name`, or None when it is a name of the module."""
        for depth, scope in enumerate(reversed(self.scopes)):
            if name in scope.outside:
                return None
            if name in scope.bound and (depth == 0 or not scope.is_class):
                return scope
        return None

    def annotation(self, node: ast.expr) -> None:
        """Visit an annotation, and what is quoted in it."""
        self.visit(node)
        for part in all_nodes(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                    self.visit(ast.parse(part.value.strip(), mode="eval").body)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        self.annotation(node.annotation)
        if node.value is not None:
            self.visit(node.value)

    def visit_arg(self, node: ast.arg) -> None:
        if node.annotation is not None:
            self.annotation(node.annotation)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, node.args):
            self.visit(part)
        if node.returns is not None:
            self.annotation(node.returns)
        self._inside(scope_of(node), node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)
        self._inside(scope_of(node), [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(part)
        self._inside(scope_of(node), node.body)

    def _comprehension(self, node: Comprehension) -> None:
        self.visit(node.generators[0].iter)
        targets = {name for part in node.generators for name in stored(part.target)}
        inner: list[ast.AST] = children(node)
        for part in node.generators:
            inner.remove(part)
            inner.extend([part.target, *part.ifs])
        inner.extend(part.iter for part in node.generators[1:])
        self._inside(LocalScope(targets), inner)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _inside(self, scope: LocalScope, nodes: Iterable[ast.AST]) -> None:
        self.scopes.append(scope)
        for node in nodes:
            self.visit(node)
        self.scopes.pop()

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        if not self.scopes:
            return
        scope = self.scopes[-1]
        for name, ref in imported(node):
            if name in scope.outside:
                self.found.refs[ref] = None
            else:
                self.loads[scope, _extended(ref, _below(ref))] = None

    visit_ImportFrom = visit_Import


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
