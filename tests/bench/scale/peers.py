"""Others that drop the older half of as many files and bytes, on this machine.

Each has two files a version: one as short as its blob, one as long as its record. DVC has each in
its cache, named by its digest, and a workspace that tracks the newer half: `dvc gc` drops the rest.
joblib has a folder of both for each call: `reduce_size` drops the half that was used first.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.bench.scale import written
from tests.bench.scale.local import FIND, Tell, load, timed, today
from tests.peers.systems import described, python

SCRIPT = Path(__file__).with_name("peer.py")
PEERS = ("dvc", "joblib")


def measured(folder: Path, versions: int, kept: Path | None, tell: Tell) -> dict[str, Any]:
    """What each takes, and `find -delete` for the same number of files."""
    found: dict[str, Any] = {"date": today(), "load": [load()]}
    for name in PEERS:
        tell(described(name).title)
        place = folder / name
        written.write_flat(place / "files", versions)
        done = subprocess.run(
            [python(name), SCRIPT, name, place, str(versions)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        version = described(name).version
        found[name] = {"version": version, **json.loads(done.stdout.splitlines()[-1])}
    tell(FIND)
    written.write_removed(folder / "removed", versions)
    found[FIND] = timed(["find", folder / "removed", "-type", "f", "-delete"])
    found["load"].append(load())
    return found
