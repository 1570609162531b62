"""Runs steps of one system, in that system's environment: `python -P runner.py ADAPTER`.

One job a line comes in, one reply a line goes out. Each job runs in a process of its own, forked
from this one, so that modules are imported afresh and nothing is remembered but what the system
stored. Needs no more than pandas, since it runs beside any system.

An adapter is a module with `run(functions, call, state)`: it calls the first function with the
arguments of `call`, each next one with what came before, all cached by its system below the folder
`state`, and returns the last value. It may have `prepare(state)`, done once a case; `file(path)`,
how the system is given a file; and `why()`, the leaves that the system says have changed.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import json
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NamedTuple


class Inexpressible(Exception):
    """The system has no way to be asked this."""


class Call(NamedTuple):
    """The arguments of a call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def by_name(self, function: Callable[..., Any]) -> dict[str, Any]:
        """The arguments by the names that `function` gives them."""
        return dict(inspect.signature(function).bind(*self.args, **self.kwargs).arguments)


def main() -> None:
    """Answer jobs until there are no more."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    adapter = load(Path(sys.argv[1]))
    # What many cases import, once for all of them.
    importlib.import_module("pandas")
    for line in sys.stdin:
        replies.write(json.dumps(perform(adapter, json.loads(line))) + "\n")


def load(path: Path) -> ModuleType:
    """The adapter in a file, which may be named like the library that it adapts."""
    sys.modules.setdefault("runner", sys.modules[__name__])
    spec = importlib.util.spec_from_file_location(f"adapter_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    adapter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(adapter)
    return adapter


def perform(adapter: ModuleType, job: dict[str, Any]) -> list[dict[str, Any]]:
    """What each process that did the job says."""
    children = []
    for number in range(job["processes"]):
        answer = Path(f"{job['ran']}.{number}")
        answer.unlink(missing_ok=True)
        if not (child := os.fork()):
            _child(adapter, job, answer)
        children.append((child, answer))
    end = time.monotonic() + job["seconds"]
    return [_reply(child, answer, end) for child, answer in children]


def _reply(child: int, answer: Path, end: float) -> dict[str, Any]:
    while not os.waitpid(child, os.WNOHANG)[0]:
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return {"error": "it did not end in time"}
        time.sleep(0.005)
    return (
        json.loads(answer.read_text()) if answer.exists() else {"error": "the process was killed"}
    )


def _child(adapter: ModuleType, job: dict[str, Any], answer: Path) -> None:
    try:
        os.setpgid(0, 0)
        reply = _job(adapter, job)
    except Inexpressible as reason:
        reply = {"inexpressible": str(reason)}
    except BaseException as error:
        traceback.print_exc()
        reply = {"error": f"{type(error).__name__}: {error}"[:300]}
    part = answer.with_name(f"{answer.name}.part")
    part.write_text(json.dumps(reply))
    part.rename(answer)
    # No farewell of a library may keep the next run waiting.
    os._exit(0)


def _job(adapter: ModuleType, job: dict[str, Any]) -> dict[str, Any]:
    os.chdir(job["folder"])
    state = Path(job["state"])
    asked = {"PEERS_RAN": job["ran"], "PEERS_KILL": job["kill"], "PEERS_STEP": job["functions"][-1]}
    os.environ |= asked
    if job["prepare"]:
        getattr(adapter, "prepare", lambda state: None)(state)
        return {"value": ""}
    sys.path.insert(0, job["folder"])
    functions = [found(name) for name in job["functions"]]
    call = arguments(job["call"], getattr(adapter, "file", Path))
    watch(functions[-1])
    if job["kill"] == "storing":
        _kill_at(1_000_000)
    value = shown(adapter.run(functions, call, state))
    return {"value": value, "why": getattr(adapter, "why", list)()}


def found(name: str) -> Any:
    """The function that `module:name` names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def arguments(text: str, file: Callable[[Path], Any] = Path) -> Call:
    """The arguments that `text` says, in the names of the project's own module `values`."""
    names = vars(importlib.import_module("proj.values"))
    function = {"_call": lambda *args, **kwargs: Call(args, kwargs)}
    return eval(f"_call({text})", {**names, "file": lambda path: file(Path(path)), **function})


def shown(value: Any) -> str:
    """A value as text in which different values differ."""
    return repr(value)


def drained(value: Any) -> Any:
    """What a generator yields, in a list; any other value as it is."""
    return list(value) if inspect.isgenerator(value) else value


def chained(functions: Sequence[Callable[..., Any]], call: Call) -> Any:
    """The value of calling the first function, and each next one with what came before."""
    value = _settled(functions[0](*call.args, **call.kwargs))
    for function in functions[1:]:
        value = _settled(function(value))
    return value


def _settled(value: Any) -> Any:
    return drained(asyncio.run(_await(value)) if inspect.isawaitable(value) else value)


async def _await(value: Any) -> Any:
    return await value


def watch(function: Callable[..., Any]) -> None:
    """Note every execution of the body of `function`, in this process, without touching it."""
    body, ran = inspect.unwrap(function).__code__, os.environ["PEERS_RAN"]
    seen: set[int] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        # The frame of a generator is entered again and again.
        if event != "call" or frame.f_code is not body or id(frame) in seen:
            return
        seen.add(id(frame))
        with open(ran, "ab") as journal:
            journal.write(b".")
        if os.environ["PEERS_KILL"] == "running":
            os.killpg(0, signal.SIGKILL)

    # Tracers that give nothing back are told of calls only, a profiler of all that C does, too.
    threading.settrace(note)
    sys.settrace(note)


def _kill_at(size_bytes: int) -> None:
    """Let the system end this process in the middle of writing a file larger than that."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))


if __name__ == "__main__":
    main()
