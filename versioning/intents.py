"""Intents: by them writers announce what they store, and collectors close what they missed.

A writer that seems dead is revoked: its version's name is taken, so that it can never commit.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from versioning import layout
from versioning.envelope import UNREADABLE, parse
from versioning.errors import NotFoundError
from versioning.records import REVOKED

if TYPE_CHECKING:
    from datetime import timedelta

    from versioning.repository import Repository

POLL_SECONDS = 0.2
# A wait that is longer than this wants to be explained.
PATIENT_SECONDS = 3.0
logger = logging.getLogger("versioning")


class Closed(NamedTuple):
    """Versions whose writers were revoked, and those of writers that are still busy."""

    revoked: list[str]
    busy: list[str]


def close_intents(
    repository: Repository, now: datetime, *, abandoned: timedelta, wait_seconds: float
) -> Closed:
    """Wait for the writers that may have missed a mark, and revoke those that seem dead.

    Args:
        repository: Where they write.
        now: Moment by which their age is counted.
        abandoned: Age of an intent whose writer counts as dead.
        wait_seconds: How long to wait for writers that do not.
    """
    revoked: list[str] = []
    began = time.monotonic()
    tell, ends = began + PATIENT_SECONDS, began + wait_seconds
    waiting = _intents(repository)
    while waiting := {i for i in waiting if _is_open(repository, i, now, abandoned, revoked)}:
        if (clock := time.monotonic()) >= ends:
            return Closed(revoked, sorted(waiting))
        if clock >= tell:
            logger.warning(
                "waiting %.0f s at most for %d writers that began and did not end yet",
                ends - clock,
                len(waiting),
            )
            tell = ends
        time.sleep(POLL_SECONDS)
    return Closed(revoked, [])


def drop_closed(repository: Repository) -> None:
    """Delete intents whose version is there: a crash left them."""
    for version_id in _intents(repository):
        if repository.store.exists(layout.version(version_id)):
            repository.store.delete(layout.intent(version_id))


def _intents(repository: Repository) -> set[str]:
    listed = repository.store.names(layout.INTENTS)
    return {found for name in listed if (found := layout.intended_id(name))}


def _is_open(
    repository: Repository, version_id: str, now: datetime, abandoned: timedelta, revoked: list[str]
) -> bool:
    """Whether a writer may still commit; one that seems dead is revoked, and then may not."""
    version = layout.version(version_id)
    if repository.store.exists(version):
        return False
    try:
        # Either way: a writer whose clock was far ahead would be waited for until then.
        is_young = abs(now - _begun(repository, version_id)) < abandoned
    except NotFoundError:
        # Its writer deleted it, and does that only after its version is there.
        return False
    if is_young:
        return True
    if repository.store.put_if_absent(version, REVOKED):
        revoked.append(version_id)
    return False


def _begun(repository: Repository, version_id: str) -> datetime:
    """When the writer of a version says that it began; one that says nothing, long ago."""
    name = layout.intent(version_id)
    data = repository.store.get(name)
    try:
        created = parse(data, "intent", name=name)["created"]
        return datetime.fromisoformat(created).astimezone(UTC)
    except (*UNREADABLE, KeyError, TypeError, ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)
