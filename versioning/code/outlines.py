"""Outlines: what was worked out of one file, as answers to questions about its text.

The same text gives the same answers in every process, so an outline can be kept and read again
instead of parsing. It is plain data: reading one runs nothing.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from versioning.code.acts import Act
from versioning.code.definitions import Decorator, Definition, Piece, Statement
from versioning.code.scopes import Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# How much there is to say of a function that is a body and nothing else.
_OF_ALL = 4
_NO_DEFAULTS: Mapping[str, Piece] = MappingProxyType({})
_Answer = TypeVar("_Answer")
_Asked = TypeVar("_Asked")
# What an outline that is not of our making can hold instead of what belongs there.
_MALFORMED = (TypeError, ValueError, KeyError, IndexError, AttributeError)


class Outline:
    """Answers by question: those that were read, and those that are new."""

    def __init__(self, data: bytes | None = None) -> None:
        """Begin.

        Args:
            data: What `to_bytes` gave; nothing is known when it is None or malformed.
        """
        self._refs: list[Ref] = []
        self._plain: Mapping[str, Any] = {}
        self._new: dict[str, Any] = {}
        self.is_kept = True
        if data is not None:
            self._read(data)

    def _read(self, data: bytes) -> None:
        try:
            plain = orjson.loads(data)
            refs = [Ref(root, tuple(path), module) for root, path, module in plain["refs"]]
            self._plain = dict(plain["answers"])
        except _MALFORMED:
            return
        self._refs = refs

    def answer(
        self,
        question: str,
        work: Callable[[_Asked], _Answer],
        asked: _Asked,
        read: Callable[[Any, list[Ref]], _Answer],
    ) -> _Answer:
        """What is known, or what `work` finds out.

        Args:
            question: All that the answer depends on besides the text.
            work: Finds the answer, given `asked`.
            asked: What it is about.
            read: Makes it from plain data.
        """
        if question in self._plain:
            try:
                return read(self._plain[question], self._refs)
            except _MALFORMED:
                pass
        if question in self._new:
            known: _Answer = self._new[question]
            return known
        self.is_kept = False
        found = self._new[question] = work(asked)
        return found

    def to_bytes(self) -> bytes:
        """All answers.

        Raises:
            TypeError: If there is text among them that is no UTF-8.
        """
        numbers = _Numbers({ref: number for number, ref in enumerate(self._refs)})
        answers = {**self._plain, **{q: _plain(found, numbers) for q, found in self._new.items()}}
        refs = [(ref.root, ref.path, ref.module) for ref in numbers]
        return orjson.dumps({"refs": refs, "answers": answers})


class _Numbers(dict[Ref, int]):
    """A number for each reference: most are in many answers."""

    def __missing__(self, ref: Ref) -> int:
        return self.setdefault(ref, len(self))


def _plain(found: object, numbers: _Numbers) -> object:
    """An answer as lists; what holds no reference is what it is."""
    match found:
        case Ref():
            return numbers[found]
        case Piece(form, refs, warnings):
            return [form.decode("latin-1"), [numbers[ref] for ref in refs], warnings]
        case Definition():
            # Most functions are a body and nothing else.
            own = (found.own, found.variables, found.reads_frames, found.reads_names)
            rest = (found.decorators, found.hints, found.defaults, found.statements)
            return [_plain(part, numbers) for part in (*own, *(rest if any(rest) else ()))]
        case dict():
            return {name: _plain(value, numbers) for name, value in found.items()}
        case frozenset():
            return sorted(found)
        case tuple():
            return [_plain(part, numbers) for part in found]
    return found


def read_definition(plain: Any, refs: list[Ref]) -> Definition | None:
    """A definition from plain data."""
    if plain is None:
        return None
    own, names, *reads = plain[:_OF_ALL]
    variables = tuple(names)
    if len(plain) == _OF_ALL:
        return Definition(_piece(own, refs), (), None, _NO_DEFAULTS, (), variables, *reads)
    decorators, hints, defaults, statements = plain[_OF_ALL:]
    return Definition(
        _piece(own, refs),
        tuple([Decorator(_head(head, refs), _piece(piece, refs)) for head, piece in decorators]),
        read_binding(hints, refs),
        {name: _piece(piece, refs) for name, piece in defaults.items()},
        tuple([_statement(item, refs) for item in statements]),
        variables,
        *reads,
    )


def read_binding(plain: Any, refs: list[Ref]) -> Piece | None:
    """A piece of source from plain data."""
    return None if plain is None else _piece(plain, refs)


def read_imports(plain: Any, refs: list[Ref]) -> dict[str, Ref]:
    """What a module imports, from plain data."""
    return {name: refs[number] for name, number in plain.items()}


def read_refs(plain: Any, refs: list[Ref]) -> tuple[Ref, ...]:
    """References from plain data."""
    return tuple([refs[number] for number in plain])


def read_acts(plain: Any, refs: list[Ref]) -> tuple[Act, ...]:
    """What a module does when it is loaded, from plain data."""
    return tuple(
        [Act(read_refs(heads, refs), _piece(piece, refs), late) for heads, piece, late in plain]
    )


def _piece(plain: Any, refs: list[Ref]) -> Piece:
    form, numbers, warnings = plain
    read = tuple([refs[number] for number in numbers])
    return Piece(form.encode("latin-1"), read, tuple(warnings))


def _head(number: int | None, refs: list[Ref]) -> Ref | None:
    return None if number is None else refs[number]


def _statement(plain: Any, refs: list[Ref]) -> Statement:
    names, piece, target, is_definition = plain
    target = None if target is None else _piece(target, refs)
    return Statement(frozenset(names), _piece(piece, refs), target, is_definition)
