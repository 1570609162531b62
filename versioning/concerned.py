"""What invalidating versions concerns: what follows from them, what stands against erasing it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from versioning.descent import captured_alone, descent, readers
from versioning.expiry import Expiry
from versioning.invalidations import NAMED
from versioning.planning import protections
from versioning.standing import withdrawn
from versioning.trash import ERASED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from versioning.catalog import Catalog
    from versioning.digest import Key
    from versioning.repository import Repository
    from versioning.rows import Row

HELD = "held: "


@dataclass(frozen=True, slots=True)
class Concerned:
    """A version that is invalidated, or is to be.

    Attributes:
        id: Which.
        key: What it answers.
        step: Its step.
        size_bytes: What it holds.
        why: That it was named, or what it has to do with one that was.
        was: What it is already: empty, `invalid` or `erased`.
        protection: Pins and names, which stand against erasing it.
    """

    id: str
    key: Key
    step: str
    size_bytes: int
    why: str
    was: str = ""
    protection: tuple[str, ...] = ()


@dataclass(slots=True)
class Invalidated:
    """What is to be invalidated, and what was done.

    Attributes:
        plan: Under which id it is in the journals.
        reason: What is wrong with the versions.
        down: Whether what was made from them is concerned.
        erase: Whether their bytes are to go.
        versions: All that are concerned.
        holders: Versions that are not concerned and hold the same blobs, which would stay for them.
        equal: How many versions that are not concerned hold an equal small value.
        readers: How many versions that are not concerned were made from these.
        applied: Whether it was carried out.
        left: Names of what was to go and is there still: blobs, and what a store does not give up.
        busy: Writers at work that may hold on to some of them.
        refused: What the store said when it refused to delete; empty when it did not.
    """

    plan: str
    reason: str
    down: bool
    erase: bool
    versions: list[Concerned] = field(default_factory=list)
    holders: list[str] = field(default_factory=list)
    equal: int = 0
    readers: int = 0
    applied: bool = False
    left: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    refused: str = ""

    @property
    def is_held(self) -> bool:
        """Whether some of it is under a legal hold, which no force ends."""
        return self.erase and any(
            reason.startswith(HELD) for item in self.versions for reason in item.protection
        )

    @property
    def obstacles(self) -> list[str]:
        """What stands against erasing."""
        if not self.erase:
            return []
        found = [
            f"{item.step} {item.id[:12]} is {reason}"
            for item in self.versions
            for reason in item.protection
        ]
        return found + [f"{version_id[:12]} holds the same bytes" for version_id in self.holders]


def fill(repository: Repository, catalog: Catalog, made: Invalidated, roots: Sequence[str]) -> None:
    """Find out what is concerned now.

    Args:
        repository: Where the plan was made.
        catalog: Its index.
        made: The plan; what it says of versions is made anew.
        roots: The versions that were named.
    """
    reasons = descent(repository, catalog, roots, down=made.down)
    rows = {row.id: row for row in catalog.versions(captured=True)}
    catalog.check_format()
    erased = set(Expiry(repository).states(ERASED))
    if made.erase:
        alone = captured_alone(catalog, rows, {*reasons, *erased})
        reasons |= dict.fromkeys(alone, "captured for it")
    was = withdrawn(repository, reasons)
    protection = protections(repository) if made.erase else {}
    made.versions = [
        Concerned(
            version_id,
            rows[version_id].key,
            rows[version_id].step,
            rows[version_id].size_bytes,
            why or NAMED,
            was.get(version_id, ""),
            () if version_id in erased else protection.get(version_id, ()),
        )
        for version_id, why in reasons.items()
        if version_id in rows
    ]
    made.readers = readers(catalog, reasons)
    _look_for_holders(catalog, made, rows, erased)


def _look_for_holders(
    catalog: Catalog, made: Invalidated, rows: dict[str, Row], erased: set[str]
) -> None:
    ids = {item.id for item in made.versions}
    blobs = catalog.blobs(rows)
    holders: dict[str, list[str]] = defaultdict(list)
    for version_id, needed in blobs.items():
        if version_id not in ids and version_id not in erased:
            for name, _ in needed:
                holders[name.partition("-")[0]].append(version_id)
    concerned = {name.partition("-")[0] for i in ids for name, _ in blobs.get(i, ())}
    made.holders = sorted({i for digest in concerned for i in holders.get(digest, ())})
    values = {rows[i].digest for i in ids if i not in blobs}
    others = (row for row in rows.values() if row.id not in ids and row.id not in erased)
    made.equal = sum(row.digest in values and row.id not in blobs for row in others)
