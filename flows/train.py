"""Training: a model from all portions but the newest, which are held out to judge it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from prefect import flow

from flows import problem as problems
from flows.quality import Tolerance
from flows.runs import first_unknown_day, run_name
from flows.steps import step
from flows.validate import accepted
from versioning import Version
from versioning.errors import VersioningError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flows.problem import Problem


class Tables(NamedTuple):
    """Tables of features and outcome, one a portion, oldest first."""

    training: Sequence[Version]
    held_out: Sequence[Version]


@flow(flow_run_name=run_name("train"))
def train(
    problem: str = "flights",
    *,
    as_of: date | None = None,
    seed: int = 7,
    parameters: dict[str, Any] | None = None,
    bad_rows: Tolerance | None = None,
) -> Version:
    """Train a model on what is known before a day.

    Args:
        problem: Name of the problem, as `flights`, or the dotted path of its module.
        as_of: First day that is not known yet; empty for the day the run is scheduled for.
        seed: Where chance begins.
        parameters: Further parameters of the problem's `train`, by name.
        bad_rows: What is put up with in the data; empty for what the problem says.

    Returns:
        The model.
    """
    found = problems.find(problem)
    tables = prepared(found, first_unknown_day(as_of), bad_rows or found.bad_rows)
    return fitted(found, tables.training, seed=seed, parameters=parameters or {})


def prepared(problem: Problem, as_of: date, tolerance: Tolerance) -> Tables:
    """Load, validate and turn into features everything known before `as_of`.

    Raises:
        BadDataError: If the data is worse than `tolerance` puts up with.
        VersioningError: If there are too few portions to train on one and hold out others.
    """
    portions = accepted(problem, problem.load(as_of), tolerance)
    if len(portions) <= problem.held_out:
        raise VersioningError(
            f"{problem.name} has {len(portions)} portions before {as_of}, and needs "
            f"{problem.held_out + 1}: choose a later day",
            portions=len(portions),
        )
    tables = list(problem.features(portions))
    return Tables(tables[: -problem.held_out], tables[-problem.held_out :])


def fitted(
    problem: Problem, training: Sequence[Version], *, seed: int, parameters: Mapping[str, Any]
) -> Version:
    """A model of the tables.

    Raises:
        FormatError: If `train` does not take one of the parameters.
    """
    problem.check_parameters(parameters)
    model: Version = step(problem.train)(list(training), seed=seed, **parameters)
    return model
