"""What `verify` finds.

`damaged`, `dangling` and `gone` are what no crash can leave behind, so they make a repository
unsound; `orphans` are what interrupted writers left, and harm nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are not those written.

    Attributes:
        id: The version they belong to; empty for a note (of a name, a pin or a run).
        blob: Name of the blob, of the part when it is inside the record, or of the note; None for
            the record.
        reason: What is wrong with them.
    """

    id: str
    blob: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Dangling:
    """A reference to something that is not there, or is something else.

    Attributes:
        name: Name in the store of what refers: a version's record or a binding.
        target: What it refers to: an id, or the name of a blob.
        reason: What is wrong with it.
    """

    name: str
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class Gone:
    """What this machine saw in the repository, and what nothing there deletes.

    Attributes:
        name: Its name in the store.
        reason: What it was.
    """

    name: str
    reason: str


@dataclass(slots=True)
class Report:
    """What `verify` found.

    Attributes:
        checked: How many versions were looked at.
        checked_bytes: How many bytes were digested.
        damaged: Bytes that are not those written.
        dangling: References to what is not there.
        gone: What was there and vanished: somebody removed it, or set the store back.
        replaced: Versions whose lost or damaged bytes or records a later version makes good: one
            of the same key, or of the same value.
        expired: Versions whose bytes retention deleted; record and lineage stay.
        erased: Versions whose bytes were erased on request; a tombstone stays of each.
        invalid: Bindings of versions that are invalid: whoever was to delete them was stopped.
        orphans: Names that nothing refers to: blobs and intents of interrupted writers.
        set_aside: Damaged blobs and bindings that were moved out of the way now.
        restored: Damaged or lost records that were written again from their copies now.
    """

    checked: int = 0
    checked_bytes: int = 0
    damaged: list[Damage] = field(default_factory=list)
    dangling: list[Dangling] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether every version and binding is what it says, and nothing is missing."""
        return not (self.damaged or self.dangling or self.gone)
