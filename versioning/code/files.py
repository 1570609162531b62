"""Files of code: each is read once, and parsed only when it is asked what no outline answers."""

from __future__ import annotations

import linecache
import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from versioning.code.acts import acts_of
from versioning.code.definitions import (
    Definition,
    binding_of,
    class_definition,
    compiled_definition,
    function_definition,
)
from versioning.code.index import SETTLED_SECONDS
from versioning.code.loaded import is_edited
from versioning.code.outlines import (
    Outline,
    read_acts,
    read_binding,
    read_definition,
    read_imports,
    read_refs,
)
from versioning.code.sources import Source, code_digest
from versioning.code.statements import imports_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType

    from versioning.code.acts import Act
    from versioning.code.definitions import Piece
    from versioning.code.index import Index
    from versioning.code.scopes import Ref


class File:
    """The text of a file, or of a notebook's cell, at one moment.

    Attributes:
        path: Its name.
        text: Bytes of a file; text of what is none, such as a cell.
        outline: What is known of it.
    """

    def __init__(self, path: str, text: bytes | str, outline: Outline) -> None:
        self.path = path
        self.text = text
        self.outline = outline

    @cached_property
    def source(self) -> Source | None:
        """The parsed text; None when it is not Python."""
        try:
            return Source.parse(self.text, self.path)
        except (SyntaxError, ValueError):
            return None

    def definition(self, code: CodeType) -> Definition | None:
        """Of the function that `code` is of; None when this text is not what it came from."""
        try:
            question = f"function {code_digest(code)}"
        except ValueError:
            return self._function(code)
        return self.outline.answer(question, self._function, code, read_definition)

    def _function(self, code: CodeType) -> Definition | None:
        return function_definition(code, self.source) if self.source else None

    def class_definition(self, name: str, codes: Sequence[CodeType]) -> Definition | None:
        """Of the class `name` whose methods have `codes`, or None."""
        asked = (name, codes)
        try:
            question = f"class {','.join(map(code_digest, codes))} {name}"
        except ValueError:
            return self._class(asked)
        return self.outline.answer(question, self._class, asked, read_definition)

    def _class(self, asked: tuple[str, Sequence[CodeType]]) -> Definition | None:
        return class_definition(*asked, self.source) if self.source else None

    def binding(self, name: str) -> Piece | None:
        """The statements that bind `name` in the module, or None."""

        def work(name: str) -> Piece | None:
            return binding_of(self.source, name) if self.source else None

        return self.outline.answer(f"binding {name}", work, name, read_binding)

    def call(self, name: str) -> Piece | None:
        """The statements that assign to `name` in the module, or None."""

        def work(name: str) -> Piece | None:
            return binding_of(self.source, name, is_called=True) if self.source else None

        return self.outline.answer(f"call {name}", work, name, read_binding)

    @cached_property
    def imports(self) -> dict[str, Ref]:
        """What names stand for that the module imports from another one."""

        def work(_: None) -> dict[str, Ref]:
            return imports_of(self.source.tree) if self.source else {}

        return self.outline.answer("imports", work, None, read_imports)

    @cached_property
    def unread(self) -> tuple[Ref, ...]:
        """What the module imports and does not read."""

        def work(_: None) -> tuple[Ref, ...]:
            return self.source.unread if self.source else ()

        return self.outline.answer("unread", work, None, read_refs)

    @cached_property
    def acts(self) -> tuple[Act, ...]:
        """What the module does when it is loaded, besides binding names."""

        def work(_: None) -> tuple[Act, ...]:
            return acts_of(self.source.tree) if self.source else ()

        return self.outline.answer("acts", work, None, read_acts)

    def entries(self) -> Iterator[tuple[bytes, bytes]]:
        """The text and its outline, where it is a file and an outline can be written of it."""
        if isinstance(self.text, bytes):
            # Text that is no UTF-8 is left out; asking for it again costs no more than parsing.
            with suppress(TypeError):
                yield self.text, self.outline.to_bytes()
        self.outline.is_kept = True


