"""How far new data has moved from what a model was trained on, column by column.

The population stability index (PSI) compares shares of bins: below 0.1 is calm, above 0.25 has
moved. Tests of significance are of no use at tens of thousands of rows, where everything differs
significantly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Counts = NDArray[np.float64]

BINS = 10
# A bin that one side lacks would make the index infinite.
SMALLEST_SHARE = 1e-4


def drift_table(reference: pd.DataFrame, current: pd.DataFrame) -> pd.DataFrame:
    """Drift of every column that both tables have.

    Args:
        reference: What the model was trained on.
        current: What it is asked about now.

    Returns:
        One row a column, the most moved first: `column`, `psi`, `null_before` and `null_after`
        (shares), `unseen_share` (rows of `current` with a category that `reference` lacks) and
        `unseen` (those categories, at most five, by frequency).
    """
    columns = [name for name in reference.columns if name in current.columns]
    rows = [{"column": name, **column_drift(reference[name], current[name])} for name in columns]
    table = pd.DataFrame(
        rows, columns=["column", "psi", "null_before", "null_after", "unseen_share", "unseen"]
    )
    return table.sort_values(["psi", "column"], ascending=[False, True], ignore_index=True)


def column_drift(reference: pd.Series, current: pd.Series) -> dict[str, object]:
    """Drift of one column; categories that are new are counted apart and left out of its PSI."""
    if pd.api.types.is_numeric_dtype(reference.dtype):
        before, after, unseen = *_binned(reference, current), pd.Series(dtype="int64")
    else:
        before, after, unseen = _categories(reference, current)
    return {
        "psi": psi(before, after),
        "null_before": float(reference.isna().mean()),
        "null_after": float(current.isna().mean()),
        "unseen_share": float(unseen.sum() / max(len(current), 1)),
        "unseen": ", ".join(str(name) for name in unseen.index[:5]),
    }


def psi(before: Sequence[float] | Counts, after: Sequence[float] | Counts) -> float:
    """Population stability index of two lists of counts over the same bins."""
    old, new = _shares(before), _shares(after)
    return float(np.sum((new - old) * np.log(new / old)))


def _shares(counts: Sequence[float] | Counts) -> Counts:
    values = np.asarray(counts, dtype=np.float64)
    shares: Counts = np.maximum(values / max(values.sum(), 1.0), SMALLEST_SHARE)
    return shares


def _binned(reference: pd.Series, current: pd.Series) -> tuple[Counts, Counts]:
    """Counts by tenths of the reference, and apart: below its range, above it, null."""
    known = reference.dropna().to_numpy(dtype=np.float64)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1))) if len(known) else known
    # The largest value is still inside the range: what lies beyond begins right after it.
    edges = np.concatenate([edges, np.nextafter(edges[-1:], np.inf)])
    return _histogram(reference, edges), _histogram(current, edges)


def _histogram(column: pd.Series, edges: Counts) -> Counts:
    known = column.dropna().to_numpy(dtype=np.float64)
    places = np.searchsorted(edges, known, side="right")
    counts = np.bincount(places, minlength=len(edges) + 1).astype(np.float64)
    return np.concatenate([counts, [float(len(column) - len(known))]])


def _categories(reference: pd.Series, current: pd.Series) -> tuple[Counts, Counts, pd.Series]:
    before = reference.astype("object").value_counts()
    after = current.astype("object").value_counts()
    unseen = after[~after.index.isin(before.index)]
    seen = after.reindex(before.index, fill_value=0)
    return (
        np.append(before.to_numpy(dtype=np.float64), float(reference.isna().sum())),
        np.append(seen.to_numpy(dtype=np.float64), float(current.isna().sum())),
        unseen,
    )
