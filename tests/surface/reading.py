"""Steps that read what their keys cannot see."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from versioning import versioned


@versioned
def plain(count: int) -> int:
    return count


@versioned
def configured(count: int) -> str:
    return f"{count} {Path(os.environ['MODEL_FILE']).read_text()}"


@versioned
def content(path: Path) -> str:
    return path.read_text()


@versioned
def content_of(name: str) -> str:
    return Path(name).read_text()


@versioned
def reads_a_known_file(name: str) -> str:
    return Path(name).read_text()


@versioned
def dated(name: str) -> str:
    return f"{name} {datetime.now().year}"


@versioned
async def slowly(name: str) -> str:
    return Path(name).read_text()


@versioned
def lines(name: str):
    yield from Path(name).read_text().splitlines()


@versioned
def with_name(name: str) -> tuple[str, str]:
    return name, Path(name).read_text()


@versioned
def acts(name: str) -> None:
    with Path(name).open("a") as file:
        file.write(".")


@versioned
def around(name: str) -> str:
    return f"{content_of(name).load()} {datetime.now().year}"


_KEYS = """
import os, random, time, uuid, datetime
from datetime import datetime as moment
from random import random as draw
from os import urandom, environ
from time import time as seconds
from versioning.hidden import Watch
from versioning.steps import Step
from versioning import open_repository

def body(make=uuid.uuid4):
    return (seconds(), time.time(), moment.now(), datetime.datetime.now(), environ.get("X"), draw(),
            os.environ["X"], urandom(3), os.urandom(3), random.random(), make(), open("x"))

def key():
    return Step(body, "body").call(open_repository(), {"make": uuid.uuid4}).key

print(key())
with Watch().watching():
    time.time()
print(key())
"""


def keys_before_and_after(folder: Path) -> list[str]:
    """Keys of one step in a new process, before its first watch and after it."""
    script = folder / "script.py"
    script.write_text(_KEYS)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.split()
