"""What a repository needs of a store: get, list, delete, and a put that only one writer wins.

Names are relative and `/`-separated. Whatever a filesystem or service raises becomes one of the
library's own errors here, naming the URL and what to do.
"""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from versioning.envelope import MAX_RECORD_BYTES
from versioning.errors import (
    FormatError,
    FullError,
    NotFoundError,
    ReadOnlyError,
    StorageError,
    VersioningError,
)
from versioning.settings import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a listing; `modified` is by the store's clock and None where it tells none."""

    name: str
    size_bytes: int
    modified: datetime | None


class Store(ABC):
    """Names and bytes. Every method may be called from any thread.

    Attributes:
        url: Where it is, as it can be opened again.
        callers: How many calls it answers at once for less than one after the other.
        is_far: Whether a call takes so long that what it says is worth remembering.
    """

    url: str
    callers: int = 1
    is_far: bool = False

    @staticmethod
    def open(url: str, *, options: Mapping[str, Any] | None = None) -> Store:
        """The store at `url`: a folder, `memory://<name>` (in this process), or an fsspec URL.

        Args:
            url: Where; a folder need not exist yet, a bucket must.
            options: What fsspec needs to reach it beyond the environment.

        Raises:
            StorageError: If nothing installed speaks the URL's protocol.
            FormatError: If it is a URL without both of its slashes, or a chain of URLs.
        """
        try:
            place(url)
        except ValueError as error:
            raise FormatError(f"{url} cannot be opened: {error}") from error
        protocol, separator, path = url.partition("://")
        if not separator or protocol in {"file", "local"}:
            from versioning.storage.local import LocalStore

            return LocalStore(Path(path if separator else url))
        if protocol == "memory":
            from versioning.storage.memory import MemoryStore

            return MemoryStore.named(path)
        from versioning.storage.remote import RemoteStore

        return RemoteStore(url, options=options)

    @staticmethod
    def memory() -> Store:
        """A new, empty store in memory; its URL opens it again for as long as somebody holds it."""
        from versioning.storage.memory import MemoryStore

        return MemoryStore.new()

    @abstractmethod
    def get(self, name: str) -> bytes:
        """The bytes of a record.

        Raises:
            NotFoundError: If there is no such name.
            FormatError: If there are more than a record may have; they are not read.
        """

    def get_all(self, names: Iterable[str]) -> Iterator[bytes | None]:
        """The bytes of each record in the order of `names`; None for each that is not there.

        Of what is longer than a record may be, too much comes to be read as one: who asks for many
        is told by what reads them which of them is wrong, and still gets the others.
        """
        yield from map(self._head, names)

    def _head(self, name: str) -> bytes | None:
        """What is there, up to one byte more than a record may have; None when there is nothing."""
        try:
            with translated(self.url, name), self.stream(name) as file:
                return file.read(MAX_RECORD_BYTES + 1)
        except NotFoundError:
            return None

    @abstractmethod
    def put_if_absent(self, name: str, data: bytes, *, durable: bool = True) -> bool:
        """Write `data` if nobody wrote `name` before; say whether it was; one writer wins.

        Where a reply can get lost, finding exactly `data` there counts as having written it:
        writers that must know which of them won put something of their own into the bytes.

        Args:
            name: What to write; nobody ever sees a part of it.
            data: All of its bytes.
            durable: Whether it must survive a power cut from the moment of return.
        """

    @abstractmethod
    def put(self, name: str, data: bytes) -> None:
        """Write `data` whether or not `name` is there; readers see the old bytes or the new."""

    @abstractmethod
    def add_file(self, name: str, path: Path) -> None:
        """Move the complete file at `path`, in `staging()`, to `name`, which nobody ever used."""

    @abstractmethod
    def staging(self) -> Path:
        """Folder of this machine for files that are to become names here."""

    @abstractmethod
    def stream(self, name: str) -> BinaryIO:
        """The bytes of `name`, of any length, to be read from the start; the caller closes it.

        Raises:
            NotFoundError: If there is no such name.
        """

    def local_path(self, name: str) -> Path | None:
        """The file of this machine that `name` is, or None where it is none."""
        return None

    @abstractmethod
    def sizes(self, names: Iterable[str]) -> list[int | None]:
        """Lengths in bytes in the order of `names`; None for each that is not there."""

    def stamps(self, names: Iterable[str]) -> list[str | None]:
        """What changes whenever the bytes of a name do, in the order of `names`.

        Returns:
            Of each name; None for one that is not there, empty where the store cannot tell, or not
            for less than reading it.
        """
        return [None if size is None else "" for size in self.sizes(names)]

    def exists(self, name: str) -> bool:
        """Whether `name` is there."""
        return self.sizes([name]) != [None]

    def size(self, name: str) -> int:
        """Length of `name` in bytes.

        Raises:
            NotFoundError: If there is no such name.
        """
        [size_bytes] = self.sizes([name])
        if size_bytes is None:
            raise NotFoundError(f"{name} is not in {self.url}", name=name)
        return size_bytes

    @abstractmethod
    def list(self, prefix: str) -> Iterator[Entry]:
        """Every name that begins with `prefix`, in no order; an empty prefix lists all."""

    def names(self, prefix: str) -> Iterator[str]:
        """The names that `list` finds, for less where lengths cost something."""
        return (entry.name for entry in self.list(prefix))

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove `name`; nothing happens when it is not there."""

    def delete_all(self, names: Iterable[str]) -> None:
        """Remove all of `names`, in no order; none of them is there afterwards.

        Raises:
            ReadOnlyError: If one may not be removed; others may be gone by then.
            StorageError: If the store fails; the same.
        """
        for name in names:
            self.delete(name)

    @abstractmethod
    def move(self, name: str, new: str) -> None:
        """Give `name` a new name.

        Raises:
            NotFoundError: If there is no such name.
        """

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """What is written inside, so that more can be deleted, may take room that is kept back."""
        yield

    @abstractmethod
    def self_test(self) -> None:
        """Prove that of many writers of a name one wins; call before the first write.

        Raises:
            StorageError: If it is not so, or the store cannot be reached; says what to do.
            ReadOnlyError: If it cannot be written.
        """


def checked(name: str) -> str:
    """`name`, when it stays below the root of a store.

    Raises:
        FormatError: If it does not.
    """
    if not name or "\\" in name or "\0" in name or {"", ".", ".."} & set(name.split("/")):
        raise FormatError(f"{name[:80]!r} is not a name in a repository; nothing was done")
    return name


def limited(data: bytes, name: str) -> bytes:
    """`data`, read to one byte past what a record may have, when it is not that long."""
    if len(data) > MAX_RECORD_BYTES:
        raise FormatError(
            f"{name} is larger than a record may be ({MAX_RECORD_BYTES} bytes); "
            "it was not written by this library: remove it",
            name=name,
        )
    return data


@contextmanager
def translated(url: str, name: str, *, writing: bool = False) -> Iterator[None]:
    """Turn what the store's own library raises into errors of this one."""
    try:
        yield
    except VersioningError:
        raise
    except FileNotFoundError as error:
        if writing:
            raise StorageError(
                f"{url} cannot be written ({error}): create the bucket or folder that holds it",
                url=url,
            ) from error
        cause = error.__cause__
        if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
            # What fsspec says of a web server that cannot be reached.
            raise _as_ours(cause, url, name, writing=writing) from error
        raise NotFoundError(f"{name} is not in {url}", name=name) from error
    except Exception as error:
        raise _as_ours(error, url, name, writing=writing) from error


def _as_ours(error: Exception, url: str, name: str, *, writing: bool) -> VersioningError:
    code = error.errno if isinstance(error, OSError) else None
    if code in _FULL:
        return FullError(
            f"the disk of {url} is full ({error}): free space, then run again; "
            "`versioning prune --trash 0s` says what could go at once",
            url=url,
        )
    if isinstance(error, PermissionError) or code in _REFUSED:
        if writing:
            return ReadOnlyError(
                f"{url} cannot be written ({error}): ask for write access, or open it read-only",
                url=url,
            )
        return StorageError(
            f"{name} in {url} may not be read ({error}): check credentials and permissions", url=url
        )
    return StorageError(
        f"{url} failed at {name} ({type(error).__name__}: {error}): check its address, "
        "that it can be reached, and credentials; nothing that was committed is lost",
        url=url,
    )
