"""URLs of what keeps its own history: a branch or tag is resolved to a commit before it is read.

    git://FOLDER:REF@PATH           a file or folder of a git repository, by pygit2
    dvc://FOLDER:REF@PATH           of a DVC repository, by dvc, which knows where the bytes are
    lakefs://REPOSITORY/REF/PATH    by lakefs-spec, which finds the server in the environment
    s3://BUCKET/KEY?versionId=ID    names one version already

Without `FOLDER:` the repository is the one that holds the working folder, without `REF@` it is what
is committed there (`HEAD`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from versioning.errors import NotFoundError, StorageError
from versioning.storage.store import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_HEAD = "HEAD"
_EXTRAS = {"git": "prefect-versioning[git]", "dvc": "dvc", "lakefs": "prefect-versioning[lakefs]"}


class Pinned(NamedTuple):
    """A URL in which nothing moves.

    Attributes:
        url: With the commit instead of the branch or tag.
        moment: The commit, or the id of the version; None where a URL says nothing of history.
    """

    url: str
    moment: str | None = None


def pin(url: str) -> Pinned:
    """What `url` stands for at this moment.

    Raises:
        NotFoundError: If no such branch, tag, commit or repository exists.
        StorageError: If it cannot be reached, or the library for its protocol is missing.
    """
    protocol = url.partition("://")[0]
    resolve = _RESOLVERS.get(protocol)
    if resolve is None:
        return Pinned(url)
    with translated(url, "the repository"):
        try:
            return resolve(url)
        except ImportError as error:
            raise StorageError(
                f"{url} cannot be read ({error}): pip install '{_EXTRAS[protocol]}'", url=url
            ) from error


def place_in(url: str) -> str:
    """`url` without what says which moment of a git or DVC repository is meant."""
    return _Place.of(url).path if url.startswith(("git://", "dvc://")) else url


def filesystem_of(url: str) -> tuple[Any, str]:
    """The filesystem of a pinned URL, which remembers no listing, and the path in it."""
    if url.startswith("dvc://"):
        from dvc.api import DVCFileSystem

        place = _Place.of(url)
        return DVCFileSystem(place.folder, rev=place.ref), f"/{place.path}"
    from fsspec.core import url_to_fs

    filesystem, path = url_to_fs(url, use_listings_cache=False)
    return filesystem, path


class _Place(NamedTuple):
    folder: str
    ref: str
    path: str

    @classmethod
    def of(cls, url: str) -> _Place:
        head, at, path = url.partition("://")[2].rpartition("@")
        folder, colon, ref = head.rpartition(":") if at else path.rpartition(":")
        if not at:
            ref, path = "", ref
        if not colon and at:
            folder, ref = "", head
        # A git server's address stays; a folder counts wherever one works.
        is_address = "://" in folder or "@" in folder
        return cls(folder if is_address else os.path.abspath(folder), ref or _HEAD, path)  # noqa: PTH100 - a Path keeps `..`

    def at(self, protocol: str, commit: str) -> Pinned:
        return Pinned(f"{protocol}://{self.folder}:{commit}@{self.path}", commit)


def _git(url: str) -> Pinned:
    import pygit2

    place = _Place.of(url)
    found = pygit2.discover_repository(place.folder)
    if found is None:
        raise NotFoundError(
            f"no git repository is at {place.folder}: correct the folder in {url}", name=url
        )
    try:
        commit, _ = pygit2.Repository(found).resolve_refish(place.ref)
    except (KeyError, ValueError, pygit2.GitError) as error:
        raise _no_ref(url, place.ref, place.folder) from error
    root = str(Path(found).parent) if found.endswith("/.git/") else found
    return place._replace(folder=root).at("git", str(commit.id))


def _dvc(url: str) -> Pinned:
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException

    place = _Place.of(url)
    try:
        commit = DVCFileSystem(place.folder, rev=place.ref).repo.get_rev()
    except DvcException as error:
        raise _no_ref(url, place.ref, place.folder, str(error)) from error
    return place.at("dvc", commit)


def _lakefs(url: str) -> Pinned:
    import lakefs
    from lakefs.exceptions import NotFoundException
    from lakefs_spec import LakeFSFileSystem
    from lakefs_spec.util import parse

    repository, ref, path = parse(url.removeprefix("lakefs://"))
    client = LakeFSFileSystem().client
    try:
        commit = lakefs.Reference(repository, ref, client=client).get_commit().id
    except NotFoundException as error:
        raise _no_ref(url, ref, repository) from error
    return Pinned(f"lakefs://{repository}/{commit}/{path}", commit)


def _s3(url: str) -> Pinned:
    version = parse_qs(urlsplit(url).query).get("versionId")
    return Pinned(url, version[0] if version else None)


def _no_ref(url: str, ref: str, place: str, why: str = "") -> NotFoundError:
    reason = f" ({why})" if why else ""
    return NotFoundError(
        f"{ref!r} is no branch, tag or commit in {place}{reason}: correct {url}", name=url
    )


_RESOLVERS: Mapping[str, Callable[[str], Pinned]] = {
    "git": _git,
    "dvc": _dvc,
    "lakefs": _lakefs,
    "s3": _s3,
    "s3a": _s3,
}
