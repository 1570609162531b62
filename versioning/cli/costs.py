"""Costs: `cost`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from versioning.cli.output import PLAIN, Options, add, line, table
from versioning.cli.retention import MIN_SAVED, policy_of
from versioning.units import duration, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from versioning.costs import Cost, Costs, Forecast


def cost(
    *,
    by: str = "step",
    policy: Path | None = None,
    price: float | None = None,
    plot: Path | None = None,
    options: Options = PLAIN,
) -> None:
    """What versions hold, what that costs a month, how it grows, and what making them again takes.

    Args:
        by: Told by `step`, `flow`, `age`, or `name` for what names name now.
        policy: TOML file with prices and budgets; by default that of the project.
        price: What a gigabyte costs for a month, in any currency, instead of the policy's price.
        plot: Draw what is held over time, and by whom, into this .png or .svg file.
    """
    from versioning.costs import costs
    from versioning.pictures import write_picture
    from versioning.retention import Policy

    repository = options.open()
    chosen = policy_of(policy)
    if price is not None:
        chosen = Policy.of({**chosen.model_dump(), "price_per_gb_month": price}, "--price")
    found = costs(repository, repository.catalog, chosen, datetime.now(UTC), by)
    if plot is not None:
        write_picture(found, plot)
    document = asdict(found)
    document["history"] = [{"at": at, "held_bytes": int(held)} for at, held in found.history]
    options.answer(document, lambda: _costs(found, plot))


def _costs(found: Costs, plot: Path | None) -> Iterator[RenderableType]:
    right = ("versions", "holds", "only these", "a month", "to make again", "growth a day")
    made = table(found.by, *right, right=right)
    for row in (*found.rows, found.total):
        sizes = (size(row.held_bytes), size(row.exclusive_bytes))
        seconds = duration(row.rebuild_seconds)
        add(made, row.name, row.versions, *sizes, _month(row.per_month), seconds, _growth(row))
    yield made
    for forecast in found.forecasts:
        yield line(_told(forecast, found.now))
    if plot is not None:
        yield line(f"The picture is {plot}")


def _growth(row: Cost) -> str:
    sign = "-" if row.growth_per_day < 0 else ""
    return f"{sign}{size(abs(row.growth_per_day))}"


def _told(forecast: Forecast, now: datetime) -> str:
    rule, _, name = forecast.budget.rpartition(": ")
    most = f"{forecast.most:.2f} a month" if name == "max_money" else size(forecast.most)
    budget = f"The budget of {most}" + (f" of {rule}" if rule else "")
    if forecast.at is None:
        return f"{budget} is not reached as it grows now."
    if forecast.at <= now:
        return f"{budget} is reached: `versioning prune` says what could go."
    days = max(round((forecast.at - now).total_seconds() / 86400), 1)
    return f"{budget} is reached in {days} days, on {forecast.at.astimezone():%Y-%m-%d}."


def _month(saved: float) -> str:
    return f"{saved:.2f}" if saved >= MIN_SAVED else f"< {MIN_SAVED}" if saved else "0"
