"""Sources: external files and folders, pinned by content as versions.

A file is read when a step is keyed, and what was read is what the step sees: a version whose key is
the name and the content. Unchanged files are recognised by what their disk or service says of them.
A branch or tag in a URL is resolved to a commit first; see `versioning.storage.pinned`.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import orjson
from blake3 import blake3

from versioning.api import Version, open_repository
from versioning.digest import Digest, digest_bytes, is_digest
from versioning.encoding import file_digest
from versioning.errors import ConflictError, FormatError
from versioning.keys import Leaf, root_key
from versioning.repository import Draft
from versioning.storage.external import (
    Identity,
    absolute_url,
    copy_folder,
    is_folder,
    read_url,
    stat_url,
)
from versioning.storage.pinned import Pinned, pin, place_in

if TYPE_CHECKING:
    from versioning.api import Repository
    from versioning.records import VersionRecord

# A file written twice within the tick of its disk's clock looks unchanged; no tick is this long.
SETTLED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Source:
    """An external file or folder, pinned by content when it is first read.

    Attributes:
        url: Local path or fsspec URL; one that ends in a slash is of a folder, with all below it.
            `git://`, `dvc://`, `lakefs://` and versions of S3 objects are read at one commit or
            version.
        name: What to call it; the last part of the path when None.
    """

    url: str
    name: str | None = None

    def version(self, repository: Repository | None = None) -> Version:
        """The version that holds what is at the URL now.

        Content that is pinned already is found again under the same name, wherever it came from.

        Args:
            repository: Where to keep it; the one that the settings name when None.

        Raises:
            NotFoundError: If there is no such file.
            StorageError: If it cannot be read.
            ConflictError: If what it holds was erased, and is not to be stored again, or it is a
                folder that the repository lies in.
            FormatError: If the URL is empty.
        """
        repository = repository or open_repository()
        self._check_apart(repository.url)
        index = _Index(repository.settings.cache / "sources")
        found = pin(self.url)
        identity = _identity(found)
        digest = identity and index.find(found.url, identity)
        if digest and (record := repository.lookup(root_key(self._leaves(digest)))):
            return Version.of(repository, record)
        return self._pin(repository, index, found)

    def _check_apart(self, repository_url: str) -> None:
        if not self.url:
            raise FormatError("a Source has no path or URL: say where the file or folder is")
        place = absolute_url(self.url)
        if "://" in place or "://" in repository_url:
            return
        if Path(repository_url).resolve().is_relative_to(Path(place).resolve()):
            raise ConflictError(
                f"the repository {repository_url} lies in {self.url}, which would be copied into "
                "it with all its versions: name the folder that holds the files alone"
            )

    def _pin(self, repository: Repository, index: _Index, found: Pinned) -> Version:
        # Read into a file of our own, so that what is digested is what is stored.
        with tempfile.TemporaryDirectory(
            prefix="source-", dir=repository.store.staging()
        ) as folder:
            began, moment = time.perf_counter(), time.time()
            before = _identity(found)
            path = Path(folder) / self._title
            digest = _copy(found.url, path)
            leaves = self._leaves(digest)
            draft = Draft(
                key=root_key(leaves),
                leaves=leaves,
                step=f"source:{self._title}",
                function="",
                created=datetime.now(UTC),
                seconds=time.perf_counter() - began,
                meta={"source": _origin(found)},
            )
            record = repository.lookup(draft.key) or self._committed(repository, path, draft)
        if before is not None and before == _identity(found):
            index.keep(found.url, before, digest, moment)
        return Version.of(repository, record)

    def _committed(self, repository: Repository, path: Path, draft: Draft) -> VersionRecord:
        why = repository.invalidations.of(draft.key)
        if why is not None and why.erase:
            raise ConflictError(
                f"what is at {_public(self.url)['url']} was erased from {repository.url} by "
                f"{why.actor} at {why.at:%Y-%m-%d %H:%M}: {why.reason}. Correct or remove the "
                "file; where it may be stored again, give the Source another name",
                key=draft.key,
            )
        return repository.commit(path, draft)

    def _leaves(self, digest: Digest) -> tuple[Leaf, ...]:
        return (
            Leaf("content", digest),
            Leaf("source", digest_bytes(self._title.encode()), self._title[:80]),
        )

    @property
    def _title(self) -> str:
        path = place_in(self.url)
        if "://" in path:
            parts = urlsplit(path)
            path = parts.path.strip("/") or parts.netloc.rpartition("@")[2]
        return (self.name or unquote(path).rstrip("/").rpartition("/")[2] or "file").replace(
            "/", "_"
        )

    def __versioning_digest__(self) -> tuple[str, Digest]:
        # A source is keyed as its content, like the handle of the version that holds it.
        return self.version().__versioning_digest__()


class _Index:
    """What was read of each URL and how it looked then: one small file a URL."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, url: str, identity: Identity) -> Digest | None:
        """Digest of the content at `url` if it still looks as it did when it was read."""
        try:
            entry = orjson.loads(self._path(url).read_bytes())
            is_same = entry["identity"] == identity.text and is_digest(entry["digest"])
            return Digest(entry["digest"]) if is_same else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, url: str, identity: Identity, digest: Digest, moment: float) -> None:
        """Remember what was read from `moment` on, unless the file had changed just before."""
        if identity.modified is not None and identity.modified > moment - SETTLED_SECONDS:
            return
        path = self._path(url)
        # The index only saves reading: a folder that cannot be written costs time, not truth.
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as staged:
                staged.write(orjson.dumps({"identity": identity.text, "digest": digest}))
            Path(staged.name).replace(path)

    def _path(self, url: str) -> Path:
        return self._folder / digest_bytes(absolute_url(url).encode())


def _identity(found: Pinned) -> Identity | None:
    """What identifies the bytes there; at a commit or of a version nothing ever changes."""
    return Identity(found.moment, None) if found.moment else stat_url(found.url)


def _origin(found: Pinned) -> dict[str, Any]:
    return _public(found.url) | ({"at": found.moment} if found.moment else {})


def _copy(url: str, path: Path) -> Digest:
    if is_folder(url):
        copy_folder(url, path)
        return file_digest(path)
    hasher = blake3(max_threads=blake3.AUTO)
    with path.open("xb") as target:
        for piece in read_url(url):
            hasher.update(piece)
            target.write(piece)
    return Digest(hasher.hexdigest())


def _public(url: str) -> dict[str, Any]:
    """Where it came from, without the user, password or signature that a URL may carry."""
    if "://" not in url:
        return {"url": url}
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise FormatError(f"{url[:80]!r} is no URL ({error}); correct it") from error
    return {"url": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"}
