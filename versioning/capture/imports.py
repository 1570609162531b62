"""What source files mention: modules that they may import, sooner or later, and files by name."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from versioning.code.index import Index
    from versioning.digest import Digest

# How many dots, which module, which names of it.
Import = tuple[int, str, tuple[str, ...]]
_LONGEST = 200
_CONFIGURATION = (".json", ".toml", ".yaml", ".yml", ".ini", ".cfg", ".conf", ".properties")
# Says how texts are read here; another way has to have another one.
_KIND = b"mentions 3\n"


class Mentions(NamedTuple):
    """What a source file mentions: imports anywhere in it, and texts that may name files."""

    imports: tuple[Import, ...]
    names: tuple[str, ...]


_known: dict[Digest, Mentions] = {}


def mentions(path: str, digest: Digest, index: Index) -> Mentions:
    """What a file mentions; nothing when it is not Python.

    Args:
        path: A source file.
        digest: Its digest.
        index: What remembers them for the next process.
    """
    if digest not in _known:
        asked = _KIND + digest.encode()
        if (kept := index.find(asked)) is not None:
            imports, names = orjson.loads(kept)
            found = Mentions(tuple((n, m, tuple(of)) for n, m, of in imports), tuple(names))
        else:
            found = _parsed(Path(path).read_bytes())
            index.keep([(asked, orjson.dumps(tuple(found)))])
        _known[digest] = found
    return _known[digest]


def _parsed(text: bytes) -> Mentions:
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError):
        return Mentions((), ())
    imports = dict.fromkeys(found for node in nodes for found in _imports(node))
    texts = (node.value for node in nodes if isinstance(node, ast.Constant))
    names = dict.fromkeys(text for text in texts if isinstance(text, str) and _may_name(text))
    return Mentions(tuple(imports), tuple(names))


def _imports(node: ast.AST) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from ((0, name.name, ()) for name in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.level, node.module or "", tuple(name.name for name in node.names)


def _may_name(text: str) -> bool:
    """Whether it may name configuration; data is kept when it is opened, and as it is read."""
    return len(text) <= _LONGEST and text.isprintable() and text.lower().endswith(_CONFIGURATION)


def files_imported(
    imports: Iterable[Import], module: str, path: str, roots: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Files below `roots` that the imports in a file lead to, each with the name of its module.

    Args:
        imports: What the file imports.
        module: What the file is called when it is imported.
        path: The file.
        roots: Folders from which the project's modules are imported.
    """
    places = list(roots)
    package = module if path.endswith("__init__.py") else module.rpartition(".")[0]
    for level, name, names in imports:
        above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
        begun = ".".join([*filter(None, above), *([name] if name else [])])
        for full in (begun, *(f"{begun}.{n}".lstrip(".") for n in names if n != "*")):
            yield from _files(full, places)


def _files(module: str, roots: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The file of a module, and those of the packages that it lies in."""
    pieces = module.split(".")
    if not all(piece.isidentifier() for piece in pieces):
        return
    for root in roots:
        for depth in range(1, len(pieces) + 1):
            name, place = ".".join(pieces[:depth]), "/".join([root, *pieces[:depth]])
            for file in (f"{place}/__init__.py", f"{place}.py"):
                if os.path.isfile(file):
                    yield name, file
