"""`code_leaves`: the closure of a function, remembered until something in it changes."""

from __future__ import annotations

import inspect
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, MappingProxyType
from typing import TYPE_CHECKING

from versioning.code.files import Files
from versioning.code.index import Index
from versioning.code.loaded import note_loaded
from versioning.code.objects import ATOMS, code_in, inner_function, is_ours, qualified_name
from versioning.code.places import is_runner
from versioning.code.walk import Walk
from versioning.encoding import value_digest
from versioning.garbage import no_collections
from versioning.keys import Leaf, root_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from versioning.code.log import Log
    from versioning.digest import Key

_REMEMBERED = 1024
_lock = threading.RLock()
_known: dict[tuple[int, ...], tuple[tuple[object, ...], CodeClosure, Log]] = {}


@dataclass(frozen=True, slots=True)
class CodeClosure:
    """What the result of a function depends on that is code.

    Attributes:
        leaves: One for each first-party function, class and constant reached, by name.
        distributions: Versions of the distributions used, by name.
        warnings: What could not be followed, for people.
    """

    leaves: tuple[Leaf, ...]
    distributions: Mapping[str, str]
    warnings: tuple[str, ...] = ()


def code_leaves(
    function: object,
    *,
    deps: Sequence[object] = (),
    arguments: Iterable[object] = (),
    index: Path | None = None,
) -> CodeClosure:
    """The closure of `function`, of `deps`, and of the classes and functions in `arguments`.

    Default values of `function` itself are left out: they are parameters of the call.

    Args:
        function: A function, or a task, partial, method, class or callable object.
        deps: Functions, classes, modules, values or files that the closure cannot see.
        arguments: Values it is called with; what they say counts elsewhere, what they do here.
        index: Folder for what files were found to say, which saves the next process reading them
            again and never changes a leaf; None to keep nothing.

    Raises:
        UnkeyableError: If a global, default or closure variable cannot be keyed exactly.
    """
    if not isinstance(function, FunctionType):
        function = inner_function(function) or function
    passed = _code_of(arguments)
    subjects = (function, *deps, *passed)
    identity = (len(deps), *map(id, subjects))
    known = _known.get(identity)
    if known is not None and known[2].still_holds():
        return known[1]
    with _lock, no_collections():
        note_loaded()
        files = Files(Index(index) if index else None)
        walk = _settled(function, deps, passed, files)
        files.keep()
        closure = _closed(walk, declared=bool(deps))
        if len(_known) >= _REMEMBERED:
            _known.pop(next(iter(_known)))
        if not any(isinstance(item, Path) for item in deps):
            _known[identity] = (subjects, closure, walk.log)
    return closure


def behaviour(value: object) -> Key | None:
    """What the first-party classes in a value do; None when it holds none.

    Two objects with equal attributes are one value only while their methods are the same.

    Raises:
        UnkeyableError: If something that the methods read cannot be keyed exactly.
    """
    classes = [item for item in _code_of([value]) if isinstance(item, type) and is_ours(item)]
    if not classes:
        return None
    classes.sort(key=qualified_name)
    return root_key(code_leaves(len, arguments=classes).leaves)


def _code_of(arguments: Iterable[object]) -> list[object]:
    """The functions in `arguments`, and the classes that Python itself does not have, each once."""
    found = (item for value in arguments if type(value) not in ATOMS for item in code_in(value))
    once = {id(item): item for item in found if not isinstance(item, type) or _counts(item)}
    return list(once.values())


def _counts(cls: type) -> bool:
    """Whether what a class does is fixed neither by Python nor by what only runs steps."""
    is_standard = cls.__module__.partition(".")[0] in sys.stdlib_module_names
    return is_ours(cls) or not (is_standard or is_runner(cls.__module__))


def _settled(
    function: object, deps: Sequence[object], passed: Sequence[object], files: Files
) -> Walk:
    """The walk that found nothing which would have changed its beginning."""
    names = hints = False
    while True:
        walk = _walked(function, deps, passed, files, keeps_names=names, keeps_hints=hints)
        is_kept = walk.reads_frames <= names and walk.reads_hints <= hints
        if is_kept and not walk.lookup.has_loaded:
            return walk
        names, hints = names or walk.reads_frames, hints or walk.reads_hints
        note_loaded()


def _walked(
    function: object,
    deps: Sequence[object],
    passed: Sequence[object],
    files: Files,
    *,
    keeps_names: bool,
    keeps_hints: bool,
) -> Walk:
    # The signature of a wrapper, and so the parameters of the call, are those of what it wraps.
    root = inspect.unwrap(function) if isinstance(function, FunctionType) else function
    walk = Walk(root, files, keeps_names=keeps_names, keeps_hints=keeps_hints)
    inner = function
    while isinstance(inner, FunctionType):
        inner = walk.log.read(vars(inner), "__wrapped__")
    walk.reach(function, "callable")
    for index, dep in enumerate(deps):
        if isinstance(dep, Path):
            name = f"code/{dep.name if dep.is_absolute() else dep.as_posix()}"
            walk.leaves[name] = Leaf(name, value_digest(dep, path=name))
        else:
            walk.reach(dep, f"code_deps[{index}]")
    for item in passed:
        walk.name_of(item)
    walk.run()
    return walk


def _closed(walk: Walk, *, declared: bool) -> CodeClosure:
    # Who declares what the closure cannot see has answered the warnings about it.
    warnings = [text for text in walk.warnings if not (declared and "cannot see" in text)]
    leaves = tuple(walk.leaves[name] for name in sorted(walk.leaves))
    distributions = MappingProxyType(dict(sorted(walk.distributions.items())))
    return CodeClosure(leaves, distributions, tuple(warnings))
