"""Which repository lies in a store: its id, written by whoever opens it first."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from versioning import layout
from versioning.envelope import UNREADABLE, dump, parse
from versioning.errors import FormatError, IntegrityError, NotFoundError
from versioning.fields import ID_PATTERN
from versioning.records import parse_version

if TYPE_CHECKING:
    from versioning.storage import Store


def create_identity(store: Store) -> None:
    """Give a store an id, unless somebody else does so at the same time.

    Raises:
        StorageError: If the store cannot be reached, or cannot create conditionally.
    """
    store.self_test()
    id_ = _id_of_versions(store) or secrets.token_hex(16)
    fields = {"id": id_, "created": datetime.now(UTC).isoformat()}
    store.put_if_absent(layout.REPOSITORY, dump("repository", fields))


def read_identity(store: Store) -> str:
    """The id of the repository in a store.

    Raises:
        NotFoundError: If there is none.
        FormatError: If a newer release wrote it, or it is no repository.
        IntegrityError: If its record is damaged.
    """
    try:
        data = store.get(layout.REPOSITORY)
    except NotFoundError as error:
        raise NotFoundError(
            f"there is no repository at {store.url}: correct the URL; "
            "the first versioned step that runs there creates one",
            url=store.url,
        ) from error
    return parse_identity(data, name=f"{store.url}/{layout.REPOSITORY}")


def parse_identity(data: bytes, *, name: str) -> str:
    """The id of the repository that `data` describes.

    Raises:
        FormatError: If it is of a newer format, or no repository.
        IntegrityError: If it is damaged.
    """
    try:
        id_ = parse(data, "repository", name=name).get("id")
    except (IntegrityError, FormatError) as error:
        if hasattr(error, "format"):
            raise
        raise IntegrityError(
            f"{name} is damaged, or older than the first release: remove it, and the next writer "
            "writes it again with the id that the versions there say",
            name=name,
        ) from error
    if not isinstance(id_, str) or not ID_PATTERN.fullmatch(id_):
        raise FormatError(f"{name} has no id; it is damaged or foreign: restore it", name=name)
    return id_


def _id_of_versions(store: Store) -> str | None:
    """Id of the repository whose versions lie here although its own record is lost."""
    for entry in store.list(layout.VERSIONS):
        with suppress(NotFoundError, *UNREADABLE):
            return parse_version(store.get(entry.name), name=entry.name).repository
    return None
