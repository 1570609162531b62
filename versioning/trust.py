"""Trust: whether steps give the same value again, as audits found.

An audit runs the body of a hit again and compares; a step that gives two values for one key is
noticed without. What is found is a journal, `trust/<recipe>/<n>`, of the step as it is written: its
code, environment and salt, whatever it was called with. So a step that once gave another value is
not trusted until somebody changes it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from versioning import layout
from versioning.digest import digest_bytes
from versioning.envelope import UNREADABLE
from versioning.errors import FormatError, NotFoundError
from versioning.journals import Journal
from versioning.keys import root_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from versioning.digest import Key
    from versioning.keys import Leaf
    from versioning.records import VersionRecord
    from versioning.repository import Repository

REPRODUCIBLE, NOT_REPRODUCIBLE, UNKNOWN = "reproducible", "not reproducible", "unknown"
SAME, DIFFERS = "same", "differs"
_FIELDS = ("step", "verdict", "version", "other", "key", "at")
_KINDS = {"step", "salt", "code", "env"}


def recipe(leaves: Iterable[Leaf]) -> Key:
    """What tells a step as it is written from every other; parameters and inputs do not count."""
    return root_key(leaf for leaf in leaves if leaf.name.partition("/")[0] in _KINDS)


def is_due(share: float, key: Key, run: str) -> bool:
    """Whether the hit of `key` in `run` is one of the `share` (0 to 1) that is audited.

    Asked again, as by a retry, the answer is the same.
    """
    drawn = int(digest_bytes(f"audit {key} {run}".encode())[:13], 16)
    return drawn < share * 16**13


def remember(
    repository: Repository, kept: VersionRecord, other: VersionRecord | None, *, now: datetime
) -> None:
    """Write down what an audit found.

    Args:
        repository: Where both lie.
        kept: The version that answered the key, and still does.
        other: The version of the value that the body gave now; None when it gave the same.
        now: Moment of the audit, timezone-aware.
    """
    repository.check_writable()
    journal = _journal(repository, recipe(kept.leaves))
    verdict = DIFFERS if other else SAME
    if verdict == SAME and any(entry.get("verdict") == SAME for entry in journal.entries()):
        return
    fields: dict[str, Any] = {
        "verdict": verdict,
        # Of a tuple, its step: the parts are made together.
        "step": kept.step.partition("[")[0],
        "key": kept.key,
    }
    fields |= {"version": kept.id, "other": other and other.id}
    journal.append({**fields, "at": now.isoformat()})


def label(repository: Repository, record: VersionRecord) -> str:
    """`reproducible`, `not reproducible` or `unknown`: what audits of its step found."""
    return _label(_journal(repository, recipe(record.leaves)).entries())


def found_by_audits(
    repository: Repository, *, step: str | None = None, since: datetime | None = None
) -> list[dict[str, Any]]:
    """What audits found, newest first: each difference, and of each step that it gave the same.

    Args:
        repository: Where to look.
        step: Only of this step.
        since: Only what was found at or after this moment, timezone-aware.

    Returns:
        Of each its `step`, `verdict` (`same` or `differs`), `version` that answers, the `other` one
        of the value that differed, `key`, and the moment `at`.

    Raises:
        FormatError: If an entry is damaged or foreign.
    """
    recipes = {found[0] for found in map(layout.entry, _names(repository)) if found}
    entries = [
        {name: entry.get(name) for name in _FIELDS}
        for about in recipes
        for entry in _journal(repository, about).entries()
        if step in {None, entry.get("step")}
    ]
    chosen = [entry for entry in entries if since is None or _moment(entry) >= since]
    return sorted(chosen, key=_moment, reverse=True)


def _moment(entry: dict[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(str(entry["at"])).astimezone(UTC)
    except ValueError as error:
        raise FormatError(f"an audit of {entry['step']} has no moment: {entry['at']!r}") from error


def labels(repository: Repository, versions: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The label of each version, given its id and step; those that are `unknown` are left out.

    Reads the records of those steps only of which audits found something.
    """
    entries = {
        about: _journal(repository, about).entries()
        for about in sorted({found[0] for found in map(layout.entry, _names(repository)) if found})
    }
    audited = {entry.get("step") for found in entries.values() for entry in found}
    told = {}
    for version_id, step in versions:
        if step.partition("[")[0] in audited and (about := _recipe_of(repository, version_id)):
            told[version_id] = _label(entries.get(about, []))
    return {version_id: text for version_id, text in told.items() if text != UNKNOWN}


def _names(repository: Repository) -> Iterable[str]:
    return (entry.name for entry in repository.store.list(layout.TRUST))


def _recipe_of(repository: Repository, version_id: str) -> Key | None:
    try:
        return recipe(repository.record(version_id).leaves)
    except (NotFoundError, *UNREADABLE):
        return None


def _label(entries: list[dict[str, Any]]) -> str:
    verdicts = {entry.get("verdict") for entry in entries}
    if DIFFERS in verdicts:
        return NOT_REPRODUCIBLE
    return REPRODUCIBLE if SAME in verdicts else UNKNOWN


def _journal(repository: Repository, about: str) -> Journal:
    return Journal(repository.store, "trust", lambda position: layout.trust(about, position))
