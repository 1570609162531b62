"""Audit events: files, folders, connections and programs, told to the watch of who asks for them.

Python calls an audit hook for every event of the process, at moments when a change of threads
breaks it: in 3.11 two threads that set a trace or profile function while a hook written in Python
runs get a RuntimeError. So an event passes a sieve of C functions first, and Python code runs for
the events of the list alone. The sieve is an object whose attributes are set by name of event:
those of the list are properties, whatever else is set is taken out again at once.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from versioning.hidden import imported, paths
from versioning.hidden.frames import asker
from versioning.hidden.reads import NETWORK, PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import ContextVar

    from versioning.hidden.watch import Watch


def listen(watches: ContextVar[Watch | None]) -> None:
    """Tell the watch of the context of events, from now to the end of the process.

    Args:
        watches: Holds the watch of the body that runs; none is told while that one looks.
    """
    heard = {event: property(None, _teller(look, watches)) for event, look in _EVENTS.items()}
    sieve = type("Sieve", (), heard)()
    sys.addaudithook(partial(setattr, sieve))
    sys.addaudithook(vars(sieve).pop)


def _teller(
    look: Callable[..., None], watches: ContextVar[Watch | None]
) -> Callable[[object, tuple[Any, ...]], None]:
    def tell(_sieve: object, arguments: tuple[Any, ...]) -> None:
        watch = watches.get()
        if watch is None:
            if look is _opened:
                imported.note(*arguments)
            return
        token = watches.set(None)  # what looking reads is nobody's
        try:
            look(watch, *arguments)
        except Exception:  # noqa: BLE001, S110 - a read that cannot be told of must still take place
            pass
        finally:
            watches.reset(token)

    return tell


def _opened(watch: Watch, path: Any, _mode: Any = None, flags: Any = os.O_RDONLY) -> None:
    # Nearly all that is opened in a process is imported: its links need not be followed.
    if isinstance(path, str | bytes | os.PathLike) and not paths.is_of_python(os.fsdecode(path)):
        watch.about_to_open(paths.absolute(path), flags, is_relative=not os.path.isabs(path))


def _listed(watch: Watch, path: Any = None) -> None:
    if not isinstance(path, int):
        watch.listed(paths.absolute(path or "."), is_relative=not os.path.isabs(path or "."))


def _made(watch: Watch, path: Any, *_: Any) -> None:
    if isinstance(path, str | bytes | os.PathLike):
        watch.made(paths.real(path))


def _moved(watch: Watch, path: Any, new: Any, *_: Any) -> None:
    watch.moved(paths.real(path), paths.real(new))


def _started(watch: Watch, program: Any, *_: Any) -> None:
    found = asker()
    if found and found[1] < 2:
        # Arguments may be secret; of a line for a shell, the first word is the program.
        name = os.fsdecode(program).split()[0] if program else "?"
        watch.note(PROGRAM, Path(name).name, found[0])


def _connected(watch: Watch, _socket: Any, address: Any) -> None:
    found = asker()
    if found and isinstance(address, tuple):
        watch.note(NETWORK, f"{address[0]}:{address[1]}", found[0])


_EVENTS: dict[str, Callable[..., None]] = {
    "open": _opened,
    "sqlite3.connect": _opened,
    "os.listdir": _listed,
    "os.scandir": _listed,
    "os.mkdir": _made,
    "tempfile.mkdtemp": _made,
    "os.rename": _moved,
    "os.link": _moved,
    "socket.connect": _connected,
    "subprocess.Popen": _started,
    "os.system": _started,
    "os.posix_spawn": _started,
    "os.exec": _started,
}
