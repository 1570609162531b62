"""A store in a folder of a local or shared disk.

A name comes into being whole or not at all: bytes are written to a file of their own in `.staging/`
and linked into place. A link, unlike a rename or a look before writing, fails when the name exists.
Whatever a crash leaves lies in `.staging/`, which is no part of the repository and is swept when it
is a day old.
"""

from __future__ import annotations

import os
import secrets
import stat
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from versioning.envelope import MAX_RECORD_BYTES
from versioning.errors import FullError, StorageError
from versioning.storage.reserve import Reserve
from versioning.storage.store import Entry, Store, checked, limited, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    # What names of files begin with, and the files.
    _Folder = tuple[str, list[os.DirEntry[str]]]

STAGING = ".staging"
RESERVE = ".reserve"
LEFTOVER_SECONDS = 24 * 3600
# Most records are shorter, and read by one call.
FEW_BYTES = 64 * 1024
T = TypeVar("T")
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
# Who draws on a reserve, one after the other. Not of a store, which may be sent to other processes.
_draws = threading.Lock()


class LocalStore(Store):
    """Files below `root`, read-only on disk so that no stray program changes them."""

    # Most of a deletion is waiting for the disk's journal; in one folder they go one by one.
    callers = 8

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.url = str(self.root)
        self._prefix = f"{self.root}{os.sep}"
        self._staging = self._prefix + STAGING
        self._reserve = Reserve(self._prefix + RESERVE)
        self._may_draw = False

    def get(self, name: str) -> bytes:
        with translated(self.url, name), self.stream(name) as file:
            # Room for the longest record at each read would cost more than the read.
            size_bytes = os.fstat(file.fileno()).st_size
            return limited(file.read(min(size_bytes, MAX_RECORD_BYTES) + 1), name)

    def get_all(self, names: Iterable[str]) -> Iterator[bytes | None]:
        for name in names:
            try:
                fd = os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC)
                try:
                    data = os.read(fd, FEW_BYTES)
                finally:
                    os.close(fd)
            except FileNotFoundError:
                yield None
            except OSError:
                yield self._head(name)
            else:
                yield data if len(data) < FEW_BYTES else self._head(name)

    def put_if_absent(self, name: str, data: bytes, *, durable: bool = True) -> bool:
        target = self._path(name)

        def put() -> bool:
            staged = self._staged(data, durable=durable)
            try:
                return _into_folder(lambda: _linked(staged, target), target)
            finally:
                os.unlink(staged)

        return self._written(name, put)

    def put(self, name: str, data: bytes) -> None:
        target = self._path(name)

        def put() -> None:
            staged = self._staged(data, durable=True)
            _into_folder(lambda: os.replace(staged, target), target)

        self._written(name, put)

    def add_file(self, name: str, path: Path) -> None:
        target = self._path(name)
        with translated(self.url, name, writing=True):
            _persist(path)
            path.chmod(0o444)
            _into_folder(lambda: os.rename(path, target), target)

    def staging(self) -> Path:
        with translated(self.url, STAGING, writing=True):
            os.makedirs(self._staging, exist_ok=True)
        return Path(self._staging)

    def stream(self, name: str) -> BinaryIO:
        with translated(self.url, name):
            return open(self._path(name), "rb")

    def local_path(self, name: str) -> Path | None:
        return Path(self._path(name))

    def sizes(self, names: Iterable[str]) -> list[int | None]:
        return [None if found is None else found.st_size for found in self._looks(names)]

    def stamps(self, names: Iterable[str]) -> list[str | None]:
        return [None if found is None else _stamp(found) for found in self._looks(names)]

    def list(self, prefix: str) -> Iterator[Entry]:
        for folder, entries in self._below(prefix):
            for entry in entries:
                name = folder + entry.name
                with translated(self.url, name), suppress(FileNotFoundError):
                    found = entry.stat(follow_symlinks=False)
                    yield Entry(name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def names(self, prefix: str) -> Iterator[str]:
        for folder, entries in self._below(prefix):
            yield from [folder + entry.name for entry in entries]

    def _below(self, prefix: str) -> Iterator[_Folder]:
        folder, _, start = prefix.rpartition("/")
        with translated(self.url, prefix):
            yield from _files(self._prefix + folder, f"{folder}/" if folder else "", start)

    def delete_all(self, names: Iterable[str]) -> None:
        folders = set()
        for name in names:
            try:
                os.unlink(self._path(name))
            except FileNotFoundError:
                pass
            except OSError:
                with translated(self.url, name, writing=True):
                    raise
            folders.add(name.rpartition("/")[0])
        for folder in folders:
            with suppress(OSError):
                os.rmdir(self._prefix + folder)

    def delete(self, name: str) -> None:
        path = self._path(name)
        with translated(self.url, name, writing=True), suppress(FileNotFoundError):
            os.unlink(path)
            # An emptied folder goes too, or every journal would leave one; those at the top stay,
            # since they would soon be made again.
            if name.count("/") > 1:
                with suppress(OSError):
                    os.rmdir(os.path.dirname(path))

    def move(self, name: str, new: str) -> None:
        source, target = self._path(name), self._path(new)
        with translated(self.url, name):
            os.stat(source)
        with translated(self.url, name, writing=True):
            _into_folder(lambda: os.rename(source, target), target)

    @contextmanager
    def drawing(self) -> Iterator[None]:
        self._may_draw = True
        try:
            yield
        finally:
            self._may_draw = False

    def self_test(self) -> None:
        """Prove that a second link to a name fails; then sweep what crashes left in `.staging/`."""
        may_draw = self._may_draw
        self._written("its self-test", self._test)
        # What was just given up is needed; the next who writes takes it back.
        if self._may_draw == may_draw:
            self._reserve.fill()

    def _test(self) -> None:
        probes: list[str] = []
        name = f"{self._staging}/{secrets.token_hex(8)}"
        try:
            probes += (self._staged(b"probe", durable=False) for _ in range(2))
            self._prove(probes, name)
            self._sweep(os.stat(probes[0]).st_mtime - LEFTOVER_SECONDS)
        finally:
            for path in (*probes, name):
                with suppress(FileNotFoundError):
                    os.unlink(path)

    def _written(self, name: str, write: Callable[[], T]) -> T:
        """What `write` gives; a full disk gets a piece of the reserve, if that may be drawn on."""
        may_draw = self._may_draw
        try:
            with translated(self.url, name, writing=True):
                return write()
        except FullError:
            if not may_draw:
                raise
            with _draws:
                # Once, for all who find no room now: the other pieces are for what is done next.
                if self._may_draw and not self._reserve.give():
                    raise
                self._may_draw = False
        with translated(self.url, name, writing=True):
            return write()

    def _prove(self, probes: Iterable[str], name: str) -> None:
        try:
            won: object = [_linked(probe, name) for probe in probes]
        except OSError as error:
            won = error
        if won != [True, False]:
            raise StorageError(
                f"{self.url} cannot hold a repository: hard links do not work there ({won}); "
                "choose a folder on a local disk, or an s3://, gs:// or az:// URL",
                url=self.url,
            )

    def _sweep(self, before: float) -> None:
        """Remove leftovers last written `before`, by the clock of the disk itself."""
        for entry in os.scandir(self._staging):
            with suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_mtime < before and not entry.is_dir():
                    os.unlink(entry.path)

    def _staged(self, data: bytes, *, durable: bool) -> str:
        path = f"{self._staging}/{secrets.token_hex(8)}"
        fd = _into_folder(lambda: os.open(path, _NEW, 0o444), path)
        try:
            _write(fd, data, durable=durable)
        except BaseException:
            os.unlink(path)
            raise
        finally:
            os.close(fd)
        return path

    def _path(self, name: str) -> str:
        return self._prefix + checked(name)

    def _looks(self, names: Iterable[str]) -> Iterator[os.stat_result | None]:
        for name in names:
            try:
                found = os.stat(self._path(name))
            except (FileNotFoundError, NotADirectoryError):
                yield None
            except OSError:
                with translated(self.url, name):
                    raise
            else:
                yield found if stat.S_ISREG(found.st_mode) else None


def _into_folder(act: Callable[[], T], target: str) -> T:
    """`act`, making the folder of `target` first if it lacks; `delete` may remove it again."""
    for _ in range(100):
        try:
            return act()
        except FileNotFoundError:
            # It may vanish while it is made; the next turn sees what came of it.
            with suppress(FileExistsError, FileNotFoundError):
                os.makedirs(os.path.dirname(target))
    return act()


def _stamp(found: os.stat_result) -> str:
    """Whoever replaces a file makes another; the time of the last change nobody can set back."""
    what = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return "-".join(map(str, what))


def _linked(source: str, target: str) -> bool:
    """Link `source` as `target`; whether that name was free."""
    try:
        os.link(source, target)
    except FileExistsError:
        # Over NFS a repeated request finds its own link: the count of links knows.
        return os.stat(source).st_nlink == 2
    return True


def _write(fd: int, data: bytes, *, durable: bool) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
    if durable:
        os.fsync(fd)


def _persist(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _files(folder: str, prefix: str, start: str) -> Iterator[_Folder]:
    """Files below `folder` whose name there begins with `start`, folder by folder, none hidden."""
    try:
        with os.scandir(folder) as scanned:
            entries = [e for e in scanned if e.name.startswith(start) and e.name[0] != "."]
    except (FileNotFoundError, NotADirectoryError):
        return
    yield prefix, [entry for entry in entries if not entry.is_dir(follow_symlinks=False)]
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path, f"{prefix}{entry.name}/", "")
