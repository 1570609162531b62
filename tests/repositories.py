"""Repositories for tests: how to open one, what to commit, and a store that dies when told to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from versioning import layout
from versioning.digest import Key, digest_bytes
from versioning.envelope import dump
from versioning.keys import Leaf, root_key
from versioning.repository import Draft, Repository
from versioning.settings import Settings
from versioning.storage import Entry, Store

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LARGE = bytes(range(256)) * 400  # 100 KiB: too much for a record


def opened(url: str | Path, folder: Path, **options: Any) -> Repository:
    """The repository at `url`, whose cache is below `folder`."""
    settings = Settings(cache=folder / "cache")
    return Repository.open(str(url), settings=settings, **options)


def draft(name: str, **facts: Any) -> Draft:
    """A draft whose key follows from `name` alone."""
    leaves = (Leaf("params/name", digest_bytes(name.encode()), repr(name)[:80]),)
    chosen = {"step": "step", "function": "module:step", "created": NOW, "seconds": 1.5, **facts}
    return Draft(key=root_key(leaves), leaves=leaves, **chosen)


def edited(data: bytes, **fields: Any) -> bytes:
    """A record with other fields, as somebody with an editor would leave it."""
    return orjson.dumps({**orjson.loads(data), **fields})


def resealed(data: bytes, **fields: Any) -> bytes:
    """A record with other fields, as somebody who knows the format would leave it."""
    kept = {name: value for name, value in orjson.loads(data).items() if name != "seal"}
    return dump(kept["kind"], {**kept, **fields})


def key(name: str) -> Key:
    return draft(name).key


def shards_in(store: Store) -> list[str]:
    """The shards that a store has something in: looking at all, call by call, takes long."""
    names = [name for prefix in (layout.VERSIONS, layout.BLOBS) for name in store.names(prefix)]
    return sorted({name.split("/")[1] for name in names})


class Crash(BaseException):
    """The process dies here."""


class CrashingStore(Store):
    """Does `calls` calls, then dies: before the next one, or (`after`) when it is carried out."""

    def __init__(self, store: Store, calls: int, *, after: bool = False) -> None:
        self.url = store.url
        self.left = calls
        self._store = store
        self._after = after

    def _do(self, name: str, *args: Any, **options: Any) -> Any:
        if self.left == 0 and not self._after:
            raise Crash
        result = getattr(self._store, name)(*args, **options)
        if self.left == 0:
            raise Crash
        self.left -= 1
        return result

    def get(self, name: str) -> bytes:
        return self._do("get", name)

    def put_if_absent(self, name: str, data: bytes, *, durable: bool = True) -> bool:
        return self._do("put_if_absent", name, data, durable=durable)

    def put(self, name: str, data: bytes) -> None:
        self._do("put", name, data)

    def add_file(self, name: str, path: Path) -> None:
        self._do("add_file", name, path)

    def staging(self) -> Path:
        return self._do("staging")

    def stream(self, name: str) -> BinaryIO:
        return self._do("stream", name)

    def local_path(self, name: str) -> Path | None:
        return self._store.local_path(name)

    def sizes(self, names: Iterable[str]) -> list[int | None]:
        return self._do("sizes", list(names))

    def stamps(self, names: Iterable[str]) -> list[str | None]:
        return self._do("stamps", list(names))

    def list(self, prefix: str) -> Iterator[Entry]:
        return self._do("list", prefix)

    def delete(self, name: str) -> None:
        self._do("delete", name)

    def move(self, name: str, new: str) -> None:
        self._do("move", name, new)

    def self_test(self) -> None:
        self._do("self_test")
