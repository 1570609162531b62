"""Usage: what runs, names and audits say of versions, for retention to weigh.

What cannot be read counts as nothing said: it orders what a budget drops, and what protects a
version is asked for elsewhere.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from versioning.envelope import UNREADABLE
from versioning.trust import labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from versioning.repository import Repository
    from versioning.retention import Policy
    from versioning.rows import Row

logger = logging.getLogger("versioning")
_NONE: frozenset[str] = frozenset()


@dataclass(slots=True)
class Usage:
    """What is known, by id of the version.

    Attributes:
        used: When a run used it last.
        tags: Of the runs that made or used it.
        names: What ever named it, as `name@alias`.
        trust: What audits of its step found, where they found anything.
    """

    used: dict[str, datetime] = field(default_factory=dict)
    tags: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    names: dict[str, list[str]] = field(default_factory=dict)
    trust: dict[str, str] = field(default_factory=dict)

    def facts(self, row: Row) -> dict[str, Any]:
        """What a `Candidate` takes of it."""
        return {
            # Few have any, and an empty set of its own for each would be the largest thing kept.
            "tags": frozenset({*row.tags, *self.tags.get(row.id, ())}) or _NONE,
            "names": tuple(self.names.get(row.id, ())),
            "last_used": self.used.get(row.id),
            "trust": self.trust.get(row.id, "unknown"),
        }


def usage(repository: Repository, rows: Iterable[Row], policy: Policy) -> Usage:
    """What `policy` needs to know of versions; what it does not ask for is not looked up."""
    found = Usage()
    if policy.has_budget or policy.asks_tags:
        _read_runs(repository, found)
    if policy.asks_names:
        found.names = ever_named(repository)
    if policy.has_budget:
        found.trust = labels(repository, [(row.id, row.step) for row in rows])
    return found


def ever_named(repository: Repository) -> dict[str, list[str]]:
    """The names that a version has or had, as `name@alias`, by its id.

    Raises:
        FormatError: If the history of a name cannot be read, so that what it named is not known.
        IntegrityError: The same.
    """
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for name in sorted(repository.names()):
        for entry in repository.name_history(name):
            if "alias" in entry and (version_id := entry.get("version")):
                found[str(version_id)][f"{name}@{entry['alias']}"] = None
    return {version_id: list(names) for version_id, names in found.items()}


def _read_runs(repository: Repository, found: Usage) -> None:
    for run in repository.runs():
        try:
            parts = repository.run_parts(run)
        except UNREADABLE as error:
            logger.warning("run %s says nothing of what it used: %s", run, error)
            continue
        ended = max(filter(None, map(_ended, parts)), default=None)
        tags = {str(tag) for part in parts for tag in _listed(part, "tags")}
        for version_id in _versions(parts):
            found.tags[version_id] |= tags
            if ended is not None:
                found.used[version_id] = max(ended, found.used.get(version_id, ended))


def _versions(parts: Iterable[Mapping[str, Any]]) -> set[str]:
    rows = (row for part in parts for row in _listed(part, "steps"))
    return {str(row["version"]) for row in rows if isinstance(row, dict) and "version" in row}


def _listed(part: Mapping[str, Any], name: str) -> list[Any]:
    listed = part.get(name)
    return listed if isinstance(listed, list) else []


def _ended(part: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(part.get("ended"))).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
