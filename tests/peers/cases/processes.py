"""Processes that run at once, that are killed, and steps of other kinds."""

from tests.peers.case import Case

SLOW = """
import time

def step(x: int) -> int:
    time.sleep(1)
    return x + 1
"""
LARGE = """
def step(x: int) -> str:
    return f"{x} " + "payload " * 400_000
"""
CHAIN = """
def first(x: int) -> int:
    return x * 2

def step(first: int) -> int:
    return first + 1
"""
TWINS = {
    "north.py": "RATE = 2\n\ndef step(x: int) -> int:\n    return x * RATE\n",
    "south.py": "RATE = 3\n\ndef step(x: int) -> int:\n    return x * RATE\n",
}

CASES = [
    Case(
        "eight processes ask for one new value",
        {"steps.py": SLOW},
        "rerun",
        leaf="params/x",
        calls=("3", "4"),
        processes=8,
    ),
    Case("eight processes ask for one known value", {"steps.py": SLOW}, "reuse", processes=8),
    Case(
        "a process was killed in the body",
        {"steps.py": "def step(x: int) -> int:\n    return x + 1\n"},
        "rerun",
        kill="running",
    ),
    Case("a process was killed while storing", {"steps.py": LARGE}, "rerun", kill="storing"),
    Case(
        "another step of the same name and text, in another module",
        TWINS,
        "rerun",
        steps=("north:step",),
        later=("south:step",),
    ),
    Case(
        "a step before, edited, returns another value",
        {"steps.py": CHAIN},
        "rerun",
        leaf="inputs/first",
        steps=("steps:first", "steps:step"),
        edit=("steps.py", "x * 2", "x * 3"),
    ),
    Case(
        "a step before, edited, returns the same value",
        {"steps.py": CHAIN},
        "reuse",
        steps=("steps:first", "steps:step"),
        edit=("steps.py", "x * 2", "x + x"),
    ),
    Case(
        "a generator",
        {
            "steps.py": """
            from collections.abc import Iterator

            def step(x: int) -> Iterator[int]:
                for n in range(x):
                    yield n * 2
            """
        },
        "reuse",
    ),
    Case(
        "an async function",
        {"steps.py": "async def step(x: int) -> int:\n    return x + 1\n"},
        "reuse",
    ),
    Case(
        "a step that returns None",
        {"steps.py": "def step(x: int) -> None:\n    return None\n"},
        "reuse",
    ),
]
