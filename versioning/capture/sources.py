"""The source of the project as this process has it: modules, what they import, what they opened."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from versioning.capture.imports import files_imported, mentions
from versioning.code.places import file_of_module, is_first_party, module_name, root_of
from versioning.digest import Digest, digest_bytes
from versioning.hidden.paths import absolute, below, is_of_python, project_root

if TYPE_CHECKING:
    from collections.abc import Iterable

    from versioning.code.index import Index

MOST_BYTES = 16 * 1024 * 1024
MOST_FILES = 5000
# A larger file is not kept because its name stands somewhere, only when it is opened.
MENTIONED_BYTES = 256 * 1024
# Never copied, whoever reads them: a rerun names what it lacks.
SECRETS = (
    ".env", ".env.*", "*.pem", "*.key", "*.p12", "*.pfx", "*.keystore", "id_rsa*", "id_ed25519*",
    ".netrc", ".pypirc", "credentials", "credentials.*", "secrets.*", "*.secret",
    ".git-credentials",
)  # fmt: skip
_NEVER = frozenset({".git", "__pycache__", ".venv", "venv", "node_modules", ".hg", ".tox"})


class File(NamedTuple):
    """A file as it was read: where, what it said, and whether its owner may run it."""

    path: str
    digest: Digest
    is_executable: bool


@dataclass(frozen=True, slots=True)
class Bundle:
    """Files of the project, by their place in the bundle.

    Attributes:
        files: What is kept, by `folder/path`; each folder is that of a project.
        folders: Where the folders were, by name.
        paths: Folders of the bundle from which modules are imported, in the order of `sys.path`.
        left_out: Why a file is not kept, by its place.
    """

    files: dict[str, File]
    folders: dict[str, str]
    paths: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)

    def place(self, path: str) -> str | None:
        """Where in the bundle a file or folder of this machine would lie; None for others."""
        for name, folder in self.folders.items():
            if below(path, {folder}):
                return f"{name}/{os.path.relpath(path, folder)}".removesuffix("/.")
        return None


class _Seen(NamedTuple):
    stamp: tuple[int, int, int, int]
    file: File


_seen: dict[str, _Seen] = {}


def modules() -> dict[str, str]:
    """Files of the project's modules that are loaded, with the names of the modules."""
    found: dict[str, str] = {}
    for name, module in list(sys.modules.items()):
        path = file_of_module(module) if module is not None else None
        if path is not None and not path.endswith("/") and is_first_party(name, path):
            path = absolute(path)
            if os.path.isfile(path):
                found.setdefault(path, module_name(name, path))
    return found


def bundle(opened: Iterable[str], index: Index) -> Bundle:
    """The project's source: loaded modules, all that these may import, and files they opened.

    Args:
        opened: Files that modules opened while they were imported.
        index: Remembers what files import.
    """
    named = modules()
    roots = _in_order({root_of(name, path) for path, name in named.items()})
    waiting = list(named)
    mentioned: set[str] = set()
    while waiting and len(named) < MOST_FILES:
        path = waiting.pop()
        if not path.endswith(".py") or (file := look(path)) is None:
            continue
        found = mentions(path, file.digest, index)
        mentioned |= _named_files(path, found.names)
        for name, further in files_imported(found.imports, named[path], path, roots):
            if further not in named and is_first_party(name, further):
                named[further] = name
                waiting.append(further)
    # Of files beside each other, the project is the same.
    folders = {os.path.dirname(path): (path, name) for path, name in named.items()}
    bases = {project_root(path) or root_of(name, path) for path, name in folders.values()}
    return _placed(Bundle({}, _folders(bases)), [*named, *opened, *mentioned], roots)


def _named_files(path: str, names: Iterable[str]) -> set[str]:
    """Small files that a text in the source at `path` names, from there or the working folder."""
    places = (os.path.dirname(path), os.getcwd())
    candidates = {os.path.normpath(os.path.join(p, name)) for p in places for name in names}
    return {item for item in candidates if os.path.isfile(item) and _size(item) <= MENTIONED_BYTES}


def _placed(empty: Bundle, files: Iterable[str], roots: Iterable[str]) -> Bundle:
    found = gathered(empty, files)
    paths = tuple(filter(None, map(empty.place, roots)))
    return Bundle(found.files, found.folders, paths, found.left_out)


def gathered(frame: Bundle, paths: Iterable[str]) -> Bundle:
    """Those of `paths` that lie in the folders of `frame`, read."""
    files: dict[str, File] = {}
    left_out: dict[str, str] = {}
    for path in sorted(set(paths)):
        place = frame.place(path)
        if place is None or _NEVER & set(place.split("/")) or is_of_python(path):
            continue
        if reason := _reason(path):
            left_out[place] = reason
        elif (file := look(path)) is not None:
            files[place] = file
    return Bundle(files, frame.folders, frame.paths, left_out)


def look(path: str) -> File | None:
    """A file, read again only when it looks other than before; None when it cannot be read."""
    try:
        found = os.stat(path)
        stamp = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
        known = _seen.get(path)
        if known is None or known.stamp != stamp:
            file = File(path, digest_bytes(Path(path).read_bytes()), bool(found.st_mode & 0o100))
            known = _seen[path] = _Seen(stamp, file)
    except OSError:
        return None
    return known.file


def _reason(path: str) -> str | None:
    name = os.path.basename(path)
    if any(fnmatchcase(name.lower(), pattern) for pattern in SECRETS):
        return "its name says that it is secret"
    size = _size(path)
    return f"it has {size} bytes, more than {MOST_BYTES}" if size > MOST_BYTES else None


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _in_order(roots: set[str]) -> list[str]:
    """Folders in the order in which Python looks into them."""
    places = [absolute(place or ".") for place in sys.path]
    known = {place: number for number, place in reversed(list(enumerate(places)))}
    return sorted(roots, key=lambda root: (known.get(root, len(places)), root))


def _folders(bases: set[str]) -> dict[str, str]:
    """A name for each folder: its own, and a number where two have the same. Inmost come first."""
    names: dict[str, str] = {}
    for base in sorted(bases, key=lambda folder: (-folder.count("/"), folder)):
        plain = os.path.basename(base) or "project"
        name, number = plain, 1
        while name in names:
            number += 1
            name = f"{plain}-{number}"
        names[name] = base
    return names
