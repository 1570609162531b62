"""A store in memory, for tests and trials; it lives as long as somebody holds it."""

from __future__ import annotations

import io
import secrets
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO
from weakref import WeakValueDictionary, finalize

from versioning.digest import digest_bytes
from versioning.errors import NotFoundError
from versioning.storage.store import Entry, Store, checked, limited

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_EPOCH = datetime.fromtimestamp(0, UTC)
_stores: WeakValueDictionary[str, MemoryStore] = WeakValueDictionary()
_stores_lock = Lock()


class MemoryStore(Store):
    """A dict behind a lock."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._names: dict[str, bytes] = {}
        self._lock = Lock()
        self._staging: Path | None = None

    @classmethod
    def named(cls, name: str) -> MemoryStore:
        """The store of that name in this process, made when nobody holds one."""
        with _stores_lock:
            if (store := _stores.get(name)) is None:
                _stores[name] = store = cls(f"memory://{name}")
            return store

    @classmethod
    def new(cls) -> MemoryStore:
        """An empty store under a name of its own."""
        return cls.named(secrets.token_hex(8))

    def get(self, name: str) -> bytes:
        return limited(self._bytes(name), name)

    def put_if_absent(self, name: str, data: bytes, *, durable: bool = True) -> bool:
        with self._lock:
            return self._names.setdefault(checked(name), own := bytes(bytearray(data))) is own

    def put(self, name: str, data: bytes) -> None:
        with self._lock:
            self._names[checked(name)] = bytes(data)

    def add_file(self, name: str, path: Path) -> None:
        self.put(name, path.read_bytes())
        path.unlink()

    def staging(self) -> Path:
        with self._lock:
            if self._staging is None:
                self._staging = Path(tempfile.mkdtemp(prefix="versioning-"))
                finalize(self, shutil.rmtree, self._staging, ignore_errors=True)
            return self._staging

    def stream(self, name: str) -> BinaryIO:
        return io.BytesIO(self._bytes(name))

    def sizes(self, names: Iterable[str]) -> list[int | None]:
        found = (self._names.get(checked(name)) for name in names)
        return [None if data is None else len(data) for data in found]

    def stamps(self, names: Iterable[str]) -> list[str | None]:
        found = (self._names.get(checked(name)) for name in names)
        return [None if data is None else digest_bytes(data) for data in found]

    def list(self, prefix: str) -> Iterator[Entry]:
        with self._lock:
            found = [(n, len(data)) for n, data in self._names.items() if n.startswith(prefix)]
        return (Entry(name, size, _EPOCH) for name, size in found)

    def delete(self, name: str) -> None:
        with self._lock:
            self._names.pop(checked(name), None)

    def move(self, name: str, new: str) -> None:
        with self._lock:
            if name not in self._names:
                raise self._missing(name)
            self._names[checked(new)] = self._names.pop(name)

    def self_test(self) -> None:
        """Nothing to prove: a dict behind a lock."""

    def _bytes(self, name: str) -> bytes:
        try:
            return self._names[checked(name)]
        except KeyError:
            raise self._missing(name) from None

    def _missing(self, name: str) -> NotFoundError:
        return NotFoundError(f"{name} is not in {self.url}", name=name)
