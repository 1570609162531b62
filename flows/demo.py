"""The main job of `make demo`: retrain the flights model week after week, and see what is reused.

    python -m flows.demo [--folder .demo]

Everything it writes lies in one folder: Prefect's state, the repository, MLflow's registry. Exit
code 1 says that a step, audited with `VERSIONING_AUDIT`, gave another value than before.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
import warnings
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from flows.retrain import Retrained

LAST_DAY = date(2013, 3, 19)
WEEKS = [LAST_DAY - timedelta(days=7 * number) for number in (3, 2, 1, 0)]
CHANGED = {"learning_rate": 0.1}


def main() -> None:
    """Run the demo from the command line."""
    parser = argparse.ArgumentParser(prog="python -m flows.demo", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".demo"), help="where to write")
    folder = parser.parse_args().folder.absolute()
    _settle_in(folder)
    sys.exit(0 if _run(folder) else 1)


def _settle_in(folder: Path) -> None:
    """Point Prefect, the repository and MLflow at `folder`; before any of them is imported."""
    for name in ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_PROFILE", "MLFLOW_TRACKING_URI"):
        os.environ.pop(name, None)
    (folder / "prefect").mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        # Its default of 20 seconds is too short for a busy machine.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        # The temporary server complains of the events that its own end interrupts.
        "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
        "VERSIONING_REPOSITORY": str(folder / "versioning"),
        "VERSIONING_CACHE": str(folder / "cache"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
    }
    # Notices of the libraries to their developers, not to whoever watches.
    warnings.filterwarnings("ignore", category=DeprecationWarning)


def _run(folder: Path) -> bool:
    """Retrain again and again; whether all that was audited gave the same value."""
    from rich.console import Console

    console = Console(width=None if os.isatty(1) else 120, highlight=False)
    began = time.monotonic()
    _speak(console, began)
    console.print(f"[bold]Late flights out of New York, 2013[/]; everything goes to {folder}")
    console.print("starting a temporary Prefect server, which takes a quarter of a minute ...")
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    is_reproducible = True
    # Nobody watches whether these flows live, and each would wait up to a second for what says so.
    quiet = temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    with quiet, get_client(sync_client=True) as client:
        client.hello()
        for title, parameters in _plan():
            result, is_same = _retrain(console, title, **parameters)
            is_reproducible = is_reproducible and is_same
    _conclude(console, folder, result)
    console.print(f"[dim]{time.monotonic() - began:.0f} seconds[/]")
    return is_reproducible


def _plan() -> Iterator[tuple[str, dict[str, Any]]]:
    for day in WEEKS:
        yield f"Retrain as of {day}: another week has arrived", {"as_of": day}
    yield f"As of {LAST_DAY} again: nothing has changed", {"as_of": LAST_DAY}
    change = ", ".join(f"{name}={value}" for name, value in CHANGED.items())
    yield f"As of {LAST_DAY} with {change}", {"as_of": LAST_DAY, "parameters": CHANGED}


def _speak(console: Console, began: float) -> None:
    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seconds = time.monotonic() - began
            console.print(f"[dim]{seconds:5.1f} s  {record.getMessage()}[/]", markup=True)

    logger = logging.getLogger("flows")
    logger.addHandler(Lines())
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _retrain(console: Console, title: str, **parameters: Any) -> tuple[Retrained, bool]:
    """Retrain and show how; the result, and whether what was audited gave the same value."""
    from flows.retrain import retrain
    from versioning.integrations.prefect import run_table

    console.rule(f"[bold]{title}", align="left")
    result: Retrained = retrain("flights", **parameters)
    table = run_table()
    console.print(table.rich())
    place = "champion" if result.promoted else "challenger"
    metrics = result.evaluation.metrics
    console.print(
        f"model {result.model.id[:12]} is flight-delays number {result.number}, [bold]{place}[/]: "
        f"AUC {metrics['auc']:.3f}, log loss {metrics['log_loss']:.3f}\n"
    )
    return result, table.is_reproducible


def _conclude(console: Console, folder: Path, result: Retrained) -> None:
    from rich import box
    from rich.table import Table

    console.rule("[bold]Where this leaves the model", align="left")
    champion = result.evaluation.champion or {}
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("metric")
    table.add_column("this model", justify="right")
    table.add_column("champion before it", justify="right")
    for name, value in result.evaluation.metrics.items():
        table.add_row(name, _number(value), _number(champion[name]) if name in champion else "")
    console.print(table)
    signs = {True: "[green]pass[/]", False: "[red]fail[/]", None: "[dim]skip[/]"}
    for verdict in result.evaluation.verdicts:
        console.print(f"{signs[verdict.passed]}  {verdict.gate}: {verdict.reason}")
    alias = f"flight-delays@{'champion' if result.promoted else 'challenger'}"
    console.print(f"\nThe last model is [bold]{alias}[/], version {result.model.id}. Try next:\n")
    console.print(_commands(folder, alias), soft_wrap=True)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4f}"


def _commands(folder: Path, alias: str) -> str:
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    return f"""\
  export VERSIONING_REPOSITORY={shown}/versioning VERSIONING_CACHE={shown}/cache
  export MLFLOW_TRACKING_URI=sqlite:///{shown}/mlflow.db PATH=.venv/bin:$PATH
  versioning list --step train                what was trained
  versioning why train                        why the last model is another one than before
  versioning lineage train                    what it was made from
  versioning show {alias}
  versioning get roc -o roc.png               the picture of its ROC curve
  versioning verify                           whether every stored byte is what was written
  python -c 'import mlflow; print(mlflow.pyfunc.load_model("models:/{alias}"))'
  python -m flows.demo                        all of it again: everything is reused
"""


if __name__ == "__main__":
    main()
