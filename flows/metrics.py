"""How good scores are: numbers for gates and tags, and the table behind a calibration picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Scores = NDArray[np.floating]
Truth = NDArray[np.int64]
CALIBRATION_BINS = 10


def binary(truth: Truth, scores: Scores) -> dict[str, float]:
    """Metrics of one probability a row.

    Args:
        truth: What happened, 0 or 1, shape (rows,).
        scores: Probability of 1, shape (rows,).

    Returns:
        `auc`, `log_loss`, `brier`, `calibration_error` (mean distance of said from seen over ten
        equally filled bins), `base_rate` and `rows`.
    """
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    reliability = reliability_table(truth, scores)
    gap = (reliability["said"] - reliability["seen"]).abs()
    return {
        "auc": float(roc_auc_score(truth, scores)),
        "log_loss": float(log_loss(truth, scores, labels=[0, 1])),
        "brier": float(brier_score_loss(truth, scores)),
        "calibration_error": float(np.average(gap, weights=reliability["rows"])),
        "base_rate": float(np.mean(truth)),
        "rows": float(len(truth)),
    }


def multiclass(truth: Truth, scores: Scores) -> dict[str, float]:
    """Metrics of one probability a row and class.

    Args:
        truth: Number of the class, from 0, shape (rows,).
        scores: Probabilities, shape (rows, classes).

    Returns:
        `accuracy`, `log_loss`, `auc` (one against the rest, unweighted mean) and `rows`.
    """
    from sklearn.metrics import log_loss, roc_auc_score

    classes = list(range(scores.shape[1]))
    return {
        "accuracy": float(np.mean(scores.argmax(axis=1) == truth)),
        "log_loss": float(log_loss(truth, scores, labels=classes)),
        "auc": float(roc_auc_score(truth, scores, multi_class="ovr", labels=classes)),
        "rows": float(len(truth)),
    }


def outcomes(tables: Sequence[pd.DataFrame], column: str) -> Truth:
    """What happened in the rows of all `tables`, in order."""
    truth: Truth = pd.concat([table[column] for table in tables]).to_numpy(dtype="int64")
    return truth


def reliability_table(
    truth: Truth, scores: Scores, *, bins: int = CALIBRATION_BINS
) -> pd.DataFrame:
    """What was said and what was seen, by bins of the score that hold about as many rows each.

    Returns:
        One row a bin, in order of the score: `said` (mean score), `seen` (share of 1), `rows`.
    """
    order = np.argsort(scores, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return pd.DataFrame(
        {
            "said": [float(scores[part].mean()) for part in parts],
            "seen": [float(truth[part].mean()) for part in parts],
            "rows": [len(part) for part in parts],
        }
    )
