"""Acts: what a module does to others when it is loaded, besides binding names of its own.

`getcontext().prec = 9`, `np.random.seed(1)` and `json.dumps = ours` leave nothing in the module to
look at afterwards, and change what every function computes. So their source counts.
"""

from __future__ import annotations

import ast
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, NamedTuple

from versioning.code.definitions import Piece
from versioning.code.names import attribute_path, references
from versioning.code.normal import form, is_for_checkers, normalise
from versioning.code.places import file_of_module, is_first_party, is_runner, written_in
from versioning.code.scopes import Ref
from versioning.code.statements import module_statements
from versioning.code.trees import all_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
# What is told or put somewhere, which no result depends on; builtins are seen where they are read.
_HARMLESS = frozenset({"atexit", "builtins", "faulthandler", "logging", "pathlib", "shutil"})
# Where modules come from is seen in them.
_HARMLESS_PARTS = frozenset({("os", "makedirs"), ("os", "mkdir"), ("sys", "path")})


class Act(NamedTuple):
    """One statement of a module that does something.

    Attributes:
        heads: What it calls, or sets an attribute or item of.
        piece: The whole statement.
        is_late: Whether it stands below all that the module defines, as what a script does.
    """

    heads: tuple[Ref, ...]
    piece: Piece
    is_late: bool


def acts_of(tree: ast.Module) -> tuple[Act, ...]:
    """The statements of a module that do something, those for scripts and checkers left out."""
    defining = [place for place, item in enumerate(tree.body) if _defines(item)]
    last = defining[-1] if defining else len(tree.body)
    found: list[Act] = []
    for place, item in enumerate(tree.body):
        if isinstance(item, (*_DEFINITIONS, *_IMPORTS)) or _is_apart(item):
            continue
        heads = [head for part in (item, *module_statements(item)) for head in _heads(part)]
        if heads:
            normalise(item)
            piece = Piece(form([item]), tuple(references([item]).refs))
            found.append(Act(tuple(dict.fromkeys(heads)), piece, place > last))
    return tuple(found)


def acts_on_others(act: Act, names: dict[str, object], origin: Callable[[str], str | None]) -> bool:
    """Whether an act changes what is a library's, or calls a function for what it does.

    What it does to objects of the project is seen in them.

    Args:
        act: The act.
        names: What the names of its module stand for.
        origin: The module that a name is imported from by `from`, or None.
    """
    return any(_is_of_others(head, names.get(head.root), origin(head.root)) for head in act.heads)


def _is_of_others(head: Ref, value: object, origin: str | None) -> bool:
    if isinstance(value, ModuleType):
        if not is_first_party(value.__name__, file_of_module(value)):
            return not _is_harmless(value.__name__, head)
        value = vars(value).get(head.path[0]) if head.path else None
        head = head._replace(path=head.path[1:])
    if isinstance(value, FunctionType):
        is_ours = is_first_party(written_in(value), value.__code__.co_filename)
        if is_ours:
            return not head.path
    is_library = origin is not None and not is_first_party(origin, None)
    return is_library and not _is_harmless(str(origin), head)


def _is_harmless(module: str, head: Ref) -> bool:
    is_told = module.partition(".")[0] in _HARMLESS or is_runner(module)
    return is_told or (module, (*head.path, head.root)[0]) in _HARMLESS_PARTS


def _defines(item: ast.stmt) -> bool:
    return any(isinstance(part, _DEFINITIONS) for part in (item, *module_statements(item)))


def _is_apart(item: ast.stmt) -> bool:
    """Whether a block runs for type checkers only, or where the module is run as a script."""
    if not isinstance(item, ast.If):
        return False
    names = (part.id for part in all_nodes(item.test) if isinstance(part, ast.Name))
    return is_for_checkers(item) or "__name__" in names


def _heads(item: ast.stmt) -> Iterator[Ref]:
    """What a statement calls for what that does, or sets an attribute or item of."""
    match item:
        case ast.Expr(value=ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[owner, *_])):
            parts: list[ast.expr] = [ast.Attribute(owner, "", ast.Store())]
        case ast.Expr(value=ast.Call(func=function)):
            parts = [function]
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            parts = [part for part in targets if not isinstance(part, ast.Name)]
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            parts = [] if isinstance(target, ast.Name) else [target]
        case _:
            return
    for part in parts:
        if (path := attribute_path(_without_calls(part))) is not None:
            yield Ref(path[0], path[1:])


def _without_calls(node: ast.expr) -> ast.expr:
    """`node` with calls and items left out: `a.b.c` of `a(1).b[2].c`."""
    if isinstance(node, ast.Call):
        return _without_calls(node.func)
    if isinstance(node, ast.Subscript):
        # An item is set in what is named; it is no function that is called.
        return ast.Attribute(_without_calls(node.value), "", ast.Load())
    if isinstance(node, ast.Attribute):
        return ast.Attribute(_without_calls(node.value), node.attr, node.ctx)
    return node
