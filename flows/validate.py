"""Validation: is the data what the problem's schema says, and what becomes of it when it is not."""

from __future__ import annotations

import logging
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd
from prefect import flow

from flows import problem as problems
from flows import quality
from flows.quality import Tolerance
from flows.report import show_table
from flows.runs import first_unknown_day, run_name
from versioning import Version, versioned
from versioning.integrations.pandera import failure_cases

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandera.pandas as pa

    from flows.problem import Problem

log = logging.getLogger(__name__)


@flow(flow_run_name=run_name("validate"))
def validate(
    problem: str = "flights",
    *,
    as_of: date | None = None,
    bad_rows: Tolerance | None = None,
) -> list[Version]:
    """Check all data known before a day against the problem's schema.

    Args:
        problem: Name of the problem, as `flights`, or the dotted path of its module.
        as_of: First day that is not known yet; empty for the day the run is scheduled for.
        bad_rows: What is put up with in the data; empty for what the problem says.

    Returns:
        The portions to go on with, oldest first.
    """
    found = problems.find(problem)
    portions = found.load(first_unknown_day(as_of))
    return accepted(found, portions, bad_rows or found.bad_rows)


def accepted(problem: Problem, portions: Sequence[Version], tolerance: Tolerance) -> list[Version]:
    """The portions without the rows that are dropped; failures are kept as versions and shown.

    Raises:
        BadDataError: If a portion is worse than `tolerance` puts up with.
    """
    kept, failures = [], []
    try:
        for number, portion in enumerate(portions, start=1):
            where = f"portion {number} of {len(portions)} of {problem.name}"
            cases = find_failures(portion, problem.schema)
            if (found := cases.load()).empty:
                kept.append(portion)
                continue
            failures.append(quality.summarise(found).assign(portion=number))
            kept.append(_without_bad(portion, cases, found, tolerance, where))
    finally:
        if failures:
            about = f"What the schema of {problem.name} does not accept ({tolerance.mode})"
            show_table(f"{problem.name}-failures", pd.concat(failures), about=about)
    return kept


def _without_bad(
    portion: Version, cases: Version, found: pd.DataFrame, tolerance: Tolerance, where: str
) -> Version:
    bad = quality.judge(found, len(portion.load()), tolerance, where=where)
    if not bad:
        log.info("%s: %d bad rows are tolerated", where, len(quality.bad_rows(found)))
        return portion
    log.info("%s: %d bad rows are set aside", where, len(bad))
    set_aside(portion, cases)
    kept: Version = good_rows(portion, cases)
    return kept


@versioned
def find_failures(rows: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Everything that the schema does not accept: `row`, `column`, `check`, `value`."""
    return failure_cases(schema, rows)


@versioned
def good_rows(rows: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """The rows that nothing is said against."""
    return rows.drop(index=rows.index[quality.bad_rows(cases)]).reset_index(drop=True)


@versioned
def set_aside(rows: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """The bad rows as they came, with their position in the portion as index."""
    return rows.iloc[quality.bad_rows(cases)]
