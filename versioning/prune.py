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
from versioning.bindings import Bindings
from versioning.envelope import UNREADABLE
from versioning.erase import finish
from versioning.errors import ConflictError, FormatError, FullError, NotFoundError, ReadOnlyError
from versioning.expiry import Expiry
from versioning.outcomes import SKEW, check_current
from versioning.planning import protections
from versioning.plans import pages_of, policy_of, saved
from versioning.shards import Progress, by_shard, each, in_silence
from versioning.sweep import Patience, Swept, sweep
from versioning.trash import ERASED, TRASHED, Cause, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from versioning.catalog import Catalog
    from versioning.plans import Saved
    from versioning.repository import Repository

logger = logging.getLogger("versioning")
OVER = {TRASHED, ERASED}


@dataclass(slots=True)
class Applied:
    """What carrying out a plan did.

    Attributes:
        expired: Versions that are in the trash by this plan.
        spared: Versions that it would have expired, with what spoke against it since.
        left: Bindings that the store refused to delete, with what it said: their versions are hits
            still, and nothing was deleted after that.
        swept: What was deleted now, of plans whose trash period is over.
    """

    expired: list[str] = field(default_factory=list)
    spared: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    swept: Swept = field(default_factory=Swept)


def apply(
    repository: Repository,
    catalog: Catalog,
    plan_id: str,
    cause: Cause,
    *,
    patience: Patience | None = None,
    progress: Progress = in_silence,
) -> Applied:
    """Carry out a saved plan; again, if it was interrupted.

    Args:
        repository: Where the plan was made.
        catalog: Its index.
        plan_id: Which plan.
        cause: By whom and when; plan and rule are filled in.
        patience: How long the sweep waits; its trash period is that of the policy, or that of the
            plan that expired a version, if that is longer.
        progress: Told what is done, and to how many shards of how many.

    Raises:
        NotFoundError: If the repository has no such plan.
        ConflictError: If it is too old to be begun.
        FormatError: If what names, pins or used versions since cannot be read.
        FullError: If there is room for nothing more, and what was deleted made none.
        ReadOnlyError: If it cannot be written.
    """
    plan = saved(repository, plan_id)
    check_current(repository, plan, cause.at)
    applied = Applied(spared=_spared(repository, catalog, plan))
    carrying = _Carrying(repository, catalog, plan, replace(cause, plan=plan_id), applied)
    waits = replace(patience or Patience(), trash=plan.policy.trash)
    try:
        _carry_out(carrying, waits, progress)
    except ReadOnlyError as error:
        applied.left = dict.fromkeys(_bound(repository), str(error))
        # Something else was refused.
        if not applied.left:
            raise
    return applied


def _bound(repository: Repository) -> list[str]:
    """The bindings of versions that are in the trash."""
    lasts = Expiry(repository).entries()
    keys = {version_id: last.key for version_id, last in lasts if last.state == TRASHED}
    return sorted(layout.binding(keys[i]) for i in repository.answering(keys))


@dataclass(frozen=True, slots=True)
class _Trashed:
    """A shard: what is in the trash by this plan, by any or erased; the end of its journal then."""

    ours: list[str]
    over: list[str]
    position: int


@dataclass(slots=True)
class _Carrying:
    """A plan that is being carried out."""

    repository: Repository
    catalog: Catalog
    plan: Saved
    cause: Cause
    applied: Applied

    def trash(self, progress: Progress) -> FullError | None:
        """Put what the plan expires into the trash; the error when the disk was full before."""
        expiry, store = Expiry(self.repository), self.repository.store
        going = by_shard(i for i in self.plan.expire if i not in self.applied.spared)
        known = set(self.applied.expired)
        keys = {i: key for ids in going.values() for i, key in self.catalog.keys(ids).items()}
        bindings = Bindings(self.repository, self.catalog, keys)
        done: dict[str, _Trashed] = {}
        full = None

        def act(shard: str) -> None:
            # Here, since of several at once some are done after one found no room.
            done[shard] = self._trash(expiry, shard, going[shard], bindings)

        with store.drawing():
            try:
                for number, _ in enumerate(each(store, act, list(going)), 1):
                    progress("trash", number, len(going))
            except FullError as error:
                full = error
            ours = [i for shard in sorted(done) for i in done[shard].ours]
            self.applied.expired += (i for i in ours if i not in known)
            self._unbind(expiry, bindings, done)
        return full

    def _trash(self, expiry: Expiry, shard: str, ids: list[str], bindings: Bindings) -> _Trashed:
        of, plan = expiry.of(shard), self.plan
        expiry.trash_all(
            of,
            {i: plan.expire[i] for i in ids},
            self.cause,
            hints=bindings.keys,
            stamps=bindings.stamps,
        )
        lasts = {i: of.last[i] for i in ids if i in of.last}
        ours = [i for i, e in lasts.items() if e.state == TRASHED and e.cause.plan == plan.id]
        return _Trashed(ours, [i for i, e in lasts.items() if e.state in OVER], of.position)

    def _unbind(self, expiry: Expiry, bindings: Bindings, done: Mapping[str, _Trashed]) -> None:
        """Let what is in the trash answer no more, after the journals say so."""
        bindings.delete(i for trashed in done.values() for i in trashed.over)
        # Who took some of them out again meanwhile may have found them bound still.
        for shard, position in expiry.positions().items():
            if shard in done and position > done[shard].position:
                expiry.finish(expiry.of(shard), done[shard].over)


