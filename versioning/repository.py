"""The repository: the only place that orders writes.

A version is written as intent, blobs, version record, binding. Whoever stops between two of these
leaves nothing that a reader takes for a version; `FORMAT.md` says why for each step.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from dataclasses import replace as with_changes
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from versioning import layout, records
from versioning.blobs import BlobReader, Blobs, copied
from versioning.codecs import codec_for, codec_named, recorded_name
from versioning.digest import digest_bytes
from versioning.encoding import file_digest, value_digest
from versioning.envelope import UNREADABLE, dump, seal_of
from versioning.errors import ConflictError, NotFoundError, ReadOnlyError
from versioning.parts import PartWriter
from versioning.records import Input, VersionRecord
from versioning.register import Register
from versioning.storage import Store

if TYPE_CHECKING:
    from versioning.codecs import Codec
    from versioning.digest import Digest, Key
    from versioning.keys import Leaf
    from versioning.records import Blob
    from versioning.settings import Settings

ATTEMPTS = 5
# Their values are paths.
PATH_CODECS = {"file", "tree"}
Observer = Callable[[str, dict[str, Any]], None]
logger = logging.getLogger("versioning")


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


class Repository(Register):
    """Versions at one URL.

    Attributes:
        id: 32 hexadecimal characters, random; tells this repository from every other.
        url: Where it is.
        store: The names and bytes there.
        settings: Settings in force.
        observers: Called with an event (`adopted`, `conflict`, `corrupt`, `unreadable`) and its
            facts; they may not raise.
    """

    def __init__(
        self, store: Store, *, repository_id: str, settings: Settings, read_only: bool = False
    ) -> None:
        self.id = repository_id
        self.url = store.url
        self.store = store
        self.settings = settings
        self.observers: list[Observer] = []
        self._read_only = read_only
        self._is_proven = False
        self._blobs = Blobs(
            store,
            cache=settings.cache / repository_id / "blobs",
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
            store.self_test()
            id_ = _id_of_versions(store) or secrets.token_hex(16)
            fields = {"id": id_, "created": datetime.now(UTC).isoformat()}
            store.put_if_absent(layout.REPOSITORY, dump("repository", fields))
        try:
            data = store.get(layout.REPOSITORY)
        except NotFoundError as error:
            raise NotFoundError(
                f"there is no repository at {store.url}: correct the URL; "
                "the first versioned step that runs there creates one",
                url=store.url,
            ) from error
        repository_id = records.parse_repository(data, name=f"{store.url}/{layout.REPOSITORY}")
        return cls(store, repository_id=repository_id, settings=settings, read_only=read_only)

    def lookup(self, key: Key) -> VersionRecord | None:
        """The version that answers `key`, or None when there is none that can be loaded.

        A binding that cannot be read, is of another key or names bytes that are gone is a miss.
        """
        try:
            record = self.bound(key)
        except NotFoundError:
            return None
        except UNREADABLE as error:
            logger.error("%s: taken for a miss: %s", self.url, error)  # noqa: TRY400
            facts = {"name": layout.binding(key), "url": self.url, "reason": str(error)}
            self._report("unreadable", facts)
            return None
        return record if self.is_live(record) else None

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
            ConflictError: If a collector took this writer for dead each time it tried.
        """
        self.check_writable()
        digest = digest_of(value)
        if replace and bind and (found := self._answer(draft.key)) and found.digest == digest:
            return self._adopted(found, digest)
        chosen = codec_for(value, name=codec)
        for _ in range(ATTEMPTS):
            if record := self._write(value, draft, digest, chosen):
                return self.bind(record, replace=replace) if bind else record
        raise ConflictError(
            f"{self.url} took this writer of {draft.step!r} for abandoned {ATTEMPTS} times; "
            "let collection wait longer before it revokes, then run again",
            key=draft.key,
        )

    def bind(self, record: VersionRecord, *, replace: bool = False) -> VersionRecord:
        """Let `record` answer its key, unless a live version does; returns the one that does.

        Args:
            record: A committed version.
            replace: Rebind even where a live version of another value answers.
        """
        self.check_writable()
        name, data = layout.binding(record.key), records.dump_version(record)
        # A binding lost in a power cut is a miss, so it need not be durable: the version is.
        if self.store.put_if_absent(name, data, durable=False):
            return record
        other = self._answer(record.key)
        if other is None or (replace and other.digest != record.digest):
            self.store.put(name, data)
            return record
        return self._adopted(other, record.digest) if other.id != record.id else record

    def unbind(self, record: VersionRecord) -> None:
        """Let `record` answer its key no more; should another one do so by now, that is a miss."""
        self.check_writable()
        if self.answers(record):
            self.store.delete(layout.binding(record.key))

    def answers(self, record: VersionRecord) -> bool:
        """Whether `record` is what answers its key."""
        bound = self.lookup(record.key)
        return bound is not None and bound.id == record.id

    def load(self, record: VersionRecord) -> Any:
        """The value of a version; every byte is checked before a codec sees it.

        Raises:
            IntegrityError: If stored bytes are not those written; they are set aside.
            NotFoundError: If they are gone.
            FormatError: If the codec is unknown, not allowed, or cannot read them.
        """
        codec = codec_named(record.codec, allow_pickle=self.settings.allow_pickle)
        return codec.read(BlobReader(self._blobs, record.manifest))

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
        is_path = record.codec.partition("/")[0] in PATH_CODECS
        path = self.load(record) if is_path else BlobReader(self._blobs, record.manifest).whole()
        return path if dest is None else copied(path, dest)

    def is_live(self, record: VersionRecord) -> bool:
        """Whether every byte of the version is there, by name and length."""
        return self._blobs.are_live(record.manifest)

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

    def _answer(self, key: Key) -> VersionRecord | None:
        """What `lookup` finds, where the version's own record says the same.

        Hits need not ask: loading reads that record. Whoever keeps a binding vouches for it.
        """
        found = self.lookup(key)
        try:
            return found if found is not None and self.record(found.id) == found else None
        except (NotFoundError, *UNREADABLE):
            return None

    def _write(
        self, value: object, draft: Draft, digest: Digest, codec: Codec
    ) -> VersionRecord | None:
        """Write a version up to its record; None when a collector revoked the writer meanwhile."""
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
        return with_changes(record, seal=seal_of(data)) if committed else None

    def _adopted(self, other: VersionRecord, digest: Digest) -> VersionRecord:
        facts = {"id": other.id, "key": other.key, "step": other.step, "digest": other.digest}
        if other.digest == digest:
            self._report("adopted", facts)
            return other
        logger.warning(
            "step %r gave another value for the same key %s; version %s is kept",
            other.step,
            other.key[:12],
            other.id[:12],
        )
        self._report("conflict", {**facts, "refused": digest})
        return other

    def _report(self, event: str, facts: dict[str, Any]) -> None:
        for observer in self.observers:
            observer(event, facts)


def _id_of_versions(store: Store) -> str | None:
    """Id of the repository whose versions lie here although its own record is lost."""
    for entry in store.list(layout.VERSIONS):
        with suppress(NotFoundError, *UNREADABLE):
            return records.parse_version(store.get(entry.name), name=entry.name).repository
    return None


def digest_of(value: object) -> Digest:
    """Digest of a value; of one with classes of the project, together with what those do."""
    # Whoever only reads need not load what follows code.
    from versioning.code import behaviour

    if isinstance(value, Path):
        return file_digest(value)
    does = behaviour(value)
    digest = value_digest(value)
    return digest if does is None else digest_bytes(f"{digest} {does}".encode())
