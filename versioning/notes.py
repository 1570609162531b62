"""What is said beside the versions: names, pins and runs. None of it changes a version."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from versioning import layout
from versioning.envelope import dump, parse
from versioning.journals import Journal

if TYPE_CHECKING:
    from collections.abc import Mapping

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

    def pin(self, version_id: str, reason: str) -> None:
        """Protect a version from retention.

        Raises:
            NotFoundError: If there is no such version.
        """
        self.check_writable()
        self.record(version_id)
        self._pin(version_id).append({"pinned": True, "reason": reason})

    def unpin(self, version_id: str) -> None:
        """Withdraw a pin; nothing happens when there is none."""
        self.check_writable()
        if version_id in self.pins():
            self._pin(version_id).append({"pinned": False, "reason": ""})

    def pins(self) -> dict[str, str]:
        """The versions that are pinned, with the reason."""
        ids = {entry.name.split("/")[1] for entry in self.store.list(layout.PINS)}
        last = {version_id: self._pin(version_id).last() for version_id in sorted(ids)}
        return {
            version_id: str(entry.get("reason", ""))
            for version_id, entry in last.items()
            if entry and entry.get("pinned") is True
        }

    def write_run(self, run_id: str, part: str, fields: Mapping[str, Any]) -> None:
        """Write what process `part` of a flow run did, over what it wrote before."""
        self.check_writable()
        self.store.put(layout.run(run_id, part), dump("run", fields))

    def runs(self) -> set[str]:
        """Ids of the flow runs that wrote something."""
        return {entry.name.split("/")[1] for entry in self.store.list(layout.RUNS)}

    def run_parts(self, run_id: str) -> list[dict[str, Any]]:
        """What the processes of a flow run wrote, by name of the part."""
        names = sorted(entry.name for entry in self.store.list(layout.run(run_id)))
        return [parse(self.store.get(name), "run", name=name) for name in names]

    def _name(self, name: str) -> Journal:
        return Journal(self.store, "name", lambda position: layout.name_entry(name, position))

    def _pin(self, version_id: str) -> Journal:
        return Journal(self.store, "pin", lambda position: layout.pin(version_id, position))
