"""What a walk saw, so that the next call asks only whether it is all still so.

Nearly everything is compared by identity, which costs some ten microseconds for a closure of twenty
functions. Values that can change in place are digested again.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from versioning.encoding import value_digest
from versioning.errors import UnkeyableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CellType, FunctionType

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


@dataclass(slots=True)
class Log:
    """What was seen. It holds on to all of it, so that identities stay meaningful."""

    reads: list[tuple[Mapping[str, Any], str, Any]] = field(default_factory=list)
    cells: list[tuple[CellType, Any]] = field(default_factory=list)
    functions: list[tuple[FunctionType, tuple[Any, ...]]] = field(default_factory=list)
    classes: list[tuple[type, list[Any]]] = field(default_factory=list)
    values: list[tuple[Callable[[], Any], str, Digest]] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    named: list[Any] = field(default_factory=list)

    def name(self, value: Any, name: str) -> None:
        """Note what a function, class or module is called."""
        self.names[id(value)] = name
        self.named.append(value)

    def read(self, mapping: Mapping[str, Any], name: str) -> Any:
        """What `mapping` has under `name`, or MISSING; noted."""
        found = mapping.get(name, MISSING)
        self.reads.append((mapping, name, found))
        return found

    def cell(self, cell: CellType) -> Any:
        """What a closure cell holds, or MISSING; noted."""
        found = contents(cell)
        self.cells.append((cell, found))
        return found

    def function(self, function: FunctionType) -> None:
        """Note what `function` consists of."""
        self.functions.append((function, _parts(function)))

    def class_(self, cls: type) -> None:
        """Note what `cls` consists of."""
        self.classes.append((cls, _members(cls)))

    def still_holds(self) -> bool:
        """Whether looking again would see the same."""
        return (
            all(mapping.get(name, MISSING) is was for mapping, name, was in self.reads)
            and all(contents(cell) is was for cell, was in self.cells)
            and all(_are_same(_parts(function), was) for function, was in self.functions)
            and all(_are_same(_members(cls), was) for cls, was in self.classes)
            and self._values_hold()
        )

    def name_of(self, value: object) -> str:
        """The name given before; anything new means that something changed."""
        name = self.names.get(id(value))
        if name is None:
            raise _ChangedError
        return name

    def _values_hold(self) -> bool:
        try:
            return all(digest_with(self, look(), path=p) == was for look, p, was in self.values)
        except (_ChangedError, UnkeyableError):
            return False


class _ChangedError(Exception):
    """A value holds a function or class that it did not hold before."""


def _parts(function: FunctionType) -> tuple[Any, ...]:
    keywords = function.__kwdefaults__ or {}
    wrapped = function.__dict__.get("__wrapped__")
    return (function.__code__, function.__defaults__, wrapped, *keywords, *keywords.values())


def _members(cls: type) -> list[Any]:
    held = vars(cls)
    return [*cls.__mro__, *held, *held.values()]


def _are_same(new: Any, old: Any) -> bool:
    return len(new) == len(old) and all(a is b for a, b in zip(new, old, strict=True))
