"""What it costs to keep what a rerun needs."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.bench.measure import Contest, process

MODULES = 200
SCRIPT = """
import json, sys, time
from importlib import import_module
import numpy, pandas
import versioning.steps
from pathlib import Path
from versioning import Repository, Settings
sys.path.insert(0, {place!r})
for number in reversed(range({modules})):
    import_module(f"project.m{{number}}")
from versioning.capture import capture
settings = Settings(cache=Path({place!r}, "cache"))
repository = Repository.open({place!r} + "/repository", settings=settings)
seconds = []
for _ in range(3):
    began = time.perf_counter()
    facts = capture(repository)
    seconds.append(time.perf_counter() - began)
assert "source" in facts, facts
print(json.dumps(seconds))
"""


def captures() -> list[Contest]:
    """A project of many modules: first ever, in a process after it, and for a step after that."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        package = Path(name, "project")
        package.mkdir()
        (package / "__init__.py").touch()
        for number in range(MODULES):
            text = "".join(f"def f{n}(x):\n    return x + {n}\n" for n in range(30))
            following = f"from project import m{number + 1}\n" if number + 1 < MODULES else ""
            (package / f"m{number}.py").write_text(following + text)
        ask = process("-c", SCRIPT.format(modules=MODULES, place=name))
        cold, *warm = (json.loads(ask()) for _ in range(4))
    return [
        Contest(
            f"capture of {MODULES} modules and all that is installed",
            {
                "first ever": [cold[0]],
                "unchanged, first in a process": [first for first, *_ in warm],
                "unchanged, for one more step": [again for *_, again in [cold, *warm]],
            },
            limits={
                "first ever": 2.0,
                "unchanged, first in a process": 0.05,
                "unchanged, for one more step": 0.0001,
            },
        )
    ]
