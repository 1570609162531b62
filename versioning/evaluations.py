"""Evaluations: what flows recorded of how good a version is.

An evaluation is a version itself, of the step `evaluation`, that read another one as its `model`.
Its value is a document: metrics, those of the model it was compared with, what gates said, drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from versioning.envelope import UNREADABLE
from versioning.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from versioning.catalog import Catalog
    from versioning.repository import Repository
    from versioning.rows import Row

STEP, MODEL = "evaluation", "model"
PASSED, FAILED, UNJUDGED = "passed", "failed", "not judged"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one gate said; `passed` is None where there was nothing to judge."""

    gate: str
    concern: str
    passed: bool | None
    reason: str

    @property
    def word(self) -> str:
        """`passed`, `failed` or `not judged`."""
        return UNJUDGED if self.passed is None else PASSED if self.passed else FAILED


def told(verdicts: Sequence[Verdict]) -> str:
    """How many gates passed of those that were judged, and which did not, in a line."""
    failed = [f"{v.gate}: {v.reason}" for v in verdicts if v.passed is False]
    judged = [v for v in verdicts if v.passed is not None]
    if not judged:
        return "no gate had anything to judge"
    unjudged = len(verdicts) - len(judged)
    passed = f"{len(judged) - len(failed)} of {len(judged)} gates passed"
    passed += f" ({unjudged} not judged)" if unjudged else ""
    return f"{passed}, failed: {'; '.join(failed)}" if failed else passed


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good a version was found to be.

    Attributes:
        id: The version that says so.
        created: When.
        metrics: Of the version, by name.
        against: Id of the version it was compared with, or None.
        rival: Metrics of that one on the same data; empty when there is none.
        gates: What each gate said.
        drift: How far data has moved: `column` and `psi` of each, and more.
    """

    id: str
    created: datetime
    metrics: Mapping[str, float]
    against: str | None
    rival: Mapping[str, float]
    gates: tuple[Verdict, ...]
    drift: Sequence[Mapping[str, Any]]

    @property
    def is_passed(self) -> bool:
        """Whether no gate failed."""
        return all(verdict.passed is not False for verdict in self.gates)

    def told(self) -> str:
        """How many gates passed, and which did not."""
        return told(self.gates)


def evaluations(repository: Repository, catalog: Catalog, version_id: str) -> list[Evaluation]:
    """What was recorded of how good a version is, newest first; what cannot be read is left out."""
    readers = {
        reader
        for reader, name, source in catalog.reads(version_id, down=True)
        if source == version_id and name == MODEL
    }
    rows = [row for row in catalog.rows(readers).values() if row.step == STEP]
    newest = sorted(rows, key=lambda row: (row.created, row.id), reverse=True)
    return [found for row in newest if (found := _read(repository, row.id, row.created))]


def evaluated(repository: Repository, row: Row) -> tuple[str, Evaluation] | None:
    """The id of the version that an evaluation is about, and the evaluation; None if it is none."""
    found = _read(repository, row.id, row.created)
    read = repository.record(row.id).inputs if found else ()
    model = next((item.id for item in read if item.name == MODEL), None)
    return None if found is None or model is None else (model, found)


def newest_evaluation(
    repository: Repository, catalog: Catalog, version_id: str
) -> Evaluation | None:
    """The newest of `evaluations`, or None."""
    return next(iter(evaluations(repository, catalog, version_id)), None)


def _read(repository: Repository, version_id: str, created: datetime) -> Evaluation | None:
    try:
        document = repository.load(repository.record(version_id))
        gates = [
            Verdict(str(g["gate"]), str(g.get("concern", "")), g["passed"], str(g["reason"]))
            for g in document["gates"]
        ]
        return Evaluation(
            version_id,
            created,
            _numbers(document["metrics"]),
            document.get("against"),
            _numbers(document.get("rival") or {}),
            tuple(gates),
            tuple(document.get("drift") or ()),
        )
    except (NotFoundError, *UNREADABLE, AttributeError, KeyError, TypeError, ValueError):
        # A step of somebody else's may have that name.
        return None


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in metrics.items()}
