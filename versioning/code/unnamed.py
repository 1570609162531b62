"""What code uses and does not name: accessors, modules that act when loaded, files read then."""

from __future__ import annotations

import ast
import re
import secrets
import sys
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from versioning.code.loaded import noted_at
from versioning.code.lookup import absolute
from versioning.code.objects import is_ours, portable
from versioning.code.places import file_of_module, is_first_party, root_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from versioning.code.lookup import Namespace
    from versioning.code.walk import Walk

_TEXT = re.compile(r"str=(\d+):")
# More than there are in a package that keeps its data beside its code.
_FOLDERS = 100
_LONGEST = 200
# Classes that others give accessors to: `table.ours.f()`.
_EXTENDED = {
    "pandas": ("DataFrame", "Series", "Index"),
    "polars": ("DataFrame", "LazyFrame", "Series", "Expr"),
    "xarray": ("DataArray", "Dataset"),
}
# Tells this process from every other.
_PROCESS = secrets.token_hex(16)


class Accessor(NamedTuple):
    """What the project offers as an attribute of a library's class.

    Attributes:
        owner: The class.
        name: The attribute.
        held: The class or function of ours.
        mention: What the normal form of code has that mentions it.
    """

    owner: type
    name: str
    held: Any
    mention: bytes


def accessors() -> list[Accessor]:
    """The accessors that the project gave to classes of tables."""
    found: list[Accessor] = []
    for library, classes in _EXTENDED.items():
        module = sys.modules.get(library)
        for cls in filter(None, [getattr(module, name, None) for name in classes]):
            for name in sorted(getattr(cls, "_accessors", ())):
                held = getattr(vars(cls).get(name), "__dict__", {}).values()
                ours = [item for item in held if isinstance(item, type) and is_ours(item)]
                found += [Accessor(cls, name, item, repr(name).encode()) for item in ours]
    return found


def follow_loads(walk: Walk, top: Namespace) -> None:
    """Follow the modules of the project that a module loads for what they do, and never reads."""
    top.is_entered = True
    if top.file is None or top.path is None or top.path.endswith("__init__.py"):
        # What a package loads and does not read, it offers.
        return
    for ref in top.file.unread:
        name = ".".join((absolute(str(ref.module), top).rstrip("."), *ref.path))
        module = walk.log.read(sys.modules, name)
        if isinstance(module, ModuleType) and is_first_party(name, file_of_module(module)):
            walk.reach(module, name)


def files_read(form: bytes, top: Namespace) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The files that source names and may have read when it ran, with what looks at each.

    A file that was written after the module was loaded counts in this process alone: what was read
    may be what it said before.

    Args:
        form: The source in normal form.
        top: The module that it is of.
    """
    module = top.path
    if module is None:
        return
    root = root_of(top.module, module)
    for path in _files_named(form, Path(module).parent):

        def look(path: Path = path) -> tuple[Any, str]:
            loaded, changed = noted_at(module), path.stat().st_ctime if path.exists() else 0.0
            return portable(path, root), _PROCESS if loaded and changed > loaded else ""

        yield path.relative_to(root).as_posix(), look


def _files_named(form: bytes, folder: Path) -> Iterator[Path]:
    """The files in a folder, or one folder below, that texts in some source name."""
    for text in sorted(_texts(form)):
        if not 0 < len(text) < _LONGEST or text.startswith("/") or ".." in text.split("/"):
            continue
        with suppress(OSError, ValueError):
            below = (item for item in folder.iterdir() if item.is_dir())
            places = (folder, *islice(sorted(below), _FOLDERS))
            yield from (place / text for place in places if (place / text).is_file())


def _texts(form: bytes) -> set[str]:
    said = form.decode("utf-8", "surrogatepass")
    texts: set[str] = set()
    for match in _TEXT.finditer(said):
        with suppress(ValueError, SyntaxError):
            texts.add(str(ast.literal_eval(said[match.end() : match.end() + int(match[1])])))
    return texts
