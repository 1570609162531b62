"""Sweep: delete the bytes that no version needs, safely beside any number of writers.

The order of requests is that of `tests/models/gc.pml`, which is checked in every interleaving:
erase what the trash period is over for, mark, close every open intent, read every version, delete.
Clocks decide only which writers count as abandoned; one taken for dead by mistake starts over.

Each step is done to every shard before the next begins; within a step, shards know nothing of each
other.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from versioning import marks
from versioning.collecting import Deleted, Survey, delete, erase, mark, needs_all, survey
from versioning.errors import FullError
from versioning.expiry import Expiry
from versioning.intents import close_intents, drop_closed
from versioning.shards import SHARDS, Progress, each, in_silence
from versioning.trash import ERASED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from versioning.catalog import Catalog
    from versioning.repository import Repository
    from versioning.trash import Cause, Entry

T = TypeVar("T")
logger = logging.getLogger("versioning")


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
        is_partial: Whether the disk, or a page of marks, was full before all was erased or marked
            that could be.
    """

    erased: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    freed_bytes: int = 0
    revoked: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    is_partial: bool = False

    def add(self, more: Swept) -> None:
        """Count what another sweep, after this one, did."""
        self.erased += more.erased
        self.deleted += more.deleted
        self.freed_bytes += more.freed_bytes
        self.revoked += more.revoked
        self.busy, self.left, self.is_partial = more.busy, more.left, more.is_partial


def sweep(
    repository: Repository,
    cause: Cause,
    *,
    patience: Patience | None = None,
    is_spared: Callable[[str, Entry], bool] = lambda version_id, last: False,
    catalog: Catalog | None = None,
    progress: Progress = in_silence,
) -> Swept:
    """Erase versions whose trash period is over, and delete every blob that no version needs.

    May be killed at any moment, run again, and run by several at once. On a full disk it deletes
    what there is room to write of, and goes on with the room that this makes; so it does with
    marks that one page does not hold.

    Args:
        repository: Which one.
        cause: By whom and when; all ages are counted up to its moment.
        patience: How long to wait for what.
        is_spared: Whether a version that is in the trash is not erased, whenever it was trashed.
        catalog: An index, as it was refreshed. It saves reading records where it says that nothing
            is to be deleted, and those that it can prove to be as they were when it read them; what
            else is deleted, it has no say in.
        progress: Told what is done, and to how many shards of how many.

    Raises:
        IntegrityError: If a version's record cannot be read, as its blobs are not known then;
            nothing is deleted.
        ReadOnlyError: If the repository cannot be written.
        StorageError: If the store fails.
        FullError: If there is not even room to begin with.
    """
    swept = Swept()
    while True:
        with repository.store.drawing():
            repository.check_writable()
        waits = patience or Patience()
        more = _Sweep(repository, cause, waits, is_spared, catalog, progress).run()
        swept.add(more)
        if not (more.is_partial and more.deleted):
            return swept


