"""What is known of a flight before it departs, as columns.

Nothing of its own day or of later ones is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from flows.nycflights import WEATHER

if TYPE_CHECKING:
    from collections.abc import Sequence

TARGET = "late"
LATE_MINUTES = 15
CATEGORIES = ["carrier", "origin", "dest"]
SCHEDULE = [*CATEGORIES, "distance", "hour", "minute", "weekday", "month", "seats", "built"]
# Names and lengths, in days, of the windows over which lateness is remembered.
HISTORY = {"recent": 7, "lasting": 28}
# What is believed of a carrier, origin or destination before any flight of it was seen.
PRIOR_FLIGHTS, PRIOR_RATE = 20.0, 0.2


def tally(flights: pd.DataFrame) -> pd.DataFrame:
    """How many flights of each day arrived, and how many late, by origin, carrier and destination.

    Returns:
        One row a day and value: `day`, `by` (one of `CATEGORIES`), `value`, `flights`, `late`.
    """
    arrived = flights[flights["arr_delay"].notna()]
    outcome = arrived.assign(late=(arrived["arr_delay"] > LATE_MINUTES).astype("int64"))
    counted = [
        outcome.groupby(["day", by])["late"]
        .agg(flights="size", late="sum")
        .reset_index()
        .rename(columns={by: "value"})
        .assign(by=by)
        for by in CATEGORIES
    ]
    return pd.concat(counted, ignore_index=True)[["day", "by", "value", "flights", "late"]]


def before_departure(
    flights: pd.DataFrame,
    tallies: Sequence[pd.DataFrame],
    weather: pd.DataFrame,
    planes: pd.DataFrame,
) -> pd.DataFrame:
    """What was known before each departure, and whether it arrived late.

    Args:
        flights: The week's flights.
        tallies: Outcomes of this week and the ones before; of each flight's own day and later ones
            nothing is used.
        weather: Hourly weather by origin.
        planes: Aircraft by tail number.

    Returns:
        One row for each flight that arrived: `SCHEDULE`, `WEATHER`, `<category>_<window>` shares of
        late flights in the windows of `HISTORY`, and `late` (0 or 1).
    """
    arrived = flights[flights["arr_delay"].notna()].reset_index(drop=True)
    table = arrived.merge(planes, on="tailnum", how="left")
    table = table.assign(weekday=table["day"].dt.day_of_week, month=table["day"].dt.month)
    table = pd.concat([table, _past_rates(table, pd.concat(tallies, ignore_index=True))], axis=1)
    # An observation of hour h is complete when h+1 begins: the scheduled hour uses the one before.
    observed = weather.assign(time_hour=weather["time_hour"] + pd.Timedelta(hours=1))
    table = table.merge(observed, on=["origin", "time_hour"], how="left")
    past = [f"{by}_{window}" for by in CATEGORIES for window in HISTORY]
    late = (table["arr_delay"] > LATE_MINUTES).astype("int64")
    return table[[*SCHEDULE, *WEATHER, *past]].assign(**{TARGET: late})


def _past_rates(table: pd.DataFrame, tallies: pd.DataFrame) -> pd.DataFrame:
    """Shares of late flights on the days before each row's own, drawn to a prior when few flew."""
    days = pd.date_range(tallies["day"].min(), tallies["day"].max())
    rates = {}
    for by in CATEGORIES:
        own = tallies[tallies["by"] == by]
        counts = own.pivot(index="day", columns="value", values=["flights", "late"])
        counts = counts.reindex(days).fillna(0.0)
        for window, length in HISTORY.items():
            # Shifted by a day: the window ends the day before.
            summed = counts.rolling(length, min_periods=1).sum().shift(1).fillna(0.0)
            share = (summed["late"] + PRIOR_FLIGHTS * PRIOR_RATE) / (
                summed["flights"] + PRIOR_FLIGHTS
            )
            places = pd.MultiIndex.from_frame(table[["day", by]])
            rates[f"{by}_{window}"] = share.stack().reindex(places).to_numpy(dtype="float64")
    return pd.DataFrame(rates, index=table.index)
