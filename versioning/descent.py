"""Descent: what else is invalid when some versions are, and why.

With a version go those of the same key that hold the same value, since readers of the one are hits
for the other too; the parts of a tuple go with it and it with them. What was made from any of these
goes when asked for.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

from versioning.envelope import UNREADABLE
from versioning.errors import FormatError, NotFoundError
from versioning.records import CAPTURED
from versioning.references import outputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from versioning.catalog import Catalog
    from versioning.records import Input, VersionRecord
    from versioning.repository import Repository
    from versioning.rows import Row


def descent(
    repository: Repository, catalog: Catalog, roots: Iterable[str], *, down: bool
) -> dict[str, str]:
    """Why each version is concerned when `roots` are, by id; the reason of a root is empty.

    Args:
        repository: Where they are.
        catalog: Its index.
        roots: Ids to begin with.
        down: Whether what was made from them is concerned.
    """
    graph = _Graph(repository, catalog)
    found = dict.fromkeys(roots, "")
    waiting = deque(found)
    while waiting:
        version_id = waiting.popleft()
        for other, why in graph.beside(version_id, down=down):
            if other not in found:
                found[other] = why
                waiting.append(other)
    return found


def captured_alone(catalog: Catalog, rows: Mapping[str, Row], ids: set[str]) -> list[str]:
    """Parameters and files that were kept for some versions and for no other."""
    users: dict[str, set[str]] = defaultdict(set)
    for version_id, above in catalog.captured():
        users[above].add(version_id)
    hold = {f"{CAPTURED}parameter", f"{CAPTURED}files"}
    found = sorted(above for above, by in users.items() if by <= ids)
    return [above for above in found if above in rows and rows[above].step in hold]


def readers(catalog: Catalog, concerned: Iterable[str]) -> int:
    """How many versions outside were made from those that are concerned."""
    ids = set(concerned)
    inputs = catalog.inputs().items()
    return sum(1 for reader, above in inputs if reader not in ids and not ids.isdisjoint(above))


class _Graph:
    def __init__(self, repository: Repository, catalog: Catalog) -> None:
        self._repository = repository
        self._rows = {row.id: row for row in catalog.versions()}
        self._steps = {row.step for row in self._rows.values()}
        self._same: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._keyed: dict[str, list[str]] = defaultdict(list)
        for row in self._rows.values():
            self._same[row.key, row.digest].append(row.id)
            self._keyed[row.key].append(row.id)
        self._below: dict[str, list[str]] = defaultdict(list)
        for reader, above in catalog.inputs().items():
            for version_id in above:
                self._below[version_id].append(reader)

    def beside(self, version_id: str, *, down: bool) -> Iterator[tuple[str, str]]:
        """What a version takes with it, and why."""
        row = self._rows.get(version_id)
        if row is None:
            return
        told = f"{row.step} {row.id[:12]}"
        for other in self._same[row.key, row.digest]:
            yield other, f"same value for the same key as {told}"
        yield from ((part, f"part of {told}") for part in self._parts(row))
        yield from ((whole, f"has {told} as a part") for whole in self._wholes(row))
        if down:
            yield from ((reader, f"made from {told}") for reader in self._below[version_id])

    def _parts(self, row: Row) -> list[str]:
        if f"{row.step}[0]" not in self._steps or (record := self._record(row)) is None:
            return []
        return [part.id for part in _outputs(record) if part.id in self._rows]

    def _wholes(self, row: Row) -> list[str]:
        """The tuples that a version is a part of: their key is its own without its position."""
        if not row.step.endswith("]") or (record := self._record(row)) is None:
            return []
        same = self._keyed[record.call_key]
        found = [self._record(self._rows[version_id]) for version_id in same]
        return [r.id for r in found if r and row.id in {part.id for part in _outputs(r)}]

    def _record(self, row: Row) -> VersionRecord | None:
        try:
            return self._repository.record(row.id)
        except (NotFoundError, *UNREADABLE):
            return None


def _outputs(record: VersionRecord) -> Iterable[Input]:
    try:
        return outputs(record)
    except FormatError:
        return ()
