"""Which names of a function are nobody's business but its own, so that spelling cannot matter.

Only what a function itself assigns, and nothing else mentions by that name, may be spelled in any
way: see `versioning/decisions/0007-what-is-normalised.md`. Wherever there is doubt a name stays,
since a name that stays can cost a run and one that goes can cost a wrong hit.
"""

from __future__ import annotations

import ast
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from versioning.code.trees import all_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from versioning.code.names import Variable

# Who finds the variables of the function that calls it by their names. A function that mentions
# one of these, as a name, an attribute or a text, keeps all names.
_READERS = frozenset(
    {"breakpoint", "dir", "eval", "exec", "format_map", "globals", "locals", "set_trace", "vars"}
    # Tables, formulas and queries: pandas, numexpr, duckdb, polars, patsy and what is built on it.
    | {"dmatrices", "dmatrix", "evaluate", "execute", "from_formula", "from_query", "glm", "gls"}
    | {"logit", "mixedlm", "model_matrix", "ols", "poisson", "probit", "query", "re_evaluate"}
    | {"sql", "sqldf", "wls"}
)
# Who finds the variables of any function, from far away: then all functions of a closure keep all.
_FRAMES = frozenset(
    {"_getframe", "_current_frames", "currentframe", "getouterframes", "getinnerframes", "f_back"}
    | {"f_locals", "tb_frame", "gi_frame", "cr_frame", "ag_frame", "walk_stack", "walk_tb"}
    | {"settrace", "setprofile", "extract_stack", "capture_locals", "getsource", "getsourcelines"}
    | {"__code__", "co_varnames", "co_cellvars", "co_freevars", "co_names", "getclosurevars"}
    # Cells lie in the order of their names.
    | {"__closure__", "cell_contents"}
)
_FRAME_LIBRARIES = frozenset(
    {"duckdb", "executing", "formulaic", "icecream", "numexpr", "pandasql", "patsy", "statsmodels"}
    | {"varname"}
)
# The field in which a kind of node mentions a variable.
NAMED: dict[type[ast.AST], str] = {
    ast.Name: "id",
    ast.ExceptHandler: "name",
    ast.MatchAs: "name",
    ast.MatchStar: "name",
    ast.MatchMapping: "rest",
}
_WORD = re.compile(r"\w+")


class Spelling:
    """Numbers instead of names, in the order in which the normal form mentions them.

    Attributes:
        names: What was numbered; the same name twice when two scopes have it.
        reads_frames: Whether the function may look at variables of others.
        reads_names: Whether something may look up names of its own for it, which texts say.
    """

    def __init__(self, node: ast.AST, variables: Mapping[int, Variable]) -> None:
        """Begin.

        Args:
            node: A function, in normal form.
            variables: The scope and the name of each mention of a variable, by node.
        """
        parts = [part for part in all_nodes(node) if type(part) in _TOLD]
        said = {word for part in parts for word in _TOLD[type(part)].says(part)}
        self.names: list[str] = []
        self.reads_frames = not said.isdisjoint(_FRAMES) or _reads_stack(said)
        self.reads_names = self.reads_frames or not said.isdisjoint(_READERS)
        self._numbers: dict[Variable, int] = {}
        self._free: dict[int, Variable] = {}
        if not self.reads_names:
            others = (part for part in parts if id(part) not in variables)
            kept = {name for part in others for name in _TOLD[type(part)].keeps(part)}
            # `__x` in a class is another name for `_Class__x`.
            self._free = {
                mention: item
                for mention, item in variables.items()
                if item[1] not in kept and "__" not in item[1]
            }

    def number(self, node: ast.AST) -> int | None:
        """The number that stands for the name in `node`, or None when the name stays."""
        variable = self._free.get(id(node))
        if variable is None:
            return None
        if variable not in self._numbers:
            self._numbers[variable] = len(self.names)
            self.names.append(variable[1])
        return self._numbers[variable]


def reads_frames(name: str) -> bool:
    """Whether what a library calls `name` (`module:function`) looks at variables of its callers."""
    module, _, function = name.partition(":")
    last = function.rpartition(".")[2]
    is_reader = last in _READERS or last in _FRAMES or name in {"inspect:stack", "inspect:trace"}
    return is_reader or module.partition(".")[0] in _FRAME_LIBRARIES


def _reads_stack(said: set[str]) -> bool:
    # Tables and arrays have a `stack` of their own.
    return "inspect" in said and not said.isdisjoint({"stack", "trace"})


def _nothing(_: Any) -> list[str]:
    return []


def _text(part: ast.Constant) -> list[str]:
    return [part.value] if isinstance(part.value, str) else []


def _words_of_text(part: ast.Constant) -> list[str]:
    return _WORD.findall(part.value) if isinstance(part.value, str) else []


def _imported(part: ast.alias) -> list[str]:
    return _WORD.findall(f"{part.name} {part.asname}")


def _signed(part: Any) -> list[str]:
    """The name of a definition or parameter, and what its annotation mentions."""
    if isinstance(part, ast.arg):
        return [part.arg, *_words(part.annotation)]
    return [part.name, *_words(getattr(part, "returns", None))]


def _words(hint: ast.AST | None) -> list[str]:
    return _WORD.findall(ast.unparse(hint)) if hint is not None else []


class _Told(NamedTuple):
    """What a kind of node tells.

    Attributes:
        says: The names and short texts by which it may ask for variables.
        keeps: The names that it mentions otherwise than as a variable that is free.
    """

    says: Callable[[Any], list[str]]
    keeps: Callable[[Any], list[str]]


_TOLD: dict[type[ast.AST], _Told] = {
    ast.Name: _Told(lambda part: [part.id], lambda part: [part.id]),
    ast.Attribute: _Told(lambda part: [part.attr], _nothing),
    ast.keyword: _Told(lambda part: [part.arg or ""], _nothing),
    ast.Constant: _Told(_text, _words_of_text),
    ast.alias: _Told(_imported, _imported),
    ast.ImportFrom: _Told(lambda part: _WORD.findall(part.module or ""), _nothing),
    ast.ExceptHandler: _Told(_nothing, lambda part: [part.name or ""]),
    ast.MatchAs: _Told(_nothing, lambda part: [part.name or ""]),
    ast.MatchStar: _Told(_nothing, lambda part: [part.name or ""]),
    ast.MatchMapping: _Told(_nothing, lambda part: [part.rest or ""]),
    ast.arg: _Told(_nothing, _signed),
    ast.FunctionDef: _Told(_nothing, _signed),
    ast.AsyncFunctionDef: _Told(_nothing, _signed),
    ast.ClassDef: _Told(_nothing, _signed),
    ast.AnnAssign: _Told(_nothing, lambda part: _words(part.annotation)),
    ast.Global: _Told(_nothing, lambda part: part.names),
    ast.Nonlocal: _Told(_nothing, lambda part: part.names),
}
if sys.version_info >= (3, 12):
    # An alias of a type knows its own name.
    _TOLD[ast.TypeAlias] = _Told(_nothing, lambda part: _words(part.name))
