"""The repository: the only place that orders writes.

A version is written as intent, blobs, version record, binding. Whoever stops between two of these
leaves nothing that a reader takes for a version; `FORMAT.md` says why for each step.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from dataclasses import replace as with_changes
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from versioning import layout, records
from versioning.answers import Answers
from versioning.blobs import Blobs
from versioning.codecs import codec_for, codec_named, recorded_name
from versioning.copies import Copies
from versioning.digest import digest_bytes
from versioning.encoding import file_digest, value_digest
from versioning.envelope import dump, seal_of
from versioning.errors import (
    ConflictError,
    IntegrityError,
    NotFoundError,
    ReadOnlyError,
    VersioningError,
)
from versioning.identity import create_identity, read_identity
from versioning.invalidations import Invalidations
from versioning.parts import PartWriter
from versioning.readers import BlobReader, copied
from versioning.records import Input, VersionRecord
from versioning.storage import Store
from versioning.tombstones import tombstone
from versioning.written import Line, Written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from versioning.codecs import Codec
    from versioning.digest import Digest, Key
    from versioning.keys import Leaf
    from versioning.records import Blob
    from versioning.settings import Settings

ATTEMPTS = 5
# Their values are paths.
PATH_CODECS = {"file", "tree"}


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known of a version before its value is stored; see `VersionRecord` for the fields."""

    key: Key
    leaves: tuple[Leaf, ...]
    step: str
    function: str
    created: datetime
    seconds: float
    flow: str | None = None
    inputs: tuple[Input, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


class Repository(Answers):
    """Versions at one URL.

    Attributes:
        id: 32 hexadecimal characters, random; tells this repository from every other.
        url: Where it is.
        store: The names and bytes there.
        settings: Settings in force.
        observers: Called with an event (`adopted`, `conflict`, `corrupt`, `unreadable`) and its
            facts; they may not raise.
        invalidations: What may not be a hit again.
        written: What this machine committed since its catalog looked last.
    """

    def __init__(
        self, store: Store, *, repository_id: str, settings: Settings, read_only: bool = False
    ) -> None:
        self.id = repository_id
        self.url = store.url
        self.store = store
        self.settings = settings
        self.observers = []
        self.invalidations = Invalidations(store)
        self.written = Written(settings.cache / repository_id, store.url)
        self._read_only = read_only
        self._is_proven = False
        self._blobs = Blobs(
            store,
            copies=Copies(settings.cache / repository_id / "blobs", settings.cache_bytes),
            report=self._report,
            read_only=read_only,
        )

    @classmethod
    def open(cls, url: str, *, settings: Settings, read_only: bool = False) -> Self:
        """Open the repository at `url`, and create it when there is none.

        Args:
            url: Folder or fsspec URL.
            settings: Settings in force.
            read_only: Refuse every write, and create nothing.

        Raises:
            NotFoundError: If there is none and `read_only` is set.
            StorageError: If the store cannot be reached, or cannot create conditionally.
            FormatError: If a newer release wrote the repository.
        """
        store = Store.open(url)
        if not (read_only or store.exists(layout.REPOSITORY)):
            create_identity(store)
        repository_id = read_identity(store)
        return cls(store, repository_id=repository_id, settings=settings, read_only=read_only)

    def commit(
        self,
        value: object,
        draft: Draft,
        *,
        replace: bool = False,
        bind: bool = True,
        codec: str | None = None,
    ) -> VersionRecord:
        """Store `value` and bind its key to it, or adopt what somebody else bound before.

        Args:
            value: What the step returned; it may not change meanwhile.
            draft: Everything else that its record says.
            replace: Rebind a key that is bound to another value; one bound to this value is kept.
            bind: Whether the key is to be answered by this version.
            codec: Name of the codec to store it with; chosen by type when None.

        Returns:
            The version that answers the key now, or the new one when `bind` is false.

        Raises:
            UnkeyableError: If the value cannot be digested or stored exactly.
            ReadOnlyError: If the repository, or its store, cannot be written.
            StorageError: If the store fails or is full. Nothing is bound then.
            ConflictError: If a collector took this writer for dead each time it tried, or what the
                value was made from has been erased meanwhile.
        """
        self.check_writable()
        digest = digest_of(value)
        if replace and bind and (found := self._answer(draft.key)) and found.digest == digest:
            return self._adopted(found)
        chosen = codec_for(value, name=codec)
        for _ in range(ATTEMPTS):
            if written := self._write(value, draft, digest, chosen):
                record, is_invalid = written
                return self._bind(record, replace=replace) if bind and not is_invalid else record
        raise ConflictError(
            f"{self.url} took this writer of {draft.step!r} for abandoned {ATTEMPTS} times; "
            "let collection wait longer before it revokes, then run again",
            key=draft.key,
        )

    def load(self, record: VersionRecord) -> Any:
        """The value of a version; every byte is checked before a codec sees it.

        Raises:
            IntegrityError: If stored bytes are not those written; they are set aside.
            NotFoundError: If they are gone.
            FormatError: If the codec is unknown, not allowed, or cannot read them.
        """
        _check_not_erased(record)
        codec = codec_named(record.codec, allow_pickle=self.settings.allow_pickle)
        with self._noticing(record), BlobReader(self._blobs, record.manifest) as reader:
            return codec.read(reader)

    def path(self, record: VersionRecord, dest: Path | None = None) -> Path:
        """The stored file or tree, else the bytes as stored: a file, or a folder of several.

        Args:
            record: The version.
            dest: Where to put a copy that may be changed; read-only and shared when None.

        Raises:
            ConflictError: If `dest` exists.
            IntegrityError: As `load`.
            NotFoundError: As `load`.
        """
        _check_not_erased(record)
        is_path = record.codec.partition("/")[0] in PATH_CODECS
        if is_path:
            # As it is stored, whatever those who inherit do to what they load.
            path = Repository.load(self, record)
        else:
            with self._noticing(record), BlobReader(self._blobs, record.manifest) as reader:
                path = reader.whole()
        return path if dest is None else copied(path, dest)

    def is_live(self, record: VersionRecord) -> bool:
        """Whether every byte of the version is there, by name and length."""
        return record.erased is None and self._blobs.are_live(record.manifest)

    def forget_copies(self, record: VersionRecord) -> None:
        """Delete the copies of a version's bytes that this machine keeps."""
        for blob in record.manifest:
            self._blobs.forget(blob)

    def set_aside(self, blob: Blob) -> None:
        """Move a blob that was found damaged out of the way: versions that need it become misses.

        Raises:
            ReadOnlyError: If the repository cannot be written.
        """
        self.check_writable()
        self._blobs.set_aside(blob)

    def check_writable(self) -> None:
        """Make sure that writes are allowed here and that the store can order them.

        Raises:
            ReadOnlyError: If the repository is open for reading, or its store cannot be written.
            StorageError: If the store cannot create conditionally.
        """
        if self._read_only:
            raise ReadOnlyError(f"{self.url} is open for reading only: open it for writing")
        if not self._is_proven:
            self.store.self_test()
            self._is_proven = True

    @contextmanager
    def _noticing(self, record: VersionRecord) -> Iterator[None]:
        """Let a version answer no more whose bytes prove damaged, and have to stay as they are."""
        try:
            yield
        except IntegrityError:
            if self._blobs.are_stuck(record.manifest):
                with suppress(VersioningError):
                    self._release_whole(record)
            raise

    def _write(
        self, value: object, draft: Draft, digest: Digest, codec: Codec
    ) -> tuple[VersionRecord, bool] | None:
        """Write a version up to its record, and tell whether it is invalid from the start.

        None when a collector revoked the writer meanwhile.
        """
        version_id = secrets.token_hex(16)
        with PartWriter(self.store) as writer:
            codec.write(value, writer)
            if not writer.is_small:
                intent = dump("intent", {"id": version_id, "created": draft.created})
                self.store.put_if_absent(layout.intent(version_id), intent, durable=False)
            manifest = self._blobs.add(writer)
        record = VersionRecord(
            id=version_id,
            repository=self.id,
            digest=digest,
            codec=recorded_name(codec),
            manifest=manifest,
            **{item.name: getattr(draft, item.name) for item in fields(draft)},
        )
        data = records.dump_version(record)
        committed = self.store.put_if_absent(layout.version(version_id), data)
        if committed and not writer.is_small:
            # From here on the version itself keeps its blobs.
            self.store.delete(layout.intent(version_id))
        if not committed:
            return None
        self.written.add(Line(version_id, draft.step, draft.created))
        record = with_changes(record, seal=seal_of(data))
        return record, self._inherit(record)

    def _inherit(self, record: VersionRecord) -> bool:
        """Make a new version invalid where what it was made from has become so; whether it is.

        Who invalidates looks for readers after saying so, and we look here after the record is
        there: one of us sees the other.

        Raises:
            ConflictError: If that was erased; what the record holds is, too.
        """
        # An external file is made from nothing, but its content may be known as erased.
        above = [item.id for item in record.inputs] if record.function else [str(record.key)]
        found = [self.invalidations.of(about) for about in self.invalidations.among(above)]
        if not (inherited := [why for why in found if why and why.down]):
            return False
        # The worst of them: what is to be erased is invalid, too.
        why = max(inherited, key=lambda item: item.erase)
        why = with_changes(why, why="made from what is invalid")
        self.invalidations.mark(record.id, why)
        if why.erase:
            self.store.put(layout.version(record.id), records.dump_version(tombstone(record, why)))
            raise ConflictError(
                f"{record.step!r} was made from what {why.actor} erased at {why.at}: {why.reason}. "
                "Nothing of it was stored; run again, on other data",
                id=record.id,
            )
        return True


def _check_not_erased(record: VersionRecord) -> None:
    if (erased := record.erased) is not None:
        raise NotFoundError(
            f"version {record.id} of {record.step!r} was erased by {erased.actor} at "
            f"{erased.at:%Y-%m-%d %H:%M}: {erased.reason}. Run its step again",
            id=record.id,
        )


def digest_of(value: object) -> Digest:
    """Digest of a value; of one with classes of the project, together with what those do."""
    # Whoever only reads need not load what follows code.
    from versioning.code import behaviour

    if isinstance(value, Path):
        return file_digest(value)
    does = behaviour(value)
    digest = value_digest(value)
    return digest if does is None else digest_bytes(f"{digest} {does}".encode())
