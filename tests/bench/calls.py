"""Calls of tasks: bare, with Prefect's own caching, and versioned."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from prefect import flow, task
from prefect.cache_policies import INPUTS, TASK_SOURCE

from tests.bench.frames import mixed
from tests.bench.measure import Claim, Contest, by_turns
from versioning import Version, open_repository, versioned

CACHED = {"cache_policy": INPUTS + TASK_SOURCE, "persist_result": True}
BARE = "bare task call"
PEER = "Prefect, INPUTS + TASK_SOURCE"


@task
def bare(frame: object) -> object:
    return frame


@task(**CACHED)
def cached(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


@versioned
def load() -> pd.DataFrame:
    return mixed()


@versioned
def clean(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(x0=frame["x0"].fillna(0.0))


@flow
def hits() -> list[Contest | Claim]:
    """What a hit costs on a step whose input and output are large frames."""
    question = "hit, 200 MB frames in and out"
    given = load()
    frame = given.load()
    cached(frame)
    clean(given)
    ours, by_value = "versioned, given a handle", "versioned, given the frame"
    contenders: dict[str, Callable[[], object]] = {
        BARE: lambda: bare(given),
        ours: lambda: clean(given),
    }
    quick = by_turns(contenders, rounds=30, repeat=3)
    contenders |= {
        BARE: lambda: bare(frame),
        by_value: lambda: clean(frame),
        PEER: lambda: cached(frame),
    }
    slow = by_turns({name: contenders[name] for name in (BARE, by_value, PEER)}, rounds=4, warm=0)
    return [
        Contest(question, quick, ratios={ours: 1.5}),
        _reads_no_data(question, given),
        # A bare task digests its arguments too, since that is Prefect's default policy.
        Contest("the same, given the frame itself", slow, ratios={by_value: 1.5}),
    ]


def _reads_no_data(question: str, given: Version) -> Claim:
    """Put zeros in place of all stored bytes: a hit that read any of them would see damage."""
    blobs = [path for path in Path(open_repository().url, "blobs").rglob("*") if path.is_file()]
    for path in blobs:
        size_bytes = path.stat().st_size
        path.chmod(0o644)
        os.truncate(path, 0)
        os.truncate(path, size_bytes)
    before = clean(given)
    state = clean(given, return_state=True)
    is_blind = len(blobs) == 2 and state.name == "Cached" and state.result() == before
    found = "0 bytes of data read" if is_blind else "data was read"
    return Claim(question, "versioned, stored bytes replaced", found, "none read", is_blind)


@task
def bare_double(number: int) -> int:
    return 2 * number


@task
def synced_double(number: int) -> int:
    """Bare, and makes sure that a file of 1 KB outlives a power cut, as a version does."""
    path = Path(open_repository().url, ".staging", f"synced-{number}")
    with path.open("wb") as file:
        file.write(bytes(1024))
        os.fsync(file.fileno())
    return 2 * number


@task(**CACHED)
def cached_double(number: int) -> int:
    return 2 * number


@versioned
def double(number: int) -> int:
    return 2 * number


@flow
def misses() -> list[Contest]:
    """What a step with a small result costs when it runs, and when it does not."""
    numbers = itertools.count()
    ours = "versioned"
    ran = by_turns(
        {
            BARE: lambda: bare_double(next(numbers)),
            ours: lambda: double(next(numbers)),
            "bare, and one small file synced": lambda: synced_double(next(numbers)),
            PEER: lambda: cached_double(next(numbers)),
        },
        rounds=40,
        repeat=3,
    )
    reused = by_turns(
        {BARE: lambda: bare_double(0), ours: lambda: double(1), PEER: lambda: cached_double(2)},
        rounds=30,
        repeat=3,
        warm=2,
    )
    return [
        Contest("miss on a small value", ran, ratios={ours: 2.0}),
        Contest("hit on a small value", reused),
    ]


@flow
def plain_steps(start: int) -> None:
    for number in range(start, start + 20):
        bare_double(number)


@flow
def versioned_steps(start: int) -> None:
    for number in range(start, start + 20):
        double(number)


def whole_flows() -> list[Contest]:
    """What a run of twenty steps costs, the report at its end included."""
    starts = itertools.count(10_000, 20)
    seconds = by_turns(
        {
            "bare tasks": lambda: plain_steps(next(starts)),
            "versioned, all misses": lambda: versioned_steps(next(starts)),
        },
        rounds=5,
    )
    return [Contest("flow run of 20 small steps", seconds)]