_Stamp = tuple[int, int, int, int]


@dataclass(slots=True)
class _Known:
    file: File
    stamp: _Stamp | None
    is_settled: bool


_known: dict[str, _Known] = {}
_definitions: dict[int, tuple[CodeType, Definition]] = {}


class Files:
    """The files that one walk reads; each is looked at once, however many ask for it."""

    def __init__(self, index: Index | None = None) -> None:
        """Begin.

        Args:
            index: Where outlines are kept; None to keep none.
        """
        self._index = index
        self._seen: dict[str, File | None] = {}
        self._read_again: set[str] = set()

    def file(self, path: str, namespace: dict[str, Any] | None = None) -> File | None:
        """The file; None when there is no such text.

        Args:
            path: Name of the file, or of a notebook's cell.
            namespace: Globals of the module, whose loader may have the text.
        """
        if path not in self._seen:
            self._seen[path] = self._current(path, namespace)
        return self._seen[path]

    def definition(self, code: CodeType, namespace: dict[str, Any]) -> Definition:
        """Of a function: from its source where that is what runs, from its compiled code otherwise.

        What was found once stays, whatever becomes of the file.
        """
        known = _definitions.get(id(code))
        if known is not None and known[0] is code:
            return known[1]
        found = self._definition(code, namespace)
        # The code object is kept, so that its identity stays its own.
        _definitions[id(code)] = (code, found)
        return found

    def keep(self) -> None:
        """Keep what was found out."""
        new = [item for item in self._seen.values() if item and not item.outline.is_kept]
        if self._index is not None and new:
            self._index.keep(entry for item in new for entry in item.entries())

    def _definition(self, code: CodeType, namespace: dict[str, Any]) -> Definition:
        path = code.co_filename
        file = self._seen.get(path) or self.file(path, namespace)
        found = file.definition(code) if file else None
        if file and not found and path not in self._read_again:
            # It may have changed though it looks as it did.
            self._read_again.add(path)
            file = self._seen[path] = self._current(path, namespace, again=True)
            found = file.definition(code) if file else None
        if found and found.decorators and is_edited(path):
            # The body is what runs; what was written above it may not be.
            found = None
        return found or compiled_definition(code, has_source=bool(file and file.source))

    def _current(
        self, path: str, namespace: dict[str, Any] | None, *, again: bool = False
    ) -> File | None:
        known = _known.get(path)
        stamp = None if path.startswith("<") else _stamp(path)
        if stamp is not None and known and known.stamp == stamp and known.is_settled and not again:
            return known.file
        now = time.time_ns()
        text = _text(path, stamp, namespace)
        if text is None:
            return None
        file = known.file if known and known.file.text == text else self._file(path, text)
        # The time of modification can be set; that of the last change cannot.
        is_settled = stamp is not None and max(stamp[:2]) < now - SETTLED_SECONDS * 1e9
        _known[path] = _Known(file, stamp, is_settled)
        return file

    def _file(self, path: str, text: bytes | str) -> File:
        data = self._index.find(text) if self._index and isinstance(text, bytes) else None
        return File(path, text, Outline(data))


def _stamp(path: str) -> _Stamp | None:
    """What the disk says of a regular file; changes when the file does, but for one tick."""
    try:
        seen = os.stat(path)
    except (OSError, ValueError):
        return None
    times = (seen.st_mtime_ns, seen.st_ctime_ns)
    return (*times, seen.st_size, seen.st_ino) if stat.S_ISREG(seen.st_mode) else None


def _text(path: str, stamp: _Stamp | None, namespace: dict[str, Any] | None) -> bytes | str | None:
    if stamp is None:
        # Cells of notebooks, modules in archives: `linecache` knows their text.
        return "".join(linecache.getlines(path, namespace)) or None
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return None
