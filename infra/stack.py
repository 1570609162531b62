"""Everything for many machines, on this one: `make stack`, or `python -m infra.stack`.

PostgreSQL, Redis, an S3 server, two Prefect API servers and their services, MLflow's server, and
two workers that share no disk: what `infra/compose.yaml` runs in containers, as plain processes.
Ctrl-C stops all of it; what was made stays in the folder.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from infra.postgres import postgres, programs
from infra.processes import (
    HOST,
    Ending,
    MissingError,
    NotStartedError,
    Processes,
    StoppedError,
    answers,
    check_free,
    free_ports,
    mlflow_server,
    module,
    say,
    stopped_by_signals,
    told,
)
from infra.s3 import seaweed, write_identities

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping

POOL = "flows"
HOSTS = ("host-a", "host-b")
BUCKET = "versioning"
# In the order of their ports.
PORTS = ("prefect", "prefect-2", "mlflow", "s3", "postgresql", "redis", *HOSTS)
# Who may do what; `infra/policies` says the same to AWS.
ROLES = {
    "admin": ("Admin",),
    "writer": (f"Read:{BUCKET}", f"Write:{BUCKET}", f"List:{BUCKET}"),
    "reader": (f"Read:{BUCKET}", f"List:{BUCKET}"),
}
PASSWORDS = ("prefect", "mlflow", "redis", *ROLES)
NEEDS = {"prefect_redis": "prefect-redis", "psycopg2": "psycopg2-binary", "s3fs": "s3fs"}


def main() -> None:
    """Start all of it from the command line, and wait until somebody stops it."""
    parser = argparse.ArgumentParser(prog="python -m infra.stack", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".stack"), help="where to write")
    parser.add_argument(
        "--port", type=int, default=4200, help=f"the first of {len(PORTS)}; 0 for any that are free"
    )
    given = parser.parse_args()
    stop = stopped_by_signals()
    try:
        with running(given.folder.absolute(), given.port, stop) as up:
            _tell(up)
            while not stop.wait(1.0):
                up.processes.check()
    except StoppedError:
        pass
    except NotStartedError as error:
        sys.exit(f"make stack: {error}")
    say("stopped; what was made stays")


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs, and how it is reached.

    Attributes:
        folder: Where everything is written: a folder for each host in `hosts`, secrets, logs.
        urls: Of each server, by its name in `PORTS`.
        secrets: Passwords and secret keys, by the name of the user.
        processes: What runs; a host is one of them, its worker.
    """

    folder: Path
    urls: Mapping[str, str]
    secrets: Mapping[str, str]
    processes: Processes

    def client(self, role: str = "writer", server: str = "prefect") -> dict[str, str]:
        """Variables for somebody who works with the stack in a role on its bucket."""
        return {
            "PREFECT_API_URL": f"{self.urls[server]}/api",
            "MLFLOW_TRACKING_URI": self.urls["mlflow"],
            "VERSIONING_REPOSITORY": f"s3://{BUCKET}/repository",
            "AWS_ENDPOINT_URL": self.urls["s3"],
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": role,
            "AWS_SECRET_ACCESS_KEY": self.secrets[role],
        }

    def start_worker(self, host: str) -> None:
        """Start the worker of a host: it takes what is in the queue `default`, and in its own."""
        server = "prefect" if host == HOSTS[0] else "prefect-2"
        home = self.folder / "hosts" / host
        for name in ("tmp", "work"):
            (home / name).mkdir(parents=True, exist_ok=True)
        port = self.urls[host].rpartition(":")[2]
        environ = {
            **_environ(home),
            **self.client(server=server),
            "TMPDIR": str(home / "tmp"),
            "PREFECT_WORKER_WEBSERVER_HOST": HOST,
            "PREFECT_WORKER_WEBSERVER_PORT": port,
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PREFECT_LOGGING_EXTRA_LOGGERS": "flows,versioning",
        }
        command = module("prefect", "worker", "start", "--pool", POOL, "--type", "process",
                         "--name", host, "--with-healthcheck", "-q", "default",
                         "-q", host)  # fmt: skip
        ready = answers(f"{self.urls[host]}/health")
        self.processes.start(host, command, environ, is_ready=ready, folder=home / "work")


def check_installed() -> None:
    """Find everything before anything starts.

    Raises:
        MissingError: If something is not installed; it says how to.
    """
    programs()
    _redis()
    if missing := [wheel for name, wheel in NEEDS.items() if not find_spec(name)]:
        raise MissingError(
            f"not installed: pip install '.[s3,server,stack]' (for {', '.join(missing)})"
        )


@contextmanager
def running(folder: Path, port: int, stop: threading.Event) -> Iterator[Stack]:
    """The whole of it, until the context ends.

    Args:
        folder: Where everything is written; the user `postgres` must be able to reach it.
        port: The first of as many ports as there are servers; 0 for any that are free.
        stop: Set when it shall end, even while it starts.

    Raises:
        NotStartedError: If a port is taken, a program is missing, or something does not start.
        StoppedError: If it was stopped before all of it ran.
    """
    check_installed()
    ports = _ports(port)
    urls = {name: f"http://{HOST}:{number}" for name, number in ports.items()}
    keys = _secrets(folder / "secrets")
    identities = folder / "secrets" / "s3.json"
    write_identities(identities, keys, ROLES)
    passwords = {name: keys[name] for name in ("prefect", "mlflow")}
    with Processes(folder / "logs", stop) as processes:
        up = Stack(folder, urls, keys, processes)
        s3 = processes.enter_context(seaweed(_made(folder / "s3"), ports["s3"], identities))
        # It has written what it answered for, and does not end when asked.
        processes.start("s3", s3, _environ(folder / "s3"), ending=Ending(seconds=2.0))
        _start_redis(up, ports["redis"])
        say("starting PostgreSQL ...")
        where = folder / "postgresql"
        with postgres(processes, where, ports["postgresql"], passwords):
            _start_servers(up, ports)
            _make_bucket(up)
            say("making the deployments ...")
            environ = {**_environ(_made(folder / "client")), **up.client()}
            queues = [word for host in HOSTS for word in ("--queue", host)]
            processes.run("deployments", module("infra.deployments", *queues), environ)
            say("starting two workers ...")
            for host in HOSTS:
                up.start_worker(host)
            yield up


