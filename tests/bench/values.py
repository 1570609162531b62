"""What it costs to key values, in time and in memory beside them."""

from __future__ import annotations

import json
import sys
from functools import partial

from prefect.utilities.hashing import hash_objects
from pyarrow import Table

from tests.bench.frames import mixed
from tests.bench.measure import Claim, Contest, by_turns, peak_memory, process
from versioning.encoding import value_digest

QUESTION = "keying a 200 MB mixed frame"
FRAMES = {
    "a frame": mixed,
    "its text as Python objects": lambda: mixed().astype({"tail": object, "remark": object}),
    "an Arrow table": lambda: Table.from_pandas(mixed()),
}


def digests() -> list[Contest | Claim]:
    """A large frame, beside what Prefect keys it by, in a fifth of its time and bounded memory."""
    frame = mixed()
    seconds = by_turns(
        {
            "Prefect's hash_objects": lambda: hash_objects(frame),
            "value_digest": lambda: value_digest(frame),
        },
        rounds=7,
    )
    contest = Contest(QUESTION, seconds, ratios={"value_digest": 0.2})
    return [contest, *map(_memory, FRAMES)]


def _memory(name: str) -> Claim:
    found = json.loads(process("-m", "tests.bench.values", name)())
    facts = f"{found['extra'] / 1e6:.0f} MB"
    return Claim(QUESTION, f"memory beside {name}", facts, "< 64 MB", found["extra"] < 64e6)


def _extra(name: str) -> dict[str, int]:
    value_digest(mixed(1))  # Loads the libraries.
    value = FRAMES[name]()
    before, peak = peak_memory(partial(value_digest, value))
    return {"extra": peak - before}


if __name__ == "__main__":
    print(json.dumps(_extra(sys.argv[1])))
