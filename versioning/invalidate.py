"""Invalidate: let versions never be a hit again; with `erase`, make their bytes unrecoverable.

A plan says what is concerned and what stands against erasing it. Carrying it out marks first and
looks for what is concerned again, until there is nothing new, as writers go on meanwhile.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from versioning import layout
from versioning.descent import captured_alone, descent, readers
from versioning.digest import Digest
from versioning.envelope import UNREADABLE
from versioning.erase import finish, is_tombstone
from versioning.errors import ConflictError, FormatError, ReadOnlyError
from versioning.expiry import Expiry
from versioning.invalidations import NAMED, Invalidation
from versioning.journals import Journal
from versioning.names import resolve
from versioning.planning import protections
from versioning.records import CAPTURED
from versioning.standing import withdrawn
from versioning.sweep import Patience, sweep
from versioning.trash import ERASED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from versioning.catalog import Catalog
    from versioning.digest import Key
    from versioning.repository import Repository
    from versioning.rows import Row
    from versioning.trash import Cause

ROUNDS = 10
HELD = "held: "
ADVICE = {
    False: "Name what holds the same bytes as well, unpin what is pinned, or force it",
    True: "Release what is held first, if you may: `versioning unpin --release`",
}


@dataclass(frozen=True, slots=True)
class Concerned:
    """A version that is invalidated, or is to be.

    Attributes:
        id: Which.
        key: What it answers.
        step: Its step.
        size_bytes: What it holds.
        why: That it was named, or what it has to do with one that was.
        was: What it is already: empty, `invalid` or `erased`.
        protection: Pins and names, which stand against erasing it.
    """

    id: str
    key: Key
    step: str
    size_bytes: int
    why: str
    was: str = ""
    protection: tuple[str, ...] = ()


@dataclass(slots=True)
class Invalidated:
    """What is to be invalidated, and what was done.

    Attributes:
        plan: Under which id it is in the journals.
        reason: What is wrong with the versions.
        down: Whether what was made from them is concerned.
        erase: Whether their bytes are to go.
        versions: All that are concerned.
        holders: Versions that are not concerned and hold the same blobs, which would stay for them.
        equal: How many versions that are not concerned hold an equal small value.
        readers: How many versions that are not concerned were made from these.
        applied: Whether it was carried out.
        left: Names of what was to go and is there still: blobs, and what a store does not give up.
        busy: Writers at work that may hold on to some of them.
        refused: What the store said when it refused to delete; empty when it did not.
    """

    plan: str
    reason: str
    down: bool
    erase: bool
    versions: list[Concerned] = field(default_factory=list)
    holders: list[str] = field(default_factory=list)
    equal: int = 0
    readers: int = 0
    applied: bool = False
    left: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    refused: str = ""

    @property
    def is_held(self) -> bool:
        """Whether some of it is under a legal hold, which no force ends."""
        return self.erase and any(
            reason.startswith(HELD) for item in self.versions for reason in item.protection
        )

    @property
    def obstacles(self) -> list[str]:
        """What stands against erasing."""
        if not self.erase:
            return []
        found = [
            f"{item.step} {item.id[:12]} is {reason}"
            for item in self.versions
            for reason in item.protection
        ]
        return found + [f"{version_id[:12]} holds the same bytes" for version_id in self.holders]


def chosen(repository: Repository, catalog: Catalog, names: Iterable[str]) -> list[str]:
    """The versions that `names` name, newest first: a step names all that it has.

    Raises:
        NotFoundError: If a name names none, or several.
        FormatError: If there is no name.
    """
    found: dict[str, None] = {}
    for name in names:
        ids = [row.id for row in catalog.versions(step=name)]
        found |= dict.fromkeys(ids or [_known(repository, catalog, name)])
    if not found:
        raise FormatError("name a step or a version to invalidate")
    return list(found)


def _known(repository: Repository, catalog: Catalog, name: str) -> str:
    version_id = resolve(repository, catalog, name)
    if not catalog.rows([version_id]):
        # Says why not: there is none, or its record is damaged.
        repository.record(version_id)
    return version_id


def plan(
    repository: Repository,
    catalog: Catalog,
    names: Sequence[str],
    *,
    reason: str = "",
    down: bool = False,
    erase: bool = False,
) -> Invalidated:
    """What invalidating `names` would concern; nothing is changed. See `chosen` for errors."""
    made = Invalidated(secrets.token_hex(8), reason, down, erase)
    roots = chosen(repository, catalog, names)
    _fill(repository, catalog, made, roots)
    return made


def apply(
    repository: Repository,
    catalog: Catalog,
    made: Invalidated,
    cause: Cause,
    *,
    force: bool = False,
    patience: Patience | None = None,
) -> Invalidated:
    """Carry a plan out, on what is concerned by now; again, if it was interrupted.

    Args:
        repository: Where the plan was made.
        catalog: Its index.
        made: The plan.
        cause: By whom and when.
        force: Erase what is pinned or named, and although others hold the same bytes.
        patience: How long to wait for writers at work before blobs are deleted.

    Raises:
        FormatError: If no reason is given.
        ConflictError: If something stands against erasing, and `force` is not given.
        ReadOnlyError: If the repository cannot be written; what it refuses to delete is `left`.
    """
    store = repository.store
    with store.drawing():
        repository.check_writable()
    if not made.reason.strip():
        raise FormatError("say why, for whoever wonders later: give a reason")
    roots = [item.id for item in made.versions if item.why == NAMED]
    _fill(repository, catalog, made, roots)
    _check(repository, made, force=force)
    with store.drawing():
        _save(repository, made, cause)
    entry = Invalidation(
        made.reason, NAMED, cause.actor, cause.at, made.plan, made.down, made.erase
    )
    refused: ReadOnlyError | None = None
    for _ in range(ROUNDS):
        with store.drawing():
            _mark(repository, made.versions, entry)
        refused, made.refused = None, ""
        try:
            _remove(repository, made, cause, patience)
        except ReadOnlyError as error:
            # What is marked is a miss all the same.
            refused, made.refused = error, str(error)
        before = {item.id for item in made.versions}
        _fill(repository, catalog, made, roots)
        if before >= {item.id for item in made.versions}:
            break
    made.left = _left(repository, catalog, made)
    if refused is not None and not made.left:
        # Something else was refused.
        raise refused
    made.refused = made.refused if made.left else ""
    made.applied = True
    return made


def _mark(repository: Repository, versions: Iterable[Concerned], entry: Invalidation) -> None:
    for item in versions:
        repository.invalidations.mark(item.id, replace(entry, why=item.why))
        if entry.erase and _is_source(repository, item):
            # An external file may still be there, and would be stored again under this key.
            content = replace(entry, down=True, why=f"content of {item.step}")
            repository.invalidations.mark(item.key, content)


def _is_source(repository: Repository, item: Concerned) -> bool:
    """Whether it is an external file; what was captured is no file that anybody reads again."""
    try:
        has_code = bool(repository.record(item.id).function)
    except UNREADABLE:
        return item.step.startswith("source:")
    return not has_code and not item.step.startswith(CAPTURED)


def _remove(
    repository: Repository, made: Invalidated, cause: Cause, patience: Patience | None
) -> None:
    """Unbind what is marked; to erase it, leave tombstones, and delete its blobs at once."""
    with repository.store.drawing():
        for item in made.versions:
            repository.release(item.key, item.id)
        if not made.erase:
            return
        finish(repository)
    # Of nothing else that is in the trash.
    waits = replace(patience or Patience(), trash=timedelta.max)
    swept = sweep(repository, replace(cause, plan=made.plan, rule=made.reason), patience=waits)
    made.busy = swept.busy
    made.refused = next(iter(swept.left.values()), "")


def _left(repository: Repository, catalog: Catalog, made: Invalidated) -> list[str]:
    """What is there still of what was to go."""
    keys = {item.id: item.key for item in made.versions}
    found: list[str] = []
    if made.erase:
        needed = catalog.blobs(keys).values()
        digests = {name[3:].partition("-")[0] for blobs in needed for name, _ in blobs}
        listed = (repository.store.list(layout.blob_prefix(Digest(d))) for d in sorted(digests))
        found += (entry.name for entries in listed for entry in entries)
    if made.refused:
        found += (layout.binding(keys[i]) for i in repository.answering(keys))
        whole = (i for i in keys if made.erase and not is_tombstone(repository, i))
        found += map(layout.version, whole)
    return found


def _fill(
    repository: Repository, catalog: Catalog, made: Invalidated, roots: Sequence[str]
) -> None:
    """Find out what is concerned now."""
    reasons = descent(repository, catalog, roots, down=made.down)
    rows = {row.id: row for row in catalog.versions(captured=True)}
    catalog.check_format()
    erased = set(Expiry(repository).states(ERASED))
    if made.erase:
        alone = captured_alone(catalog, rows, {*reasons, *erased})
        reasons |= dict.fromkeys(alone, "captured for it")
    was = withdrawn(repository, reasons)
    protection = protections(repository) if made.erase else {}
    made.versions = [
        Concerned(
            version_id,
            rows[version_id].key,
            rows[version_id].step,
            rows[version_id].size_bytes,
            why or NAMED,
            was.get(version_id, ""),
            () if version_id in erased else protection.get(version_id, ()),
        )
        for version_id, why in reasons.items()
        if version_id in rows
    ]
    made.readers = readers(catalog, reasons)
    _look_for_holders(catalog, made, rows, erased)


def _look_for_holders(
    catalog: Catalog, made: Invalidated, rows: dict[str, Row], erased: set[str]
) -> None:
    ids = {item.id for item in made.versions}
    blobs = catalog.blobs(rows)
    holders: dict[str, list[str]] = defaultdict(list)
    for version_id, needed in blobs.items():
        if version_id not in ids and version_id not in erased:
            for name, _ in needed:
                holders[name.partition("-")[0]].append(version_id)
    concerned = {name.partition("-")[0] for i in ids for name, _ in blobs.get(i, ())}
    made.holders = sorted({i for digest in concerned for i in holders.get(digest, ())})
    values = {rows[i].digest for i in ids if i not in blobs}
    others = (row for row in rows.values() if row.id not in ids and row.id not in erased)
    made.equal = sum(row.digest in values and row.id not in blobs for row in others)


def _check(repository: Repository, made: Invalidated, *, force: bool) -> None:
    if (obstacles := made.obstacles) and not (force and not made.is_held):
        raise ConflictError(
            f"nothing was erased, as {'; '.join(obstacles[:10])}"
            + (f"; and {len(obstacles) - 10} more" if len(obstacles) > 10 else "")
            + f". {ADVICE[made.is_held]}",
            obstacles=obstacles,
        )


def _save(repository: Repository, made: Invalidated, cause: Cause) -> None:
    """Keep in the ledger what was asked for; the journals of the versions refer to it."""
    journal = Journal(repository.store, "plan", lambda n: layout.plan(made.plan, n))
    named = [item.id for item in made.versions if item.why == NAMED]
    facts = {"reason": made.reason, "down": made.down, "erase": made.erase, "ids": named}
    journal.append({"made": cause.at, "actor": cause.actor, "invalidate": facts})
