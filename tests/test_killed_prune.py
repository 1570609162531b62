"""Processes that expire and sweep, killed at any moment: the next one ends what they began."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.repositories import LARGE, NOW
from tests.steps import commit, opened
from versioning import layout
from versioning.expiry import Cause
from versioning.planning import plan
from versioning.plans import save
from versioning.prune import apply, undo
from versioning.retention import Policy
from versioning.storage import Store
from versioning.verify import verify

pytestmark = pytest.mark.slow
POLICY = Policy.of({"rules": [{"keep_last": 10}], "keep_lineage": "none"}, "tests")
AT = NOW + timedelta(days=100)
CAUSE = Cause("", "", "tests", AT)
LATER = Cause("", "", "tests", AT + timedelta(days=8))
SCRIPT = """
import os, sys
from datetime import datetime
from pathlib import Path
from versioning import Repository
from versioning.expiry import Cause
from versioning.prune import apply
from versioning.settings import Settings
from versioning.storage.local import LocalStore

left = int(sys.argv[4])

def dying(act):
    def call(*args, **options):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)
        return act(*args, **options)
    return call

# Every change of the disk may be the last one.
for name in ("link", "unlink", "replace", "rename"):
    setattr(os, name, dying(getattr(os, name)))
repository = Repository.open(sys.argv[1], settings=Settings(cache=Path(sys.argv[1] + ".cache")))
cause = Cause("", "", "tests", datetime.fromisoformat(sys.argv[3]))
apply(repository, repository.catalog, sys.argv[2], cause)
"""


def _applied(folder: Path, plan_id: str, at: Cause, calls: int) -> int:
    """Carry a plan out in a process that is killed at a change of the disk; how it ended."""
    command = [sys.executable, "-c", SCRIPT, str(folder), plan_id, at.at.isoformat(), str(calls)]
    return subprocess.run(command, env=dict(os.environ), timeout=120, check=False).returncode


@pytest.mark.parametrize("seed", range(3))
def test_what_is_killed_on_the_way_is_ended_by_the_next(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    repository = opened(tmp_path)
    made = [commit(repository, LARGE + b"%d" % n, "clean", minute=n, n=n) for n in range(40)]
    found = plan(repository, repository.catalog, POLICY, AT)
    save(repository, found)
    folder, old, kept = Path(repository.url), made[:30], made[30:]
    for _ in range(2):
        _applied(folder, found.id, CAUSE, chance.randrange(110))
        assert verify(repository).is_sound
        assert all(version.load() for version in made)
    apply(repository, repository.catalog, found.id, CAUSE)
    assert not any(repository.lookup(version.key) for version in old)
    assert undo(repository, found.id, CAUSE) == {version.id: True for version in old}
    assert all(repository.lookup(version.key) for version in made)
    again = plan(repository, repository.catalog, POLICY, AT)
    save(repository, again)
    apply(repository, repository.catalog, again.id, CAUSE)
    ends = [_applied(folder, again.id, LATER, chance.randrange(20, 400)) for _ in range(3)]
    assert set(ends) <= {0, -9}
    report = verify(repository)
    assert report.is_sound
    assert all(version.load() for version in kept)
    apply(repository, repository.catalog, again.id, LATER)
    stored = {
        entry.name.removeprefix(layout.BLOBS) for entry in Store.open(repository.url).list("blobs/")
    }
    assert stored == {str(version.record.manifest[0].name) for version in kept}
    assert not list(repository.store.names(layout.MARKS))
    assert all(repository.lookup(version.key) for version in kept)
    report = verify(repository)
    assert report.is_sound
    assert sorted(report.expired) == sorted(version.id for version in old)
