"""How many examples of a property are drawn, and which.

A change is judged by the same examples every time. `make explore` sets `EXAMPLES` and draws others,
so many times as many.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("EXAMPLES", "1"))


def examples(count: int) -> settings:
    """Settings of a property that is tried on `count` examples."""
    return settings(
        max_examples=count * TIMES,
        derandomize=TIMES == 1,
        database=None if TIMES == 1 else settings.default.database,
        print_blob=True,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
