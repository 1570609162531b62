"""A repository as people use it: what they do with its versions, and the one that is set."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from versioning.errors import FormatError
from versioning.handles import Version
from versioning.questions import Questions
from versioning.settings import Settings
from versioning.shards import in_silence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from versioning.concerned import Invalidated
    from versioning.plans import Plan
    from versioning.promotion import Promotion
    from versioning.prune import Applied
    from versioning.rerun import Rerun
    from versioning.retention import Policy
    from versioning.rollbacks import Advice
    from versioning.shards import Progress

__all__ = ["Repository", "Version", "open_repository"]


class Repository(Questions):
    """A repository as people use it: everything that is stored, and the questions about it.

    A version is named by its full id, a unique prefix of 4 or more characters, `step` (its latest),
    `step~N` (N before it), `name@alias`, or a handle.
    """

    @classmethod
    def open(
        cls, url: str | None = None, *, settings: Settings | None = None, read_only: bool = False
    ) -> Self:
        """Open the repository at `url`, and create it when there is none.

        Args:
            url: Folder or fsspec URL; None for the one that the settings name.
            settings: Settings in force; read from the environment and `pyproject.toml` when None.
            read_only: Refuse every write, and create nothing.

        Raises:
            StorageError: If the store cannot be reached, or cannot create conditionally.
            FormatError: If a newer release wrote the repository, or a setting is wrong.
        """
        settings = settings or Settings.load()
        return super().open(
            url or settings.repository_url(), settings=settings, read_only=read_only
        )

    def get(self, name: str | Version) -> Version:
        """The version that `name` names.

        Raises:
            NotFoundError: If nothing or more than one version is meant; it lists the candidates.
        """
        return Version.of(self, self.record(self.resolve(name)))

    def versions(
        self,
        *,
        step: str | None = None,
        flow: str | None = None,
        since: datetime | None = None,
        where: Callable[[Version], bool] | None = None,
        limit: int | None = None,
    ) -> list[Version]:
        """Versions, newest first.

        Args:
            step: Only of this step.
            flow: Only made in this flow.
            since: Only those created at or after this moment, timezone-aware.
            where: Only those for which it is true; `.record` of the handle reads the whole record.
            limit: At most so many.
        """
        rows = self.catalog.versions(
            step=step, flow=flow, since=since, limit=None if where else limit
        )
        found = (Version.of(self, row) for row in rows)
        chosen = [version for version in found if where is None or where(version)]
        return chosen[:limit]

    def pin(self, version_id: str | Version, reason: str, *, hold: bool = False) -> None:
        """Protect the version that `version_id` names from retention; see `get`.

        One that is in the trash comes back, and so do the parts of a tuple.

        Args:
            version_id: Which.
            reason: Why, for whoever wonders later.
            hold: A legal hold, which ends only when it is released and stands against erasure.
        """
        from versioning.expiry import Expiry, here

        record = self.record(self.resolve(version_id))
        with self.store.drawing():
            super().pin(record.id, reason, hold=hold)
            # Who erases asks for pins first, who pins looks into the trash last.
            Expiry(self).restore_whole(record, replace(here(), rule=f"pinned: {reason}"))

    def unpin(self, version_id: str | Version, *, release: bool = False) -> None:
        """Withdraw a pin, and with `release` a legal hold; nothing happens when there is none.

        Raises:
            ConflictError: If it is held, and the hold is not released.
        """
        super().unpin(self.resolve(version_id), release=release)

    def promote(
        self,
        version: str | Version,
        name: str,
        *,
        reason: str = "",
        force: bool = False,
        predict: str | None = None,
    ) -> Promotion:
        """Let `name` name a version from now on, if its gates say so; twice is as once.

        MLflow does not follow by itself: see `versioning.integrations.mlflow.follow`.

        Args:
            version: Which one; see `get`.
            name: As `delays@champion`.
            reason: Why, for whoever wonders later.
            force: Promote it though a gate failed or nobody judged it; needs a reason.
            predict: The function that serves it, as `module:function`, if that is not known yet.

        Raises:
            RefusedError: If it is invalid, or a gate failed or no evaluation is recorded and it is
                not forced.
            NotFoundError: If its bytes are gone.
            IntegrityError: If its bytes are not those written.
            FormatError: If it is forced without a reason, or `name` cannot be one.
        """
        from versioning.evaluations import newest_evaluation
        from versioning.expiry import here
        from versioning.promotion import check_usable, judged, parse_name, say

        target, record = parse_name(name), self.record(self.resolve(version))
        check_usable(self, record)
        found = newest_evaluation(self, self.catalog, record.id)
        facts = judged(record, found, force=force, reason=reason)
        return say(self, record, target, here(), facts | ({"predict": predict} if predict else {}))

    def rollback(self, name: str, former: str | Version, *, reason: str = "") -> Promotion:
        """Let `name` name a former version again, whatever its gates say.

        What it named until now is not suggested again, unless it is promoted again.

        Args:
            name: As `delays@champion`; without an alias the champion is meant.
            former: Which version; see `get` and `advise_rollback`.
            reason: What is wrong with the one that is named now.

        Raises:
            RefusedError: If it is invalid.
            NotFoundError: If its bytes are gone, or `name` names nothing.
            IntegrityError: If its bytes are not those written.
        """
        from versioning.expiry import here
        from versioning.rollbacks import go_back

        record = self.record(self.resolve(former))
        return go_back(self, self.catalog, record, name, here(), reason=reason)

    def advise_rollback(self, name: str, *, suspects: Iterable[str | Version] = ()) -> Advice:
        """Which former version `name` should go back to, and what speaks for and against each.

        Args:
            name: As `delays@champion`; without an alias the champion is meant.
            suspects: Versions that are known to be bad, such as a day of data; by default, what is
                new to the version that is named now.

        Raises:
            NotFoundError: If it names nothing, or never named anything else.
        """
        from versioning.promotion import CHAMPION, parse_name
        from versioning.rollbacks import advise

        bad = {self.resolve(item) for item in suspects}
        return advise(self, self.catalog, parse_name(name, CHAMPION), suspects=bad)

    def rerun(  # noqa: PLR0913 - each is a choice of the caller's
        self,
        name: str | Version,
        *,
        env: str = "captured",
        code: str = "captured",
        tolerance: float = 0.0,
        into: Path | None = None,
        everything: bool = False,
        explain: bool = False,
        fresh: bool = False,
        archive: bool = False,
        against: str | Version | None = None,
        progress: Progress = in_silence,
    ) -> Rerun:
        """Make a version again from what was captured, in another process, and compare.

        Nothing that is recorded changes. Steps that read or act on the outside world are not run.

        Args:
            name: Which version.
            env: `captured` installs what was installed then, `current` takes what is now.
            code: `captured` runs the source of then, `current` that of the project here.
            tolerance: Within which numbers and predictions count as equal.
            into: Folder to leave source, lock, inputs and a `run.sh` in; empty or absent.
            everything: Make also those ancestors again whose bytes are there.
            explain: Find out, one at a time, which of the suspects make a difference.
            fresh: Make an environment even where this one is the recorded one.
            archive: Keep the wheels of the environment: the next rerun needs no index.
            against: Another version: find out instead what makes it another one. Single things
                that it was made of are put into the run of this one, which is as recorded.
            progress: Told of what takes long: environments that are made, steps, wheels.

        Raises:
            NotFoundError: If something that it needs is gone, or no environment can be had.
            ConflictError: If `into` is not empty.
            FormatError: If a choice is none.
        """
        from versioning.rerun import Terms, rerun
        from versioning.rerun import against as compared

        terms = Terms(env, code, tolerance, fresh, archive, progress=progress)
        record = self.record(self.resolve(name))
        if against is not None:
            if into is not None or archive:
                raise FormatError(
                    "comparing two versions leaves nothing: leave out `into` and `archive`"
                )
            other = self.record(self.resolve(against))
            return compared(self, record, other, terms, everything=everything)
        return rerun(self, record, terms, into=into, everything=everything, explain=explain)

    def plan_prune(self, policy: Policy | None = None) -> Plan:
        """What a policy of retention would expire now, and why; saved under its id.

        Plans that nobody carried out within 30 days are deleted then.

        Args:
            policy: What to keep; a careful default when None.

        Raises:
            FormatError: If what names or pins versions cannot be read.
        """
        from versioning.expiry import here
        from versioning.outcomes import discard
        from versioning.planning import plan
        from versioning.plans import save
        from versioning.retention import Policy

        cause = here()
        found = plan(self, self.catalog, policy or Policy.default(), cause.at)
        made = save(self, found, actor=cause.actor)
        discard(self, cause.at)
        return made

    def prune(self, plan: str | Plan, *, progress: Progress = in_silence) -> Applied:
        """Carry a plan out as it stands, sparing what has been pinned, named or used since.

        Args:
            plan: The plan, or its id.
            progress: Told what is done, and to how many shards of how many.

        Raises:
            NotFoundError: If this repository has no such plan.
            ConflictError: If it is older than 30 days, and was never carried out.
        """
        from versioning.expiry import here
        from versioning.prune import apply

        plan_id = plan if isinstance(plan, str) else plan.id
        return apply(self, self.catalog, plan_id, here(), progress=progress)

    def undo(self, plan: str | Plan) -> dict[str, bool]:
        """Bring back what a plan expired: whether each version is back, by id.

        Raises:
            NotFoundError: If this repository has no such plan.
            ConflictError: If nothing of it is in the trash.
        """
        from versioning.expiry import here
        from versioning.prune import undo

        return undo(self, plan if isinstance(plan, str) else plan.id, here())

    def invalidate(
        self,
        *names: str | Version,
        reason: str = "",
        down: bool = False,
        erase: bool = False,
        apply: bool = False,
        force: bool = False,
    ) -> Invalidated:
        """Let versions never be a hit again, and tell which; nothing is done without `apply`.

        Args:
            *names: What is wrong: versions, or steps, which stand for all of their versions.
            reason: What is wrong with them; needed to apply.
            down: Also what was made from them, and what is being made from them now.
            erase: Make their bytes unrecoverable, and leave tombstones.
            apply: Do it.
            force: Erase even what is pinned or named, or shares its blobs with others.

        Raises:
            NotFoundError: If a name names nothing.
            FormatError: If there is no name, or no reason to apply it for.
            ConflictError: If something stands against erasing, and `force` is not given.
        """
        from versioning import invalidate
        from versioning.expiry import here

        texts = [name.id if isinstance(name, Version) else name for name in names]
        made = invalidate.plan(self, self.catalog, texts, reason=reason, down=down, erase=erase)
        if apply:
            invalidate.apply(self, self.catalog, made, here(), force=force)
        return made


_opened: dict[str, Repository] = {}
os.register_at_fork(after_in_child=_opened.clear)


def open_repository(url: str | None = None) -> Repository:
    """The repository at `url`, or the one that the settings name; opened once a process.

    Raises:
        StorageError: If the store cannot be reached, or cannot create conditionally.
        FormatError: If a newer release wrote the repository, or a setting is wrong.
    """
    settings = None if url else Settings.load()
    url = url or (settings or Settings.load()).repository_url()
    if "://" not in url:
        url = str(Path(url).expanduser().absolute())
    if url not in _opened:
        repository = Repository.open(url, settings=settings)
        # Two threads may both open it; the one that is kept serves every handle from here on.
        _opened[url] = _opened.setdefault(repository.url, repository)
    return _opened[url]
