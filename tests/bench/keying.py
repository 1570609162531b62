"""What it costs to key values and code."""

from __future__ import annotations

import json
import time

from prefect.utilities.hashing import hash_objects

from flows.departures import before_departure
from tests.bench.frames import mixed
from tests.bench.measure import Contest, by_turns, process
from versioning.code import code_leaves
from versioning.encoding import value_digest


def keys() -> list[Contest]:
    """A large frame, beside what Prefect keys it by; and the closure of a step."""
    frame = mixed()
    values = by_turns(
        {
            "Prefect's hash_objects": lambda: hash_objects(frame),
            "value_digest": lambda: value_digest(frame),
        },
        rounds=5,
    )
    code_leaves(before_departure)
    cached = by_turns({"asked again": lambda: code_leaves(before_departure)}, rounds=20, repeat=20)
    cold = [json.loads(process("-m", "tests.bench.keying")()) for _ in range(3)]
    closures = {**cached, "first in a process": cold}
    return [
        Contest("keying a 200 MB mixed frame", values),
        Contest("closure of the code of a step", closures, limits={"asked again": 0.001}),
    ]


if __name__ == "__main__":
    began = time.perf_counter()
    code_leaves(before_departure)
    print(json.dumps(time.perf_counter() - began))
