"""Costs: what versions hold, what that costs a month, and what making them again would take."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from versioning.errors import FormatError
from versioning.names import named
from versioning.status import CORRUPT, EXPIRED, statuses

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from versioning.catalog import Catalog, Row
    from versioning.repository import Repository

GB = 10**9
STEP, FLOW, NAME = "step", "flow", "name"
NONE = "(none)"


@dataclass(frozen=True, slots=True)
class Cost:
    """What some versions cost.

    Attributes:
        name: The step, flow or name that they have in common.
        versions: How many there are.
        held_bytes: Length of what they hold; bytes that others hold too are in it.
        exclusive_bytes: Length of what nobody else holds.
        rebuild_seconds: How long it took to make them.
    """

    name: str
    versions: int
    held_bytes: int
    exclusive_bytes: int
    rebuild_seconds: float

    def per_month(self, price_per_gb: float) -> float:
        """What the exclusive bytes cost a month."""
        return self.exclusive_bytes / GB * price_per_gb


def costs(repository: Repository, catalog: Catalog, by: str = STEP) -> tuple[list[Cost], Cost]:
    """Costs of versions by what they have in common, dearest first, and of all of them.

    Args:
        repository: Where they are.
        catalog: Its index.
        by: `step`, `flow`, or `name` for what names name now.

    Raises:
        FormatError: If `by` is something else, or a name's history cannot be read.
    """
    rows = catalog.versions(captured=True)
    blobs = catalog.blobs(row.id for row in rows)
    gone = {i for i, status in statuses(repository, blobs).items() if status in {EXPIRED, CORRUPT}}
    held = {
        # What lies in its record is shared with nobody.
        row.id: dict(blobs.get(row.id, [(row.id, row.size_bytes)]))
        for row in rows
        if row.id not in gone
    }
    groups = _groups([row for row in rows if row.id in held], repository, by)
    users: dict[str, int] = defaultdict(int)
    for needed in held.values():
        for blob in needed:
            users[blob] += 1
    found = [_cost(name, members, held, users) for name, members in groups.items()]
    found.sort(key=lambda cost: (-cost.exclusive_bytes, -cost.held_bytes, cost.name))
    return found, _cost("all", [row for row in rows if row.id in held], held, users)


def _groups(rows: Iterable[Row], repository: Repository, by: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    names = named(repository) if by == NAME else {}
    for row in rows:
        match by:
            case "step":
                groups[row.step].append(row)
            case "flow":
                groups[row.flow or NONE].append(row)
            case "name":
                for name in names.get(row.id, [NONE]):
                    groups[name].append(row)
            case _:
                raise FormatError(f"costs are told by step, flow or name, not by {by!r}")
    return groups


def _cost(
    name: str,
    members: Iterable[Row],
    held: Mapping[str, Mapping[str, int]],
    users: Mapping[str, int],
) -> Cost:
    rows = list(members)
    sizes: dict[str, int] = {}
    own: dict[str, int] = defaultdict(int)
    for row in rows:
        for blob, size_bytes in held[row.id].items():
            sizes[blob] = size_bytes
            own[blob] += 1
    exclusive = sum(size for blob, size in sizes.items() if own[blob] == users[blob])
    seconds = sum(row.seconds for row in rows)
    return Cost(name, len(rows), sum(sizes.values()), exclusive, seconds)