class _Sweep:
    def __init__(
        self,
        repository: Repository,
        cause: Cause,
        patience: Patience,
        is_spared: Callable[[str, Entry], bool],
        catalog: Catalog | None,
        progress: Progress,
    ) -> None:
        self.swept = Swept()
        self._catalog = catalog
        self._is_spared = is_spared
        self._repository = repository
        self._progress = progress
        self._cause = cause
        self._patience = patience

    def run(self) -> Swept:
        """All of it, in the order that the model checks."""
        repository, catalog = self._repository, self._catalog
        self._erase()
        # To delete something, all records are read: not to find that there is nothing.
        if not self.swept.erased and self._needs_all():
            tidy(repository)
            return self.swept
        # What is needed now stays so, but for erasures; marking less than all garbage is harmless.
        surveys = dict(self._each("read", SHARDS, lambda s: survey(repository, s, catalog=catalog)))
        needed = needed_of(surveys.values())
        marked = self._each("mark", SHARDS, lambda shard: mark(repository, shard, needed[shard]))
        pages = {shard: page for shard, page in marked if page}
        # Where nothing is to be deleted, nobody need be waited for.
        if pages:
            if not self._close_intents():
                return self.swept
            new = self._each("read again", SHARDS, lambda s: survey(repository, s, surveys[s]))
            self._delete(pages, needed_of([*surveys.values(), *(found for _, found in new)]))
        tidy(repository)
        return self.swept

    def _erase(self) -> None:
        """Give up the bytes of what is due."""
        repository, cause = self._repository, self._cause
        is_due = due(cause, self._patience, self._is_spared)
        bound = Expiry(repository).bound()
        erased: dict[str, list[str]] = {}

        def act(shard: str) -> None:
            # Here, since of several at once some are done after one found no room.
            erased[shard] = erase(repository, shard, cause, is_due, bound)

        for _ in self._each("erase", list(bound.seen), act):
            pass
        self.swept.erased += [i for shard in sorted(erased) for i in erased[shard]]

    def _needs_all(self) -> bool:
        """Whether the index, where there is one, knows a version that needs each blob there is."""
        if (catalog := self._catalog) is None:
            return False
        erased = {i for i, last in Expiry(self._repository).entries() if last.state == ERASED}
        repository = self._repository
        looks = self._each("look", SHARDS, lambda s: needs_all(repository, s, catalog, erased))
        return all(needed for _, needed in looks)

    def _delete(self, pages: Mapping[str, str], needed: Mapping[str, bytes]) -> None:
        repository = self._repository

        def act(shard: str) -> Deleted:
            return delete(repository, shard, pages[shard], needed[shard])

        for _, deleted in self._each("delete", list(pages), act):
            self.swept.deleted += deleted.blobs
            self.swept.freed_bytes += deleted.freed_bytes
            self.swept.left |= deleted.left
            # There may be more in the shard than a page holds.
            self.swept.is_partial |= len(deleted.blobs) == marks.PAGE

    def _close_intents(self) -> bool:
        """Wait for the writers that may have missed a mark; whether none of them is left."""
        waits = self._patience
        self.swept.revoked, self.swept.busy = close_intents(
            self._repository,
            self._cause.at,
            abandoned=waits.abandoned,
            wait_seconds=waits.wait_seconds,
        )
        return not self.swept.busy

    def _each(
        self, step: str, shards: Sequence[str], act: Callable[[str], T]
    ) -> Iterator[tuple[str, T]]:
        store = self._repository.store
        with store.drawing():
            try:
                for done, found in enumerate(each(store, act, shards), 1):
                    self._progress(step, done, len(shards))
                    yield found
            except FullError as error:
                # Less than all is erased or marked then, which is harmless.
                if step not in {"erase", "mark"}:
                    raise
                logger.warning("what else there is to %s is left for later: %s", step, error)
                self.swept.is_partial = True


def due(
    cause: Cause, patience: Patience, is_spared: Callable[[str, Entry], bool]
) -> Callable[[str, Entry], bool]:
    """Whether the trash period of a version is over and nothing else speaks for it."""
    return lambda version_id, last: (
        cause.at - last.cause.at >= patience.trash and not is_spared(version_id, last)
    )


def needed_of(surveys: Iterable[Survey]) -> Mapping[str, bytes]:
    """What some shards of versions need, by the shard of the blob."""
    needed: dict[str, bytearray] = defaultdict(bytearray)
    for found in surveys:
        for shard, nonces in found.needed.items():
            needed[shard] += nonces
    return defaultdict(bytes, ((shard, bytes(nonces)) for shard, nonces in needed.items()))


def tidy(repository: Repository) -> None:
    """Withdraw marks whose blob is gone and delete intents that are closed: a crash left them."""
    for shard in marks.shards(repository.store):
        marks.withdraw(repository.store, shard)
    drop_closed(repository)
