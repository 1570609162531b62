"""Clocks and chance: functions in C without an audit event, seen by a profile function.

Nothing is replaced, so keys, `isinstance` and pickles stay as they are, whichever name a function
was imported by. A profile function costs a fifth of a microsecond a call, which is why it watches
the first calls of a body only, and ends as soon as it has seen both kinds.
"""

from __future__ import annotations

import datetime
import os
import random
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from versioning.hidden.frames import asker
from versioning.hidden.reads import CHANCE, CLOCK

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from versioning.hidden.watch import Watch

# About 0.2 s.
CALLS = 1_000_000
ATTEMPTS = 1000
_SHARED: Any = random.random.__self__  # type: ignore[attr-defined] # a bound method
_CLOCKS = {
    function: name
    for name, function in {
        "time.time": time.time,
        "time.time_ns": time.time_ns,
        "datetime.now": datetime.datetime.now,
        "datetime.utcnow": datetime.datetime.utcnow,
        "datetime.today": datetime.datetime.today,
        "date.today": datetime.date.today,
    }.items()
}
_DRAWS = {_SHARED.random: "random", _SHARED.getrandbits: "random"}
_SEEDS = {super(random.Random, _SHARED).seed, super(random.Random, _SHARED).setstate}


class Profile:
    """Watches the calls of one thread while a body that is watched runs in it.

    Bodies of several tasks of an event loop share a thread; `current` tells whose turn it is.
    """

    def __init__(self, current: Callable[[], Watch | None]) -> None:
        self._current = current
        self._left = CALLS

    def __call__(self, frame: FrameType, event: str, function: Any) -> None:
        """Look at one event of `sys.setprofile`."""
        if event != "c_call":
            return
        self._left -= 1
        if self._left < 0:
            _profile(None)
        elif function in _KNOWN:
            watch = self._current()
            if watch is not None:
                _noted(watch, function, frame)


def _noted(watch: Watch, function: Any, frame: FrameType) -> None:
    if function in _SEEDS:
        watch.seeded.add("random")
        return
    kind, name = (CLOCK, _CLOCKS[function]) if function in _CLOCKS else (CHANCE, _KNOWN[function])
    if name in watch.seeded:
        return
    found = asker(frame)
    if found and found[1] < 2 and not (name == "os.urandom" and _is_seeded_anyway(frame)):
        watch.note(kind, name, found[0])


def _is_seeded_anyway(frame: FrameType | None) -> bool:
    """Whether `numpy.random.RandomState(seed)` asks, which begins with entropy and drops it."""
    while frame is not None and frame.f_globals.get("__name__") in {"random", "secrets"}:
        frame = frame.f_back
    return frame is not None and "RandomState" in frame.f_code.co_names


_KNOWN = {**_CLOCKS, **_DRAWS, os.urandom: "os.urandom", **dict.fromkeys(_SEEDS, "random")}
_in_thread = threading.local()


def begin(current: Callable[[], Watch | None]) -> None:
    """Watch the calls of this thread; a profiler of somebody else's is left alone."""
    _in_thread.depth = getattr(_in_thread, "depth", 0) + 1
    if sys.getprofile() is None or isinstance(sys.getprofile(), Profile):
        _profile(Profile(current))


def end() -> None:
    """Watch them no longer, once the last body in this thread is over."""
    _in_thread.depth -= 1
    if _in_thread.depth == 0 and isinstance(sys.getprofile(), Profile):
        _profile(None)


def _profile(function: Profile | None) -> None:
    """Set the profile function of this thread.

    CPython 3.11 refuses while another thread sets one, which it can be caught at where garbage is
    collected amid an audit event. That is over at once.
    """
    for _ in range(ATTEMPTS):
        with suppress(RuntimeError):
            return sys.setprofile(function)
    return None
