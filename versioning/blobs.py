"""The blobs of a repository: written once under fresh names, checked by digest before use.

Blobs that are not files of this machine are copied into a cache first, checked on the way.
"""

from __future__ import annotations

import atexit
import io
import logging
import os
import secrets
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from blake3 import blake3

from versioning import layout, marks
from versioning.digest import CHUNK_BYTES, Digest, digest_bytes
from versioning.errors import (
    ConflictError,
    FormatError,
    IntegrityError,
    NotFoundError,
    VersioningError,
)
from versioning.records import Blob
from versioning.shards import shard_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

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
        cache: Path,
        report: Callable[[str, dict[str, Any]], None],
        read_only: bool = False,
    ) -> None:
        """Look at the blobs in `store`.

        Args:
            store: Where they lie.
            cache: Folder of this machine for copies of blobs that are not files here.
            report: Told `corrupt` and the facts when a blob is damaged.
            read_only: Leave damaged blobs where they are.
        """
        self._store = store
        self._cache = cache
        self._report = report
        self._read_only = read_only
        self._verified: set[tuple[str, int, int, int, int]] = set()
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
        sizes = self._store.sizes([_name(blob) for blob in stored])
        damaged = [
            b for b, size in zip(stored, sizes, strict=True) if size not in {None, b.size_bytes}
        ]
        for blob in damaged:
            self._set_aside(blob, "has another length than its manifest says")
        return not damaged and None not in sizes

    def path(self, blob: Blob) -> Path:
        """A read-only file of this machine with the bytes of `blob`, verified once a process.

        Raises:
            IntegrityError: If the bytes are not those written; the blob is set aside.
            NotFoundError: If the blob is gone.
        """
        path = self._store.local_path(_name(blob))
        if path is None:
            return self._cached(blob)
        if not self._is_intact(path, blob):
            raise self._set_aside(blob, "has other bytes than were written")
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
        (self._cache / blob.digest[:2] / blob.digest).unlink(missing_ok=True)

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

    def _cached(self, blob: Blob) -> Path:
        path = self._cache / blob.digest[:2] / blob.digest
        try:
            if self._is_intact(path, blob):
                return path
        except NotFoundError:
            pass
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(f"{blob.digest}.{secrets.token_hex(8)}")
        try:
            with self._store.stream(_name(blob)) as source, staged.open("xb") as target:
                digest = _copy_digest(source, target)
            if digest != blob.digest:
                raise self._set_aside(blob, "has other bytes than were written")
            staged.chmod(0o444)
            staged.replace(path)
        finally:
            staged.unlink(missing_ok=True)
        self._verified.add(_seen(path))
        return path

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
        if not self._read_only:
            # Somebody else may have set it aside, or this process may not write.
            with suppress(VersioningError):
                self._store.move(_name(blob), place)
        facts = {
            "digest": blob.digest,
            "blob": blob.name,
            "url": self._store.url,
            "quarantine": place,
        }
        logger.error("blob %s in %s %s: set aside as %s", blob.name, self._store.url, what, place)
        self._report("corrupt", facts)
        return IntegrityError(
            f"blob {blob.name} in {self._store.url} {what}; it is set aside as {place}: "
            "run the step again to recompute it, and `versioning verify` to find more",
            **facts,
        )

    def _each(self, act: Callable[[S], T], items: Sequence[S]) -> list[T]:
        if not self._is_remote or len(items) < 2:
            return [act(item) for item in items]
        with ThreadPoolExecutor(TRANSFERS) as transfers:
            return list(transfers.map(act, items))


class BlobReader:
    """What a codec reads from: the parts of one version, checked before they are seen."""

    def __init__(self, blobs: Blobs, manifest: Iterable[Blob]) -> None:
        self._blobs = blobs
        self._manifest = {blob.part: blob for blob in manifest}

    @property
    def parts(self) -> Sequence[str]:
        """Names of the parts, in order."""
        return tuple(self._manifest)

    def read(self, part: str) -> bytes:
        """All bytes of a part."""
        blob = self._blob(part)
        return self._blobs.path(blob).read_bytes() if blob.inline is None else blob.inline

    def path(self, part: str) -> Path:
        """A read-only file of this machine with the bytes of a part, while this process lives."""
        blob = self._blob(part)
        if blob.inline is None:
            return self._blobs.path(blob)
        path = self.folder() / (part.rpartition("/")[2] or "data")
        path.write_bytes(blob.inline)
        path.chmod(0o444)
        return path

    def open(self, part: str) -> BinaryIO:
        """A stream over the bytes of a part."""
        blob = self._blob(part)
        return self._blobs.path(blob).open("rb") if blob.inline is None else io.BytesIO(blob.inline)

    def size(self, part: str) -> int:
        """Length of a part in bytes, as the manifest says and reading checks."""
        return self._blob(part).size_bytes

    def folder(self) -> Path:
        """A new, empty folder of this machine that is removed when this process ends."""
        return Path(tempfile.mkdtemp(dir=_scratch(os.getpid())))

    def whole(self) -> Path:
        """The bytes as stored: the file of a single part, else a folder of a file each."""
        if len(self._manifest) == 1:
            return self.path(self.parts[0])
        folder = self.folder()
        for part in self._manifest:
            target = folder / part
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(self.path(part))
        return folder

    def _blob(self, part: str) -> Blob:
        if (blob := self._manifest.get(part)) is None:
            known = ", ".join(self._manifest) or "none"
            raise FormatError(
                f"the version has no part {part[:80]!r}, only {known[:400]}", part=part
            )
        if blob.inline is not None and digest_bytes(blob.inline) != blob.digest:
            raise IntegrityError(
                f"part {part!r} in the record has other bytes than were written: "
                "run the step again to recompute it",
                digest=blob.digest,
            )
        return blob


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


def copied(path: Path, dest: Path) -> Path:
    """Copy a file or folder to `dest`, writable by its owner.

    Raises:
        ConflictError: If `dest` exists.
    """
    if dest.exists():
        raise ConflictError(f"{dest} exists: choose another place or remove it", path=str(dest))
    dest.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, dest)
    else:
        shutil.copy(path, dest)
    for file in (dest, *dest.rglob("*")):
        file.chmod(file.stat().st_mode | 0o200)
    return dest


@cache
def _scratch(pid: int) -> str:
    """Folder for files that live as long as process `pid`; a fork gets its own."""
    path = tempfile.mkdtemp(prefix="versioning-")
    atexit.register(_remove_scratch, path, pid)
    return path


def _remove_scratch(path: str, pid: int) -> None:
    if os.getpid() == pid:
        shutil.rmtree(path, ignore_errors=True)
