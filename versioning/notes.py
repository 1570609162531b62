"""What is said beside the versions: names, pins and runs. None of it changes a version."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from versioning import layout
from versioning.envelope import UNREADABLE, dump, parse
from versioning.errors import ConflictError, NotFoundError
from versioning.fields import ID_PATTERN
from versioning.journals import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from versioning.records import VersionRecord
    from versioning.storage import Store


class Notes(ABC):
    """The part of a repository that keeps names, pins and runs."""

    store: Store

    @abstractmethod
    def check_writable(self) -> None:
        """Raise when writes are not allowed."""

    @abstractmethod
    def record(self, version_id: str) -> VersionRecord:
        """The record of a version, or `NotFoundError`."""

    def name_history(self, name: str) -> list[dict[str, Any]]:
        """What was said of `name`, oldest first; empty when nothing was."""
        return self._name(name).entries()

    def append_name(self, name: str, fields: Mapping[str, Any]) -> int:
        """Say something new of `name`; returns its position in the history, from 0."""
        self.check_writable()
        return self._name(name).append(fields)

    def add_name(self, name: str, position: int, fields: Mapping[str, Any]) -> bool:
        """Say something of `name` at `position`, the next one; whether nobody else was faster."""
        self.check_writable()
        return self._name(name).add(position, fields)

    def pin(self, version_id: str, reason: str, *, hold: bool = False) -> None:
        """Protect a version from retention.

        Args:
            version_id: Which.
            reason: Why, for whoever wonders later.
            hold: A legal hold: it ends only when it is released, and stands against erasure. A pin
                on a held version leaves the hold as it is.

        Raises:
            NotFoundError: If there is no such version.
        """
        self.check_writable()
        self.record(version_id)
        fields = {"pinned": True, "reason": reason}
        is_held = hold or self._is_held(version_id)
        self._pin(version_id).append(fields | ({"hold": True} if is_held else {}))

    def unpin(self, version_id: str, *, release: bool = False) -> None:
        """Withdraw a pin; nothing happens when there is none.

        Args:
            version_id: Which.
            release: End a legal hold, too.

        Raises:
            ConflictError: If it is held, and the hold is not released.
        """
        self.check_writable()
        if version_id not in self.pins():
            return
        if self._is_held(version_id) and not release:
            raise ConflictError(
                f"version {version_id} is under a legal hold: {self.pins()[version_id]}. "
                "Release it, if you may: `versioning unpin --release`",
                id=version_id,
            )
        self._pin(version_id).append({"pinned": False, "reason": ""})

    def pins(self) -> dict[str, str]:
        """The versions that are pinned, with the reason; held ones, too."""
        return {i: str(entry.get("reason", "")) for i, entry in self._pinned().items()}

    def holds(self) -> set[str]:
        """The versions that are under a legal hold."""
        return {i for i, entry in self._pinned().items() if entry.get("hold") is True}

    def _pinned(self) -> dict[str, dict[str, Any]]:
        ids = sorted(filter(ID_PATTERN.fullmatch, self._about(layout.PINS)))
        last = {version_id: self._last_pin(version_id) for version_id in ids}
        return {i: entry for i, entry in last.items() if entry and entry.get("pinned") is True}

    def _is_held(self, version_id: str) -> bool:
        last = self._last_pin(version_id)
        return last is not None and last.get("pinned") is True and last.get("hold") is True

    def write_run(self, run_id: str, part: str, fields: Mapping[str, Any]) -> None:
        """Write what process `part` of a flow run did, over what it wrote before."""
        self.check_writable()
        self.store.put(layout.run(run_id, part), dump("run", fields))

    def runs(self) -> set[str]:
        """Ids of the flow runs that wrote something."""
        return set(self._about(layout.RUNS))

    def names(self) -> set[str]:
        """Names that have a history."""
        return set(self._about(layout.NAMES))

    def journals(self) -> dict[str, int]:
        """How many entries each history of a name or pin has."""
        return {
            prefix + about: len(found)
            for prefix in layout.JOURNALS
            for about, found in self._about(prefix).items()
        }

    def faults(self) -> Iterator[tuple[str, str]]:
        """Names of notes that cannot be read or are missing between others, each with a reason."""
        for prefix, kind in {**layout.JOURNALS, layout.RUNS: "run"}.items():
            for about, found in sorted(self._about(prefix).items()):
                there = sorted(found)
                for last in there:
                    yield from self._fault(f"{prefix}{about}/{last}", kind)
                if prefix in layout.JOURNALS:
                    yield from self._hole(f"{prefix}{about}", there)
                if prefix == layout.NAMES:
                    yield from self._breaks(about)

    def run_parts(self, run_id: str) -> list[dict[str, Any]]:
        """What the processes of a flow run wrote, by name of the part."""
        listed = (entry.name for entry in self.store.list(layout.run(run_id)))
        names = sorted(name for name in listed if layout.entry(name))
        return [parse(self.store.get(name), "run", name=name) for name in names]

    def _last_pin(self, version_id: str) -> dict[str, Any] | None:
        try:
            return self._pin(version_id).last()
        except UNREADABLE as error:
            # Whatever it said, nothing is lost by protecting the version.
            return {"pinned": True, "reason": str(error), "hold": True}

    def _hole(self, journal: str, there: list[str]) -> Iterator[tuple[str, str]]:
        """The first entry that is missing before others."""
        hole = next((n for n, last in enumerate(there) if int(last) != n), None)
        name = f"{journal}/{hole or 0:08d}"
        # A listing is no snapshot: it may show an entry and not the one before.
        if hole is not None and not self.store.exists(name):
            yield name, "is gone, and a later entry is there; restore it from a backup"

    def _breaks(self, name: str) -> Iterator[tuple[str, str]]:
        """Entries of a name that do not follow the one before them, as they say."""
        try:
            entries = self.name_history(name)
        except UNREADABLE:
            return
        for position, (before, entry) in enumerate(pairwise(entries), start=1):
            if entry.get("after", before["seal"]) != before["seal"]:
                place = layout.name_entry(name, position)
                yield place, "followed another entry when it was written; restore it from a backup"

    def _fault(self, name: str, kind: str) -> Iterator[tuple[str, str]]:
        try:
            parse(self.store.get(name), kind, name=name)
        except NotFoundError:
            return
        except UNREADABLE as error:
            yield name, f"{error}; restore it from a backup"

    def _about(self, prefix: str) -> dict[str, set[str]]:
        """The last parts of the names below `prefix`, by what they are about; of ours only."""
        found: dict[str, set[str]] = defaultdict(set)
        for listed in self.store.list(prefix):
            if entry := layout.entry(listed.name):
                found[entry[0]].add(entry[1])
        return found

    def _name(self, name: str) -> Journal:
        return Journal(self.store, "name", lambda position: layout.name_entry(name, position))

    def _pin(self, version_id: str) -> Journal:
        return Journal(self.store, "pin", lambda position: layout.pin(version_id, position))
