"""What functions, classes, modules and built-ins are called, and which of them are followed.

Those of the project are queued, to be followed. Of a library it is noted that it is used.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from versioning.code import bodies, hints, wrappers
from versioning.code.objects import BUILTINS, is_nameless, is_ours, qualified_name
from versioning.code.places import file_of_module, is_first_party, module_name, written_in
from versioning.code.renames import reads_frames
from versioning.encoding import file_digest
from versioning.keys import Leaf

if TYPE_CHECKING:
    from collections.abc import Callable

    from versioning.code.walk import Walk


def name_function(walk: Walk, function: FunctionType, _: str) -> str:
    """What stands for a function; see `Walk.reach`."""
    known = walk.log.names.get(id(function))
    if known is not None:
        return known
    code = function.__code__
    module = _module_of(walk, function, code.co_filename)
    if module is None:
        walk.foreign.add(id(function))
        return wrappers.library_function(walk, function)
    return walk.enqueue(function, f"{module}:{code.co_qualname}", bodies.function_parts)


def _module_of(walk: Walk, function: FunctionType, file: str) -> str | None:
    """The project's module that a function was written in, or None."""
    home = (id(function.__globals__), file)
    if home in walk.homes:
        return walk.homes[home]
    name = written_in(function)
    found = module_name(name, file) if is_first_party(name, file) else None
    if "__name__" in function.__globals__:
        # Shared by all functions of the file.
        walk.homes[home] = found
    return found


def _name_class(walk: Walk, cls: type, label: str) -> str:
    known = walk.log.names.get(id(cls))
    if known is not None:
        return known
    if not is_ours(cls):
        walk.uses(cls.__module__)
        walk.reads_hints |= cls.__name__ in hints.READERS
        return qualified_name(cls)
    if is_nameless(cls):
        return walk.enqueue(cls, label, bodies.class_parts)
    module = module_name(cls.__module__, bodies.file_of_class(cls))
    return walk.enqueue(cls, f"{module}:{cls.__qualname__}", bodies.class_parts)


def _name_module(walk: Walk, module: ModuleType, _: str) -> str:
    """A module that is passed around whole: all that its source binds."""
    file = file_of_module(module)
    name = module_name(module.__name__, file)
    if not is_first_party(module.__name__, file):
        walk.uses(module.__name__)
    elif file is not None and not file.endswith((".py", "/")):
        _extension(walk, name, file)
    elif id(module) not in walk.log.names:
        walk.enqueue(module, name, bodies.module_parts)
    return f"module {name}"


def _name_builtin(walk: Walk, value: Any, label: str) -> str:
    owner = getattr(value, "__self__", None)
    if owner is not None and not isinstance(owner, ModuleType):
        return f"{value.__name__} of {walk.reach(owner, label)}"
    module = sys.modules.get(str(getattr(value, "__module__", None)))
    if module is not None:
        _name_module(walk, module, label)
    name = qualified_name(value)
    walk.reads_frames = walk.reads_frames or reads_frames(name)
    return name


def _extension(walk: Walk, module: str, file: str) -> None:
    """A first-party module without Python source: its bytes."""
    name = f"code/{module}"
    if name not in walk.leaves:
        walk.leaves[name] = Leaf(name, file_digest(Path(file)))


KINDS: tuple[tuple[Any, Callable[[Walk, Any, str], str]], ...] = (
    (FunctionType, name_function),
    (type, _name_class),
    (ModuleType, _name_module),
    (BUILTINS, _name_builtin),
)
EXACTLY = {
    kind: name
    for kinds, name in KINDS
    for kind in (kinds if isinstance(kinds, tuple) else (kinds,))
}
