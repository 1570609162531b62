"""What `import versioning` costs, in a new process."""

from __future__ import annotations

from tests.bench.measure import Contest, by_turns, process

CODE = "import sys, versioning; assert 'prefect' not in sys.modules"


def imports() -> list[Contest]:
    ours = "import versioning"
    seconds = by_turns(
        {"bare interpreter": process("-c", "pass"), ours: process("-c", CODE)}, rounds=15
    )
    return [Contest("import, without Prefect", seconds, limits={ours: 0.3})]
