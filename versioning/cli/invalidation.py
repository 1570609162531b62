"""Invalidation and erasure: `invalidate`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from versioning.cli.output import PLAIN, Flag, Options, add, line, short, table
from versioning.invalidate import ADVICE
from versioning.units import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from versioning.concerned import Invalidated

SHOWN = 20


def invalidate(
    *versions: str,
    down: Flag = False,
    reason: str | None = None,
    erase: Flag = False,
    apply: Flag = False,
    force: Flag = False,
    options: Options = PLAIN,
) -> int:
    """Let versions never be a hit again; with --erase, make their bytes unrecoverable.

    Shows what is concerned and changes nothing, unless --apply is given. Invalidation is final: the
    next run computes and binds new versions. 1 when something stands against erasing, or when
    something is left, as by a store that refuses to delete.

    Args:
        versions: Which; a step stands for all of its versions, step~0 for the latest one.
        down: Also everything that was made from them, or is being made now.
        reason: What is wrong with them; needed to apply.
        erase: Also make their bytes unrecoverable at once, sources included, without a trash
            period. A tombstone keeps lineage and digests, and says when, why and by whom.
        apply: Do it.
        force: Erase even what is pinned or named, or shares its bytes with other versions.
    """
    from versioning import invalidate as operation
    from versioning.expiry import here

    repository = options.open(write=apply)
    catalog = repository.catalog
    made = operation.plan(
        repository, catalog, versions, reason=reason or "", down=down, erase=erase
    )
    is_refused = bool(made.obstacles) and (made.is_held or not force)
    if apply and not is_refused:
        operation.apply(repository, catalog, made, here(), force=force)
    document = {**asdict(made), "obstacles": made.obstacles}
    options.answer(document, lambda: _report(made, is_refused=is_refused))
    return 1 if is_refused or made.left or made.busy else 0


def _report(made: Invalidated, *, is_refused: bool) -> Iterator[RenderableType]:
    shown = table("version", "step", "size", "is", "why", "protected", right=("size",))
    for item in made.versions[:SHOWN]:
        protection = "; ".join(item.protection) or None
        cells = (short(item.id), item.step, size(item.size_bytes), item.was or "live")
        add(shown, *cells, item.why, protection)
    yield shown
    if len(made.versions) > SHOWN:
        yield line(f"... and {len(made.versions) - SHOWN} more: --json lists all of them")
    yield from _aside(made)
    if made.applied:
        yield from _done(made)
    elif is_refused:
        yield line("Nothing is done, as " + "; ".join(made.obstacles[:SHOWN]) + ".")
        yield line(f"{ADVICE[made.is_held]}.")
    else:
        done = "invalidated and erased for good" if made.erase else "invalidated"
        yield line(f"{_count(len(made.versions))} would be {done}.")
        yield line("Nothing is done yet: give --apply, and a --reason for whoever wonders later.")


def _aside(made: Invalidated) -> Iterator[RenderableType]:
    if made.readers and not made.down:
        yield line(f"{_count(made.readers)} made from these would stay: --down takes them, too.")
    if made.erase and made.equal:
        yield line(f"{_count(made.equal)} outside hold an equal small value, and keep it.")


def _done(made: Invalidated) -> Iterator[RenderableType]:
    done = "invalid and erased" if made.erase and not made.left else "invalid"
    verb = "is" if len(made.versions) == 1 else "are"
    yield line(f"{_count(len(made.versions))} {verb} {done}: {made.reason} (plan {made.plan}).")
    why = "the store keeps it" if made.refused else "another version needs it, or a writer may"
    for name in made.left[:SHOWN]:
        yield line(f"{name} is there still: {why}.")
    if made.busy:
        yield line(f"{len(made.busy)} writers are at work and may hold on to bytes of these.")
    if made.refused:
        yield line(f"Run it again as somebody who may delete: {made.refused}")
    elif made.left or made.busy:
        yield line("Run it again when they have ended.")
    else:
        yield line("The next run computes their steps anew.")


def _count(number: int) -> str:
    return "1 version" if number == 1 else f"{number} versions"
