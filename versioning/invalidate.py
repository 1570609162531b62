"""Invalidate: let versions never be a hit again; with `erase`, make their bytes unrecoverable.

A plan says what is concerned and what stands against erasing it. Carrying it out marks first and
looks for what is concerned again, until there is nothing new, as writers go on meanwhile.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from versioning import layout
from versioning.concerned import Invalidated, fill
from versioning.digest import Digest
from versioning.envelope import UNREADABLE
from versioning.erase import finish, is_tombstone
from versioning.errors import ConflictError, FormatError, ReadOnlyError
from versioning.invalidations import NAMED, Invalidation
from versioning.journals import Journal
from versioning.names import resolve
from versioning.records import CAPTURED
from versioning.sweep import Patience, sweep

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from versioning.catalog import Catalog
    from versioning.concerned import Concerned
    from versioning.repository import Repository
    from versioning.trash import Cause

ROUNDS = 10
ADVICE = {
    False: "Name what holds the same bytes as well, unpin what is pinned, or force it",
    True: "Release what is held first, if you may: `versioning unpin --release`",
}


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
    fill(repository, catalog, made, roots)
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
    fill(repository, catalog, made, roots)
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
        fill(repository, catalog, made, roots)
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
