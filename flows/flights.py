"""Problem: will a flight out of New York arrive more than 15 minutes late? Asked before it leaves.

Flights that were cancelled or diverted have no arrival delay and are left out: the question is
about those that fly. Features are what is known before departure: the schedule, the aircraft, the
weather in the last complete hour before the scheduled one, and how late flights were on earlier
days.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from flows import departures, metrics, nycflights, pictures
from flows.departures import CATEGORIES, TARGET
from flows.gates import AtLeast, AtMost, Gate, NotWorse, Stable
from flows.quality import Tolerance
from versioning import Source, Version, deterministic, lightgbm_parameters, versioned

if TYPE_CHECKING:
    from collections.abc import Sequence

    import lightgbm

MODEL = "flight-delays"
BAD_ROWS = Tolerance("drop")

FIRST_DAY, LAST_DAY = date(2013, 1, 1), date(2013, 12, 31)
WEEK = timedelta(days=7)
# A day with more cancellations tells of a closed airport (or lost records), not of delays.
MOST_CANCELLED = 0.3

# Another number gives other trees, so it is not what a machine happens to have.
THREADS = 2

# Weeks before its own that a flight's history looks back on: as long as the longest window.
PAST_WEEKS = 4

read_flights = versioned(nycflights.parse_flights)
read_weather = versioned(nycflights.parse_weather)
read_planes = versioned(nycflights.parse_planes)
week = versioned(nycflights.week)
tally = versioned(departures.tally)
before_departure = versioned(departures.before_departure)


def _flew_enough(rows: pd.DataFrame) -> pd.Series:
    cancelled = rows["dep_delay"].isna().groupby(rows["day"]).transform("mean")
    return cancelled <= MOST_CANCELLED


SCHEMA = pa.DataFrameSchema(
    {
        "day": pa.Column("datetime64"),
        "time_hour": pa.Column(),
        "hour": pa.Column("int64", pa.Check.in_range(0, 23)),
        "minute": pa.Column("int64", pa.Check.in_range(0, 59)),
        "carrier": pa.Column(str, pa.Check.str_matches(r"^[A-Z0-9]{2}$")),
        "flight": pa.Column("int64", pa.Check.gt(0)),
        "tailnum": pa.Column(str, nullable=True),
        "origin": pa.Column(str, pa.Check.isin(["EWR", "JFK", "LGA"])),
        "dest": pa.Column(str, pa.Check.str_matches(r"^[A-Z]{3}$")),
        "distance": pa.Column("int64", pa.Check.in_range(50, 6000)),
        "dep_delay": pa.Column("float64", pa.Check.in_range(-60, 1500), nullable=True),
        "arr_delay": pa.Column("float64", pa.Check.in_range(-120, 1500), nullable=True),
    },
    checks=pa.Check(_flew_enough, name="flew_enough", error=f"cancelled <= {MOST_CANCELLED:.0%}"),
)

GATES: tuple[Gate, ...] = (
    AtLeast("auc", 0.58),
    AtMost("calibration_error", 0.15),
    NotWorse("auc", margin=0.02),
    NotWorse("log_loss", margin=0.02, lower_is_better=True),
    Stable(columns=(*CATEGORIES, "distance", "hour", "minute", "seats", "built")),
)


def load(as_of: date) -> Sequence[Version]:
    """One table a week of flights before `as_of`; the last may be shorter."""
    flights = read_flights(Source(str(nycflights.data_file("flights.csv.zip"))))
    end = min(as_of, LAST_DAY + timedelta(days=1))
    starts = [FIRST_DAY + WEEK * number for number in range(-(-(end - FIRST_DAY).days // 7))]
    return [week(flights, start, min(start + WEEK, end)) for start in starts]


def features(portions: Sequence[Version]) -> Sequence[Version]:
    """One table a week of what was known before each departure, and how it went."""
    weather = read_weather(Source(str(nycflights.data_file("weather.csv"))))
    planes = read_planes(Source(str(nycflights.data_file("planes.csv"))))
    tallies = [tally(portion) for portion in portions]
    return [
        before_departure(portion, tallies[max(0, last - PAST_WEEKS) : last + 1], weather, planes)
        for last, portion in enumerate(portions)
    ]


def train(
    tables: Sequence[pd.DataFrame],
    seed: int = 7,
    rounds: int = 80,
    learning_rate: float = 0.05,
    leaves: int = 15,
) -> lightgbm.Booster:
    """Boosted trees, the same ones whenever data, parameters and seed are the same."""
    import lightgbm

    table = pd.concat(tables, ignore_index=True)
    parameters: dict[str, Any] = {
        "objective": "binary",
        "learning_rate": learning_rate,
        "num_leaves": leaves,
        "min_data_in_leaf": 100,
        "verbose": -1,
        **lightgbm_parameters(seed, threads=THREADS),
    }
    with deterministic(seed, threads=THREADS):
        data = lightgbm.Dataset(_inputs(table), table[TARGET])
        return lightgbm.train(parameters, data, num_boost_round=rounds)


def predict(model: lightgbm.Booster, table: pd.DataFrame) -> metrics.Scores:
    """The probability that each flight arrives late."""
    return np.asarray(model.predict(_inputs(table)))


def _inputs(table: pd.DataFrame) -> pd.DataFrame:
    # The booster keeps the categories that it was trained on, and takes others for missing.
    inputs = table.drop(columns=TARGET, errors="ignore")
    return inputs.astype(dict.fromkeys(CATEGORIES, "category"))


def evaluate(tables: Sequence[pd.DataFrame], scores: Sequence[metrics.Scores]) -> dict[str, float]:
    """AUC, log loss, Brier score, calibration error, base rate."""
    return metrics.binary(metrics.outcomes(tables, TARGET), np.concatenate(scores))


def roc(tables: Sequence[pd.DataFrame], scores: Sequence[metrics.Scores]) -> bytes:
    """The ROC curve, as PNG."""
    return pictures.roc(
        metrics.outcomes(tables, TARGET), np.concatenate(scores), title="Late arrivals: ROC"
    )


def calibration(tables: Sequence[pd.DataFrame], scores: Sequence[metrics.Scores]) -> bytes:
    """What was said against what was seen, as PNG."""
    return pictures.calibration(
        metrics.outcomes(tables, TARGET), np.concatenate(scores), title="Late arrivals: calibration"
    )


PICTURES = {"roc": roc, "calibration": calibration}
