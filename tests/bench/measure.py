"""Contenders run by turns, so that whatever else the machine does slows all of them alike."""

from __future__ import annotations

import ctypes
import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa


@dataclass
class Contest:
    """One question: the seconds of each contender in each round; others are held to the first.

    Targets by contender: `ratios` are at most so many times the first, `limits` below so many
    seconds.
    """

    question: str
    seconds: dict[str, list[float]]
    ratios: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        base, *_ = self.seconds
        return [self._row(name, base) for name in self.seconds]

    def _row(self, name: str, base: str) -> dict[str, Any]:
        seconds = self.seconds[name]
        # Round by round: what slows a round slows both sides of its ratio.
        ratios = [own / other for own, other in zip(seconds, self.seconds[base], strict=False)]
        row: dict[str, Any] = {
            "question": self.question,
            "contender": name,
            "seconds": spread(seconds),
            "ratio": None if name == base or self.limits else spread(ratios),
            "target": None,
            "reached": None,
        }
        if name in self.ratios:
            row["target"] = f"<= {self.ratios[name]:g} x"
            row["reached"] = statistics.median(ratios) <= self.ratios[name]
        if name in self.limits:
            row["target"] = f"< {self.limits[name]:g} s"
            row["reached"] = statistics.median(seconds) < self.limits[name]
        return row


@dataclass(frozen=True)
class Claim:
    """A fact that is no time: true or not, and by which number."""

    question: str
    contender: str
    found: str
    target: str
    reached: bool

    def rows(self) -> list[dict[str, Any]]:
        facts = {"question": self.question, "contender": self.contender, "found": self.found}
        return [facts | {"target": self.target, "reached": self.reached}]


def by_turns(
    contenders: Mapping[str, Callable[[], object]], *, rounds: int, repeat: int = 1, warm: int = 1
) -> dict[str, list[float]]:
    """Seconds per call of each contender, `rounds` times; each round is `repeat` calls in a row."""
    names = list(contenders)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    # What is alive by now is collected no more, so that collecting takes no time below.
    gc.collect()
    gc.freeze()
    for number in range(-warm, rounds):
        # Whoever always goes first would pay for what the last one left behind.
        for name in names[number % len(names) :] + names[: number % len(names)]:
            gc.collect()
            began = time.perf_counter()
            for _ in range(repeat):
                contenders[name]()
            if number >= 0:
                seconds[name].append((time.perf_counter() - began) / repeat)
    gc.unfreeze()
    return seconds


def spread(numbers: Sequence[float]) -> dict[str, float]:
    return {"min": min(numbers), "median": statistics.median(numbers), "max": max(numbers)}


def peak_memory(task: Callable[[], object]) -> tuple[int, int]:
    """Resident bytes before `task`, and at the highest point during it; needs Linux."""
    # What was freed but kept for later would hide what the task takes.
    gc.collect()
    pa.default_memory_pool().release_unused()
    ctypes.CDLL(None).malloc_trim(0)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    task()
    return before, resident("VmHWM")


def resident(name: str) -> int:
    """Bytes of memory of this process, as Linux tells: `VmRSS` now, `VmHWM` at its highest."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name))) * 1024


def process(*arguments: str) -> Callable[[], str]:
    """A whole process of this Python, start included; it gives what was printed."""

    def run() -> str:
        command = [sys.executable, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    return run
