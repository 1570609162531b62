"""Verify: digest every stored byte again, follow every reference, and miss what was seen before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from versioning import layout
from versioning.digest import digest_bytes, digest_stream
from versioning.envelope import FORMAT_VERSION, UNREADABLE
from versioning.errors import FormatError, NotFoundError, VersioningError
from versioning.expiry import Expiry
from versioning.findings import Damage, Dangling, Gone, Report
from versioning.names import aliases
from versioning.records import VersionRecord
from versioning.references import captured, outputs
from versioning.trash import ERASED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from versioning.catalog import Catalog
    from versioning.digest import Key
    from versioning.records import Blob
    from versioning.repository import Repository

READERS = 8
WRONG = "its bytes are not those written"
SEEN = "was seen from here, and nothing deletes it: somebody removed it, or set the store back"
ASIDE = "its bytes were wrong and are set aside; run the step again to recompute it"
GONE = "its bytes are gone; run the step again to recompute it"


def verify(
    repository: Repository,
    version_id: str | None = None,
    *,
    set_aside: bool = False,
    witness: Catalog | None = None,
) -> Report:
    """Check one version, or everything in a repository; nothing is changed unless asked.

    Safe beside running writers: what they have not finished shows as orphans at most.

    Args:
        repository: Which one.
        version_id: Check only this version, without bindings and orphans.
        set_aside: Move damaged blobs and bindings out of the way, so that steps that need them run
            again; write damaged records again where a whole copy is.
        witness: What remembers what was in the repository before.

    Raises:
        ReadOnlyError: If damage is to be set aside where nothing can be written.
        NotFoundError: If there is no version of that id.
        StorageError: If the store cannot be reached.
    """
    check = _Check(repository, set_aside=set_aside)
    if version_id is not None:
        if not repository.store.exists(layout.version(version_id)):
            raise NotFoundError(f"there is no version {version_id}; name another", id=version_id)
        return check.versions([version_id])
    # What refers is listed before what it refers to, so that a commit in between breaks nothing.
    keys = list(repository.bindings())
    leftovers = check.names(layout.BLOBS) | check.names(layout.INTENTS)
    report = check.versions(repository.ids())
    check.bindings(keys)
    check.quarantine()
    check.notes()
    if witness is not None:
        check.vanished(witness)
    report.orphans = sorted(leftovers - check.used)
    return report


class _Check:
    """One pass over a repository, noting what it finds in `report`."""

    def __init__(self, repository: Repository, *, set_aside: bool) -> None:
        self.report = Report()
        self.used: set[str] = set()
        self._repository = repository
        self._store = repository.store
        self._sets_aside = set_aside
        self._erased = set(Expiry(repository).states(ERASED))
        self._records: dict[str, VersionRecord | VersioningError] = {}
        self._states: dict[str, str | None] = {}
        self._lost: set[str] = set()
        self._values: set[str] = set()

    def names(self, prefix: str) -> set[str]:
        """Every name that begins with `prefix`."""
        return {entry.name for entry in self._store.list(prefix)}

    def versions(self, ids: Iterable[str]) -> Report:
        """Check versions, their bytes, and that what they read is there."""
        asked = sorted(ids)
        with ThreadPoolExecutor(READERS) as readers:
            self._records.update(zip(asked, readers.map(self._read, asked), strict=True))
            found = [record for i in asked if isinstance(record := self._records[i], VersionRecord)]
            stored = {str(b.name): b for record in found for b in record.manifest if b.name}
            states = readers.map(self._state, stored.values())
            self._states.update(zip(stored, states, strict=True))
        there = (blob for name, blob in stored.items() if self._states[name] in {None, WRONG})
        self.report.checked_bytes += sum(blob.size_bytes for blob in there)
        wrong = {name for name, state in self._states.items() if state is not None}
        whole = (r for r in found if r.erased is None)
        self._values = {r.digest for r in whole if wrong.isdisjoint(b.name for b in r.manifest)}
        for record in found:
            self._check_record(record)
            self._check_bytes(record)
        for version_id in asked:
            if isinstance(error := self._records[version_id], UNREADABLE):
                self._damaged(version_id, None, str(error))
                if not _is_newer(error):
                    self._lost.add(version_id)
        # What was revoked never was a version.
        self.report.checked = sum(not isinstance(self._records[i], NotFoundError) for i in asked)
        if self._sets_aside:
            for name in (name for name in stored if self._states[name] == WRONG):
                self._repository.set_aside(stored[name])
                self.report.set_aside.append(name)
        self.used |= {layout.blob(name) for name in stored} | {layout.intent(r.id) for r in found}
        return self.report

    def bindings(self, keys: Iterable[Key]) -> None:
        """Check that bindings say what the versions that they name say."""
        for key in keys:
            name = layout.binding(key)
            try:
                bound = self._repository.bound(key)
            except NotFoundError:
                continue
            except UNREADABLE as error:
                self._dangling(name, str(error.facts.get("id", "")), str(error))
                self._unbind(name, error)
                continue
            self._check_binding(name, bound)

    def notes(self) -> None:
        """Check what is said beside the versions: names, pins and runs."""
        for name, reason in self._repository.faults():
            self._damaged("", name, reason)
        for name in sorted(self._repository.names()):
            with suppress(*UNREADABLE):
                for alias, version_id in aliases(self._repository.name_history(name)).items():
                    if isinstance(error := self._named(version_id), VersioningError):
                        reason = f"@{alias}: {error}; let it name another version"
                        self._dangling(f"{layout.NAMES}{name}", version_id, reason)

    def vanished(self, witness: Catalog) -> None:
        """Compare with what was seen before."""
        for version_id, (step, created) in witness.gone().items():
            reason = f"version of {step}, made {created:%Y-%m-%d %H:%M}, {SEEN}"
            self.report.gone.append(Gone(layout.version(version_id), reason))
        # What is known is asked first: what others append meanwhile is in the listing, too.
        before = witness.longest()
        now = self._repository.journals()
        witness.remember(now)
        for name, entries in sorted(before.items()):
            if entries > now.get(name, 0):
                reason = f"has {now.get(name, 0)} entries and had {entries}, {SEEN}"
                self.report.gone.append(Gone(name, reason))

    def _check_binding(self, name: str, bound: VersionRecord) -> None:
        if self._repository.is_invalid(bound.id):
            # Somebody was stopped after saying that it is invalid, or just before seeing that.
            self.report.invalid.append(name)
            self._unbind(name)
            return
        record = self._record(bound.id)
        if not isinstance(record, VersionRecord):
            self._dangling(name, bound.id, f"it binds a version that is not there: {record}")
            self._restore(name, bound)
        elif bound != record:
            self._damaged(bound.id, None, f"its record and its copy in {name} differ")
            self._unbind(name)

    def _unbind(self, name: str, error: VersioningError | None = None) -> None:
        """A binding that is not what it should be is a miss already: make room for the next."""
        if self._sets_aside and not _is_newer(error):
            self._store.delete(name)
            self.report.set_aside.append(name)

    def _restore(self, name: str, bound: VersionRecord) -> None:
        """A binding is a copy of its version's record: write that again where it is lost."""
        if self._sets_aside and not _is_newer(self._records[bound.id]):
            place = layout.version(bound.id)
            self._store.put(place, self._store.get(name))
            self.report.restored.append(place)
            self._lost.discard(bound.id)

    def quarantine(self) -> None:
        """Move records out of the way that nothing can restore; their names stay theirs."""
        for version_id in sorted(self._lost if self._sets_aside else ()):
            name = layout.version(version_id)
            self._store.move(name, layout.quarantined(name))
            self.report.set_aside.append(name)

    def _named(self, version_id: str) -> VersionRecord | VersioningError:
        try:
            return self._record(version_id)
        except FormatError as error:
            return error

    def _check_record(self, record: VersionRecord) -> None:
        try:
            parts = (*outputs(record), *captured(record))
        except FormatError as error:
            self._damaged(record.id, None, str(error))
            parts = ()
        for item in (*record.inputs, *parts):
            source = self._record(item.id)
            if not isinstance(source, VersionRecord) and item.digest in self._values:
                self._replaced(item.id)
            elif not isinstance(source, VersionRecord):
                self._dangling(layout.version(record.id), item.id, f"{item.name}: {source}")
            elif source.digest != item.digest:
                self._damaged(record.id, None, f"{item.name} had another digest when read")
            elif item.seal not in source.seals:
                reason = f"{item.name}, {item.id}, said something else then: it was sealed anew"
                self._damaged(record.id, None, reason)

    def _check_bytes(self, record: VersionRecord) -> None:
        if record.erased is not None:
            self.report.erased.append(record.id)
            # Whoever erased it could not reach the copies of other machines.
            self._repository.forget_copies(record)
            return
        for blob in record.manifest:
            if blob.inline is None:
                self._check_stored(record, str(blob.name))
                continue
            self.report.checked_bytes += blob.size_bytes
            if digest_bytes(blob.inline) != blob.digest or len(blob.inline) != blob.size_bytes:
                self._damaged(record.id, blob.part, "its bytes in the record are not those written")

    def _check_stored(self, record: VersionRecord, name: str) -> None:
        state = self._states[name]
        if state is None:
            return
        if state == WRONG:
            self._damaged(record.id, name, state)
        elif record.id in self._erased:
            if record.id not in self.report.expired:
                self.report.expired.append(record.id)
        elif self._is_replaced(record):
            self._replaced(record.id)
        elif state == ASIDE:
            self._damaged(record.id, name, state)
        else:
            self._dangling(layout.version(record.id), name, state)

    def _is_replaced(self, record: VersionRecord) -> bool:
        now = self._repository.lookup(record.key)
        return now is not None and now.id != record.id

    def _state(self, blob: Blob) -> str | None:
        """What is wrong with a stored blob; None when nothing is."""
        name = str(blob.name)
        try:
            with self._store.stream(layout.blob(name)) as stream:
                found = digest_stream(stream)
        except NotFoundError:
            return ASIDE if self._store.exists(layout.quarantined(name)) else GONE
        return None if found == (blob.digest, blob.size_bytes) else WRONG

    def _record(self, version_id: str) -> VersionRecord | VersioningError:
        if version_id not in self._records:
            self._records[version_id] = self._read(version_id)
        return self._records[version_id]

    def _read(self, version_id: str) -> VersionRecord | VersioningError:
        try:
            return self._repository.record(version_id)
        except (NotFoundError, *UNREADABLE) as error:
            return error

    def _replaced(self, version_id: str) -> None:
        if version_id not in self.report.replaced:
            self.report.replaced.append(version_id)

    def _damaged(self, version_id: str, blob: str | None, reason: str) -> None:
        self.report.damaged.append(Damage(version_id, blob, reason))

    def _dangling(self, name: str, target: str, reason: str) -> None:
        self.report.dangling.append(Dangling(name, target, reason))


def _is_newer(found: object) -> bool:
    """Whether a record is whole, but of a format that only a newer release reads."""
    version = found.facts.get("format") if isinstance(found, VersioningError) else None
    return isinstance(version, int) and version > FORMAT_VERSION
