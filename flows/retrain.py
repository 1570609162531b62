"""Retraining: validate, train, evaluate and register, of any problem."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from prefect import flow

from flows import problem as problems
from flows.evaluate import Evaluation, comparable, judged
from flows.quality import Tolerance
from flows.register import champion as champion_of
from flows.register import champion_before, registered, served_by
from flows.runs import first_unknown_day, run_name
from flows.train import fitted, prepared
from versioning.evaluations import told
from versioning.integrations.prefect import show_card

if TYPE_CHECKING:
    from collections.abc import Sequence

    from versioning import Version

log = logging.getLogger(__name__)
OnDrift = Literal["report", "hold"]


@dataclass(frozen=True, slots=True)
class Retrained:
    """What came of a retraining.

    Attributes:
        problem: Name of the problem.
        as_of: First day that was not known.
        model: The model.
        evaluation: How good it is.
        promoted: Whether it is the champion now.
        number: MLflow's number of it.
    """

    problem: str
    as_of: date
    model: Version
    evaluation: Evaluation
    promoted: bool
    number: int


@flow(flow_run_name=run_name("retrain"))
def retrain(
    problem: str = "flights",
    *,
    as_of: date | None = None,
    seed: int = 7,
    parameters: dict[str, Any] | None = None,
    bad_rows: Tolerance | None = None,
    on_drift: OnDrift = "report",
) -> Retrained:
    """Retrain a problem's model on what is known before a day; promote it if its gates say so.

    Args:
        problem: Name of the problem, as `flights`, or the dotted path of its module.
        as_of: First day that is not known yet; empty for the day the run is scheduled for.
        seed: Where chance begins.
        parameters: Further parameters of the problem's `train`, by name.
        bad_rows: What is put up with in the data; empty for what the problem says.
        on_drift: What drift does to a model that is good enough: `report` promotes it and says so,
            `hold` leaves it the challenger until somebody has looked.

    Returns:
        The model, its metrics, the verdicts, and whether it is the champion now.
    """
    found = problems.find(problem)
    day = first_unknown_day(as_of)
    log.info("%s as of %s: load, validate, features", found.name, day)
    tables = prepared(found, day, bad_rows or found.bad_rows)
    log.info("train on %d portions, hold out %d", len(tables.training), len(tables.held_out))
    model = fitted(found, tables.training, seed=seed, parameters=parameters or {})
    champion = champion_of(found)
    reigns = champion is not None and champion.id == model.id
    # Compared with itself a model has nothing to fear: the one before it is the measure.
    rival = champion_before(found, model) if reigns else champion
    log.info("evaluate against %s", "no champion" if rival is None else rival.id[:12])
    evaluation = judged(found, model, tables.held_out, rival)
    promote = reigns or _is_better(rival, tables.held_out, evaluation, on_drift)
    tags = {f"metric.{name}": f"{value:.6g}" for name, value in evaluation.metrics.items()}
    tags |= {"problem": found.module, "as_of": day.isoformat()}
    facts = {
        "reason": f"retrained as of {day}",
        "gates": told(evaluation.verdicts),
        "evaluation": evaluation.recorded.id,
    }
    entry = registered(
        found.model, served_by(found), model, tags=tags, promote=promote, facts=facts
    )
    show_card(model, found.model)
    return Retrained(found.name, day, model, evaluation, promote, entry.number)


def _is_better(
    champion: Version | None,
    held_out: Sequence[Version],
    evaluation: Evaluation,
    on_drift: OnDrift,
) -> bool:
    if not evaluation.passed("performance"):
        return False
    if on_drift == "hold" and not evaluation.passed("drift"):
        return False
    # A champion that was trained on these rows is newer: an old day does not dethrone it.
    return champion is None or comparable(champion, held_out)[0] is not None
