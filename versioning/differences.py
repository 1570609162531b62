"""Differences between two versions: why one was computed, and what changed in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from versioning.errors import VersioningError
from versioning.keys import LeafChange, diff_leaves
from versioning.profiles import value_differences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from versioning.invalidations import Invalidations
    from versioning.records import VersionRecord
    from versioning.repository import Repository

FIRST, CHANGED, SAME_KEY = "first", "changed", "same-key"
_KINDS = {"params": "parameters", "seed": "parameters", "code": "code", "env": "environment"}


@dataclass(frozen=True, slots=True)
class Why:
    """Why a version was computed.

    Attributes:
        verdict: `first` when nothing earlier is of its step, `changed` when leaves of its key
            differ from the one before, `same-key` when none does: it was asked to run again, or
            the bytes of the earlier one were gone or damaged.
        against: Id of the version compared with, or None.
        changed: The leaves that differ, by name.
        same_value: Whether both hold the same value all the same.
        invalidated: With `same-key`, why the one compared with may not be a hit; None when it may.
    """

    verdict: str
    against: str | None
    changed: tuple[LeafChange, ...]
    same_value: bool
    invalidated: str | None = None


def why(
    record: VersionRecord,
    against: VersionRecord | None,
    invalidations: Invalidations | None = None,
) -> Why:
    """Why `record` was computed although `against`, which may be invalid, was there."""
    if against is None:
        return Why(FIRST, None, (), same_value=False)
    changed = tuple(diff_leaves(against.leaves, record.leaves))
    invalid = invalidations.of(against.id) if invalidations and not changed else None
    return Why(
        CHANGED if changed else SAME_KEY,
        against.id,
        changed,
        same_value=against.digest == record.digest,
        invalidated=None if invalid is None else str(invalid),
    )


def nearest(record: VersionRecord, earlier: Sequence[VersionRecord]) -> VersionRecord | None:
    """The one that shares most with `record`; of several such, the first.

    What ran in the same flow run, as the other items of a mapped step did, is nobody's former
    state: it counts only where there is nothing else.
    """
    run = _run(record)
    others = [item for item in earlier if run is None or _run(item) != run]
    return min(
        others or earlier,
        key=lambda item: sum(1 for _ in diff_leaves(item.leaves, record.leaves)),
        default=None,
    )


def diff(repository: Repository, before: VersionRecord, after: VersionRecord) -> dict[str, Any]:
    """How two versions differ, by kind; a kind in which they do not is empty.

    Returns:
        `code`, `parameters`, `inputs` and `environment` as lists of what differs, each with
        `before` and `after`; `files`, `data`, `metrics` or `model` where the values differ, or
        `unreadable` with the reason when one of them cannot be loaded.
    """
    found: dict[str, Any] = {
        "before": before.id,
        "after": after.id,
        "same_value": before.digest == after.digest,
        **record_differences(before, after),
    }
    if before.digest == after.digest:
        return found
    try:
        return {**found, **_values(repository, before, after)}
    except VersioningError as error:
        return {**found, "unreadable": str(error)}


def record_differences(before: VersionRecord, after: VersionRecord) -> dict[str, Any]:
    """What the records of two versions say differently, by kind, without reading their values.

    Returns:
        `code`, `parameters`, `inputs` and `environment`: leaves or facts that differ, each with
        `before` and `after`.
    """
    kinds: dict[str, list[dict[str, Any]]] = {kind: [] for kind in ("code", "parameters", "inputs")}
    kinds["environment"] = _facts(before.meta, after.meta)
    for change in diff_leaves(before.leaves, after.leaves):
        kind = _KINDS.get(change.leaf.partition("/")[0], "inputs")
        kinds[kind].append({"leaf": change.leaf, "before": change.before, "after": change.after})
    return kinds


def _run(record: VersionRecord) -> str | None:
    run = record.meta.get("run")
    return run.get("flow_run") if isinstance(run, dict) else None


def _values(repository: Repository, before: VersionRecord, after: VersionRecord) -> dict[str, Any]:
    kinds = {record.codec.partition("/")[0] for record in (before, after)}
    if kinds <= {"file", "tree"}:
        return {"files": _files(before, after)}
    return value_differences(repository.load(before), repository.load(after))


def _files(before: VersionRecord, after: VersionRecord) -> dict[str, list[str]]:
    old = {blob.part: blob.digest for blob in before.manifest}
    new = {blob.part: blob.digest for blob in after.manifest}
    return {
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
        "changed": sorted(part for part in old.keys() & new.keys() if old[part] != new[part]),
    }


def _facts(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    old, new = before.get("environment") or {}, after.get("environment") or {}
    return [
        {"leaf": name, "before": old.get(name), "after": new.get(name)}
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
