"""Stored values that were damaged: none may be served, and the step must work all the same.

The second run is in another checkout, so that the value must come from the store. The values are
bytes, of which none is less valid than another, so that only a checksum notices a changed one.
"""

from typing import Literal

from tests.peers.case import Case

STEPS = """
def step(x: int) -> bytes:
    return b"%d " % x + b"payload " * 40_000
"""


def _damaged(claim: str, damage: Literal["flip", "truncate", "swap", "delete"]) -> Case:
    return Case(claim, {"steps.py": STEPS}, "rerun", damage=damage, moved=True)


CASES = [
    _damaged("a flipped bit", "flip"),
    _damaged("a truncated file", "truncate"),
    _damaged("a deleted file", "delete"),
    Case(
        "the stored value of another call in its place",
        {"steps.py": STEPS},
        "rerun",
        damage="swap",
        moved=True,
        calls=("3", "3", "4"),
    ),
    Case("an undamaged file, for comparison", {"steps.py": STEPS}, "reuse", moved=True),
]
