"""What a codec reads from, and files outside a repository with what versions hold."""

from __future__ import annotations

import atexit
import io
import os
import shutil
import tempfile
from contextlib import AbstractContextManager, ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from versioning.digest import digest_bytes
from versioning.errors import ConflictError, FormatError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from versioning.blobs import Blobs
    from versioning.records import Blob


class BlobReader(AbstractContextManager["BlobReader"]):
    """What a codec reads from: the parts of one version, checked before they are seen.

    Of copies, the files that `path` names stay until its context ends, those of `whole` longer.
    """

    def __init__(self, blobs: Blobs, manifest: Iterable[Blob]) -> None:
        self._blobs = blobs
        self._manifest = {blob.part: blob for blob in manifest}
        self._until = ExitStack()

    def __exit__(self, *_: object) -> None:
        self._until.close()

    @property
    def parts(self) -> Sequence[str]:
        """Names of the parts, in order."""
        return tuple(self._manifest)

    def read(self, part: str) -> bytes:
        """All bytes of a part."""
        if (data := self._blob(part).inline) is not None:
            return data
        with self.open(part) as stream:
            return stream.read()

    def path(self, part: str) -> Path:
        """A read-only file of this machine with the bytes of a part, until the context ends."""
        blob = self._blob(part)
        if blob.inline is None:
            return self._blobs.path(blob, self._until)
        path = self.folder() / (part.rpartition("/")[2] or "data")
        path.write_bytes(blob.inline)
        path.chmod(0o444)
        return path

    def open(self, part: str) -> BinaryIO:
        """A stream over the bytes of a part."""
        blob = self._blob(part)
        if blob.inline is not None:
            return io.BytesIO(blob.inline)
        # What is open can be read to its end, whether or not it is deleted meanwhile.
        with ExitStack() as until:
            return self._blobs.path(blob, until).open("rb")

    def size(self, part: str) -> int:
        """Length of a part in bytes, as the manifest says and reading checks."""
        return self._blob(part).size_bytes

    def folder(self) -> Path:
        """A new, empty folder of this machine that is removed when this process ends."""
        return Path(tempfile.mkdtemp(dir=scratch(os.getpid())))

    def whole(self) -> Path:
        """The bytes as stored: the file of a single part, else a folder of a file each.

        They stay while this process lives.
        """
        if len(self._manifest) == 1:
            return self._lasting(self.parts[0])
        folder = self.folder()
        for part in self._manifest:
            target = folder / part
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(self._lasting(part))
        return folder

    def _lasting(self, part: str) -> Path:
        blob = self._blob(part)
        return self._blobs.lasting_path(blob) if blob.inline is None else self.path(part)

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
def scratch(pid: int) -> str:
    """Folder for what is laid of versions as long as process `pid` lives; a fork gets its own."""
    path = tempfile.mkdtemp(prefix="versioning-")
    atexit.register(_remove_scratch, path, pid)
    return path


def _remove_scratch(path: str, pid: int) -> None:
    if os.getpid() == pid:
        shutil.rmtree(path, ignore_errors=True)
