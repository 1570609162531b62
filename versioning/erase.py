"""Erase: make what a version holds unrecoverable, and leave a tombstone.

The order is that of deletion, one version after the other: its binding goes, its journal of expiry
ends in `erased`, a tombstone takes the place of its record, and copies go that stand elsewhere. A
sweep deletes its blobs then. Whoever is stopped on the way is finished by the next `invalidate
--erase` or `prune --apply`: what is to be erased is in the journals of invalidation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from versioning import layout
from versioning.envelope import UNREADABLE, dump, parse
from versioning.errors import ConflictError, NotFoundError
from versioning.expiry import Expiry
from versioning.records import VersionRecord, dump_version
from versioning.shards import shard_of
from versioning.tombstones import tombstone
from versioning.trash import ERASED, TRASHED, Cause

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Mapping

    from versioning.invalidations import Invalidation
    from versioning.repository import Repository

ATTEMPTS = 100


def finish(repository: Repository) -> list[str]:
    """Erase what is to be erased and is not yet, but for blobs, which a sweep deletes; the ids.

    What is only invalid is unbound, where a writer was killed before it did that.

    Raises:
        IntegrityError: If a record cannot be read, so that it is not known what it holds.
        FormatError: The same.
    """
    _unbind(repository)
    wanted = {about: why for about, why in repository.invalidations.all().items() if why.erase}
    if not wanted:
        return []
    # Content of external files is known by key, and nothing of it lies there.
    ids = sorted(set(wanted) & set(repository.ids()))
    done = set(Expiry(repository).states(ERASED, among=ids))
    left = [i for i in ids if i not in done or not is_tombstone(repository, i)]
    steps = {_erase(repository, version_id, wanted[version_id]) for version_id in left}
    if left:
        _scrub_runs(repository, steps, set(left))
    _forget_records(repository, wanted)
    return left


def _unbind(repository: Repository) -> None:
    ids = sorted(repository.invalidations.listed() & set(repository.ids()))
    records = (found for found in repository.records(ids) if isinstance(found, VersionRecord))
    repository.unbind_all({record.id: record.key for record in records})


def _forget_records(repository: Repository, ids: Container[str]) -> None:
    """Delete records that were damaged and set aside before they could be erased."""
    for entry in list(repository.store.list(layout.QUARANTINE)):
        if entry.name.removeprefix(layout.QUARANTINE) in ids:
            repository.store.delete(entry.name)


def _erase(repository: Repository, version_id: str, why: Invalidation) -> str:
    """Leave a tombstone of a version; the name of its step."""
    record = repository.record(version_id)
    repository.release(record.key, version_id)
    _end_journal(repository, version_id, Cause(why.plan, f"erased: {why}", why.actor, why.at))
    if record.erased is None:
        record = tombstone(record, why)
        repository.store.put(layout.version(version_id), dump_version(record))
    # A writer that was on its way may have bound the record as it was.
    repository.release(record.key, version_id)
    repository.forget_copies(record)
    for blob in record.manifest:
        for entry in list(repository.store.list(f"{layout.QUARANTINE}{blob.digest}-")):
            repository.store.delete(entry.name)
    return record.step


def _end_journal(repository: Repository, version_id: str, cause: Cause) -> None:
    """Let the journal of a version's expiry end in `erased`, whoever restores it meanwhile."""
    expiry = Expiry(repository)
    for _ in range(ATTEMPTS):
        of = expiry.of(shard_of(version_id))
        expiry.trash_all(of, {version_id: cause.rule}, cause)
        last = of.last.get(version_id)
        if last is not None and last.state == ERASED:
            return
        if last and last.state == TRASHED and expiry.erase_all(of, [version_id], cause):
            return
    raise ConflictError(
        f"others restored {version_id} each time it was to be erased; run again", id=version_id
    )


def is_tombstone(repository: Repository, version_id: str) -> bool:
    """Whether no value is left in the record of a version.

    Raises:
        IntegrityError: If it cannot be read.
        FormatError: The same.
    """
    try:
        return repository.record(version_id).erased is not None
    except NotFoundError:
        # Its writer was revoked.
        return True


def _scrub_runs(repository: Repository, steps: Collection[str], ids: Collection[str]) -> None:
    """Take values of parameters out of what runs noted of the steps whose versions are erased.

    A note of a later version tells what its parameters were before.
    """
    for entry in list(repository.store.list(layout.RUNS)):
        if not layout.entry(entry.name):
            continue
        try:
            fields = parse(repository.store.get(entry.name), "run", name=entry.name)
        except (NotFoundError, *UNREADABLE):
            continue
        rows = [row for row in _rows(fields) if row.get("step") in steps or row["version"] in ids]
        for row in rows:
            row |= {"why": "erased", "hidden": []}
        if rows:
            kept = {k: v for k, v in fields.items() if k not in {"kind", "format", "seal"}}
            repository.store.put(entry.name, dump("run", kept))


def _rows(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = fields.get("steps")
    rows = rows if isinstance(rows, list) else []
    return [row for row in rows if isinstance(row, dict) and "version" in row]
