"""Processes that run together: started in order, watched, ended in reverse."""

from __future__ import annotations

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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

HOST = "127.0.0.1"
START_SECONDS = 180.0
STOP_SECONDS = 20.0


class StoppedError(Exception):
    """Somebody wants it to end, while it still starts."""


class NotStartedError(Exception):
    """Something did not start; the message says what, and what to do."""


class MissingError(NotStartedError):
    """A program or package is not installed; the message says how to install it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ends: the signal that asks for it, and how long it is waited for."""

    ask: signal.Signals = signal.SIGTERM
    seconds: float = STOP_SECONDS


class Processes(ExitStack):
    """What runs until the context ends; what was started last ends first.

    Attributes:
        running: By name, in the order of their start.
    """

    def __init__(self, logs: Path, stop: threading.Event) -> None:
        """Nothing runs yet.

        Args:
            logs: Folder for what they say, a file each.
            stop: Set when all shall end, even while one starts.
        """
        super().__init__()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._logs = logs
        self._stop = stop

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def start(
        self,
        name: str,
        command: Sequence[str],
        environ: Mapping[str, str],
        *,
        is_ready: Callable[[], bool] | None = None,
        folder: Path | None = None,
        ending: Ending | None = None,
    ) -> None:
        """Start a process and wait until it is ready.

        Args:
            name: What it is called, in messages and as the name of its log.
            command: Program and arguments.
            environ: All of its environment.
            is_ready: Asked again and again; None to wait for nothing.
            folder: Where it runs; here when None.
            ending: How it is brought to its end.

        Raises:
            NotStartedError: If it ends, or is not ready in time.
            StoppedError: If it was stopped meanwhile.
        """
        process = self.enter_context(_process(command, environ, self._log(name), folder, ending))
        self.running[name] = process
        if is_ready:
            self.wait(name, is_ready)

    def wait(self, name: str, is_ready: Callable[[], bool]) -> None:
        """Wait until what was started as `name` is ready; raises as `start` does."""
        self._wait(name, self.running[name], is_ready)

    def run(self, name: str, command: Sequence[str], environ: Mapping[str, str]) -> None:
        """Run a process to its end.

        Raises:
            NotStartedError: If it fails, or takes too long.
            StoppedError: If it was stopped meanwhile.
        """
        with _process(command, environ, self._log(name)) as process:
            self._wait(name, process, lambda: process.poll() == 0)

    def check(self) -> None:
        """Raise when something ended by itself."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise NotStartedError(f"{name} ended; its last words are in {self._log(name)}")

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _wait(
        self, name: str, process: subprocess.Popen[bytes], is_done: Callable[[], bool]
    ) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not is_done():
            if process.poll() not in {None, 0} or time.monotonic() > deadline:
                said = self._log(name).read_text("utf-8", errors="replace").strip()
                last = said.rpartition("\n")[2][:300]
                raise NotStartedError(f"{name} did not start; see {self._log(name)}: {last}")
            if self._stop.wait(0.2):
                raise StoppedError


@contextmanager
def _process(
    command: Sequence[str],
    environ: Mapping[str, str],
    log: Path,
    folder: Path | None = None,
    ending: Ending | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as said:
        # A session of its own: Ctrl-C reaches this process alone, which stops the others in order.
        process = subprocess.Popen(
            command,
            env={**environ},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _end(process, ending or Ending())


def _end(process: subprocess.Popen[bytes], ending: Ending) -> None:
    """Ask a process to end, then end it and all that it started."""
    process.send_signal(ending.ask)
    with suppress(subprocess.TimeoutExpired):
        process.wait(ending.seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def module(*words: str) -> list[str]:
    """The command that runs a module of this Python."""
    return [sys.executable, "-m", *words]


def told(environ: Mapping[str, str]) -> list[str]:
    """Lines for a shell that is to reach what runs here, by the programs beside this Python."""
    path = f'"{Path(sys.executable).parent}:$PATH"'
    return [f"  export {name}={value}" for name, value in {"PATH": path, **environ}.items()]


def mlflow_server(port: int) -> list[str]:
    """The command of MLflow's server, whose variables say where it keeps what."""
    return module("mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1")


def check_free(port: int, advice: str) -> None:
    """Make sure that nobody listens on a port.

    Args:
        port: On the loopback interface.
        advice: How to choose another one.

    Raises:
        NotStartedError: If somebody does, or there is no such port.
    """
    if not 0 < port < 1 << 16:
        raise NotStartedError(f"there is no port {port}, they end at {(1 << 16) - 1}: name another")
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, port))
        except OSError as error:
            raise NotStartedError(
                f"port {port} is taken ({error.strerror}); choose another: {advice}"
            ) from error


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface on which nobody listens now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for item in sockets:
            item.bind((HOST, 0))
        return [item.getsockname()[1] for item in sockets]


def answers(url: str) -> Callable[[], bool]:
    """A question whether a server answers at `url`, and is content."""

    def is_answered() -> bool:
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - our own address
        except (OSError, ValueError):
            return False
        return True

    return is_answered


def stopped_by_signals() -> threading.Event:
    """What is set when somebody presses Ctrl-C or ends this process."""
    stop = threading.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        # Nothing is raised from here: a process that had just been started would be forgotten.
        signal.signal(wanted, lambda *_: stop.set())
    return stop


def say(text: str) -> None:
    """Tell a person, now."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
