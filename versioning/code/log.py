"""What a walk saw, so that the next call asks only whether it is all still so.

Every call of a step asks, so nearly everything is compared by identity, in loops that run in C.
Values that can change in place are digested again.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import repeat
from operator import attrgetter, is_
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from versioning.code.objects import held_by
from versioning.encoding import value_digest
from versioning.errors import UnkeyableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import CellType, FunctionType

    from versioning.code.objects import Contents
    from versioning.digest import Digest

MISSING: Any = type("Missing", (), {"__repr__": lambda _: "MISSING"})()


class Names(Protocol):
    """Whoever says what functions and classes inside values are called."""

    def name_of(self, value: object) -> str:
        """The name under which `value` is keyed elsewhere in the closure."""


# Whose names the encoders of functions and classes write; without any, they write whole closures.
NAMES: ContextVar[Names | None] = ContextVar("versioning_code_names", default=None)


def digest_with(names: Names, value: object, *, path: str) -> Digest:
    """Digest of `value`; functions and classes in it are written as `names` calls them.

    Raises:
        UnkeyableError: If the value cannot be keyed exactly.
    """
    token = NAMES.set(names)
    try:
        return value_digest(value, path=path)
    finally:
        NAMES.reset(token)


def contents(cell: CellType) -> Any:
    """What a closure cell holds, or MISSING."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


_CODE = attrgetter("__code__")
_DEFAULTS = attrgetter("__defaults__")
_KEYWORDS = attrgetter("__kwdefaults__")


class Seen(NamedTuple):
    """A value that may change in place.

    Attributes:
        look: Finds it.
        path: What to call it when it cannot be keyed.
        digest: What it was.
        held: The containers that it was made of, with what they held; None if not of these alone.
    """

    look: Callable[[], Any]
    path: str
    digest: Digest
    held: Contents | None

    def still_holds(self) -> bool:
        """Whether it is what it was, seen by what it holds, else by its digest."""
        if self.held and all(_match(held_by(item), was) for item, was in self.held):
            return True
        return value_digest(self.look(), path=self.path) == self.digest


@dataclass(slots=True)
class Log:
    """What was seen. It holds on to all of it, so that identities stay meaningful."""

    reads: dict[int, tuple[Mapping[str, Any], dict[str, Any]]] = field(default_factory=dict)
    asked: list[tuple[Any, str, Any]] = field(default_factory=list)
    cells: list[tuple[CellType, Any]] = field(default_factory=list)
    functions: list[FunctionType] = field(default_factory=list)
    codes: list[Any] = field(default_factory=list)
    defaults: list[Any] = field(default_factory=list)
    keywords: list[dict[str, Any] | None] = field(default_factory=list)
    whole: list[tuple[Mapping[str, Any], list[Any]]] = field(default_factory=list)
    classes: list[tuple[type, list[Any]]] = field(default_factory=list)
    values: list[Seen] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    named: list[Any] = field(default_factory=list)

    def name(self, value: Any, name: str) -> None:
        """Note what a function, class or module is called."""
        self.names[id(value)] = name
        self.named.append(value)

    def read(self, mapping: Mapping[str, Any], name: str) -> Any:
        """What `mapping` has under `name`, or MISSING; noted."""
        found = mapping.get(name, MISSING)
        known = self.reads.get(id(mapping))
        if known is None:
            known = self.reads[id(mapping)] = (mapping, {})
        # Of two looks the first counts: others have seen that, too.
        known[1].setdefault(name, found)
        return found

    def read_all(self, mapping: Mapping[str, Any]) -> None:
        """Note all that `mapping` has."""
        self.whole.append((mapping, _items(mapping)))

    def ask(self, owner: Any, name: str) -> Any:
        """What a module or function answers that is asked for `name`, or MISSING; noted."""
        found = getattr(owner, name, MISSING)
        self.asked.append((owner, name, found))
        return found

    def cell(self, cell: CellType) -> Any:
        """What a closure cell holds, or MISSING; noted."""
        found = contents(cell)
        self.cells.append((cell, found))
        return found

    def function(self, function: FunctionType) -> None:
        """Note what `function` consists of."""
        self.functions.append(function)
        self.codes.append(function.__code__)
        self.defaults.append(function.__defaults__)
        keywords = function.__kwdefaults__
        self.keywords.append(keywords)
        if keywords:
            self.read_all(keywords)

    def class_(self, cls: type) -> None:
        """Note what `cls` consists of."""
        self.classes.append((cls, _members(cls)))

    def still_holds(self) -> bool:
        """Whether looking again would see the same."""
        return (
            all(
                _are_same(map(mapping.get, seen, repeat(MISSING)), seen.values())
                for mapping, seen in self.reads.values()
            )
            and all(getattr(owner, name, MISSING) is was for owner, name, was in self.asked)
            and all(contents(cell) is was for cell, was in self.cells)
            and _are_same(map(_CODE, self.functions), self.codes)
            and _are_same(map(_DEFAULTS, self.functions), self.defaults)
            and _are_same(map(_KEYWORDS, self.functions), self.keywords)
            and all(_match(_items(now), was) for now, was in self.whole)
            and all(_match(_members(cls), was) for cls, was in self.classes)
            and self._values_hold()
        )

    def name_of(self, value: object) -> str:
        """The name given before; anything new means that something changed."""
        name = self.names.get(id(value))
        if name is None:
            raise _ChangedError
        return name

    def _values_hold(self) -> bool:
        token = NAMES.set(self)
        try:
            return all(seen.still_holds() for seen in self.values)
        except (_ChangedError, UnkeyableError):
            return False
        finally:
            NAMES.reset(token)


class _ChangedError(Exception):
    """A value holds a function or class that it did not hold before."""


def _members(cls: type) -> list[Any]:
    return [*cls.__mro__, *_items(vars(cls))]


def _items(held: Mapping[str, Any]) -> list[Any]:
    return [*held, *held.values()]


def _match(new: list[Any], old: list[Any]) -> bool:
    return len(new) == len(old) and _are_same(new, old)


def _are_same(new: Iterable[Any], old: Iterable[Any]) -> bool:
    """Whether two runs of objects, as many of one as of the other, are the very same."""
    return all(map(is_, new, old))
