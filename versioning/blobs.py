"""The blobs of a repository: written once under fresh names, checked by digest before use.

Blobs that are not files of this machine are copied into a cache first, checked on the way.
"""

from __future__ import annotations

import logging
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from blake3 import blake3

from versioning import layout, marks
from versioning.digest import CHUNK_BYTES, Digest, digest_bytes
from versioning.errors import (
    IntegrityError,
    NotFoundError,
    VersioningError,
)
from versioning.records import Blob
from versioning.shards import shard_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from versioning.copies import Copies
    from versioning.parts import Part, PartWriter
    from versioning.storage import Store

S = TypeVar("S")
T = TypeVar("T")
TRANSFERS = 8
# What is read from another machine before it is used again; more would cost what it saves.
FETCHED_BYTES = 1024 * 1024
logger = logging.getLogger("versioning")


class Blobs:
    """Blobs of one repository, seen from this process."""

    def __init__(
        self,
        store: Store,
        *,
        copies: Copies,
        report: Callable[[str, dict[str, Any]], None],
        read_only: bool = False,
    ) -> None:
        """Look at the blobs in `store`.

        Args:
            store: Where they lie.
            copies: Copies on this machine of blobs that are not files here.
            report: Told `corrupt` and the facts when a blob is damaged.
            read_only: Leave damaged blobs where they are.
        """
        self._store = store
        self._copies = copies
        self._report = report
        self._read_only = read_only
        self._verified: set[tuple[str, int, int, int, int]] = set()
        self._stuck: set[str] = set()
        self._is_remote = store.local_path(layout.REPOSITORY) is None

    def add(self, writer: PartWriter) -> tuple[Blob, ...]:
        """The manifest of what was written: inline when small, else each part a blob of its own.

        Blobs with the same bytes are used again. Call it between the intent and the version record.
        """
        if writer.is_small:
            return tuple(
                Blob(part.name, part.digest, part.size_bytes, inline=part.data)
                for part in writer.parts
            )
        return tuple(self._each(self._added, writer.parts))

    def are_live(self, manifest: Iterable[Blob]) -> bool:
        """Whether every blob is there in full length; one of another length is set aside."""
        stored = [blob for blob in manifest if blob.inline is None]
        if self.are_stuck(stored):
            return False
        sizes = self._store.sizes([_name(blob) for blob in stored])
        damaged = [
            b for b, size in zip(stored, sizes, strict=True) if size not in {None, b.size_bytes}
        ]
        for blob in damaged:
            self._set_aside(blob, "has another length than its manifest says")
        return not damaged and None not in sizes

    def are_stuck(self, manifest: Iterable[Blob]) -> bool:
        """Whether one of them was found damaged here, and may not be moved by this writer."""
        return not self._stuck.isdisjoint(_name(blob) for blob in manifest)

    def path(self, blob: Blob, until: ExitStack) -> Path:
        """A read-only file of this machine with the bytes of `blob`, verified once a process.

        Args:
            blob: The blob.
            until: At its end a copy of a blob that is no file of this machine may go.

        Raises:
            IntegrityError: If the bytes are not those written; the blob is set aside.
            NotFoundError: If the blob is gone.
        """
        path = self._store.local_path(_name(blob))
        if path is None:
            return self._copied(blob, until)
        if not self._is_intact(path, blob):
            raise self._set_aside(blob, "has other bytes than were written")
        return path

    def lasting_path(self, blob: Blob) -> Path:
        """As `path`, and a copy stays while this process lives."""
        with ExitStack() as until:
            path = self.path(blob, until)
            if self._is_remote:
                self._copies.keep(blob.digest)
            return path

    def digest(self, blob: Blob) -> Digest:
        """Digest of the bytes stored now, read afresh; `NotFoundError` when they are gone."""
        if blob.inline is not None:
            return digest_bytes(blob.inline)
        with self._store.stream(_name(blob)) as source:
            return _copy_digest(source, None)

    def set_aside(self, blob: Blob) -> None:
        """Move a blob that was found damaged out of the way, and tell."""
        self._set_aside(blob, "has other bytes than were written")

    def forget(self, blob: Blob) -> None:
        """Delete the copy of the bytes of `blob` that this machine keeps."""
        self._copies.forget(blob.digest)

    def _added(self, part: Part) -> Blob:
        if (name := self._reusable(part)) is None:
            name = f"{part.digest[:2]}/{part.digest}-{secrets.token_hex(8)}"
            if part.path is not None:
                self._store.add_file(layout.blob(name), part.path)
            else:
                self._store.put_if_absent(layout.blob(name), part.data or b"")
        return Blob(part.name, part.digest, part.size_bytes, name=name)

    def _reusable(self, part: Part) -> str | None:
        """A blob with the bytes of `part` that no collector has marked.

        Marks are read before the blob is looked for: a collector marks before it deletes, so a
        blob that is there and was unmarked before is kept by our intent.
        """
        listed = self._store.names(layout.blob_prefix(part.digest))
        if not (found := [name.removeprefix(layout.BLOBS) for name in listed]):
            return None
        for name in marks.unmarked(self._store, shard_of(part.digest), found):
            sizes = self._store.sizes([layout.blob(name)])
            if sizes == [part.size_bytes] and self._is_whole(name, part):
                return name
        return None

    def _is_whole(self, name: str, part: Part) -> bool:
        """Whether a blob to be used again is undamaged, where looking costs little."""
        blob = Blob(part.name, part.digest, part.size_bytes, name=name)
        path = self._store.local_path(layout.blob(name))
        if path is None and part.size_bytes > FETCHED_BYTES:
            return True
        try:
            if self._is_intact(path, blob) if path else self.digest(blob) == blob.digest:
                return True
        except NotFoundError:
            return False
        self.set_aside(blob)
        return False

    def _copied(self, blob: Blob, until: ExitStack) -> Path:
        def fill(target: BinaryIO) -> None:
            with self._store.stream(_name(blob)) as source:
                if _copy_digest(source, target) != blob.digest:
                    raise self._set_aside(blob, "has other bytes than were written")

        while True:
            path = self._copies.find(blob.digest, until)
            with suppress(NotFoundError):
                if path is not None and self._is_intact(path, blob):
                    return path
            if path is not None:
                self._copies.forget(blob.digest)
            if path := self._copies.add(blob.digest, fill, until):
                self._verified.add(_seen(path))
            self._copies.trim()

    def _is_intact(self, path: Path, blob: Blob) -> bool:
        try:
            seen = _seen(path)
            if seen in self._verified:
                return True
            if seen[-1] != blob.size_bytes or _file_digest(path) != blob.digest:
                return False
        except FileNotFoundError as error:
            raise NotFoundError(
                f"blob {blob.name} is gone; run the step again to recompute it", digest=blob.digest
            ) from error
        self._verified.add(seen)
        return True

    def _set_aside(self, blob: Blob, what: str) -> IntegrityError:
        """Move a damaged blob out of the way, tell, and give the error to raise."""
        place = layout.quarantined(str(blob.name))
        is_aside = not self._read_only
        if is_aside:
            try:
                self._store.move(_name(blob), place)
            except NotFoundError:
                pass  # Somebody else set it aside.
            except VersioningError:
                is_aside = False  # This process may not, as a writer that deletes no blobs.
                self._keep_from_use(blob)
        done = f"is set aside as {place}" if is_aside else "stays, as it may not be moved from here"
        todo = "" if is_aside else "let a collector run `versioning verify --set-aside`, and "
        facts = {
            "digest": blob.digest,
            "blob": blob.name,
            "url": self._store.url,
            "quarantine": place,
        }
        logger.error("blob %s in %s %s, and %s", blob.name, self._store.url, what, done)
        self._report("corrupt", facts)
        return IntegrityError(
            f"blob {blob.name} in {self._store.url} {what}; it {done}: {todo}"
            "run the step again to recompute it, and `versioning verify` to find more",
            **facts,
        )

    def _keep_from_use(self, blob: Blob) -> None:
        """See to it that no version is stored in a blob that has to stay where it is."""
        self._stuck.add(_name(blob))
        shard, name = shard_of(blob.digest), str(blob.name)
        with suppress(VersioningError):
            if marks.unmarked(self._store, shard, [name]):
                marks.put(self._store, shard, [name])

    def _each(self, act: Callable[[S], T], items: Sequence[S]) -> list[T]:
        if not self._is_remote or len(items) < 2:
            return [act(item) for item in items]
        with ThreadPoolExecutor(TRANSFERS) as transfers:
            return list(transfers.map(act, items))


def _name(blob: Blob) -> str:
    return layout.blob(str(blob.name))


def _seen(path: Path) -> tuple[str, int, int, int, int]:
    """What stays the same while nobody writes a file: path, inode, times and, last, length.

    Anybody can set the time of modification back, nobody that of the change.
    """
    found = path.stat()
    return str(path), found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _file_digest(path: Path) -> Digest:
    threads = blake3.AUTO if path.stat().st_size > CHUNK_BYTES else 1
    return Digest(blake3(max_threads=threads).update_mmap(path).hexdigest())


def _copy_digest(source: BinaryIO, target: BinaryIO | None) -> Digest:
    hasher = blake3(max_threads=blake3.AUTO)
    while chunk := source.read(CHUNK_BYTES):
        hasher.update(chunk)
        if target is not None:
            target.write(chunk)
    return Digest(hasher.hexdigest())
