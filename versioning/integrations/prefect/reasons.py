"""Why each row of a run table is what it is, in words for people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from versioning.differences import Why, nearest, why
from versioning.errors import VersioningError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from versioning.api import Repository
    from versioning.integrations.prefect.tables import Row
    from versioning.keys import LeafChange
    from versioning.records import VersionRecord

LEAVES_SHOWN = 3
_ITEM = re.compile(r"\[.*")


def explain(repository: Repository, rows: list[Row], *, began: datetime) -> None:
    """Say of every row why; a miss is compared with what was there before the run began."""
    earlier: dict[str, list[VersionRecord]] = {}
    for row in rows:
        if row.status == "hit":
            row.why = "unchanged"
        elif not row.why:
            try:
                record = repository.record(row.version)
                row.hidden = list(record.meta.get("hidden", ()))
                if row.step not in earlier:
                    earlier[row.step] = repository.earlier(record, before=began)
                other = nearest(record, earlier[row.step])
                found = why(record, other, repository.invalidations)
                row.why = _why(found)
                if other and not (found.changed or found.invalidated) and _is_other(record, other):
                    row.status = "differs"
                    row.why = f"{row.why}; another value than version {other.id[:12]}"
                    repository.conflicting(record, other)
            except VersioningError as error:
                row.why = f"unknown: {error}"


def _is_other(record: VersionRecord, before: VersionRecord) -> bool:
    """Whether a step that was not to change anything gave another value than the time before."""
    return record.digest != before.digest and not record.meta.get("volatile")


def _why(found: Why) -> str:
    if found.against is None:
        return "first version"
    if not found.changed and found.invalidated:
        return f"invalidated: {found.invalidated}"
    if not found.changed:
        return "run again as asked, or its bytes were lost"
    shown = list(_told(found.changed))
    more = len(shown) - LEAVES_SHOWN
    return "; ".join(shown[:LEAVES_SHOWN]) + (f"; {more} more" if more > 0 else "")


def _told(changed: Sequence[LeafChange]) -> Iterator[str]:
    """What happened to which leaf; what happened to many items of one list is told once."""
    told: dict[tuple[str, str], list[str]] = {}
    resized = set()
    for change in changed:
        name, is_item = _ITEM.subn("", change.leaf)
        told.setdefault((name, _change(change)), []).append(change.leaf)
        if is_item and None in (change.before, change.after):
            resized.add(name.replace("inputs/", "params/", 1))
    for (name, what), leaves in told.items():
        # That a list became longer is seen from its new items.
        if name not in resized:
            yield f"{leaves[0]} {what}" if len(leaves) == 1 else f"{name} x{len(leaves)} {what}"


def _change(change: LeafChange) -> str:
    if change.before is None:
        return "new"
    if change.after is None:
        return "gone"
    if change.leaf.startswith(("inputs/", "code/", "files/")):
        return "changed"
    return f"{change.before} -> {change.after}"
