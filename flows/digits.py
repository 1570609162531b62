"""Problem: which digit was written? A small neural network in numpy, on scans that arrive daily.

The scans are the 1,797 of the UCI optical recognition set that scikit-learn ships, 8 by 8 pixels,
taken as 200 a day from `FIRST_DAY` on.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from flows import metrics, pictures
from flows.gates import AtLeast, Gate, NotWorse, Stable
from versioning import Source, Version, deterministic, versioned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Weights = dict[str, NDArray[np.float32]]

MODEL = "digit-reader"
TARGET = "digit"
CLASSES = 10
PIXELS = [f"p{row}{column}" for row in range(8) for column in range(8)]
BRIGHTEST = 16

FIRST_DAY = date(2024, 1, 1)
SCANS_A_DAY = 200
SCANS = 1797

SCHEMA = pa.DataFrameSchema(
    {
        **{name: pa.Column("int64", pa.Check.in_range(0, BRIGHTEST)) for name in PIXELS},
        TARGET: pa.Column("int64", pa.Check.in_range(0, CLASSES - 1)),
    },
    strict=True,
)

GATES: tuple[Gate, ...] = (
    AtLeast("accuracy", 0.85),
    NotWorse("accuracy", margin=0.03),
    Stable(columns=(TARGET, "ink"), psi=0.5),
)


def load(as_of: date) -> Sequence[Version]:
    """One table a day of scans made before `as_of`."""
    import sklearn

    file = Path(sklearn.__file__).parent / "datasets" / "data" / "digits.csv.gz"
    archive = Source(str(file))
    starts = range(0, min((as_of - FIRST_DAY).days * SCANS_A_DAY, SCANS), SCANS_A_DAY)
    return [scans(archive, start, start + SCANS_A_DAY) for start in starts]


def features(portions: Sequence[Version]) -> Sequence[Version]:
    """One table a day of brightness from 0 to 1, how much ink there is, and the digit."""
    return [scaled(portion) for portion in portions]


@versioned
def scans(archive: Path, start: int, end: int) -> pd.DataFrame:
    """The scans from number `start` up to, not including, `end`: `PIXELS` from 0 to 16, `digit`."""
    table = pd.read_csv(archive, header=None, names=[*PIXELS, TARGET], compression="gzip")
    return table.iloc[start:end].astype("int64").reset_index(drop=True)


@versioned
def scaled(scans: pd.DataFrame) -> pd.DataFrame:
    """Pixels from 0 to 1, and their mean as `ink`."""
    pixels = (scans[PIXELS] / BRIGHTEST).astype("float32")
    return pixels.assign(ink=pixels.mean(axis=1), **{TARGET: scans[TARGET]})


def train(
    tables: Sequence[pd.DataFrame],
    seed: int = 7,
    hidden: int = 32,
    epochs: int = 60,
    learning_rate: float = 0.2,
) -> Weights:
    """A network of one hidden layer, by gradient descent with momentum over small batches."""
    rows = pd.concat(tables, ignore_index=True)
    inputs, truth = (
        rows[PIXELS].to_numpy(np.float32),
        np.eye(CLASSES, dtype=np.float32)[rows[TARGET]],
    )
    generator = np.random.default_rng(seed)
    weights = _initial(generator, hidden)
    speed = {name: np.zeros_like(values) for name, values in weights.items()}
    # The sums of a product of matrices depend on the threads.
    with deterministic(seed):
        for _ in range(epochs):
            for batch in np.array_split(generator.permutation(len(rows)), max(1, len(rows) // 32)):
                for name, slope in _slopes(weights, inputs[batch], truth[batch]).items():
                    speed[name] = 0.9 * speed[name] - learning_rate * slope
                    weights[name] += speed[name]
    return weights


def _initial(generator: np.random.Generator, hidden: int) -> Weights:
    def layer(rows: int, columns: int) -> NDArray[np.float32]:
        return generator.normal(0, rows**-0.5, (rows, columns)).astype(np.float32)

    return {
        "hidden.weight": layer(len(PIXELS), hidden),
        "hidden.bias": np.zeros(hidden, dtype=np.float32),
        "out.weight": layer(hidden, CLASSES),
        "out.bias": np.zeros(CLASSES, dtype=np.float32),
    }


def _slopes(weights: Weights, inputs: NDArray[Any], truth: NDArray[Any]) -> Weights:
    """The gradient of the mean cross entropy over a batch."""
    active, said = _forward(weights, inputs)
    out = (said - truth) / len(inputs)
    below = (out @ weights["out.weight"].T) * (active > 0)
    return {
        "hidden.weight": inputs.T @ below,
        "hidden.bias": below.sum(axis=0),
        "out.weight": active.T @ out,
        "out.bias": out.sum(axis=0),
    }


def _forward(weights: Weights, inputs: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    active = np.maximum(inputs @ weights["hidden.weight"] + weights["hidden.bias"], 0)
    scores = active @ weights["out.weight"] + weights["out.bias"]
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return active, powers / powers.sum(axis=1, keepdims=True)


def predict(model: Weights, table: pd.DataFrame) -> metrics.Scores:
    """The probability of each digit, a row a scan."""
    return _forward(model, table[PIXELS].to_numpy(np.float32))[1]


def evaluate(tables: Sequence[pd.DataFrame], scores: Sequence[metrics.Scores]) -> dict[str, float]:
    """Accuracy, log loss, AUC."""
    return metrics.multiclass(metrics.outcomes(tables, TARGET), np.concatenate(scores))


def confusion(tables: Sequence[pd.DataFrame], scores: Sequence[metrics.Scores]) -> bytes:
    """Which digits were taken for which, as PNG."""
    return pictures.confusion(
        metrics.outcomes(tables, TARGET), np.concatenate(scores), title="Digits: seen and said"
    )


PICTURES = {"confusion": confusion}
