"""A watch over one call: which files its key holds already, and what its code may seed."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from versioning.code.places import module_name
from versioning.code.places import root_of as import_root
from versioning.hidden import Watch
from versioning.hidden.generators import may_draw, may_seed
from versioning.hidden.paths import absolute, project_root, real
from versioning.readers import scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from versioning.keys import Leaf
    from versioning.repository import Repository


def watch_over(
    function: Callable[..., Any],
    leaves: Iterable[Leaf],
    known: Iterable[object],
    repository: Repository,
    *,
    keys_files: bool = False,
) -> Watch:
    """A watch over the body of a step.

    Args:
        function: The body.
        leaves: Leaves of the key; those of code name what the body can reach.
        known: Values whose files are in the key: arguments and `code_deps`.
        repository: What lies in it, or in its cache, is told by digest.
        keys_files: Whether files of the project are leaves of the key.
    """
    return Watch(
        root=root_of(function),
        keys_files=keys_files,
        folder=folder_of(function),
        known={*_own_folders(repository), *map(real, _paths(list(known)))},
        may_seed=lambda: any(may_seed(code) for code, _ in _codes(function, leaves)),
        may_draw=lambda name: any(may_draw(*found, name) for found in _codes(function, leaves)),
    )


def root_of(function: object) -> str | None:
    """The folder of the project that a body belongs to; None when it has none."""
    code = getattr(_body(function), "__code__", None)
    return project_root(code.co_filename) if code else None


def folder_of(function: object) -> str | None:
    """The folder of the project; where there is none, that from which the module is imported."""
    body = _body(function)
    code = getattr(body, "__code__", None)
    if code is None or not os.path.isfile(code.co_filename):
        return None
    file, name = absolute(code.co_filename), getattr(body, "__module__", None) or ""
    return project_root(file) or import_root(module_name(name, file), file)


def _body(function: object) -> object:
    """What runs at last, below decorators and partials; of an object, how it is called."""
    while True:
        held = getattr(function, "__dict__", {}).get("__wrapped__")
        if held is None and isinstance(function, functools.partial):
            held = function.func
        if held is None:
            break
        function = held
    if hasattr(function, "__code__"):
        return function
    return getattr(type(function), "__call__", None)  # noqa: B004 - not whether, but what


def _own_folders(repository: Repository) -> frozenset[str]:
    # What a version brings along, such as the base of an adapter, is told by its digest, too.
    laid = scratch(os.getpid())
    places = [laid, str(repository.settings.cache), os.environ.get("PREFECT_HOME") or "~/.prefect"]
    if "://" not in repository.url:
        places.append(repository.url)
    return _resolved(*map(absolute, map(os.path.expanduser, places)))


# Following links costs a step more than noticing what it reads; these folders stay where they are.
@functools.lru_cache
def _resolved(*places: str) -> frozenset[str]:
    return frozenset(map(real, places))


def _paths(value: object) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _paths(item)
    elif isinstance(value, dict):
        yield from _paths(list(value.values()))


def _codes(
    function: Callable[..., Any], leaves: Iterable[Leaf]
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Compiled code and globals of the body, and of what it can reach of the project."""
    objects = [function, *(_named(leaf.name) for leaf in leaves if leaf.name.startswith("code/"))]
    for found in objects:
        for item in vars(found).values() if isinstance(found, type) else (found,):
            inner = getattr(item, "__versioning_step__", None) or getattr(item, "fn", item)
            inner = getattr(inner, "__func__", inner)
            code = getattr(inner, "__code__", None)
            if code is not None:
                yield code, getattr(inner, "__globals__", {})


def _named(leaf: str) -> object:
    module, _, name = leaf.removeprefix("code/").partition(":")
    found: object = sys.modules.get(module) or sys.modules.get("__main__")
    for part in name.split("."):
        found = getattr(found, part, None)
    return found