def _start_servers(up: Stack, ports: Mapping[str, int]) -> None:
    """MLflow's server and Prefect's, beside each other, as each takes a while."""
    say("starting MLflow's server and two of Prefect ...")
    start = up.processes.start
    start("mlflow", mlflow_server(ports["mlflow"]), _mlflow(up, ports["postgresql"]))
    environ = _prefect(up, ports)
    up.processes.run("database", module("prefect", "server", "database", "upgrade", "-y"), environ)
    for name in ("prefect", "prefect-2"):
        where = ("--host", HOST, "--port", str(ports[name]))
        own = {
            **environ,
            "PREFECT_UI_URL": up.urls[name],
            "PREFECT_SERVER_UI_API_URL": f"{up.urls[name]}/api",
            # Two that register at once on an empty database refuse to start.
            "PREFECT_API_BLOCKS_REGISTER_ON_START": str(name == "prefect"),
        }
        start(name, module("prefect", "server", "start", "--no-services", *where), own)
    start("prefect-services", module("prefect", "server", "services", "start"), environ)
    for name, path in (
        ("prefect", "/api/health"),
        ("prefect-2", "/api/health"),
        ("mlflow", "/health"),
    ):
        up.processes.wait(name, answers(up.urls[name] + path))


def _start_redis(up: Stack, port: int) -> None:
    config = up.folder / "secrets" / "redis.conf"
    config.touch(0o600)
    folder = _made(up.folder / "redis")
    config.write_text(
        f"bind {HOST}\nport {port}\ndir {folder}\nrequirepass {up.secrets['redis']}\n"
        # Messages in flight survive a restart.
        "appendonly yes\n",
        "utf-8",
    )
    up.processes.start("redis", [_redis(), str(config)], _environ(folder))


def _redis() -> str:
    program = shutil.which("redis-server")
    if program is None:
        raise MissingError("Redis is not here: apt-get install redis-server")
    return program


def _environ(home: Path) -> dict[str, str]:
    """Variables of a process that shall know nothing of who started it."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "LC_ALL": "C.UTF-8",
        "HOME": str(home),
        "STACK": str(home),
        "PREFECT_HOME": str(home / ".prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
    }


def _prefect(up: Stack, ports: Mapping[str, int]) -> dict[str, str]:
    """What several API servers of Prefect and their services share."""
    redis = f"redis://:{up.secrets['redis']}@{HOST}:{ports['redis']}"
    at = f"{HOST}:{ports['postgresql']}/prefect"
    return {
        **_environ(_made(up.folder / "prefect")),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": (
            f"postgresql+asyncpg://prefect:{up.secrets['prefect']}@{at}"
        ),
        "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_REDIS_MESSAGING_URL": f"{redis}/0",
        "PREFECT_SERVER_DOCKET_URL": f"{redis}/1",
    }


def _mlflow(up: Stack, port: int) -> dict[str, str]:
    folder = _made(up.folder / "mlflow")
    return {
        **_environ(folder),
        "MLFLOW_BACKEND_STORE_URI": (
            f"postgresql+psycopg2://mlflow:{up.secrets['mlflow']}@{HOST}:{port}/mlflow"
        ),
        "MLFLOW_ARTIFACTS_DESTINATION": str(folder),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def _make_bucket(up: Stack) -> None:
    import s3fs

    admin = s3fs.S3FileSystem(
        key="admin",
        secret=up.secrets["admin"],
        endpoint_url=up.urls["s3"],
        skip_instance_cache=True,
    )

    def is_made() -> bool:
        # A server that listens may still be electing its master.
        try:
            admin.makedirs(BUCKET, exist_ok=True)
        except OSError:
            return False
        return True

    up.processes.wait("s3", is_made)


def _ports(first: int) -> dict[str, int]:
    if not first:
        return dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    ports = {name: first + place for place, name in enumerate(PORTS)}
    for number in ports.values():
        check_free(number, f"make stack PORT={first + 100}")
    return ports


def _secrets(folder: Path) -> dict[str, str]:
    """What lies there, a file each; what is missing is made."""
    _made(folder).chmod(0o700)
    for name in PASSWORDS:
        path = folder / name
        if not path.exists():
            path.touch(0o600)
            path.write_text(secrets.token_hex(16), "utf-8")
    return {name: (folder / name).read_text("utf-8").strip() for name in PASSWORDS}


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _tell(up: Stack) -> None:
    say(f"\n  Prefect   {up.urls['prefect']}  and  {up.urls['prefect-2']}")
    say(f"  MLflow    {up.urls['mlflow']}")
    say(f"  S3        {up.urls['s3']}")
    say(f"  secrets   {up.folder}/secrets")
    say(f"  logs      {up.folder}/logs\n")
    secret = f'"$(cat {up.folder}/secrets/writer)"'
    client = up.client().items()
    for line in told({name: secret if "SECRET" in name else text for name, text in client}):
        say(line)
    say("\nRun something: prefect deployment run retrain/retrain-weekly")
    say("Ctrl-C stops all of it.")


if __name__ == "__main__":
    main()
