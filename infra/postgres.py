"""A PostgreSQL server of a plain process, from Debian's package, with a database for each user."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from infra.processes import HOST, Ending, MissingError, NotStartedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.processes import Processes

# What several API servers of Prefect need to share a database.
OLDEST = 14
INSTALL = "apt-get install postgresql"
# A user name of ours never needs quoting in SQL.
_SQL = """\
SELECT 'CREATE ROLE {name} LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}')
\\gexec
ALTER ROLE {name} PASSWORD '{password}';
SELECT 'CREATE DATABASE {name} OWNER {name}'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}')
\\gexec
"""


def programs() -> Path:
    """The folder of PostgreSQL's programs, of the newest release here.

    Raises:
        NotStartedError: If there is none that is new enough; says how to install it.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_release, reverse=True)
    if not found:
        on_path = shutil.which("initdb")
        if on_path is None:
            raise MissingError(f"PostgreSQL is not here: {INSTALL}")
        return Path(on_path).resolve().parent
    if (release := _release(found[0])) < OLDEST:
        raise NotStartedError(
            f"PostgreSQL {release} is here, and Prefect needs {OLDEST} or later: {INSTALL}"
        )
    return found[0].parent


@contextmanager
def postgres(
    processes: Processes, folder: Path, port: int, passwords: Mapping[str, str]
) -> Iterator[None]:
    """A server that runs among `processes`, with a user and a database of each name.

    Passwords are set at every start: to rotate one is to start again with another.

    Args:
        processes: What it is started among; they end before this context does.
        folder: Of the databases.
        port: On the loopback interface.
        passwords: By the name of the user, who owns the database of that name.

    Raises:
        NotStartedError: If it is not installed, cannot be started, or another release wrote the
            folder.
    """
    bin_ = programs()
    owner = _owner()
    environ = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    _prepare(bin_, folder, owner, environ)
    # The path of a socket may have a hundred characters only.
    with tempfile.TemporaryDirectory(prefix="postgres-") as sockets:
        if owner:
            shutil.chown(sockets, owner, None)
        command = [*_as(owner), str(bin_ / "postgres"), "-D", str(folder), "-p", str(port),
                   "-c", f"listen_addresses={HOST}", "-c", f"unix_socket_directories={sockets}",
                   "-c", "max_connections=300"]  # fmt: skip
        ready = [str(bin_ / "pg_isready"), "-q", "-h", sockets, "-p", str(port)]
        processes.start(
            "postgresql",
            command,
            environ,
            is_ready=lambda: subprocess.run(ready, check=False).returncode == 0,
            # At once: what still holds a connection is not waited for.
            ending=Ending(signal.SIGINT),
        )
        sql = "".join(_SQL.format(name=n, password=p) for n, p in sorted(passwords.items()))
        ask = [*_as(owner), str(bin_ / "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-h", sockets,
               "-p", str(port), "-d", "postgres"]  # fmt: skip
        _do(ask, environ, sql)
        yield


def _prepare(bin_: Path, folder: Path, owner: str | None, environ: Mapping[str, str]) -> None:
    written = folder / "PG_VERSION"
    if written.exists():
        was, here = written.read_text("utf-8").strip(), _release(bin_ / "initdb")
        if was != str(here):
            raise NotStartedError(
                f"{folder} was written by PostgreSQL {was}, and {here} is here: pg_upgrade it, "
                f"or apt-get install postgresql-{was}"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    if owner:
        shutil.chown(folder, owner, None)
    command = [*_as(owner), str(bin_ / "initdb"), "-D", str(folder), "-E", "UTF8",
               "--auth-local=peer", "--auth-host=scram-sha-256", "--no-instructions"]  # fmt: skip
    try:
        _do(command, environ)
    except NotStartedError as error:
        raise NotStartedError(
            f"{error}\nIf {owner or 'this user'} may not reach {folder}, choose another folder: "
            "make stack FOLDER=/var/lib/prefect-stack"
        ) from error


def _do(command: list[str], environ: Mapping[str, str], said: str = "") -> None:
    done = subprocess.run(
        command, env={**environ}, input=said, capture_output=True, text=True, check=False, cwd="/"
    )
    if done.returncode:
        raise NotStartedError(f"postgresql did not start: {done.stderr.strip()[-500:]}")


def _owner() -> str | None:
    """Who runs it in place of root, which it refuses; None for who runs this."""
    if os.geteuid():
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise MissingError(f"the user `postgres` is not here: {INSTALL}") from None


def _as(owner: str | None) -> list[str]:
    flags = ("--reuid", owner, "--regid", owner, "--init-groups") if owner else ()
    return ["setpriv", *flags, "--"] if flags else []


def _release(initdb: Path) -> int:
    """Major version, by the folder of Debian, or what the program says."""
    if initdb.parent.parent.name.isdigit():
        return int(initdb.parent.parent.name)
    told = subprocess.run([initdb, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"(\d+)(\.|$|\s)", told.stdout)
    return int(found[1]) if found else 0
