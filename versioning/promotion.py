"""Promotion: which version a name as `model@champion` names, by whom, why, and what gates said.

The history of a name is a journal that is only ever added to. Each entry holds the seal of the one
before, so an entry that was replaced or slipped in breaks the chain, which `verify` follows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from versioning import layout
from versioning.errors import (
    ConflictError,
    FormatError,
    IntegrityError,
    NotFoundError,
    RefusedError,
)
from versioning.expiry import Expiry
from versioning.names import aliases
from versioning.status import EXPIRED, statuses
from versioning.trash import RESTORED, TRASHED
from versioning.verify import verify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from versioning.evaluations import Evaluation
    from versioning.records import VersionRecord
    from versioning.repository import Repository
    from versioning.trash import Cause

CHAMPION = "champion"
ATTEMPTS = 100
# MLflow takes these, but for the numbers of its versions and its word for the newest.
_ALIAS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,127}")
_RESERVED = re.compile(r"latest|v[0-9]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a name was made to name.

    Attributes:
        name: The name.
        alias: Which alias of it.
        version: Id of the version it names now.
        before: Id of the version it named before, or None.
        is_new: Whether that changed anything.
        position: Of the entry in the name's history that says so.
        facts: What else the history says: `reason`, `gates`, `evaluation`, `forced`.
    """

    name: str
    alias: str
    version: str
    before: str | None
    is_new: bool
    position: int
    facts: Mapping[str, Any]


def parse_name(text: str, alias: str | None = None) -> tuple[str, str]:
    """Name and alias of `name@alias`.

    Args:
        text: What was typed.
        alias: What is meant without one; None when one must be there.

    Raises:
        FormatError: If it is no name, or the alias is one that MLflow does not take.
    """
    name, at, said = text.partition("@")
    found = said if at else alias
    if not layout.is_name(name) or found is None:
        raise FormatError(
            f"{text[:80]!r} is not NAME@ALIAS: write it as delays@champion; names have letters, "
            "digits, dot, dash and underscore"
        )
    if not _ALIAS.fullmatch(found) or _RESERVED.fullmatch(found):
        raise FormatError(
            f"{found[:80]!r} cannot be an alias: use letters, digits, dash and underscore, and "
            "neither `latest` nor `v1`, which mean something else to MLflow"
        )
    return name, found


def judged(
    record: VersionRecord, found: Evaluation | None, *, force: bool, reason: str
) -> dict[str, Any]:
    """What the history of a name should say of a promotion.

    Args:
        record: The version to promote.
        found: Its newest evaluation, if there is one.
        force: Promote it though a gate failed or nobody judged it; needs a reason.
        reason: Why.

    Raises:
        RefusedError: If a gate failed, or no evaluation is recorded, and it is not forced.
        FormatError: If it is forced without a reason.
    """
    if force and not reason.strip():
        raise FormatError("say why it is promoted against its gates: --reason TEXT")
    objection = _objection(record, found)
    if objection and not force:
        raise RefusedError(
            f"{objection}; look into it, or promote it all the same with --force --reason TEXT",
            id=record.id,
            evaluation=found and found.id,
        )
    return {
        "reason": reason,
        "gates": found.told() if found else "no evaluation is recorded",
        "evaluation": found and found.id,
        "forced": bool(objection),
    }


def say(
    repository: Repository,
    record: VersionRecord,
    target: tuple[str, str],
    cause: Cause,
    facts: Mapping[str, Any],
) -> Promotion:
    """Write down that a name names a version now, unless it does already; nothing is checked.

    Raises:
        ConflictError: If others were faster too many times in a row.
    """
    name, alias = target
    for _ in range(ATTEMPTS):
        history = repository.name_history(name)
        before = aliases(history).get(alias)
        if before == record.id:
            position = max(n for n, entry in enumerate(history) if entry.get("alias") == alias)
            return Promotion(name, alias, record.id, before, False, position, facts)
        fields = {"alias": alias, "version": record.id, "seal_of": record.seal}
        fields |= {"at": cause.at.isoformat(), "by": cause.actor, **facts}
        fields |= {"after": history[-1]["seal"]} if history else {}
        if repository.add_name(name, len(history), fields):
            # Who erases asks for names first, who names looks into the trash last: none is missed.
            because = replace(cause, rule=f"named {name}@{alias}")
            Expiry(repository).restore_whole(record, because)
            return Promotion(name, alias, record.id, before, True, len(history), facts)
    raise ConflictError(f"others name {name}@{alias} all the time; run again")


def check_usable(repository: Repository, record: VersionRecord) -> None:
    """See to it that a version can be loaded and may be used: digest all its bytes.

    Raises:
        RefusedError: If it is invalid.
        NotFoundError: If its bytes are gone, or will go.
        IntegrityError: If they are not those written.
    """
    called = f"{record.step} {record.id[:12]}"
    if why := repository.invalidations.of(record.id):
        raise RefusedError(f"{called} is invalid ({why}): run its step again", id=record.id)
    blobs = [(blob.name, blob.size_bytes) for blob in record.manifest if blob.name]
    status = statuses(repository, {record.id: blobs}).get(record.id)
    last = Expiry(repository).last(record.id)
    if last is not None and last.state != RESTORED:
        undo = f"bring it back with `versioning undo {last.cause.plan}` or `versioning pin`, or "
        back = undo if last.state == TRASHED else ""
        raise NotFoundError(
            f"{called} is {status or EXPIRED}: {back}run its step again", id=record.id
        )
    report = verify(repository, record.id)
    if report.damaged:
        raise IntegrityError(
            f"{called} is corrupt ({report.damaged[0].reason}): `versioning verify --set-aside`, "
            "then run its step again",
            id=record.id,
        )
    if status is not None:
        raise NotFoundError(f"the bytes of {called} are gone: run its step again", id=record.id)


def _objection(record: VersionRecord, found: Evaluation | None) -> str:
    called = f"{record.step} {record.id[:12]}"
    if found is None:
        return f"nobody judged {called}: no evaluation of it is recorded"
    return f"{called}: {found.told()}" if not found.is_passed else ""


def reigns(history: Sequence[Mapping[str, Any]], alias: str) -> list[tuple[str, str, str | None]]:
    """Which versions an alias named: id, from when, and until when; oldest first.

    Entries that repeat the one before are left out; the last one reigns, until None.
    """
    changes: list[tuple[str, str]] = []
    for entry in history:
        version_id = str(entry.get("version") or "")
        if entry.get("alias") == alias and (not changes or changes[-1][0] != version_id):
            changes.append((version_id, str(entry.get("at", ""))))
    ends = [*(at for _, at in changes[1:]), None]
    return [(*change, until) for change, until in zip(changes, ends, strict=False) if change[0]]


def formers_of(
    past: Sequence[tuple[str, str, str | None]],
) -> dict[str, tuple[str, str | None]]:
    """Which versions of `reigns` could be gone back to: from when and until when, by id."""
    formers = {version_id: (since, until) for version_id, since, until in past[:-1]}
    if past:
        formers.pop(past[-1][0], None)
    return formers
