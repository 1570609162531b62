"""Turns: what one process at a time does in a repository, wherever the others are.

A turn is a lease like those on keys: kept alive while its holder lives, taken over from a dead one.
It saves work and guards nothing: what takes turns here is safe beside itself.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from versioning.digest import Key, digest_bytes
from versioning.errors import ConflictError
from versioning.leases import Leases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from versioning.repository import Repository


@contextmanager
def turn(repository: Repository, what: str, *, wait_seconds: float) -> Iterator[None]:
    """Do something while nobody else in the repository does `what`.

    Args:
        repository: Where.
        what: Names what takes turns.
        wait_seconds: How long to wait for the turn.

    Raises:
        ConflictError: If somebody else was at it for that long.
        ReadOnlyError: If the repository cannot be written.
    """
    repository.check_writable()
    leases = Leases(repository.store, ttl_seconds=repository.settings.lease_seconds)
    # No key has this form: keys are digests that begin with a tag of their own.
    key = Key(digest_bytes(f"turn {what}".encode()))
    lease = leases.acquire(key, timeout=wait_seconds)
    if lease is None:
        raise ConflictError(
            f"somebody else is at work on {what} in {repository.url} for {wait_seconds:.0f} s and "
            "more: wait for it to end, then run again",
            what=what,
        )
    try:
        yield
    finally:
        leases.release(lease)
