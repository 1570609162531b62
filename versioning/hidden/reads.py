"""One thing that a body read and its key does not hold, and how people are told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILE, ENVIRONMENT, CLOCK = "file", "environment", "clock"
CHANCE, NETWORK, PROGRAM = "chance", "network", "program"
_ACTS = frozenset({NETWORK, PROGRAM})

_SHOWN = 5
_INSTEAD = {
    FILE: "a Path parameter, a Source, or files = 'key'",
    ENVIRONMENT: "a parameter",
    CLOCK: "a parameter",
    CHANCE: "a parameter seed, and `with deterministic(seed)`",
    NETWORK: "a step with volatile=True",
    PROGRAM: "a step with volatile=True",
}


@dataclass(frozen=True, slots=True)
class Read:
    """One thing that was read; never its content, which may be secret.

    Attributes:
        kind: `file`, `environment`, `clock`, `chance`, `network` or `program`.
        what: Path (relative below the root of the project), variable, function, address or program.
        where: `module:function` of the project that asked for it.
    """

    kind: str
    what: str
    where: str

    def to_dict(self) -> dict[str, str]:
        """As the record of a version holds it."""
        return {"kind": self.kind, "what": self.what, "where": self.where}

    def __str__(self) -> str:
        return f"{self.kind} {self.what}"


def undeclared(reads: Iterable[Read], *, volatile: bool, effect: bool) -> tuple[Read, ...]:
    """The reads that are no part of what a step is declared to do with the outside world."""
    if volatile:
        return ()
    return tuple(read for read in reads if not (effect and read.kind in _ACTS))


def told(reads: Iterable[Read | Mapping[str, Any]]) -> str:
    """What was read, in a few words."""
    names = [f"{r['kind']} {r['what']}" if not isinstance(r, Read) else str(r) for r in reads]
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def advice(reads: Iterable[Read]) -> str:
    """What to make of the things read, so that the key sees them."""
    return "; ".join(f"{kind}: {_INSTEAD[kind]}" for kind in sorted({r.kind for r in reads}))
