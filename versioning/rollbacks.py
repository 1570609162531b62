"""Rollback: which former version of a name to go back to, with the reasons for and against each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from versioning.envelope import UNREADABLE
from versioning.errors import NotFoundError, RefusedError
from versioning.evaluations import newest_evaluation
from versioning.names import aliases
from versioning.promotion import (
    CHAMPION,
    check_usable,
    formers_of,
    judged,
    parse_name,
    reigns,
    say,
)
from versioning.trust import NOT_REPRODUCIBLE, REPRODUCIBLE, label

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from versioning.catalog import Catalog
    from versioning.evaluations import Evaluation
    from versioning.promotion import Promotion
    from versioning.records import VersionRecord
    from versioning.repository import Repository
    from versioning.trash import Cause

SHOWN = 4
# The index from which a column counts as moved.
MOVED = 0.25


@dataclass(frozen=True, slots=True)
class Former:
    """A version that the name named before.

    Attributes:
        id: Its id.
        since: When it was promoted last, ISO 8601.
        until: When another took over.
        against: Why it should not be gone back to; empty when nothing rules it out.
        doubts: What else speaks against it: drift, and what nobody judged or audited.
        told: What speaks for it.
        metrics: Of its newest evaluation.
    """

    id: str
    since: str
    until: str | None
    against: tuple[str, ...]
    doubts: tuple[str, ...]
    told: tuple[str, ...]
    metrics: Mapping[str, float]

    @property
    def is_fit(self) -> bool:
        """Whether nothing rules it out."""
        return not self.against


@dataclass(frozen=True, slots=True)
class Advice:
    """What to go back to.

    Attributes:
        current: Id of the version that is named now.
        suspects: What may be wrong with it: the versions it was made from that the one before it
            was not, or those that were named; by id, with their step.
        formers: The former versions, best first.
    """

    current: str
    suspects: Mapping[str, str]
    formers: tuple[Former, ...]

    @property
    def suggested(self) -> Former | None:
        """The best one that nothing rules out."""
        return next((former for former in self.formers if former.is_fit), None)


def advise(
    repository: Repository,
    catalog: Catalog,
    target: tuple[str, str],
    *,
    suspects: Collection[str] = (),
) -> Advice:
    """What a name could go back to.

    The best is the newest one that nothing rules out; one that passed its gates goes before
    one that nobody judged, and one that audits found to be reproducible before one that is not.

    Args:
        repository: Where the name is.
        catalog: Its index.
        target: Name and alias.
        suspects: Ids of versions that are known to be bad; what was made from one is not fit.

    Raises:
        NotFoundError: If the name names nothing, or never named anything else.
    """
    name, alias = target
    history = repository.name_history(name)
    past = reigns(history, alias)
    if not past:
        raise NotFoundError(f"{name}@{alias} never named anything; `versioning promote` names it")
    current = past[-1][0]
    if not (formers := formers_of(past)):
        raise NotFoundError(f"{name}@{alias} never named anything but {current[:12]}")
    previous = next(version_id for version_id, *_ in reversed(past) if version_id != current)
    bad = set(suspects) or _made_from(catalog, current) - _made_from(catalog, previous)
    rows = catalog.rows(bad)
    steps = {version_id: rows[version_id].step if version_id in rows else "" for version_id in bad}
    left = _gone_back_from(history, alias)
    ranked = []
    for version_id, span in formers.items():
        found = newest_evaluation(repository, catalog, version_id)
        former = _former(repository, catalog, version_id, span, found, steps)
        if version_id in left:
            former = replace(former, against=(*former.against, left[version_id]))
        differs = any(NOT_REPRODUCIBLE in text for text in former.doubts)
        ranked.append(((former.is_fit, found is not None, not differs, span[0]), former))
    ranked.sort(key=lambda item: item[0], reverse=True)
    return Advice(current, steps, tuple(former for _, former in ranked))


def go_back(
    repository: Repository,
    catalog: Catalog,
    record: VersionRecord,
    name: str,
    cause: Cause,
    *,
    reason: str,
) -> Promotion:
    """Let a name name a former version again; see `Repository.rollback`."""
    target = parse_name(name, CHAMPION)
    current = aliases(repository.name_history(target[0])).get(target[1])
    if current is None:
        raise NotFoundError(f"{'@'.join(target)} names nothing; `versioning promote` names it")
    check_usable(repository, record)
    why = f"rollback from {current[:12]}" + (f": {reason}" if reason else "")
    found = newest_evaluation(repository, catalog, record.id)
    facts = judged(record, found, force=True, reason=why)
    return say(repository, record, target, cause, {**facts, "instead_of": current})


def _gone_back_from(history: Sequence[Mapping[str, Any]], alias: str) -> dict[str, str]:
    """Versions that were gone back from, and not promoted since, with what is against them."""
    left: dict[str, str] = {}
    for entry in (entry for entry in history if entry.get("alias") == alias):
        left.pop(str(entry.get("version")), None)
        if bad := entry.get("instead_of"):
            left[str(bad)] = f"it was gone back from: {entry.get('reason')}"
    return left


def _former(
    repository: Repository,
    catalog: Catalog,
    version_id: str,
    span: tuple[str, str | None],
    found: Evaluation | None,
    suspects: Mapping[str, str],
) -> Former:
    against: list[str] = []
    doubts: list[str] = []
    told: list[str] = []
    if found is None:
        doubts.append("nobody judged it")
    else:
        (told if found.is_passed else against).append(found.told())
    try:
        record = repository.record(version_id)
        check_usable(repository, record)
        told.append("its bytes are whole")
        audits = label(repository, record)
        (told if audits == REPRODUCIBLE else doubts).append(f"audits: {audits}")
    except (NotFoundError, RefusedError, *UNREADABLE) as error:
        against.append(str(error))
    bad = list(_bad(repository, catalog, version_id, suspects))
    against += bad[:SHOWN]
    if not bad:
        told.append("it was made from nothing that is suspect or invalid")
    if found and (moved := [row for row in found.drift if _psi(row) > MOVED]):
        doubts.append(f"drift then: {', '.join(str(row.get('column')) for row in moved[:SHOWN])}")
    metrics = found.metrics if found else {}
    return Former(version_id, *span, tuple(against), tuple(doubts), tuple(told), metrics)


def _bad(
    repository: Repository, catalog: Catalog, version_id: str, suspects: Mapping[str, str]
) -> Iterator[str]:
    """What a version was made from, itself included, that is suspect or invalid."""
    above = _made_from(catalog, version_id)
    for item in sorted((above | {version_id}) & suspects.keys()):
        yield f"it was made from {suspects[item]} {item[:12]}, which is suspect"
    invalid = sorted(repository.invalidations.among(above))
    rows = catalog.rows(invalid)
    for item in invalid:
        step = rows[item].step if item in rows else ""
        why = repository.invalidations.of(item)
        yield f"it was made from {step} {item[:12]}, which is invalid ({why})"


def _made_from(catalog: Catalog, version_id: str) -> set[str]:
    return {source for _, _, source in catalog.reads(version_id, down=False)}


def _psi(row: Mapping[str, object]) -> float:
    value = row.get("psi")
    return float(value) if isinstance(value, int | float) else 0.0
