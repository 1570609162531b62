"""Whose code a file is (ours, the standard library's, a distribution's), and its module's name.

First-party is every file outside the standard library and outside `site-packages`, wherever the
working folder is. This library counts as a distribution even when it runs from a checkout.
"""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FunctionType, ModuleType

OURS = "versioning"
_STANDARD = tuple(
    str(Path(folder)) + "/"
    for name in ("stdlib", "platstdlib")
    if (folder := sysconfig.get_path(name))
)
_RUNNERS = frozenset({OURS, "prefect"})
# What is typed in a notebook or shell is the user's, whichever program it was typed into.
_MAIN = frozenset({"__main__", "__mp_main__"})
INSTALLED = ("/site-packages/", "/dist-packages/")


def is_first_party(module: str, file: str | None) -> bool:
    """Whether code of `module`, compiled from `file`, belongs to the project.

    Code without a file belongs to whoever's module it runs in; without one, to the project.
    """
    if file is not None and not file.startswith("<"):
        return _is_project_file(module, file)
    if module in _MAIN:
        return True
    top = module.partition(".")[0]
    loaded = file_of_module(sys.modules.get(module)) or file_of_module(sys.modules.get(top))
    return _is_project_file(module, loaded) if loaded else top not in sys.stdlib_module_names


@functools.cache
def _is_project_file(module: str, file: str) -> bool:
    path = _as_posix(file)
    is_installed = any(folder in path for folder in INSTALLED)
    is_ours = module.partition(".")[0] == OURS
    return not (is_ours or is_installed or path.startswith(_STANDARD))


def _as_posix(file: str) -> str:
    # Asked of every module that is loaded, and few are written in any other way.
    is_plain = os.sep == "/" and "//" not in file and "/./" not in file
    return file if is_plain else Path(file).as_posix()


def is_runner(module: str) -> bool:
    """Whether `module` says how steps are run and kept, which is not what they compute."""
    return module.partition(".")[0] in _RUNNERS


def written_in(function: FunctionType) -> str:
    """The module whose names a function reads."""
    return function.__globals__.get("__name__") or function.__module__ or "__main__"


@functools.cache
def module_name(name: str, file: str | None) -> str:
    """What a module is called wherever it runs: a script is renamed by running it, its file is not.

    Args:
        name: `__name__` of its globals.
        file: The file it was compiled from; None, or something in `<>`, when there is none.
    """
    is_renamed = name.startswith("__") and name.endswith("__")
    if not is_renamed or file is None or not Path(file).is_file() or "ipykernel" in file:
        return name
    path = Path(file)
    parts = [] if path.stem in {"__init__", "__main__"} else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts) or path.parent.name


@functools.cache
def root_of(module: str, file: str) -> str:
    """The folder from which `module` is imported, given its file."""
    path = Path(file)
    depth = module.count(".") + (path.stem == "__init__")
    return str(path.parents[min(depth, len(path.parents) - 1)])


def file_of_module(module: ModuleType | None) -> str | None:
    """The file a module was loaded from; of a package without one, its first folder."""
    file: Any = getattr(module, "__file__", None)
    if isinstance(file, str):
        return file
    folders = list(getattr(module, "__path__", ()))
    return f"{folders[0]}/" if folders and isinstance(folders[0], str) else None