def _carry_out(carrying: _Carrying, waits: Patience, progress: Progress) -> None:
    repository, applied = carrying.repository, carrying.applied
    while True:
        full = carrying.trash(progress)
        # What somebody was stopped from erasing goes with the rest.
        with repository.store.drawing():
            finish(repository)
        swept = sweep(
            repository,
            replace(carrying.cause, rule="trash"),
            patience=waits,
            # Asked anew: what was pinned while it was in the trash stays there, to be undone.
            is_spared=sparing(repository, carrying.cause.at),
            catalog=carrying.catalog,
            progress=progress,
        )
        applied.swept.add(swept)
        if full is None and not swept.is_partial:
            return
        # What was deleted made room to go on.
        if not swept.deleted:
            raise _no_room(repository, applied, carrying.plan) from full


def _no_room(repository: Repository, applied: Applied, plan: Saved) -> FullError:
    return FullError(
        f"the disk of {repository.url} is full: {len(applied.expired)} of {len(plan.expire)} "
        f"versions are in the trash by plan {plan.id}, nothing is lost. Free some space, then run "
        f"`versioning prune --apply --plan {plan.id}`; `versioning prune --trash 0s` plans what "
        "needs no trash period",
        plan=plan.id,
    )


def sparing(repository: Repository, now: datetime) -> Callable[[str, Entry], bool]:
    """Which versions in the trash are not erased now, whatever the policy at hand says.

    Those that are pinned or named, and those whose own plan promised to keep their bytes for longer
    than until now. What a plan promised that cannot be read is not known.
    """
    protected = protections(repository).keys()
    periods: dict[str, timedelta] = {}

    def is_spared(version_id: str, last: Entry) -> bool:
        plan_id = last.cause.plan
        if plan_id not in periods:
            periods[plan_id] = _period(repository, plan_id)
        return version_id in protected or now - last.cause.at < periods[plan_id]

    return is_spared


def undo(
    repository: Repository, plan_id: str, cause: Cause, *, progress: Progress = in_silence
) -> dict[str, bool]:
    """Bring back what a plan expired: whether each version is back, by id.

    Raises:
        NotFoundError: If the repository has no such plan.
        ConflictError: If the plan was never carried out, or all of it was undone.
    """
    # Whatever policies may say by now.
    pages_of(repository, plan_id)
    because = replace(cause, plan=plan_id, rule="undo")
    expiry = Expiry(repository)
    touched = expiry.touched()
    back: dict[str, bool] = {}

    def restore(shard: str) -> dict[str, bool]:
        of = expiry.of(shard)
        gone = [i for i, last in of.last.items() if last.cause.plan == plan_id]
        states = {i: of.last[i].state for i in gone}
        # An undo that was stopped may not have bound what it restored.
        restored = {*expiry.finish(of, gone), *expiry.restore_all(of, gone, because)}
        return {i: i in restored for i in gone if i in restored or states[i] in OVER}

    with repository.store.drawing():
        for done, (_, found) in enumerate(each(repository.store, restore, touched), 1):
            back |= found
            progress("restore", done, len(touched))
    if not back:
        raise ConflictError(f"nothing is in the trash by plan {plan_id}: nothing was done")
    return back


def _spared(repository: Repository, catalog: Catalog, plan: Saved) -> dict[str, str]:
    """What has come to speak for versions of a plan since it was made."""
    found = {version_id: reasons[0] for version_id, reasons in protections(repository).items()}
    younger = catalog.versions(since=plan.made)
    inputs = catalog.inputs_of(row.id for row in younger)
    for row in younger:
        for above in inputs.get(row.id, ()):
            found.setdefault(above, f"{row.step} {row.id[:12]} was made from it since")
    for run, version_id in _used_since(repository, plan.made):
        found.setdefault(version_id, f"run {run} used it since")
    return {version_id: found[version_id] for version_id in plan.expire if version_id in found}


def _period(repository: Repository, plan_id: str) -> timedelta:
    try:
        return policy_of(repository, plan_id).trash
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
