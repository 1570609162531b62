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

from versioning.code.acts import acts_on_others
from versioning.code.loaded import is_edited, noted_at
from versioning.code.log import MISSING
from versioning.code.lookup import Scope, absolute
from versioning.code.objects import is_ours, portable
from versioning.code.places import file_of_module, is_first_party, root_of
from versioning.code.scopes import Ref
from versioning.errors import UnkeyableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from versioning.code.acts import Act
    from versioning.code.definitions import Piece
    from versioning.code.lookup import Namespace
    from versioning.code.walk import Walk

_WORD = re.compile(r"[^\W\d]\w*")
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
    """Follow what loading the module of a function does.

    Its acts, and the modules of the project that it loads for what they do, and never reads.
    """
    if top.is_entered:
        return
    top.is_entered = True
    follow_acts(walk, top)
    if top.file is None or top.path is None or top.path.endswith("__init__.py"):
        # What a package loads and does not read, it offers.
        return
    for ref in top.file.unread:
        name = ".".join((absolute(str(ref.module), top).rstrip("."), *ref.path))
        module = walk.log.read(sys.modules, name)
        if isinstance(module, ModuleType) and _is_ours(module):
            walk.reach(module, name)


def follow_acts(walk: Walk, top: Namespace, *, is_whole: bool = False) -> None:
    """Follow what a module, and the packages that it is in, do to others when they are loaded.

    Args:
        walk: What follows it.
        top: The module.
        is_whole: Count what it does to objects of the project, and what it does last, too.
    """
    if top.has_acted and not is_whole:
        return
    top.has_acted = True
    package = sys.modules.get(top.module.rpartition(".")[0])
    if isinstance(package, ModuleType) and _is_ours(package):
        follow_acts(walk, walk.lookup.module_scope(package).top)
    found = _acts(top, is_whole=is_whole)
    if not found or top.path is None:
        return
    # What was done is not what the file says now.
    parts = [_PROCESS.encode()] if is_edited(top.path) else []
    scope = Scope(top, {}, top.module)
    for act in found:
        walk.forms.append(act.piece.form)
        parts += [act.piece.form, *(_used(walk, ref, scope) for ref in act.piece.refs)]
    walk.add(f"{top.module}:<module>", parts)


def _acts(top: Namespace, *, is_whole: bool) -> list[Act]:
    """The acts of a module that count."""
    if top.file is None or is_whole:
        return list(top.file.acts) if top.file else []
    imports = top.file.imports

    def origin(name: str) -> str | None:
        module = imports[name].module if name in imports else None
        return module and absolute(module, top)

    early = (act for act in top.file.acts if not act.is_late)
    return [act for act in early if acts_on_others(act, top.globals, origin)]


def _is_ours(module: ModuleType) -> bool:
    return is_first_party(module.__name__, file_of_module(module))


def _used(walk: Walk, ref: Ref, scope: Scope) -> bytes:
    """What `ref` stands for; what cannot be keyed counts by its name, since it may not be meant."""
    found = walk.lookup.find(ref, scope)
    wire = found.label
    if found.value is not MISSING:
        with suppress(UnkeyableError):
            wire = walk.reach(found.value, wire)
    return f"{ref}={wire}".encode("utf-8", "surrogatepass")


def named_in_texts(walk: Walk, piece: Piece, scope: Scope) -> list[bytes]:
    """What texts of a function name (`"delay > @LIMIT"`), where something looks names up for it."""
    found = [walk.lookup.find(ref, scope).value for ref in piece.refs]
    texts = _texts(piece.form).union(item for item in found if type(item) is str)
    words = sorted({word for text in texts for word in _WORD.findall(text)})
    refs = [Ref(word) for word in words]
    return [
        _used(walk, ref, scope) for ref in refs if walk.lookup.find(ref, scope).value is not MISSING
    ]


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
