"""Prune: carry a plan out, or undo it.

What has been pinned, named or used since the plan was made is spared. Everything else loses its
binding now and its bytes when the trash period of the policy is over; until then it can be undone.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from versioning import layout
from versioning.envelope import UNREADABLE
from versioning.erase import finish
from versioning.errors import ConflictError, FormatError, NotFoundError
from versioning.expiry import ERASED, TRASHED, Cause, Expiry
from versioning.plans import protections, saved
from versioning.sweep import Patience, Swept, sweep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from versioning.catalog import Catalog
    from versioning.plans import Saved
    from versioning.repository import Repository

logger = logging.getLogger("versioning")
# How far the store's clock may be off before a use is overlooked; more only spares more.
SKEW = timedelta(days=1)


@dataclass(slots=True)
class Applied:
    """What carrying out a plan did.

    Attributes:
        expired: Versions that are in the trash by this plan.
        spared: Versions that it would have expired, with what spoke against it since.
        swept: What was deleted now, of plans whose trash period is over.
    """

    expired: list[str] = field(default_factory=list)
    spared: dict[str, str] = field(default_factory=dict)
    swept: Swept = field(default_factory=Swept)


def apply(
    repository: Repository,
    catalog: Catalog,
    plan_id: str,
    cause: Cause,
    *,
    patience: Patience | None = None,
) -> Applied:
    """Carry out a saved plan; again, if it was interrupted.

    Args:
        repository: Where the plan was made.
        catalog: Its index.
        plan_id: Which plan.
        cause: By whom and when; plan and rule are filled in.
        patience: How long the sweep waits; its trash period is that of the policy, or that of the
            plan that expired a version, if that is longer.

    Raises:
        NotFoundError: If the repository has no such plan.
        FormatError: If what names, pins or used versions since cannot be read.
        ReadOnlyError: If it cannot be written.
    """
    plan = saved(repository, plan_id)
    applied = Applied(spared=_spared(repository, catalog, plan))
    expiry = Expiry(repository)
    for version_id, reason in plan.expire.items():
        if version_id in applied.spared:
            continue
        because = replace(cause, plan=plan_id, rule=reason)
        if expiry.trash(version_id, because) or _is_by(expiry, version_id, plan_id):
            applied.expired.append(version_id)
    # What somebody was stopped from erasing goes with the rest.
    finish(repository)
    waits = replace(patience or Patience(), trash=plan.policy.trash)
    swept_by = replace(cause, plan=plan_id, rule="trash")
    # Asked anew: what was pinned while it was in the trash stays there, to be undone.
    spared = protections(repository).keys() | set(_promised(repository, cause.at))
    applied.swept = sweep(repository, swept_by, patience=waits, spared=spared)
    return applied


def undo(repository: Repository, plan_id: str, cause: Cause) -> dict[str, bool]:
    """Bring back what a plan expired: whether each version is back, by id.

    Raises:
        NotFoundError: If the repository has no such plan.
        ConflictError: If the plan was never carried out, or all of it was undone.
    """
    saved(repository, plan_id)
    expiry = Expiry(repository)
    entries = [(i, last) for i, last in expiry.entries() if last.cause.plan == plan_id]
    trashed = [version_id for version_id, last in entries if last.state == TRASHED]
    erased = [version_id for version_id, last in entries if last.state == ERASED]
    if not trashed and not erased:
        raise ConflictError(f"nothing is in the trash by plan {plan_id}: nothing was done")
    because = replace(cause, plan=plan_id, rule="undo")
    back = {version_id: expiry.restore(version_id, because) for version_id in trashed}
    return back | dict.fromkeys(erased, False)


def _spared(repository: Repository, catalog: Catalog, plan: Saved) -> dict[str, str]:
    """What has come to speak for versions of a plan since it was made."""
    found = {version_id: reasons[0] for version_id, reasons in protections(repository).items()}
    younger = catalog.versions(since=plan.made)
    inputs = catalog.inputs()
    for row in younger:
        for above in inputs.get(row.id, ()):
            found.setdefault(above, f"{row.step} {row.id[:12]} was made from it since")
    for run, version_id in _used_since(repository, plan.made):
        found.setdefault(version_id, f"run {run} used it since")
    return {version_id: found[version_id] for version_id in plan.expire if version_id in found}


def _promised(repository: Repository, now: datetime) -> Iterator[str]:
    """Versions in the trash whose own plan promised to keep their bytes for longer than until now.

    The policy at hand may be another one. What a plan promised that cannot be read is not known.
    """
    periods: dict[str, timedelta] = {}
    for version_id, last in Expiry(repository).entries():
        if last.state != TRASHED:
            continue
        plan_id = last.cause.plan
        if plan_id not in periods:
            periods[plan_id] = _period(repository, plan_id)
        if now - last.cause.at < periods[plan_id]:
            yield version_id


def _period(repository: Repository, plan_id: str) -> timedelta:
    try:
        return saved(repository, plan_id).policy.trash
    except (ConflictError, NotFoundError, *UNREADABLE) as error:
        logger.warning("what plan %s expired stays in the trash: %s", plan_id, error)
        return timedelta.max


def _used_since(repository: Repository, moment: datetime) -> Iterator[tuple[str, str]]:
    """Runs that wrote something since a moment, each with a version that it made or reused."""
    listed = repository.store.list(layout.RUNS)
    fresh = {
        found[0]
        for entry in listed
        if (found := layout.entry(entry.name))
        and (entry.modified is None or entry.modified >= moment - SKEW)
    }
    for run in sorted(fresh):
        for part in repository.run_parts(run):
            if "ended" not in part or _ended(part) >= moment:
                yield from ((run, version_id) for version_id in _used(run, part))


def _used(run: str, part: Mapping[str, Any]) -> list[str]:
    try:
        return [str(row["version"]) for row in part.get("steps", ())]
    except (KeyError, TypeError) as error:
        name = layout.run(run)
        raise FormatError(
            f"{name} does not say which versions were used ({error}); restore it from a backup, "
            "or remove it",
            name=name,
        ) from error


def _ended(part: Mapping[str, Any]) -> datetime:
    """When a run ended; one that says it badly, just now."""
    try:
        return datetime.fromisoformat(str(part["ended"])).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.max.replace(tzinfo=UTC)


def _is_by(expiry: Expiry, version_id: str, plan_id: str) -> bool:
    last = expiry.last(version_id)
    return last is not None and last.state == TRASHED and last.cause.plan == plan_id
