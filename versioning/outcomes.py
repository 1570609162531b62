"""Outcomes: what became of the plans of retention, and which of them are let go.

One that was carried out is named in the journals of expiry, and stays. One that nobody carried out
within 30 days is not begun any more; a day later, for clocks that differ, the next plan deletes it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from versioning import layout
from versioning.envelope import UNREADABLE
from versioning.errors import ConflictError, NotFoundError, ReadOnlyError
from versioning.expiry import Expiry
from versioning.plans import freed_by, pages_of
from versioning.trash import ERASED, TRASHED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from versioning.plans import Saved
    from versioning.repository import Repository
    from versioning.storage import Entry

logger = logging.getLogger("versioning")
KEPT = timedelta(days=30)
# How far clocks may be off; more only keeps and spares more.
SKEW = timedelta(days=1)
PLANNED, OUT_OF_DATE, APPLIED, UNDONE, OVER = (
    "planned", "out of date", "applied", "undone", "past undo"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """A plan, and what became of it.

    Attributes:
        plan: Its id.
        made: When it was made.
        actor: By whom; empty where it does not say so.
        versions: How many it expires.
        freed_bytes: What that was to free; None where it does not say so.
        state: `planned`, or `out of date` when it is too old to be begun; `applied` while any of it
            can be undone; then `undone`, or `past undo` when the bytes of some are gone.
    """

    plan: str
    made: datetime
    actor: str
    versions: int
    freed_bytes: int | None
    state: str


def outcomes(repository: Repository, now: datetime) -> list[Outcome]:
    """The plans there are, newest first; those that cannot be read are left out, and told.

    Raises:
        FormatError: If a journal of expiry cannot be read.
        IntegrityError: The same.
    """
    begun: set[str] = set()
    states: dict[str, set[str]] = defaultdict(set)
    for shard in Expiry(repository).shards():
        begun |= shard.plans
        for last in shard.last.values():
            states[last.cause.plan].add(last.state)
    found = []
    for plan_id in _listed(repository):
        try:
            first, _ = pages_of(repository, plan_id)
            state = _state(states[plan_id]) if plan_id in begun else PLANNED
            told = _told(plan_id, first, state, now)
        except (ConflictError, NotFoundError):
            # An invalidation, or deleted meanwhile.
            continue
        except (*UNREADABLE, KeyError, TypeError, ValueError) as error:
            logger.warning("plan %s cannot be read: %s", plan_id, error)
            continue
        found.append(told)
    return sorted(found, key=lambda outcome: (outcome.made, outcome.plan), reverse=True)


def discard(repository: Repository, now: datetime) -> list[str]:
    """Delete plans that nobody carried out in time, and give their ids.

    How old one is, the store says. What it refuses to delete, or cannot be read, stays.

    Raises:
        FormatError: If a journal of expiry cannot be read, so that it is not known what it names.
        IntegrityError: The same.
    """
    pages = _listed(repository)
    old = [plan_id for plan_id in pages if _is_old(pages[plan_id], now)]
    begun = _begun(repository) if old else set()
    discarded = []
    for plan_id in old:
        if plan_id in begun:
            continue
        try:
            pages_of(repository, plan_id)
            repository.store.delete_all([entry.name for entry in pages[plan_id]])
        except ReadOnlyError:
            # Nor will it delete the others.
            break
        except (ConflictError, NotFoundError, *UNREADABLE):
            continue
        discarded.append(plan_id)
    return discarded


def check_current(repository: Repository, plan: Saved, now: datetime) -> None:
    """See to it that nobody begins a plan that may be deleted meanwhile.

    Raises:
        ConflictError: If it is too old, and nobody began to carry it out.
    """
    if now - plan.made >= KEPT and plan.id not in _begun(repository):
        raise ConflictError(
            f"plan {plan.id} is of {plan.made:%Y-%m-%d}, and a plan is carried out within "
            f"{KEPT.days} days or not at all: `versioning prune` makes another",
            plan=plan.id,
        )


def _begun(repository: Repository) -> set[str]:
    return {plan_id for shard in Expiry(repository).shards() for plan_id in shard.plans}


def _listed(repository: Repository) -> dict[str, list[Entry]]:
    """The pages of each plan and invalidation, by its id."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in repository.store.list(layout.PLANS):
        if place := layout.entry(entry.name):
            found[place[0]].append(entry)
    return found


def _is_old(pages: list[Entry], now: datetime) -> bool:
    return all(page.modified and now - page.modified >= KEPT + SKEW for page in pages)


def _state(states: Collection[str]) -> str:
    """What became of a plan, by what last happened to those versions that no other one took."""
    if TRASHED in states:
        return APPLIED
    return OVER if ERASED in states else UNDONE


def _told(plan_id: str, first: Mapping[str, Any], state: str, now: datetime) -> Outcome:
    made, actor = datetime.fromisoformat(first["made"]), str(first.get("actor", ""))
    if state == PLANNED and now - made >= KEPT:
        state = OUT_OF_DATE
    return Outcome(plan_id, made, actor, int(first["versions"]), freed_by(first), state)
