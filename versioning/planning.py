"""Planning: which versions retention would expire, and why, from all that speaks for one."""

from __future__ import annotations

import secrets
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from versioning.errors import NotFoundError
from versioning.expiry import Expiry
from versioning.garbage import no_collections
from versioning.names import named
from versioning.plans import PAGE, Plan
from versioning.references import outputs
from versioning.retention import Candidate, decide
from versioning.retention.candidates import OneBlob
from versioning.status import lost
from versioning.trash import ERASED, TRASHED
from versioning.usage import usage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from versioning.catalog import Catalog
    from versioning.repository import Repository
    from versioning.retention import Decision, Policy
    from versioning.usage import Usage

SMALL = "lies in its record: frees nothing"


def plan(repository: Repository, catalog: Catalog, policy: Policy, now: datetime) -> Plan:
    """What `policy` would do now; nothing is changed.

    Versions whose bytes are gone are in no plan. Those that lie in their records all stay, as
    nothing would be freed; the rules count them, for the sake of what they were made from.

    Raises:
        FormatError: If what names or expires versions cannot be read, so that what they protect is
            not known.
        IntegrityError: The same.
    """
    catalog.refresh()
    catalog.check_format()
    gone = _gone(repository, catalog)
    rows = (row for page in catalog.stream() for row in page)
    known, protected = usage(repository, rows, policy), protections(repository)
    with no_collections():
        inputs = catalog.inputs()
        final = _for_good(gone, _final(catalog, gone), inputs)
        candidates = _candidates(catalog, gone, protected, known)
        doubted = (_doubted(item, final, inputs) for item in candidates)
        decisions = decide(doubted, policy, now, inputs=inputs)
        kept = tuple(map(_unless_small, decisions))
        going = {d.candidate.id: d.candidate.is_rebuildable for d in kept if d.expire}
        final = _for_good(going, (i for i, can_be in going.items() if not can_be), inputs)
    return Plan(secrets.token_hex(8), now, policy, kept, frozenset(final))


def never_again(repository: Repository, catalog: Catalog, ids: Iterable[str]) -> set[str]:
    """Which of some versions nothing makes again once all of them are gone."""
    going = set(ids)
    gone = _gone(repository, catalog) | going
    return _for_good(gone, _final(catalog, gone), catalog.inputs()) & going


def protections(repository: Repository) -> dict[str, tuple[str, ...]]:
    """Why versions may not expire, whatever a policy says: pins, and what names name now.

    What protects a tuple protects its parts.
    """
    found: dict[str, list[str]] = defaultdict(list)
    held = repository.holds()
    for version_id, reason in repository.pins().items():
        found[version_id].append(f"{'held' if version_id in held else 'pinned'}: {reason}")
    for version_id, names in named(repository).items():
        found[version_id] += [f"named {name}" for name in names]
    for version_id, reasons in list(found.items()):
        with suppress(NotFoundError):
            for part in outputs(repository.record(version_id)):
                found[part.id] += reasons
    return {version_id: tuple(reasons) for version_id, reasons in found.items()}


def _gone(repository: Repository, catalog: Catalog) -> set[str]:
    """Versions in the trash, and those that miss a byte."""
    lasts = Expiry(repository).entries()
    gone = {version_id for version_id, last in lasts if last.state in {TRASHED, ERASED}}
    return gone | lost(repository, catalog)


def _final(catalog: Catalog, ids: Iterable[str]) -> Iterator[str]:
    """Those of some versions that no computing brings back."""
    asked = iter(ids)
    while page := list(islice(asked, PAGE)):
        yield from (row.id for row in catalog.rows(page).values() if not row.is_rebuildable)


def _for_good(
    gone: Collection[str], final: Iterable[str], inputs: Mapping[str, Sequence[str]]
) -> set[str]:
    """Of what is gone, what nothing makes again: `final`, and what was made from that."""
    found = set(final)
    while more := {i for i in gone if not found.isdisjoint(inputs.get(i, ()))} - found:
        found |= more
    return found


def _candidates(
    catalog: Catalog, gone: set[str], protection: Mapping[str, tuple[str, ...]], known: Usage
) -> Iterator[Candidate]:
    """All versions but those that are gone. There may be millions: each keeps what is needed."""
    same: dict[str, str] = {}
    for page in catalog.stream():
        rows = [row for row in page if row.id not in gone]
        blobs = catalog.blobs(row.id for row in rows)
        for row in rows:
            yield Candidate(
                id=row.id,
                step=same.setdefault(row.step, row.step),
                flow=same.setdefault(row.flow, row.flow) if row.flow else row.flow,
                created=row.created,
                seconds=row.seconds,
                blobs=_held(blobs.get(row.id, ())),
                is_rebuildable=row.is_rebuildable,
                protection=protection.get(row.id, ()),
                **known.facts(row),
            )


def _held(blobs: Sequence[tuple[str, int]]) -> Mapping[str, int]:
    return OneBlob(*blobs[0]) if len(blobs) == 1 else dict(blobs)


def _doubted(
    item: Candidate, lost: Collection[str], inputs: Mapping[str, Sequence[str]]
) -> Candidate:
    """A candidate; one that was made from what is gone for good cannot be computed again."""
    is_lost = any(above in lost for above in inputs.get(item.id, ()))
    return replace(item, is_rebuildable=False) if is_lost else item


def _unless_small(item: Decision) -> Decision:
    if item.keep or item.candidate.blobs:
        return item
    return replace(item, keep=(SMALL,), expire="")
