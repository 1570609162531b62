"""What it costs to key code."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from flows.departures import before_departure
from tests.bench.measure import Contest, by_turns, process
from versioning.code import code_leaves

MODULES, FUNCTIONS = 40, 50
FUNCTION = """
def f{number}(x):
    y = x * SCALE + {number}
    if y > 3:
        return {following}(x) + len(TABLE)
    return y - {following}(x)
"""


def keys() -> list[Contest]:
    """The closures of a step and of a giant."""
    code_leaves(before_departure)
    cached = by_turns({"asked again": lambda: code_leaves(before_departure)}, rounds=20, repeat=20)
    cold = _first("flows.departures", "before_departure")
    return [
        Contest(
            "closure of the code of a step",
            {**cached, "first in a process": [first for first, _ in cold]},
            limits={"asked again": 0.001},
        ),
        _giant(),
    ]


def _giant() -> Contest:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        _write_giant(Path(name, "giant"))
        without = _first("giant.m0", "f0", path=name)
        index = str(Path(name, "index"))
        (making, _), *having = _first("giant.m0", "f0", path=name, index=index, rounds=6)
    return Contest(
        f"closure of {MODULES * FUNCTIONS} functions in {MODULES} modules",
        {
            "first in a process": [first for first, _ in without],
            "and makes the index": [making],
            "and has the index": [first for first, _ in having],
            "asked again": [again for _, again in without + having],
        },
        limits={"and has the index": 0.05, "asked again": 0.001},
    )


def _write_giant(package: Path) -> None:
    """Functions that call one another in a long chain, and read constants and tables."""
    package.mkdir()
    (package / "__init__.py").touch()
    for number in range(MODULES):
        following = f"m{(number + 1) % MODULES}"
        names = [f"f{function + 1}" for function in range(FUNCTIONS - 1)] + [f"{following}.f0"]
        bodies = [FUNCTION.format(number=n, following=name) for n, name in enumerate(names)]
        head = f"from giant import {following}\n\nSCALE = 3\nTABLE = {{'a': 1, 'b': [1, 2]}}\n"
        (package / f"m{number}.py").write_text(head + "".join(bodies), "utf-8")


def _first(
    module: str, name: str, *, path: str = "", index: str = "", rounds: int = 3
) -> list[tuple[float, float]]:
    """Seconds of the first call, and of a later one, in processes of their own."""
    run = process("-m", "tests.bench.keying", module, name, path, index)
    return [tuple(json.loads(run())) for _ in range(rounds)]


def _measured(module: str, name: str, path: str, index: str) -> tuple[float, float]:
    sys.path.insert(0, path or sys.path[0])
    function = getattr(import_module(module), name)
    folder = Path(index) if index else None
    began = time.perf_counter()
    code_leaves(function, index=folder)
    first = time.perf_counter() - began
    seconds = by_turns({"": lambda: code_leaves(function, index=folder)}, rounds=5, repeat=5)
    return first, min(seconds[""])


if __name__ == "__main__":
    print(json.dumps(_measured(*sys.argv[1:])))
