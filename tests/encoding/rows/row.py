"""A row of the conformance suite: one type, and what its digests must do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Make = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One type of value.

    Attributes:
        kind: What people call the type.
        same: Makes equal values, each in another way; their digests are one.
        others: Makes values near those, each different in another facet; all digests differ, those
            of all rows.
        is_stored: Whether a codec stores every one of them.
        is_copied: Whether `copy.deepcopy` can copy every one of them.
    """

    kind: str
    same: Callable[[], Sequence[object]]
    others: Callable[[], Sequence[object]] = tuple
    is_stored: bool = False
    is_copied: bool = True

    def values(self) -> list[object]:
        """One of each digest."""
        return [self.same()[0], *self.others()]


@dataclass(frozen=True)
class Refused:
    """One type that cannot be keyed, and a word of the advice that its error gives."""

    kind: str
    make: Make
    advice: str = "register_encoder"
