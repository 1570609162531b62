"""Sweep: delete the bytes that no version needs, safely beside any number of writers.

The order of requests is that of `tests/models/gc.pml`, which is checked in every interleaving:
erase what the trash period is over for, mark, close every open intent, read every version, delete.
Clocks decide only which writers count as abandoned; one taken for dead by mistake starts over.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from versioning import layout
from versioning.envelope import UNREADABLE, dump, parse
from versioning.errors import IntegrityError, NotFoundError, ReadOnlyError
from versioning.expiry import ERASED, TRASHED, Cause, Expiry

if TYPE_CHECKING:
    from collections.abc import Collection

    from versioning.repository import Repository

POLL_SECONDS = 0.2
# A wait that is longer than this wants to be explained.
PATIENT_SECONDS = 3.0
logger = logging.getLogger("versioning")
_MARK = dump("mark", {})
_REVOKED = dump("revoked", {})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a sweep waits before it gives something up.

    Attributes:
        trash: How long trashed versions can still be restored.
        abandoned: Age of an intent whose writer counts as dead.
        wait_seconds: How long to wait for writers that do not.
    """

    trash: timedelta = timedelta(days=7)
    abandoned: timedelta = timedelta(days=1)
    wait_seconds: float = 600.0


@dataclass(slots=True)
class Swept:
    """What a sweep did.

    Attributes:
        erased: Versions that gave up their bytes.
        deleted: Names of the blobs that were deleted.
        freed_bytes: Their length together.
        revoked: Versions whose writers were taken for dead.
        busy: Writers that were waited for in vain; nothing was deleted on their account.
        left: Blobs that the store refused to delete, with what it said.
    """

    erased: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    freed_bytes: int = 0
    revoked: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


def sweep(
    repository: Repository,
    cause: Cause,
    *,
    patience: Patience | None = None,
    spared: Collection[str] = (),
) -> Swept:
    """Erase versions whose trash period is over, and delete every blob that no version needs.

    May be killed at any moment, run again, and run by several at once.

    Args:
        repository: Which one.
        cause: By whom and when; all ages are counted up to its moment.
        patience: How long to wait for what.
        spared: Versions that are not erased, whenever they were trashed.

    Raises:
        IntegrityError: If a version's record cannot be read, as its blobs are not known then;
            nothing is deleted.
        ReadOnlyError: If the repository cannot be written.
        StorageError: If the store fails.
    """
    repository.check_writable()
    return _Sweep(repository, cause, patience or Patience(), spared).run()


class _Sweep:
    def __init__(
        self,
        repository: Repository,
        cause: Cause,
        patience: Patience,
        spared: Collection[str],
    ) -> None:
        self.swept = Swept()
        self._spared = spared
        self._repository = repository
        self._store = repository.store
        self._expiry = Expiry(repository)
        self._cause = cause
        self._patience = patience
        self._read: set[str] = set()
        self._kept: set[str] = set()

    def run(self) -> Swept:
        """All of it, in the order that the model checks."""
        self._erase()
        erased = {version_id for version_id, last in self._expiry.entries() if last.state == ERASED}
        # What is kept now stays so, but for erasures; marking less than all garbage is harmless.
        self._keep_blobs(erased)
        marked = self._mark()
        # Where nothing is to be deleted, nobody need be waited for.
        if marked and not self._close_intents():
            return self.swept
        self._keep_blobs(erased)
        for name, size_bytes in marked.items():
            if name not in self._kept:
                self._delete(name, size_bytes)
        self._tidy()
        return self.swept

    def _erase(self) -> None:
        for version_id, last in list(self._expiry.entries()):
            is_young = self._cause.at - last.cause.at < self._patience.trash
            if last.state != TRASHED or is_young or version_id in self._spared:
                continue
            # The ledger names the plan that it is done for.
            cause = replace(last.cause, actor=self._cause.actor, at=self._cause.at)
            if self._expiry.erase(version_id, last, cause):
                self.swept.erased.append(version_id)

    def _keep_blobs(self, erased: set[str]) -> None:
        """Note the blobs of every version; a record never changes, so each is read once."""
        for version_id in self._repository.ids():
            if version_id in self._read or version_id in erased:
                continue
            self._read.add(version_id)
            try:
                record = self._repository.record(version_id)
            except NotFoundError:
                continue
            except UNREADABLE as error:
                raise IntegrityError(
                    f"nothing was deleted: which blobs version {version_id} needs is not known, "
                    f"since {error}",
                    id=version_id,
                ) from error
            self._kept.update(blob.name for blob in record.manifest if blob.name is not None)

    def _mark(self) -> dict[str, int]:
        marked = {}
        for entry in self._store.list(layout.BLOBS):
            name = entry.name.removeprefix(layout.BLOBS)
            if name not in self._kept:
                self._store.put_if_absent(layout.mark(name), _MARK, durable=False)
                marked[name] = entry.size_bytes
        return marked

    def _close_intents(self) -> bool:
        """Wait for the writers that may have missed a mark; whether none of them is left."""
        began = time.monotonic()
        tell, ends = began + PATIENT_SECONDS, began + self._patience.wait_seconds
        waiting = self._intents()
        while waiting := {item for item in waiting if self._is_open(item)}:
            if (now := time.monotonic()) >= ends:
                self.swept.busy = sorted(waiting)
                return False
            if now >= tell:
                logger.warning(
                    "waiting %.0f s at most for %d writers that began and did not end yet",
                    ends - now,
                    len(waiting),
                )
                tell = ends
            time.sleep(POLL_SECONDS)
        return True

    def _intents(self) -> set[str]:
        listed = self._store.list(layout.INTENTS)
        return {found for entry in listed if (found := layout.intended_id(entry.name))}

    def _is_open(self, version_id: str) -> bool:
        """Whether a writer may still commit; one that seems dead is revoked, and then may not."""
        version = layout.version(version_id)
        if self._store.exists(version):
            return False
        try:
            # Either way: a writer whose clock was far ahead would be waited for until then.
            is_young = abs(self._cause.at - self._begun(version_id)) < self._patience.abandoned
        except NotFoundError:
            # Its writer deleted it, and does that only after its version is there.
            return False
        if is_young:
            return True
        if self._store.put_if_absent(version, _REVOKED):
            self.swept.revoked.append(version_id)
        return False

    def _begun(self, version_id: str) -> datetime:
        """When the writer of a version says that it began; one that says nothing, long ago."""
        name = layout.intent(version_id)
        data = self._store.get(name)
        try:
            created = parse(data, "intent", name=name)["created"]
            return datetime.fromisoformat(created).astimezone(UTC)
        except (*UNREADABLE, KeyError, TypeError, ValueError, OverflowError):
            return datetime.min.replace(tzinfo=UTC)

    def _delete(self, name: str, size_bytes: int) -> None:
        try:
            self._store.delete(layout.blob(name))
        except ReadOnlyError as error:
            self.swept.left[name] = str(error)
            return
        self._store.delete(layout.mark(name))
        self.swept.deleted.append(name)
        self.swept.freed_bytes += size_bytes

    def _tidy(self) -> None:
        """Delete marks whose blob is gone and intents that are closed: a crash left them."""
        for entry in self._store.list(layout.MARKS):
            blob = layout.marked_blob(entry.name)
            if blob and not self._store.exists(layout.blob(blob)):
                self._store.delete(entry.name)
        for version_id in self._intents():
            if self._store.exists(layout.version(version_id)):
                self._store.delete(layout.intent(version_id))
