"""The catalog: what is asked of the index of a repository.

Questions about the newest versions refresh it first; those that say "as of the last refresh" belong
to a longer look at one state, whose first question did.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from versioning import layout
from versioning.index import BATCH, Index
from versioning.rows import microseconds, row_of, witness_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from versioning.digest import Key
    from versioning.records import VersionRecord
    from versioning.rows import Row

_EARLIEST = -(2**62)
_UP = """
WITH RECURSIVE reached(id) AS (VALUES(?) UNION SELECT input FROM inputs JOIN reached USING (id))
SELECT id, name, input FROM inputs JOIN reached USING (id)
"""
_DOWN = """
WITH RECURSIVE reached(id) AS (
    VALUES(?) UNION SELECT inputs.id FROM inputs JOIN reached ON input = reached.id
)
SELECT inputs.id, name, input FROM inputs JOIN reached ON input = reached.id
"""
_CHOSEN = """
FROM versions
WHERE (:step IS NULL OR step = :step) AND (:flow IS NULL OR flow = :flow) AND created >= :since
AND (:all OR step IS :step OR step NOT LIKE 'captured:%')
"""
_FILTERED = f"SELECT * {_CHOSEN} ORDER BY created DESC, id DESC LIMIT :limit"
_FOLLOWING = """
SELECT * FROM versions WHERE (created, id) < (?, ?) ORDER BY created DESC, id DESC LIMIT ?
"""
# All that some versions need, the first of those that follow another one.
_NEEDED = """
SELECT id, input FROM inputs
WHERE id IN (SELECT DISTINCT id FROM inputs WHERE id > ? ORDER BY id LIMIT ?) ORDER BY id
"""
_INPUTS = (_NEEDED, _NEEDED.replace("inputs", "captured"))
_NEEDED_BY = "SELECT id, input FROM inputs WHERE id IN (SELECT value FROM json_each(?))"
_INPUTS_OF = (_NEEDED_BY, _NEEDED_BY.replace("inputs", "captured"))
_WITNESSES = "SELECT id, witness FROM versions WHERE id >= ? AND id < ? AND witness <> ''"
_NEEDS = "SELECT id, name FROM blobs WHERE id >= ? AND id < ?"
_SHARED = "SELECT key FROM versions GROUP BY key HAVING count(*) > 1"
_STORED = "SELECT * FROM blobs WHERE name >= ? AND name < ?"
_COUNTED = f"SELECT count(*) {_CHOSEN}"
_EARLIER = """
SELECT * FROM versions WHERE step = ? AND (created, id) < (?, ?)
ORDER BY created DESC, id DESC LIMIT ?
"""
_NEWEST = """
SELECT id FROM versions WHERE step = ? ORDER BY created DESC, id DESC LIMIT 1 OFFSET ?
"""
_THESE = "SELECT * FROM versions WHERE id IN (SELECT value FROM json_each(?))"
_KEYS = "SELECT id, key FROM versions WHERE id IN (SELECT value FROM json_each(?))"
_BLOBS = "SELECT * FROM blobs WHERE id IN (SELECT value FROM json_each(?))"
_READING = "SELECT id, name, input FROM inputs WHERE id IN (SELECT value FROM json_each(?))"


class Catalog(Index):
    """The index of one repository; every method may be called from any thread."""

    def versions(
        self,
        *,
        step: str | None = None,
        flow: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
        captured: bool = False,
    ) -> list[Row]:
        """Versions, newest first.

        Args:
            step: Only of this step.
            flow: Only made in this flow.
            since: Only those created at or after this moment, timezone-aware.
            limit: At most so many.
            captured: Also those that hold what reruns need, which nobody made by a step.
        """
        self.refresh()
        values = _values(step, flow, since) | {"all": captured}
        limited = {**values, "limit": -1 if limit is None else limit}
        return [row_of(cells) for cells in self._ask(_FILTERED, limited)]

    def count(
        self, *, step: str | None = None, flow: str | None = None, since: datetime | None = None
    ) -> int:
        """How many versions `versions` chooses, as of the last refresh."""
        values = _values(step, flow, since) | {"all": False}
        return int(self._ask(_COUNTED, values)[0][0])

    def latest(self, step: str, *, back: int = 0) -> str | None:
        """Id of the version `back` before the latest one of a step, or None."""
        self.refresh()
        found = self._ask(_NEWEST, [step, back])
        return str(found[0][0]) if found else None

    def steps(self) -> dict[str, int]:
        """How many versions each step has."""
        self.refresh()
        return dict(self._ask("SELECT step, count(*) FROM versions GROUP BY step ORDER BY step"))

    def earlier(
        self, record: VersionRecord, *, before: datetime | None = None, limit: int = 1
    ) -> list[Row]:
        """Versions of the same step that were created before `record`, newest first.

        Args:
            record: The version to look back from.
            before: Look back from this moment instead, when it is earlier; timezone-aware.
            limit: At most so many.
        """
        # Once the catalog has a version, it has those before it.
        if record.id not in self.rows([record.id]):
            self.refresh()
        moment = min(record.created, before or record.created)
        values = [record.step, microseconds(moment), record.id, limit]
        return [row_of(cells) for cells in self._ask(_EARLIER, values)]

    def reads(self, version_id: str, *, down: bool) -> list[tuple[str, str, str]]:
        """Who read what to make `version_id`, over all generations; with `down`, from it.

        Returns:
            Each read as (reader, name of the input, version read).
        """
        self.refresh()
        return self._ask(_DOWN if down else _UP, [version_id])

    def rows(self, ids: Iterable[str]) -> dict[str, Row]:
        """What is known of each of `ids`, as of the last refresh; unknown ones are left out."""
        found = self._ask(_THESE, [_json(ids)])
        return {cells[0]: row_of(cells) for cells in found}

    def keys(self, ids: Iterable[str]) -> dict[str, Key]:
        """The key of each of `ids`, as of the last refresh; unknown ones are left out."""
        return dict(self._ask(_KEYS, [_json(ids)]))

    def stream(self) -> Iterator[list[Row]]:
        """All versions, newest first, some thousands at a time, as of the last refresh."""
        last: Sequence[Any] = (2**62, "")
        while found := self._ask(_FOLLOWING, [*last, BATCH]):
            yield [row_of(cells) for cells in found]
            last = found[-1][5], found[-1][0]

    def stored(self, shard: str) -> list[tuple[str, str, int]]:
        """Version, name and size in bytes of each blob of a shard, as of the last refresh."""
        return self._ask(_STORED, [f"{shard}/", f"{shard}0"])

    def shared_keys(self) -> set[Key] | None:
        """Keys of several versions, as of the last refresh; None if any is lost or damaged."""
        return {row[0] for row in self._ask(_SHARED)} if self.is_whole() else None

    def needs(self, shard: str) -> dict[str, tuple[str, ...]]:
        """The blobs of each version of a shard, where its record is as it was when it was read.

        A version is left out when the store cannot tell, or the row of the catalog is not as it was
        written: then its record is to be read.
        """
        ends = [shard, f"{shard}g"]
        witnesses, names = dict(self._ask(_WITNESSES, ends)), defaultdict[str, list[str]](list)
        for version_id, name in self._ask(_NEEDS, ends):
            names[version_id].append(name)
        stamps = self._repository.store.stamps(map(layout.version, witnesses))
        found = ((i, tuple(names[i]), stamp) for i, stamp in zip(witnesses, stamps, strict=True))
        return {i: blobs for i, blobs, s in found if witnesses[i] == witness_of(i, blobs, s)}

    def blobs(self, ids: Iterable[str]) -> dict[str, list[tuple[str, int]]]:
        """Name and size in bytes of the blobs of each of `ids` that has any."""
        blobs: dict[str, list[tuple[str, int]]] = {}
        for version_id, name, size_bytes in self._ask(_BLOBS, [_json(ids)]):
            blobs.setdefault(version_id, []).append((name, size_bytes))
        return blobs

    def inputs(self) -> dict[str, tuple[str, ...]]:
        """The versions that each version needs to be made again, as of the last refresh.

        Those that it was made from, and those that hold its source and environment.
        """
        found: dict[str, tuple[str, ...]] = {}
        # Each id once in memory, though many are made from it.
        same: dict[str, str] = {}
        for needed in _INPUTS:
            last = ""
            while rows := self._ask(needed, [last, BATCH]):
                for version_id, above in rows:
                    own = same.setdefault(version_id, version_id)
                    found[own] = (*found.get(own, ()), same.setdefault(above, above))
                last = rows[-1][0]
        return found

    def inputs_of(self, ids: Iterable[str]) -> dict[str, list[str]]:
        """`inputs` of some versions."""
        found: dict[str, list[str]] = {}
        asked = iter(ids)
        while page := list(islice(asked, BATCH)):
            for needed in _INPUTS_OF:
                for version_id, above in self._ask(needed, [_json(page)]):
                    found.setdefault(version_id, []).append(above)
        return found

    def captured(self) -> list[tuple[str, str]]:
        """Each version with one that holds what its rerun needs, as of the last refresh."""
        return self._ask("SELECT id, input FROM captured")

    def reading(self, ids: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
        """Name and id of what each of `ids` read, as of the last refresh."""
        found: dict[str, list[tuple[str, str]]] = {}
        for version_id, name, above in self._ask(_READING, [_json(ids)]):
            found.setdefault(version_id, []).append((name, above))
        return found


def _values(step: str | None, flow: str | None, since: datetime | None) -> dict[str, Any]:
    return {
        "step": step,
        "flow": flow,
        "since": _EARLIEST if since is None else microseconds(since),
    }


def _json(ids: Iterable[str]) -> str:
    return orjson.dumps(list(ids)).decode()
