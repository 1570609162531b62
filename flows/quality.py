"""What to do about rows that a schema does not accept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import pandas as pd

from versioning.errors import FormatError, VersioningError

Mode = Literal["refuse", "drop", "tolerate"]
SHOWN = 3


class BadDataError(VersioningError):
    """Data is not as its schema says, and its problem does not put up with that."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How bad data may be.

    Attributes:
        mode: `refuse` any failure; `drop` bad rows, which are kept apart; `tolerate` bad rows,
            which stay, up to a share.
        most_bad: Largest share of bad rows that `tolerate` puts up with, from 0 to 1; exactly this
            much is tolerated.
    """

    mode: Mode = "refuse"
    most_bad: float = 0.01

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            known = ", ".join(get_args(Mode))
            raise FormatError(f"{self.mode!r} is no mode for bad rows; choose from {known}")
        if not 0 <= self.most_bad <= 1:
            raise FormatError(f"most_bad {self.most_bad} is no share: choose one from 0 to 1")


def bad_rows(cases: pd.DataFrame) -> list[int]:
    """Positions of the rows named by `versioning.integrations.pandera.failure_cases`, in order."""
    return sorted(int(row) for row in cases["row"].dropna().unique())


def judge(cases: pd.DataFrame, rows: int, tolerance: Tolerance, *, where: str) -> list[int]:
    """The rows to take out of a table of so many `rows`, by position; often none.

    Args:
        cases: Everything about the table that its schema does not accept.
        rows: How many rows the table has.
        tolerance: What is put up with.
        where: What the table is called.

    Raises:
        BadDataError: If it is not put up with; names columns, checks and rows.
    """
    bad = bad_rows(cases)
    share = len(bad) / max(rows, 1)
    if cases["row"].isna().any():
        raise _refusal(cases, f"{where} has another form than its schema", share)
    if bad and tolerance.mode == "refuse":
        raise _refusal(cases, f"{where} has {len(bad)} bad rows of {rows}", share)
    if tolerance.mode == "tolerate" and share > tolerance.most_bad:
        limit = f"more than {tolerance.most_bad:.1%} of {rows}"
        raise _refusal(cases, f"{where} has {len(bad)} bad rows, {limit}", share)
    if bad and len(bad) == rows:
        raise _refusal(cases, f"{where} has no good row among {rows}", share)
    return bad if tolerance.mode == "drop" else []


def summarise(cases: pd.DataFrame) -> pd.DataFrame:
    """Failures by column and check, the most frequent first.

    Returns:
        `column`, `check`, `failures`, `rows` (positions of the first few) and `values` (of those).
    """
    groups = cases.groupby(["column", "check"], sort=True)
    table = pd.DataFrame(
        [
            {
                "column": column,
                "check": check,
                "failures": len(group),
                "rows": ", ".join(str(row) for row in group["row"].dropna().head(SHOWN)),
                "values": ", ".join(filter(None, group["value"].head(SHOWN))),
            }
            for (column, check), group in groups
        ],
        columns=["column", "check", "failures", "rows", "values"],
    )
    return table.sort_values("failures", ascending=False, kind="stable", ignore_index=True)


def _refusal(cases: pd.DataFrame, what: str, share: float) -> BadDataError:
    reasons = [
        f"{row['column'] or 'row'}: {row['check']}, {row['failures']} times"
        + (f" (rows {row['rows']})" if row["rows"] else "")
        for row in summarise(cases).head(SHOWN).to_dict("records")
    ]
    return BadDataError(
        f"{what}: {'; '.join(reasons)}. Mend the data or the schema, or choose another mode "
        "(drop, tolerate)",
        share=share,
    )
