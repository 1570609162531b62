"""Everything on one machine: `make ui`, or `python -m infra.local [--folder .ui] [--port 4200]`.

Starts a Prefect server on SQLite, MLflow's server if it can run here, the deployments of
`infra/prefect.yaml` and a worker that runs them. Ctrl-C stops all of it; what was made stays in
the folder.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from infra.processes import (
    HOST,
    NotStartedError,
    Processes,
    StoppedError,
    answers,
    check_free,
    mlflow_server,
    module,
    say,
    stopped_by_signals,
    told,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping

POOL = "flows"
MLFLOW_NEEDS = ("flask", "flask_cors", "aiohttp")


def main() -> None:
    """Start all of it from the command line, and wait until somebody stops it."""
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".ui"), help="where to write")
    parser.add_argument("--port", type=int, default=4200, help="of the Prefect server")
    parser.add_argument("--mlflow-port", type=int, default=5000, help="of MLflow's server")
    given = parser.parse_args()
    stop = stopped_by_signals()
    try:
        with running(given.folder.absolute(), given.port, given.mlflow_port, stop) as up:
            _tell(up, given.folder)
            while not stop.wait(1.0):
                up.check()
    except StoppedError:
        pass
    except NotStartedError as error:
        sys.exit(f"make ui: {error}")
    say("stopped; what was made stays")


@dataclass(frozen=True, slots=True)
class Running:
    """What runs: where people find it, and how to see whether it still does."""

    prefect: str
    mlflow: str | None
    environ: Mapping[str, str]
    check: Callable[[], None]


@contextmanager
def running(folder: Path, port: int, mlflow_port: int, stop: threading.Event) -> Iterator[Running]:
    """The whole of it, until the context ends.

    Args:
        folder: Where everything is written: Prefect's state, the repository, MLflow's, logs.
        port: Of the Prefect server, on the loopback interface.
        mlflow_port: Of MLflow's server.
        stop: Set when it shall end, even while it starts.

    Raises:
        NotStartedError: If a port is taken, or something does not start in time.
        StoppedError: If it was stopped before all of it ran.
    """
    with_mlflow = all(find_spec(name) for name in MLFLOW_NEEDS)
    for taken, flag in ((port, "PORT"), *([(mlflow_port, "MLFLOW_PORT")] if with_mlflow else [])):
        check_free(taken, f"make ui {flag}={taken + 100}")
    environ = _environ(folder, port, mlflow_port if with_mlflow else None)
    prefect = f"http://{HOST}:{port}"
    mlflow = environ.get("MLFLOW_TRACKING_URI")
    with Processes(folder / "logs", stop) as processes:
        say("starting the Prefect server ...")
        server = module("prefect", "server", "start", "--host", HOST, "--port", str(port))
        ready = answers(f"{prefect}/api/health")
        processes.start("prefect-server", server, environ, is_ready=ready)
        if with_mlflow:
            say("starting MLflow's server ...")
            at = _registry(folder, environ["VERSIONING_REPOSITORY"])
            own = {
                **environ,
                "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{at / 'mlflow.db'}",
                "MLFLOW_ARTIFACTS_DESTINATION": str(at / "mlflow"),
            }
            ready = answers(f"{mlflow}/health")
            processes.start("mlflow-server", mlflow_server(mlflow_port), own, is_ready=ready)
        say("making the deployments ...")
        deploy = module("infra.deployments", "--working-dir", str(Path.cwd()))
        processes.run("deployments", deploy, environ)
        worker = module("prefect", "worker", "start", "--pool", POOL, "--name", "here")
        processes.start("worker", worker, environ)
        yield Running(prefect, mlflow, environ, processes.check)


def _environ(folder: Path, port: int, mlflow_port: int | None) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in {"PREFECT_PROFILE", "PREFECT_API_KEY"}}
    url = f"http://{HOST}:{port}"
    own = {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_UI_URL": url,
        "PREFECT_SERVER_UI_API_URL": f"{url}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # A person who starts a run from its form waits for the worker to look.
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "flows,versioning",
        "VERSIONING_REPOSITORY": kept.get("VERSIONING_REPOSITORY", str(folder / "versioning")),
        "VERSIONING_CACHE": kept.get("VERSIONING_CACHE", str(folder / "cache")),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Jobs of language models, which want a queue of their own.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "DO_NOT_TRACK": "1",
        "UI_LOGS": str(folder / "logs"),
    }
    if mlflow_port:
        own["MLFLOW_TRACKING_URI"] = f"http://{HOST}:{mlflow_port}"
    return {**kept, **own}


def _registry(folder: Path, repository: str) -> Path:
    """Folder of MLflow's database: beside the repository, where the flows look without a server."""
    return folder if "://" in repository else Path(repository).absolute().parent


def _tell(up: Running, folder: Path) -> None:
    say(f"\n  Prefect   {up.prefect}/deployments")
    say(f"  MLflow    {up.mlflow or 'no server: pip install .[ui]'}")
    say(f"  logs      {folder}/logs\n")
    say("Schedules: retrain on Mondays, prune nightly (waits for a person),")
    say("verify and audit on Sundays.")
    say("Run one from its page, or in another terminal by")
    names = ("PREFECT_API_URL", "VERSIONING_REPOSITORY", "MLFLOW_TRACKING_URI")
    for line in told({name: quote(up.environ[name]) for name in names if name in up.environ}):
        say(line)
    say("  prefect deployment run verify/verify-weekly")
    say("Ctrl-C stops all of it.")


if __name__ == "__main__":
    main()
