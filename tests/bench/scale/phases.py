"""`python -m tests.bench.scale.phases PLACE FOLDER VERSIONS PHASE`: one phase, in its own process.

Prints seconds, seconds of processor and the highest resident memory as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.bench.measure import resident
from tests.bench.scale import written
from tests.repositories import NOW, opened
from versioning.catalog import Catalog
from versioning.expiry import Cause
from versioning.planning import plan
from versioning.plans import save
from versioning.prune import apply
from versioning.repository import Repository

AT = NOW + timedelta(days=1000)
LATER = AT + timedelta(days=8)


def index(repository: Repository, catalog: Catalog, versions: int, folder: Path) -> None:
    """Read every record into the catalog, as the first question on a machine does."""
    catalog.refresh()


def planned(repository: Repository, catalog: Catalog, versions: int, folder: Path) -> None:
    """Plan, and save the plan."""
    made = plan(repository, catalog, written.policy(versions), AT)
    assert len(made.expire) == versions // 2
    save(repository, made)
    (folder / "plan").write_text(made.id)


def expire(repository: Repository, catalog: Catalog, versions: int, folder: Path) -> None:
    """Carry the plan out: half of the versions go to the trash."""
    cause = Cause("", "", "bench", AT)
    applied = apply(repository, catalog, (folder / "plan").read_text(), cause)
    assert len(applied.expired) == versions // 2


def sweep(repository: Repository, catalog: Catalog, versions: int, folder: Path) -> None:
    """Carry it out once more when the trash period is over: half of the blobs go."""
    cause = Cause("", "", "bench", LATER)
    applied = apply(repository, catalog, (folder / "plan").read_text(), cause)
    assert len(applied.swept.deleted) == versions // 2


PHASES: dict[str, Callable[[Repository, Catalog, int, Path], None]] = {
    "index": index,
    "plan": planned,
    "expire": expire,
    "sweep": sweep,
}


def main(place: str, folder: Path, versions: int, phase: str) -> dict[str, Any]:
    """Do a phase in the repository at `place` and say what it took."""
    repository = opened(place, folder)
    catalog = Catalog(repository)
    began, worked = time.perf_counter(), time.process_time()
    PHASES[phase](repository, catalog, versions, folder)
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "processor": round(time.process_time() - worked, 2),
        # Of this process alone: what `getrusage` tells begins with the memory of its parent.
        "mib": resident("VmHWM") // 2**20,
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])))
