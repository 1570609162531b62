"""The source of what runs: syntax trees found by comparing compiled code, not by line numbers.

The live code object is the truth. A file is parsed and compiled here once; a function's source is
the one whose compiled code equals the live one. When none does, the file was edited since it was
imported and says nothing about what runs.
"""

from __future__ import annotations

import ast
import marshal
from dataclasses import dataclass, field
from types import CodeType
from typing import TYPE_CHECKING

from versioning.code.statements import mark_checkers, unread_imports
from versioning.digest import digest_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from versioning.code.normal import Node
    from versioning.code.scopes import Ref
    from versioning.digest import Digest

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(slots=True)
class Source:
    """One parsed file; trees come out in the order of the file.

    Attributes:
        tree: The module's tree. What is taken from it is normalised in place by its taker.
        codes: Compiled code by qualified name.
        nodes: Definitions by qualified name.
        unread: What the module imports and does not read, annotations included.
        lambdas: Lambdas by line, gathered when first asked for.
    """

    tree: ast.Module
    codes: dict[str, list[CodeType]]
    unread: tuple[Ref, ...]
    nodes: dict[str, list[Node]] = field(default_factory=dict)
    lambdas: dict[int, list[ast.Lambda]] | None = None

    @classmethod
    def parse(cls, text: str | bytes, file: str) -> Source:
        """Parse and compile; `SyntaxError` or `ValueError` when `text` is not Python."""
        tree = ast.parse(text, file)
        # Before anything in the tree is normalised.
        compiled = compile(tree, file, "exec", dont_inherit=True)
        codes: dict[str, list[CodeType]] = {}
        for code in _nested(compiled):
            codes.setdefault(code.co_qualname, []).append(code)
        mark_checkers(tree)
        source = cls(tree, codes, unread_imports(tree))
        for name, node in _defined(source.tree, ""):
            source.nodes.setdefault(name, []).append(node)
        return source

    def node_of(self, code: CodeType) -> Node | None:
        """The definition that compiles to `code`, or None."""
        compiled = self.codes.get(code.co_qualname, [])
        same = [item for item in compiled if item == code]
        if not same:
            stripped = _stripped(code)
            same = [item for item in compiled if _stripped(item) == stripped]
        if code.co_name == "<lambda>":
            return next((node for item in same for node in self._lambdas_of(item)), None)
        nodes = self.nodes.get(code.co_qualname, [])
        return next((node for item in same for node in nodes if _begins(node, item)), None)

    def _lambdas_of(self, code: CodeType) -> list[ast.Lambda]:
        """The lambdas that begin where `code` does, the innermost that spans all of it first."""
        if self.lambdas is None:
            self.lambdas = {}
            for node in ast.walk(self.tree):
                if isinstance(node, ast.Lambda):
                    self.lambdas.setdefault(node.lineno, []).append(node)
        found = self.lambdas.get(code.co_firstlineno, [])
        inmost = sorted(found, key=lambda node: (node.lineno, node.col_offset), reverse=True)
        return sorted(inmost, key=lambda node: not _spans(node, code))


def code_digest(code: CodeType) -> Digest:
    """Digest of all that `code` says, its file apart: the same in every process and checkout.

    Raises:
        ValueError: If it holds a constant that cannot be written as bytes.
    """
    # Version 2 writes neither references nor what is interned, which differ between processes.
    return digest_bytes(marshal.dumps(_without_file(code), 2))


def _without_file(code: CodeType) -> CodeType:
    constants = code.co_consts
    if CodeType not in map(type, constants):
        return code.replace(co_filename="")
    inside = [_without_file(item) if type(item) is CodeType else item for item in constants]
    return code.replace(co_filename="", co_consts=tuple(inside))


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)


def _stripped(code: CodeType) -> CodeType:
    """`code` without where it stands, so that lines added above it make no difference."""
    return code.replace(
        co_filename="",
        co_firstlineno=1,
        co_linetable=b"",
        co_consts=tuple(
            _stripped(item) if isinstance(item, CodeType) else item for item in code.co_consts
        ),
    )


def _defined(node: ast.AST, prefix: str) -> Iterator[tuple[str, Node]]:
    """Functions and classes by qualified name; only statements are looked into."""
    for child in _statements(node):
        if isinstance(child, _DEFINITIONS):
            name = prefix + child.name
            yield name, child
            inner = "." if isinstance(child, ast.ClassDef) else ".<locals>."
            yield from _defined(child, name + inner)
        else:
            yield from _defined(child, prefix)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for name in ("body", "handlers", "orelse", "finalbody", "cases"):
        children = getattr(node, name, ())
        if isinstance(children, list):
            yield from children


def _begins(node: Node, code: CodeType) -> bool:
    decorators = getattr(node, "decorator_list", [])
    return bool(code.co_firstlineno == min([node.lineno, *(item.lineno for item in decorators)]))


def _spans(node: ast.Lambda, code: CodeType) -> bool:
    """Whether `code` was compiled from the body of `node`, by its positions."""
    body = node.body
    start, end = (body.lineno, body.col_offset), (body.end_lineno or 0, body.end_col_offset or 0)
    places = [
        (line, column)
        for line, _, column, last in code.co_positions()
        # Instructions of no source, such as the first, have no width.
        if line is not None and column is not None and last
    ]
    return bool(places) and all(start <= place <= end for place in places)
