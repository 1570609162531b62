"""A store behind an fsspec URL: S3, Google Cloud Storage, Azure and what speaks their protocols.

All of it rests on the conditional create that `pipe_file(mode="create")` asks the service for. Many
servers ignore the condition, so `self_test` proves it before anything is written.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from versioning.envelope import MAX_RECORD_BYTES
from versioning.errors import NotFoundError, StorageError
from versioning.storage.folders import tags
from versioning.storage.patience import Patience, patient
from versioning.storage.store import Entry, Store, checked, limited, translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

READ_AHEAD_BYTES = 16 * 1024 * 1024
CALLERS = 16
# Records asked for at once, and from how many names in a folder on its listing, or one request that
# deletes several, costs less than a request for each.
BATCH = 512
MANY = 8
CONFLICTS = 3
TRIES = 3

# A service that is away is an error within seconds, one that is silent within a minute or two.
_S3 = {"config_kwargs": {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 1}}}
_DEFAULTS: dict[str, dict[str, Any]] = {"s3": _S3, "s3a": _S3}
_CONFLICTS = {errno.EEXIST, errno.EINVAL, errno.EBUSY}
_MODIFIED = ("LastModified", "last_modified", "updated", "mtime", "created")


class RemoteStore(Store):
    """Objects below a URL. Directories do not exist."""

    callers = CALLERS
    is_far = True

    def __init__(self, url: str, *, options: Mapping[str, Any] | None = None) -> None:
        self.url = url.rstrip("/")
        chosen = {**_DEFAULTS.get(url.partition("://")[0], {}), **(options or {})}
        try:
            # A listing is never answered from memory, as others write too; nor is the filesystem
            # that of another endpoint, which the environment named before.
            self._fs, root = url_to_fs(
                self.url, use_listings_cache=False, skip_instance_cache=True, **chosen
            )
            if self._fs.protocol == LocalFileSystem.protocol:
                # What fsspec makes of a URL that it cannot read.
                raise ValueError("nothing is known of its protocol")  # noqa: TRY301 - told below
        except (ImportError, ValueError) as error:
            raise StorageError(
                f"{url} cannot be opened ({error}): install what its protocol needs "
                "(as `prefect-versioning[s3]`, `[gcs]` or `[azure]`) or choose another URL",
                url=url,
            ) from error
        if url.startswith(("s3:", "s3a:")):
            self._fs.retries = TRIES
        self._prefix: str = root.rstrip("/") + "/"
        self.patience = Patience(self.url)

    @patient
    def get(self, name: str) -> bytes:
        with translated(self.url, name):
            return limited(self._read(name), name)

    def get_all(self, names: Iterable[str]) -> Iterator[bytes | None]:
        asked = iter(names)
        while batch := list(islice(asked, BATCH)):
            for name, data in zip(batch, self._batch(batch), strict=True):
                if isinstance(data, FileNotFoundError):
                    yield None
                else:
                    # Whatever else went wrong goes wrong again, and is told by name.
                    yield data if isinstance(data, bytes) else self._head(name)

    @patient
    def put_if_absent(self, name: str, data: bytes, *, durable: bool = True) -> bool:
        for _ in range(CONFLICTS):
            try:
                with translated(self.url, name, writing=True):
                    self._fs.pipe_file(self._path(name), data, mode="create")
            except StorageError as error:
                # A conflict arrives as FileExistsError or as EINVAL; a lost reply looks the
                # same, or like a timeout. What lies there decides.
                if (found := self._found(name)) is not None:
                    return found == data
                if not _is_conflict(error.__cause__):
                    raise
            else:
                return True
        raise StorageError(
            f"{self.url} refuses {name} as written although nobody wrote it; run again",
            url=self.url,
        )

    @patient
    def put(self, name: str, data: bytes) -> None:
        with translated(self.url, name, writing=True):
            self._fs.pipe_file(self._path(name), data)

    def add_file(self, name: str, path: Path) -> None:
        self._upload(name, path)
        path.unlink()

    def staging(self) -> Path:
        path = Path(tempfile.gettempdir()) / f"versioning-{os.getuid()}"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    @patient
    def stream(self, name: str) -> BinaryIO:
        with translated(self.url, name):
            file = self._fs.open(
                self._path(name), "rb", cache_type="readahead", block_size=READ_AHEAD_BYTES
            )
            return cast("BinaryIO", io.BufferedReader(_Translated(file, self, name)))

    def sizes(self, names: Iterable[str]) -> list[int | None]:
        asked = list(names)
        if len(asked) < 2:
            return [self._size(name) for name in asked]
        if (there := self._listed(asked)) is not None:
            return [there[name]["size"] if name in there else None for name in asked]
        with ThreadPoolExecutor(min(CALLERS, len(asked))) as callers:
            return list(callers.map(self._size, asked))

    def stamps(self, names: Iterable[str]) -> list[str | None]:
        asked = list(names)
        if (there := self._listed(asked)) is None:
            return super().stamps(asked)
        return [_stamp(there[name]) if name in there else None for name in asked]

    def list(self, prefix: str) -> Iterator[Entry]:
        for name, info in self._infos(prefix):
            yield Entry(name, info["size"], _modified(info))

    @patient
    def delete(self, name: str) -> None:
        with translated(self.url, name, writing=True), suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    def delete_all(self, names: Iterable[str]) -> None:
        asked = list(names)
        if len(asked) >= MANY:
            # In one request for many; services tell of what they refused, and fsspec does not.
            self._delete_many(asked)
            left = zip(asked, self.sizes(asked), strict=True)
            asked = [name for name, size in left if size is not None]
        with ThreadPoolExecutor(CALLERS) as callers:
            for _ in callers.map(self.delete, asked):
                pass

    def move(self, name: str, new: str) -> None:
        self._copy(name, new)
        self.delete(name)

    def self_test(self) -> None:
        name = f"self-test/{secrets.token_hex(8)}"
        try:
            won = [self.put_if_absent(name, b"first"), self.put_if_absent(name, b"")]
            with ThreadPoolExecutor(CALLERS) as callers:
                claims = [secrets.token_bytes(8) for _ in range(CALLERS)]
                race = list(callers.map(lambda own: self.put_if_absent(name + "r", own), claims))
        finally:
            self.delete(name)
            self.delete(name + "r")
        if won != [True, False] or sum(race) != 1:
            raise StorageError(
                f"{self.url} cannot hold a repository: of several who write one name, several are "
                "told that they were first. Use a local folder, AWS S3, Google Cloud, Azure or "
                "an S3 server that honours If-None-Match",
                url=self.url,
            )

    def _path(self, name: str) -> str:
        return self._prefix + checked(name)

    def _listed(self, names: Sequence[str]) -> dict[str, Mapping[str, Any]] | None:
        """What listings of their folders tell of names; None where that takes more requests."""
        folders = {checked(name).rpartition("/")[0] for name in names}
        if len(names) < MANY * len(folders):
            return None
        prefixes = [f"{folder}/" if folder else "" for folder in folders]
        with ThreadPoolExecutor(CALLERS) as callers:
            found = callers.map(lambda prefix: list(self._infos(prefix)), prefixes)
            return {name: info for infos in found for name, info in infos}

    def _infos(self, prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for path, info in self._find(prefix).items():
            name = path.removeprefix(self._prefix)
            # Some servers list folders, even those that were emptied.
            if info["type"] == "file" and name.startswith(prefix):
                yield name, info

    def _read(self, name: str) -> bytes:
        try:
            data = self._fs.cat_file(self._path(name), start=0, end=MAX_RECORD_BYTES + 1)
        except Exception as error:
            # Services refuse any range of an empty object.
            if _is_range_refused(error) and self._size(name) == 0:
                return b""
            raise
        return cast("bytes", data)

    @patient
    def _batch(self, names: Sequence[str]) -> Sequence[bytes | Exception]:
        ends = [MAX_RECORD_BYTES + 1] * len(names)
        paths = [self._path(name) for name in names]
        with translated(self.url, names[0]):
            found = self._fs.cat_ranges(paths, [0] * len(names), ends, on_error="return")
        return cast("Sequence[bytes | Exception]", found)

    @patient
    def _upload(self, name: str, path: Path) -> None:
        with translated(self.url, name, writing=True):
            self._fs.put_file(str(path), self._path(name))

    @patient
    def _copy(self, name: str, new: str) -> None:
        with translated(self.url, name):
            self._fs.cp_file(self._path(name), self._path(new))

    @patient
    def _find(self, prefix: str) -> Mapping[str, Mapping[str, Any]]:
        folder, _, start = prefix.rpartition("/")
        with translated(self.url, prefix):
            path = self._prefix + folder
            found = self._fs.find(path.rstrip("/"), prefix=start, detail=True)
        return cast("Mapping[str, Mapping[str, Any]]", found)

    @patient
    def _delete_many(self, names: Sequence[str]) -> None:
        with translated(self.url, names[0], writing=True), suppress(FileNotFoundError):
            self._fs.rm([self._path(name) for name in names])

    def _found(self, name: str) -> bytes | None:
        try:
            return self.get(name)
        except NotFoundError:
            return None

    def _size(self, name: str) -> int | None:
        try:
            return self._asked_size(name)
        except NotFoundError:
            return None

    @patient
    def _asked_size(self, name: str) -> int | None:
        with translated(self.url, name):
            return self._head_size(self._path(name))

    def _head_size(self, path: str) -> int | None:
        if hasattr(self._fs, "call_s3"):
            # What is not there might be a folder, for which s3fs lists: twice the requests.
            bucket, key, _ = self._fs.split_path(path)
            asked = {"Bucket": bucket, "Key": key, **self._fs.req_kw}
            found = self._fs.call_s3("head_object", self._fs.kwargs, **asked)
            return cast("int", found["ContentLength"])
        info = self._fs.info(path)
        return cast("int", info["size"]) if info["type"] == "file" else None


class _Translated(io.RawIOBase):
    """A file of fsspec's whose errors are ours."""

    def __init__(self, file: Any, store: RemoteStore, name: str) -> None:
        self._file, self._store, self._name = file, store, name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # What fails has not moved on in the file.
        data = self._store.patience.call(lambda: self._read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)

    def _read(self, size_bytes: int) -> bytes:
        with translated(self._store.url, self._name):
            return cast("bytes", self._file.read(size_bytes))

    def close(self) -> None:
        self._file.close()
        super().close()


def _stamp(info: Mapping[str, Any]) -> str:
    """Its tags; a date alone is too coarse, and without a tag nothing is known."""
    found = tags(info)
    return " ".join([*found, str(info["size"]), str(_modified(info))]) if found else ""


def _is_range_refused(error: Exception) -> bool:
    codes = {getattr(error, name, None) for name in ("errno", "code", "status_code")}
    return bool(codes & {errno.EINVAL, 416, "416"})


def _is_conflict(error: BaseException | None) -> bool:
    return isinstance(error, FileExistsError) or getattr(error, "errno", None) in _CONFLICTS


def _modified(info: Mapping[str, Any]) -> datetime | None:
    stamp = next((info[field] for field in _MODIFIED if info.get(field) is not None), None)
    if isinstance(stamp, str):
        stamp = datetime.fromisoformat(stamp)
    if isinstance(stamp, int | float):
        stamp = datetime.fromtimestamp(stamp, UTC)
    return cast("datetime | None", stamp)
