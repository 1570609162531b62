"""Code without source: what the compiled code says, apart from where it stands.

The second best: a docstring or another release of Python changes it, so who uses it warns.
"""

from __future__ import annotations

import dis
from types import CodeType
from typing import TYPE_CHECKING

from versioning.code.scopes import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOTS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF"})
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})


def code_form(code: CodeType) -> bytes:
    """`code` as bytes, the same in every process, whatever file and line it is from."""
    facts = (
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
    )
    parts = [repr(facts).encode(), code.co_code, code.co_exceptiontable]
    parts += [_constant(item) for item in code.co_consts]
    return b"".join(b"%d:%b" % (len(part), part) for part in parts)


def code_refs(code: CodeType) -> Iterator[Ref]:
    """What `code`, and all code nested in it, reads from outside; imports by their module."""
    root: str | None = None
    path: list[str] = []
    for step in dis.get_instructions(code):
        if root is not None and step.opname in _ATTRIBUTES:
            path.append(step.argval)
            continue
        if root is not None:
            yield Ref(root, tuple(path))
        root, path = (step.argval, []) if step.opname in _ROOTS else (None, [])
        if step.opname == "IMPORT_NAME":
            yield Ref(step.argval, (), step.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from code_refs(constant)


def _constant(value: object) -> bytes:
    name = type(value).__name__.encode()
    if isinstance(value, CodeType):
        return name + code_form(value)
    if isinstance(value, tuple | frozenset):
        parts = [_constant(item) for item in value]
        # The order of a set follows the hash seed.
        ordered = sorted(parts) if isinstance(value, frozenset) else parts
        return name + b"".join(b"%d:%b" % (len(part), part) for part in ordered)
    text = hex(value) if type(value) is int else repr(value)
    return name + text.encode("utf-8", "surrogatepass")
