"""`python -m tests.bench [--json]`: this library beside Prefect's own caching and plain tasks.

A report, never a test: it says which targets were reached on this machine, under this load.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect.settings import (
    PREFECT_LOGGING_LEVEL,
    PREFECT_LOGGING_TO_API_ENABLED,
    PREFECT_RESULTS_LOCAL_STORAGE_PATH,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness
from rich.console import Console
from rich.table import Table

from tests.bench import asking, calls, capturing, history, keying, starting, storing, values

MARKS = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}


def main() -> None:
    as_json = "--json" in sys.argv[1:]
    began, console = time.perf_counter(), Console(stderr=True)
    machine = {"processors": os.cpu_count(), "load before": round(os.getloadavg()[0], 2)}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        for question in _questions(Path(name)):
            with console.status(f"{question.__name__.replace('_', ' ')} ..."):
                rows += [row for found in question() for row in found.rows()]
    machine["load after"] = round(os.getloadavg()[0], 2)
    machine["seconds"] = round(time.perf_counter() - began)
    if as_json:
        print(json.dumps({"machine": machine, "rows": rows}, indent=2))
    else:
        Console(width=max(Console().width, 150)).print(_table(rows, machine))


def _questions(folder: Path) -> Iterator[Callable[[], list[Any]]]:
    os.environ |= {
        "VERSIONING_REPOSITORY": str(folder / "repository"),
        "VERSIONING_CACHE": str(folder / "cache"),
    }
    yield starting.imports
    yield from (_in(folder, ask) for ask in (history.questions, storing.stores, asking.requests))
    yield values.digests
    yield keying.keys
    yield capturing.captures
    with _prefect(folder):
        yield from (calls.misses, calls.whole_flows, calls.hits)


def _in(folder: Path, ask: Callable[[Path], list[Any]]) -> Callable[[], list[Any]]:
    def question() -> list[Any]:
        return ask(folder)

    question.__name__ = ask.__name__
    return question


@contextmanager
def _prefect(folder: Path) -> Iterator[None]:
    """A server of its own; its logs, and sending ours there, would be measured too."""
    quiet = {
        PREFECT_LOGGING_LEVEL: "ERROR",
        PREFECT_LOGGING_TO_API_ENABLED: False,
        PREFECT_RESULTS_LOCAL_STORAGE_PATH: folder / "results",
    }
    logging.getLogger("prefect").setLevel(logging.ERROR)
    with prefect_test_harness(server_startup_timeout=120), temporary_settings(quiet):
        yield


def _table(rows: list[dict[str, Any]], machine: dict[str, Any]) -> Table:
    table = Table(title=", ".join(f"{name} {value}" for name, value in machine.items()))
    table.add_column("question", max_width=30)
    for column in ("contender", "seconds (min .. max)", "times the first", "target", "reached"):
        table.add_column(column, no_wrap=True)
    before = None
    for row in rows:
        is_new = row["question"] != before
        if is_new and before:
            table.add_section()
        before = row["question"]
        table.add_row(
            before if is_new else "",
            row["contender"],
            row.get("found") or _shown(row["seconds"]),
            _shown(row.get("ratio"), digits=2),
            row["target"],
            MARKS[row["reached"]],
        )
    return table


def _shown(numbers: dict[str, float] | None, digits: int = 4) -> str:
    if numbers is None:
        return ""
    low, middle, high = (f"{numbers[name]:.{digits}f}" for name in ("min", "median", "max"))
    return f"{middle} ({low} .. {high})"


if __name__ == "__main__":
    main()
