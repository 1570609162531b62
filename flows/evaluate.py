"""Evaluation: metrics and pictures on held-out data, beside the champion's; drift; gates."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd
from prefect import flow
from prefect.events import emit_event

from flows import gates
from flows import problem as problems
from flows.drift import drift_table
from flows.gates import Evidence
from flows.report import show_picture, show_table
from flows.runs import first_unknown_day, run_name
from flows.steps import step
from flows.train import prepared
from versioning import Version, open_repository, versioned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flows.problem import Problem
    from versioning.evaluations import Verdict

_TRAINING_INPUT = re.compile(r"tables\[\d+\]")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good a model is, and what the gates say of it.

    Attributes:
        metrics: Of the model, on the rows held out.
        champion: Of the champion on the same rows, or None when they cannot be compared.
        verdicts: What each gate says.
        recorded: The version that keeps all this, for promotion, rollback and the model's card.
    """

    metrics: Mapping[str, float]
    champion: Mapping[str, float] | None
    verdicts: Sequence[Verdict]
    recorded: Version

    def passed(self, concern: gates.Concern) -> bool:
        """Whether no gate of this concern failed."""
        return gates.passed(self.verdicts, concern)


@flow(flow_run_name=run_name("evaluate"))
def evaluate(
    problem: str = "flights",
    *,
    as_of: date | None = None,
    model: str = "train",
    against: str | None = None,
) -> Evaluation:
    """Judge a model by the newest data known before a day.

    Args:
        problem: Name of the problem, as `flights`, or the dotted path of its module.
        as_of: First day that is not known yet; empty for the day the run is scheduled for.
        model: Which version: an id, a prefix of one, or the name of a step for its newest.
        against: Another version to compare it with, named likewise.

    Returns:
        Metrics, those of the other model, and the verdicts of the gates.
    """
    found, repository = problems.find(problem), open_repository()
    held_out = prepared(found, first_unknown_day(as_of), found.bad_rows).held_out
    champion = repository.get(against) if against else None
    return judged(found, repository.get(model), held_out, champion)


def judged(
    problem: Problem, model: Version, held_out: Sequence[Version], champion: Version | None
) -> Evaluation:
    """Score `model` and `champion` on the same rows, and let every gate speak."""
    scores = [step(problem.predict)(model, table) for table in held_out]
    found = step(problem.evaluate)(list(held_out), scores)
    rival, reason = comparable(champion, held_out)
    rivals = None if rival is None else _metrics(problem, rival, held_out)
    drift = None if rival is None else moved(training_tables(rival), list(held_out))
    evidence = Evidence(
        found.load(),
        None if rivals is None else rivals.load(),
        None if drift is None else drift.load(),
        reason,
    )
    verdicts = gates.judge(problem.gates, evidence)
    recorded = evaluation(
        model,
        found,
        None if rival is None else rival.id,
        rivals,
        list(map(asdict, verdicts)),
        drift,
    )
    judgement = Evaluation(evidence.metrics, evidence.champion, verdicts, recorded)
    _show(problem, judgement, evidence.drift)
    _tell(problem, model, verdicts)
    for name, draw in problem.pictures.items():
        png = step(draw)(list(held_out), scores).load()
        show_picture(f"{problem.name}-{name}", png, about=f"{problem.name}: {name}")
    return judgement


def comparable(champion: Version | None, held_out: Sequence[Version]) -> tuple[Version | None, str]:
    """The champion if it can be compared on these rows, or None and why not."""
    if champion is None:
        return None, "there is no champion"
    seen = {table.digest for table in training_tables(champion)}
    if any(table.digest in seen for table in held_out):
        return None, "the champion was trained on these rows"
    return champion, ""


def training_tables(model: Version) -> list[Version]:
    """The tables that `model` was trained on."""
    inputs = [item for item in model.record.inputs if _TRAINING_INPUT.fullmatch(item.name)]
    return [model.repository.get(item.id) for item in inputs]


@versioned
def moved(before: Sequence[pd.DataFrame], after: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """How far each column of the tables `after` has moved from `before`."""
    return drift_table(pd.concat(before, ignore_index=True), pd.concat(after, ignore_index=True))


@versioned
def evaluation(
    model: Version,
    metrics: Mapping[str, float],
    against: str | None,
    rival: Mapping[str, float] | None,
    gates: list[dict[str, Any]],
    drift: pd.DataFrame | None,
) -> dict[str, Any]:
    """What was found of `model`, as `versioning.evaluations` reads it."""
    rows: list[Any] = []
    if drift is not None:
        rows = drift.astype("object").where(drift.notna(), None).to_dict("records")
    return {
        "model": model.id,
        "metrics": dict(metrics),
        "against": against,
        "rival": None if rival is None else dict(rival),
        "gates": gates,
        "drift": rows,
    }


def _metrics(problem: Problem, model: Version, held_out: Sequence[Version]) -> Version:
    scores = [step(problem.predict)(model, table) for table in held_out]
    found: Version = step(problem.evaluate)(list(held_out), scores)
    return found


def _tell(problem: Problem, model: Version, verdicts: Sequence[Verdict]) -> None:
    """Events about gates that the model did not pass, for automations."""
    for event, concern in (("gate-failed", "performance"), ("drift", "drift")):
        failed = [v for v in verdicts if v.concern == concern and v.passed is False]
        if not failed:
            continue
        emit_event(
            event=f"versioning.{event}",
            resource={
                "prefect.resource.id": f"versioning.version.{model.id}",
                "prefect.resource.name": problem.model,
            },
            payload={
                "problem": problem.name,
                "version": model.id,
                "gates": "; ".join(f"{v.gate}: {v.reason}" for v in failed),
            },
        )


def _show(problem: Problem, evaluation: Evaluation, drift: pd.DataFrame | None) -> None:
    rows = [
        {"metric": name, "model": value, "champion": (evaluation.champion or {}).get(name)}
        for name, value in evaluation.metrics.items()
    ]
    show_table(f"{problem.name}-metrics", pd.DataFrame(rows), about=f"{problem.name}: metrics")
    verdicts = pd.DataFrame([asdict(verdict) for verdict in evaluation.verdicts])
    show_table(f"{problem.name}-gates", verdicts, about=f"{problem.name}: gates")
    if drift is not None:
        about = f"{problem.name}: drift against what the champion was trained on"
        show_table(f"{problem.name}-drift", drift, about=about)
