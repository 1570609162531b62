"""Which names of a function are nobody's business but its own, so that spelling cannot matter.

Only what a function itself assigns, and nothing else mentions by that name, may be spelled in any
way: see `versioning/decisions/0007-what-is-normalised.md`. Wherever there is doubt a name stays,
since a name that stays can cost a run and one that goes can cost a wrong hit.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    """

    def __init__(self, node: ast.AST, variables: Mapping[int, Variable]) -> None:
        """Begin.

        Args:
            node: A function, in normal form.
            variables: The scope and the name of each mention of a variable, by node.
        """
        parts = list(ast.walk(node))
        said = {word for part in parts for word in _said(part)}
        self.names: list[str] = []
        self.reads_frames = not said.isdisjoint(_FRAMES) or _reads_stack(said)
        self._numbers: dict[Variable, int] = {}
        self._free: dict[int, Variable] = {}
        if not self.reads_frames and said.isdisjoint(_READERS):
            kept = {name for part in parts for name in _kept(part, variables)}
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


def _said(part: ast.AST) -> Iterator[str]:
    """The names and short texts by which `part` may ask for variables."""
    match part:
        case ast.Name(id=word) | ast.Attribute(attr=word) | ast.keyword(arg=str(word)):
            yield word
        case ast.Constant(value=str(word)):
            yield word
        case ast.alias(name=name):
            yield from name.split(".")
        case ast.ImportFrom(module=str(name)):
            yield from name.split(".")


def _kept(part: ast.AST, variables: Mapping[int, Variable]) -> Iterator[str]:
    """The names that `part` mentions otherwise than as a variable that is free."""
    field = NAMED.get(type(part))
    if field is not None and id(part) not in variables:
        yield getattr(part, field) or ""
    for name in ("annotation", "returns"):
        yield from _words(getattr(part, name, None))
    match part:
        case ast.Constant(value=str(text)):
            yield from _WORD.findall(text)
        case ast.arg(arg=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            yield from names
        case ast.alias():
            yield from _WORD.findall(f"{part.name} {part.asname}")


def _words(hint: ast.AST | None) -> Iterator[str]:
    return iter(_WORD.findall(ast.unparse(hint))) if hint is not None else iter(())
