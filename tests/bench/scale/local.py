"""Retention in a folder, beside `find -delete`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.scale import written
from tests.bench.scale.phases import PHASES

FIND = "find -delete"
Tell = Callable[[str], None]


def measured(folder: Path, versions: int, kept: Path | None, tell: Tell) -> dict[str, Any]:
    """Every phase on a repository of so many versions, and `find -delete` beside it.

    A repository that was written before into `kept` is used up.
    """
    source = kept if kept and kept.exists() else folder
    if not (source / "removed").exists():
        tell("writing what is not there")
        written.write(source, versions)
    found = {"date": today(), "load": [load()]}
    found |= phases(str(source / "repository"), folder, versions, tell, {})
    tell(FIND)
    found[FIND] = timed(["find", source / "removed", "-type", "f", "-delete"])
    found["load"].append(load())
    for kind in ("seconds", "processor"):
        ratio = round((found["expire"][kind] + found["sweep"][kind]) / found[FIND][kind], 2)
        found["ratio" if kind == "seconds" else "ratio of processor"] = ratio
    shutil.rmtree(source)
    return found


def phases(
    place: str, folder: Path, versions: int, tell: Tell, environ: Mapping[str, str]
) -> dict[str, Any]:
    """What each phase took, each in a process of its own."""
    found = {}
    for phase in PHASES:
        tell(phase)
        # What was written before is not to be waited for now.
        os.sync()
        module = [sys.executable, "-m", "tests.bench.scale.phases"]
        done = subprocess.run(
            [*module, place, folder, str(versions), phase],
            env={**os.environ, **environ},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        found[phase] = json.loads(done.stdout)
    return found


def timed(command: list[Any]) -> dict[str, float]:
    """Seconds, and seconds of processor, that a command takes."""
    os.sync()
    began, before = time.perf_counter(), os.times()
    subprocess.run(command, check=True)
    after = os.times()
    spent = after.children_user + after.children_system
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "processor": round(spent - before.children_user - before.children_system, 2),
    }


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def load() -> float:
    return round(os.getloadavg()[0], 1)
