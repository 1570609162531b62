"""Attributes of functions, which whoever gets hold of a function may read.

Code that names the function is followed to its attributes. A loop over functions (`f.weight * f()`)
names the attribute only, so what any code of the closure mentions counts. What a function of the
closure sets counts only where it is followed to: it is a memory or a count, kept as the code runs,
or a decorator's, which counts itself.
"""

from __future__ import annotations

import dis
from types import CodeType
from typing import TYPE_CHECKING

from versioning.errors import UnkeyableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FunctionType

    from versioning.code.walk import Walk


def follow_carried(walk: Walk) -> None:
    """Follow the attributes of the functions that were met since the last time."""
    carriers, walk.carriers = walk.carriers, []
    for function, name in carriers:
        for attribute in sorted(vars(function)):
            if not attribute.startswith("__") and _is_mentioned(walk, attribute):
                _follow(walk, function, attribute, f"{name}.{attribute}")


def _follow(walk: Walk, function: FunctionType, attribute: str, label: str) -> None:
    held = walk.log.read(vars(function), attribute)
    try:
        wire = walk.reach(held, label)
    except UnkeyableError:
        walk.warn(f"{label} cannot be keyed, so it does not count")
        return
    if wire != label:
        walk.add(label, [wire.encode("utf-8", "surrogatepass")])


def _is_mentioned(walk: Walk, attribute: str) -> bool:
    mention = repr(attribute).encode()
    if not any(mention in form for form in walk.forms):
        return False
    return not any(_sets(code, attribute) for code in walk.log.codes)


def _sets(code: CodeType, attribute: str) -> bool:
    """Whether code, or what is in it, assigns to an attribute of this name."""
    if attribute in code.co_names and attribute in _assigned(code):
        return True
    return any(_sets(item, attribute) for item in code.co_consts if isinstance(item, CodeType))


def _assigned(code: CodeType) -> Iterator[str]:
    return (part.argval for part in dis.get_instructions(code) if part.opname == "STORE_ATTR")
