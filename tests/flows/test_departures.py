"""The features of the flights problem, on the real data of January and February 2013."""

from datetime import date, timedelta

import pandas as pd
import pytest

from flows import nycflights
from flows.departures import CATEGORIES, HISTORY, TARGET, before_departure, tally
from flows.nycflights import WEATHER

START = date(2013, 1, 29)
HISTORIES = [f"{by}_{window}" for by in CATEGORIES for window in HISTORY]


@pytest.fixture(scope="module")
def year() -> pd.DataFrame:
    return nycflights.parse_flights(nycflights.data_file("flights.csv.zip"))


@pytest.fixture(scope="module")
def weather() -> pd.DataFrame:
    return nycflights.parse_weather(nycflights.data_file("weather.csv"))


@pytest.fixture(scope="module")
def planes() -> pd.DataFrame:
    return nycflights.parse_planes(nycflights.data_file("planes.csv"))


@pytest.fixture(scope="module")
def month(year: pd.DataFrame) -> list[pd.DataFrame]:
    """Five weeks, the last of which is asked about."""
    starts = [START + timedelta(days=7 * number) for number in range(-4, 1)]
    return [nycflights.week(year, start, start + timedelta(days=7)) for start in starts]


@pytest.fixture(scope="module")
def table(month: list[pd.DataFrame], weather: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    return before_departure(month[-1], [tally(week) for week in month], weather, planes)


def test_the_year_is_all_there(year: pd.DataFrame) -> None:
    assert len(year) == 336_776
    assert year["day"].nunique() == 365
    assert year["dep_delay"].isna().mean() == pytest.approx(0.0245, abs=1e-4)


def test_a_week_holds_its_first_day_and_not_its_end(year: pd.DataFrame) -> None:
    week = nycflights.week(year, START, START + timedelta(days=7))
    assert week["day"].min() == pd.Timestamp(START)
    assert week["day"].max() == pd.Timestamp(START + timedelta(days=6))


def test_flights_that_never_arrived_are_left_out(
    month: list[pd.DataFrame], table: pd.DataFrame
) -> None:
    arrived = month[-1]["arr_delay"].dropna()
    assert len(table) == len(arrived) < len(month[-1])
    assert table[TARGET].tolist() == (arrived > 15).astype(int).tolist()


def test_outcomes_of_the_day_and_later_change_no_feature(
    month: list[pd.DataFrame],
    table: pd.DataFrame,
    weather: pd.DataFrame,
    planes: pd.DataFrame,
) -> None:
    asked = pd.Timestamp(START + timedelta(days=3))
    week = month[-1]
    later = (week["day"] >= asked) & week["arr_delay"].notna()
    changed = week.assign(
        arr_delay=week["arr_delay"].mask(later, 999.0), dep_delay=week["dep_delay"].mask(later, 0.0)
    )
    tallies = [tally(part) for part in [*month[:-1], changed]]
    again = before_departure(changed, tallies, weather, planes)
    same = (week["day"][week["arr_delay"].notna()] <= asked).to_numpy()
    features = table.columns.drop(TARGET)
    pd.testing.assert_frame_equal(again[same][features], table[same][features])
    assert not again[features].equals(table[features]), "days after it look back on it"


def test_outcomes_of_the_day_before_do_change_features(
    month: list[pd.DataFrame],
    table: pd.DataFrame,
    weather: pd.DataFrame,
    planes: pd.DataFrame,
) -> None:
    earlier = month[-2].assign(
        arr_delay=month[-2]["arr_delay"].mask(month[-2]["arr_delay"] > 0, 99)
    )
    tallies = [tally(part) for part in [*month[:-2], earlier, month[-1]]]
    again = before_departure(month[-1], tallies, weather, planes)
    assert (again["origin_recent"] > table["origin_recent"]).any()


def test_history_is_the_share_of_late_flights_on_the_days_before(
    month: list[pd.DataFrame], table: pd.DataFrame
) -> None:
    asked = pd.Timestamp(START + timedelta(days=2))
    rows = pd.concat(month)
    window = rows[
        (rows["day"] < asked)
        & (rows["day"] >= asked - pd.Timedelta(days=7))
        & (rows["carrier"] == "UA")
        & rows["arr_delay"].notna()
    ]
    expected = ((window["arr_delay"] > 15).sum() + 4) / (len(window) + 20)
    arrived = month[-1][month[-1]["arr_delay"].notna()].reset_index(drop=True)
    chosen = (arrived["day"] == asked) & (arrived["carrier"] == "UA")
    assert table["carrier_recent"][chosen].unique() == pytest.approx(expected)


def test_weather_is_of_the_last_complete_hour(
    month: list[pd.DataFrame], table: pd.DataFrame, weather: pd.DataFrame
) -> None:
    arrived = month[-1][month[-1]["arr_delay"].notna()].reset_index(drop=True)
    known = weather.set_index(["origin", "time_hour"])["temp"]
    for place in (0, 500, 4000):
        flight = arrived.loc[place]
        seen = known[flight["origin"], flight["time_hour"] - pd.Timedelta(hours=1)]
        assert table["temp"][place] == seen


def test_weather_from_the_scheduled_hour_on_changes_no_feature(
    month: list[pd.DataFrame],
    table: pd.DataFrame,
    weather: pd.DataFrame,
    planes: pd.DataFrame,
) -> None:
    arrived = month[-1][month[-1]["arr_delay"].notna()].reset_index(drop=True)
    asked = arrived["time_hour"].sort_values().iloc[len(arrived) // 2]
    changed = weather.copy()
    changed.loc[changed["time_hour"] >= asked, WEATHER] = -1.0
    tallies = [tally(week) for week in month]
    again = before_departure(month[-1], tallies, changed, planes)
    same = arrived["time_hour"] <= asked
    pd.testing.assert_frame_equal(again[same], table[same])
    assert (again["temp"] == -1).any()


def test_no_feature_is_empty_or_infinite(table: pd.DataFrame) -> None:
    assert table[HISTORIES].notna().all().all()
    assert table[HISTORIES].to_numpy().min() > 0
    assert table[HISTORIES].to_numpy().max() < 1
    assert table["temp"].isna().mean() < 0.02
