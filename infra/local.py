"""Everything on one machine: `make ui`, or `python -m infra.local [--folder .ui] [--port 4200]`.

Starts a Prefect server on SQLite, MLflow's server if it can run here, the deployments of
`infra/prefect.yaml` and a worker that runs them. Ctrl-C stops all of it; what was made stays in
the folder.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

POOL = "flows"
START_SECONDS = 180.0
STOP_SECONDS = 20.0
HOST = "127.0.0.1"
MLFLOW_NEEDS = ("flask", "flask_cors", "aiohttp")


class StoppedError(Exception):
    """Somebody wants it to end, while it still starts."""


class NotStartedError(Exception):
    """Something did not start; the message says what, and what to do."""


def main() -> None:
    """Start all of it from the command line, and wait until somebody stops it."""
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".ui"), help="where to write")
    parser.add_argument("--port", type=int, default=4200, help="of the Prefect server")
    parser.add_argument("--mlflow-port", type=int, default=5000, help="of MLflow's server")
    given = parser.parse_args()
    stop = threading.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        # Nothing is raised from here: a process that had just been started would be forgotten.
        signal.signal(wanted, lambda *_: stop.set())
    try:
        with running(given.folder.absolute(), given.port, given.mlflow_port, stop) as up:
            _tell(up, given.folder)
            while not stop.wait(1.0):
                up.check()
    except StoppedError:
        pass
    except NotStartedError as error:
        sys.exit(f"make ui: {error}")
    _say("stopped; what was made stays")


class Running:
    """What runs: where people find it, and whether it still does."""

    def __init__(self, prefect: str, mlflow: str | None, environ: Mapping[str, str]) -> None:
        self.prefect = prefect
        self.mlflow = mlflow
        self.environ = environ
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def check(self) -> None:
        """Raise when something ended by itself."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise NotStartedError(
                    f"{name} ended; its last words are in {self.environ['UI_LOGS']}"
                )


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
        _check_free(taken, flag)
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    environ = _environ(folder, port, mlflow_port if with_mlflow else None)
    prefect = f"http://{HOST}:{port}"
    up = Running(prefect, environ.get("MLFLOW_TRACKING_URI"), environ)
    with ExitStack() as stack:

        def start(name: str, command: Sequence[str], health: str | None) -> None:
            process = stack.enter_context(_process(name, command, environ, logs))
            up.processes[name] = process
            if health:
                _wait(name, process, lambda: _answers(health), logs, stop)

        _say("starting the Prefect server ...")
        server = ("prefect", "server", "start", "--host", HOST, "--port", str(port))
        start("prefect-server", server, f"{prefect}/api/health")
        if with_mlflow:
            _say("starting MLflow's server ...")
            command = _mlflow(_registry(folder, environ["VERSIONING_REPOSITORY"]), mlflow_port)
            start("mlflow-server", command, f"{up.mlflow}/health")
        _say("making the deployments ...")
        deploy = ("infra.deployments", "--working-dir", str(Path.cwd()))
        with _process("deployments", deploy, environ, logs) as process:
            _wait("deployments", process, lambda: process.poll() == 0, logs, stop)
        start("worker", ("prefect", "worker", "start", "--pool", POOL, "--name", "here"), None)
        yield up


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


def _mlflow(folder: Path, port: int) -> Sequence[str]:
    store = ("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}")
    files = ("--artifacts-destination", str(folder / "mlflow"))
    return ("mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1",
            *store, *files)  # fmt: skip


def _check_free(port: int, flag: str) -> None:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, port))
        except OSError as error:
            raise NotStartedError(
                f"port {port} is taken ({error.strerror}); choose another: "
                f"make ui {flag}={port + 100}"
            ) from error


@contextmanager
def _process(
    name: str, command: Sequence[str], environ: Mapping[str, str], logs: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with (logs / f"{name}.log").open("ab") as log:
        # A session of its own: Ctrl-C reaches this process alone, which stops the others in order.
        process = subprocess.Popen(  # noqa: S603 - fixed commands
            [sys.executable, "-m", *command],
            env={**environ},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, then end it and all that it started."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait(
    name: str,
    process: subprocess.Popen[bytes],
    is_done: Callable[[], bool],
    logs: Path,
    stop: threading.Event,
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_done():
        if process.poll() not in {None, 0} or time.monotonic() > deadline:
            raise NotStartedError(f"{name} did not start; see {logs / f'{name}.log'}")
        if stop.wait(0.2):
            raise StoppedError


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - our own address
    except (OSError, ValueError):
        return False
    return True


def _tell(up: Running, folder: Path) -> None:
    _say(f"\n  Prefect   {up.prefect}/deployments")
    _say(f"  MLflow    {up.mlflow or 'no server: pip install .[ui]'}")
    _say(f"  logs      {folder}/logs\n")
    _say("Schedules: retrain on Mondays, prune nightly (waits for a person),")
    _say("verify and audit on Sundays.")
    _say("Run one from its page, or by: prefect deployment run verify/verify-weekly")
    for name in ("PREFECT_API_URL", "VERSIONING_REPOSITORY", "MLFLOW_TRACKING_URI"):
        if name in up.environ:
            _say(f"  export {name}={up.environ[name]}")
    _say("Ctrl-C stops all of it.")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
