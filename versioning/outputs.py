"""Outputs: the versions that one call becomes, one or as many as a tuple has parts.

A tuple is a version of its own, which lists its parts. It alone is bound to the key, so that parts
of two runs of a body never mix.
"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any

from versioning.api import Repository, Version
from versioning.envelope import UNREADABLE
from versioning.errors import NotFoundError
from versioning.expiry import Expiry
from versioning.repository import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from versioning.digest import Digest
    from versioning.records import VersionRecord

Output = Version | tuple[Version, ...]


def output_of(
    repository: Repository,
    record: VersionRecord,
    function: Callable[..., Any],
    *,
    recompute: Callable[[], VersionRecord] | None = None,
) -> Output:
    """The handle of what `function` returned, or as many as its tuple has parts.

    Args:
        repository: Where the versions lie.
        record: What answers the call.
        function: The body of the step.
        recompute: Makes the version again should its bytes be lost; of no use to parts of a tuple.
    """
    if "outputs" not in record.meta:
        return Version.of(repository, record, recompute=recompute)
    parts = _parts(repository, record)
    kind = _tuple_type(function, record.meta)
    return kind(*parts) if kind else parts


def is_whole(repository: Repository, record: VersionRecord) -> bool:
    """Whether every part of what answers a call is as it was bound, to stay."""
    if "outputs" not in record.meta:
        return True
    try:
        # Parts have no bindings that would go when they are trashed.
        is_over = Expiry(repository).is_over
        parts = _parts(repository, record)
        if repository.invalidations.among(part.id for part in parts):
            return False
        return all(repository.is_live(part.record) and not is_over(part.id) for part in parts)
    except (NotFoundError, *UNREADABLE, TypeError, ValueError):
        return False


def told_of_tuple(value: tuple[Any, ...]) -> dict[str, Any]:
    """What makes the same named tuple again."""
    fields = getattr(value, "_fields", None)
    return {"fields": list(fields), "type": type(value).__qualname__} if fields else {}


def digest_as_committed(value: Any) -> Digest:
    """The digest of the version that a value would become; a tuple is that of its parts."""
    if isinstance(value, tuple) and value:
        return digest_of([str(digest_of(part)) for part in value])
    return digest_of(value)


def _parts(repository: Repository, record: VersionRecord) -> tuple[Version, ...]:
    url = repository.url
    return tuple(Version.from_dict({**o, "repository_url": url}) for o in record.meta["outputs"])


def _tuple_type(function: Callable[..., Any], meta: Mapping[str, Any]) -> type[Any] | None:
    """The named tuple a step returns, found in the step's own module; never imported by name."""
    if "fields" not in meta:
        return None
    found: Any = getattr(function, "__globals__", {}).get(meta["type"])
    if isinstance(found, type) and list(getattr(found, "_fields", ())) == meta["fields"]:
        return found
    return namedtuple(str(meta["type"]).rpartition(".")[2], meta["fields"])
