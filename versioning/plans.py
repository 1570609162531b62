"""Plans: what retention would expire, kept under an id, then carried out as it stands or undone.

A plan is a journal, `plans/<plan>/<n>`: what made it, then pages of versions. Carrying it out
decides nothing anew; it only spares what has been pinned, named or used since.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from versioning import layout
from versioning.errors import ConflictError, FormatError, FullError, NotFoundError
from versioning.fields import ID_PATTERN
from versioning.journals import Journal
from versioning.retention import Decision, Holding, Policy, exceeded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from versioning.repository import Repository

# Versions on a page of a plan: far below what a record may hold.
PAGE = 5000
LATER = "left for another plan, as the disk is full"


@dataclass(frozen=True, slots=True)
class Plan:
    """What retention would do.

    Attributes:
        id: Names the plan.
        made: When; ages count up to here.
        policy: What decided.
        decisions: About every version that is not in the trash and has its bytes, newest first.
        never_again: The versions that go and that nothing makes again: they cannot be computed, or
            were made from what goes with them and cannot be.
    """

    id: str
    made: datetime
    policy: Policy
    decisions: tuple[Decision, ...]
    never_again: frozenset[str] = frozenset()

    @property
    def expire(self) -> list[Decision]:
        """What goes."""
        return [item for item in self.decisions if item.expire]

    @property
    def keep(self) -> list[Decision]:
        """What stays."""
        return [item for item in self.decisions if item.keep]

    @property
    def held_bytes(self) -> int:
        """Length of all blobs that these versions need, before anything goes."""
        held = {blob: n for item in self.decisions for blob, n in item.candidate.blobs.items()}
        return sum(held.values())

    @property
    def freed_bytes(self) -> int:
        """Length of the blobs that nothing which stays needs."""
        kept = {blob for item in self.keep for blob in item.candidate.blobs}
        going = {blob: n for item in self.expire for blob, n in item.candidate.blobs.items()}
        return sum(size_bytes for blob, size_bytes in going.items() if blob not in kept)

    @property
    def saved_per_month(self) -> float:
        """What those bytes cost a month, by the policy's prices."""
        before = Holding([item.candidate for item in self.decisions], self.policy, self.made)
        kept = Holding([item.candidate for item in self.keep], self.policy, self.made)
        return max(before.money - kept.money, 0.0)

    @property
    def exceeded(self) -> list[str]:
        """The budgets that what stays exceeds all the same; those of rules are left out."""
        return exceeded([item.candidate for item in self.keep], self.policy, self.made)

    @property
    def rebuild_money(self) -> float:
        """What making again everything that goes costs, by the policy's price of computing."""
        return self.policy.compute_money(self.rebuild_seconds)

    @property
    def rebuild_seconds(self) -> float:
        """How long it takes to make again everything that goes."""
        return sum(item.candidate.seconds for item in self.expire)


@dataclass(frozen=True, slots=True)
class Saved:
    """A plan as it was saved.

    Attributes:
        id: Names the plan.
        made: When.
        policy: What decided.
        expire: Why each version goes, by its id.
        freed_bytes: What that was to free; None where it does not say so.
    """

    id: str
    made: datetime
    policy: Policy
    expire: dict[str, str]
    freed_bytes: int | None = None


def save(repository: Repository, made: Plan, *, actor: str = "") -> Plan:
    """Keep a plan, so that it can be carried out as it stands.

    Args:
        repository: Where it was made.
        made: The plan.
        actor: Who made it.

    Returns:
        The plan as it was kept: on a full disk, only as much of it as there is room to carry out.

    Raises:
        FullError: If there is no room for any.
        ReadOnlyError: If the repository cannot be written.
    """
    store = repository.store
    with store.drawing():
        repository.check_writable()
        while True:
            try:
                _write(repository, made, actor)
            except FullError:
                # What is there of it is no plan, and takes room.
                store.delete_all(list(store.names(f"{layout.PLANS}{made.id}/")))
                if len(made.expire) < 2:
                    raise
                made = _half(made)
            else:
                return made


def saved(repository: Repository, plan_id: str) -> Saved:
    """The plan of that id.

    Raises:
        NotFoundError: If this repository has none.
        FormatError: If it is damaged, or was never saved to its end.
        ConflictError: If it is an invalidation.
    """
    first, pages = pages_of(repository, plan_id)
    policy = _policy(first, plan_id)
    try:
        made = datetime.fromisoformat(first["made"])
        expire = {str(item["id"]): str(item["reason"]) for page in pages for item in page["expire"]}
    except (KeyError, TypeError, ValueError) as error:
        raise _no_plan(plan_id, error) from error
    is_whole = len(expire) == first.get("versions") and made.tzinfo is not None
    if not is_whole or not all(map(ID_PATTERN.fullmatch, expire)):
        raise FormatError(f"the plan {plan_id} is not whole: make another", plan=plan_id)
    return Saved(plan_id, made, policy, expire, freed_by(first))


def policy_of(repository: Repository, plan_id: str) -> Policy:
    """The policy of a plan, without reading what it expires; raises as `saved`."""
    first, _ = pages_of(repository, plan_id)
    return _policy(first, plan_id)


def _write(repository: Repository, made: Plan, actor: str) -> None:
    journal = _journal(repository, made.id)
    items = [{"id": d.candidate.id, "reason": d.expire} for d in made.expire]
    policy = made.policy.model_dump(mode="json")
    facts = {"made": made.made, "actor": actor, "freed_bytes": made.freed_bytes}
    journal.append({**facts, "policy": policy, "versions": len(items)})
    for start in range(0, len(items), PAGE):
        journal.append({"expire": items[start : start + PAGE]})


def _half(made: Plan) -> Plan:
    """The half of a plan that holds most."""
    larger = sorted(made.expire, key=lambda d: sum(d.candidate.blobs.values()), reverse=True)
    left = {d.candidate.id for d in larger[len(larger) // 2 :]}
    decisions = tuple(
        replace(d, keep=(LATER,), expire="") if d.candidate.id in left else d
        for d in made.decisions
    )
    never_again = made.never_again - left
    return replace(made, id=secrets.token_hex(8), decisions=decisions, never_again=never_again)


def pages_of(
    repository: Repository, plan_id: str
) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    """The first page of a plan, and those that follow, whatever they say; raises as `saved`."""
    pages = _journal(repository, plan_id).stream()
    if (first := next(pages, None)) is None:
        raise NotFoundError(
            f"{repository.url} has no plan {plan_id}: `versioning prune` makes one", plan=plan_id
        )
    if "invalidate" in first:
        raise ConflictError(
            f"{plan_id} is an invalidation, which is final: run the steps again", plan=plan_id
        )
    return first, pages


def freed_by(first: Mapping[str, Any]) -> int | None:
    """What a plan was to free, as its first page says; None where it does not."""
    freed = first.get("freed_bytes")
    return freed if isinstance(freed, int) else None


def _policy(first: Mapping[str, Any], plan_id: str) -> Policy:
    try:
        return Policy.of(first["policy"], layout.plan(plan_id, 0))
    except (KeyError, TypeError, ValueError) as error:
        raise _no_plan(plan_id, error) from error


def _no_plan(plan_id: str, error: Exception) -> FormatError:
    name = layout.plan(plan_id, 0)
    return FormatError(f"{name} is no plan ({error}): make another", plan=plan_id)


def _journal(repository: Repository, plan_id: str) -> Journal:
    return Journal(repository.store, "plan", lambda position: layout.plan(plan_id, position))
