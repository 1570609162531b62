"""What cannot be keyed: no data, or data out of sight."""

from __future__ import annotations

import dataclasses
import io
import itertools
import os
import random
import socket
import sqlite3
import threading
import types
import weakref
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.encoding.rows.containers import Names
from tests.encoding.rows.objects import Frozen, Plain, with_attribute
from tests.encoding.rows.row import Refused


def cycle():
    value = {"a": []}
    value["a"].append((value,))
    return value


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def recursive():
    value = types.SimpleNamespace()
    value.me = Frozen(value)
    return value


def closed():
    view = memoryview(b"a")
    view.release()
    return view


class Noisy(io.BytesIO):
    """Its content is out of Python's sight."""


@dataclasses.dataclass
class Recording(io.BytesIO):
    """A dataclass whose fields are not all it holds."""

    rate: int = 1


REFUSED = [
    Refused("cycle", cycle, "break the cycle"),
    Refused("cycle of objects", recursive, "break the cycle"),
    Refused("too deep", lambda: deep(201), "flatten"),
    Refused("far too deep", lambda: deep(100_000), "flatten"),
    Refused("plain object", object),
    Refused("exception", lambda: ValueError(1)),
    Refused("weak reference", lambda: weakref.ref(Plain)),
    Refused("weak dictionary", lambda: weakref.WeakValueDictionary({"a": Plain})),
    Refused("weak proxy", lambda: weakref.proxy(Plain)),
    Refused("open file", Path(os.devnull).open),
    Refused("buffer of a file", lambda: io.BytesIO(b"a")),
    Refused("subclass of C", Noisy),
    Refused("dataclass over C", Recording),
    Refused("released memory", closed, "another form"),
    Refused("socket", socket.socket),
    Refused("database", lambda: sqlite3.connect(":memory:")),
    Refused("lock", threading.Lock),
    Refused("thread", threading.current_thread),
    Refused("iterator", lambda: iter([1])),
    Refused("generator", lambda: (x for x in ()), "register_encoder"),
    Refused("count", itertools.count),
    Refused("method of a list", lambda: [].append, "call it outside"),
    Refused("zone without a name", lambda: zone_of_a_file(), "ZoneInfo"),
    Refused("system random", random.SystemRandom),
    Refused("subclass with state", lambda: with_attribute(Names(), "owner", "me"), "owner"),
]


def zone_of_a_file():
    import zoneinfo

    for folder in (*zoneinfo.TZPATH, ""):
        path = os.path.join(folder, "Europe/Berlin")
        if os.path.exists(path):
            with open(path, "rb") as stream:
                return ZoneInfo.from_file(stream)
    from importlib.resources import files

    with files("tzdata.zoneinfo.Europe").joinpath("Berlin").open("rb") as stream:
        return ZoneInfo.from_file(stream)
