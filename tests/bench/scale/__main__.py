"""`python -m tests.bench.scale [--folder FOLDER] VERSIONS...`: retention of many versions.

Each phase beside `find -delete` on files of the same names and lengths as those that it removes, in
turn. What was measured goes into `results.json`, sizes measured before stay, and `scale.svg` shows
all of it. A folder that is named keeps the repositories, and is used again where they are.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.bench.scale import picture, written
from tests.bench.scale.phases import PHASES

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
SIZES = (10_000, 100_000)
console = Console(stderr=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("versions", nargs="*", type=int)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for versions in asked.versions or SIZES:
        with tempfile.TemporaryDirectory(prefix="scale-", dir=asked.folder) as name:
            kept = asked.folder / str(versions) if asked.folder else None
            results[str(versions)] = measured(Path(name), versions, kept)
        RESULTS.write_text(json.dumps(dict(sorted(results.items(), key=_size)), indent=2) + "\n")
    picture.draw(results, HERE / "scale.svg")
    print(json.dumps(results, indent=2))


def measured(folder: Path, versions: int, kept: Path | None) -> dict[str, Any]:
    """Every phase on a repository of so many versions, and `find -delete` beside it."""
    source = kept or folder
    if not (source / "repository").exists():
        _tell(f"writing {versions:,} versions")
        source.mkdir(parents=True, exist_ok=True)
        written.write(source / "repository", versions)
    _tell("writing the files that find removes")
    written.write_removed(folder / "removed", versions)
    found: dict[str, Any] = {"date": datetime.now(UTC).date().isoformat()}
    load = os.getloadavg()[0]
    for phase in PHASES:
        _tell(f"{phase} of {versions:,} versions")
        command = [sys.executable, "-m", "tests.bench.scale.phases", source, str(versions), phase]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found[phase] = json.loads(done.stdout)
    _tell("find -delete")
    began, worked = time.perf_counter(), os.times()
    subprocess.run(["find", folder / "removed", "-type", "f", "-delete"], check=True)
    spent = os.times()
    found["find -delete"] = {
        "seconds": round(time.perf_counter() - began, 2),
        "processor": round(
            spent.children_user
            + spent.children_system
            - worked.children_user
            - worked.children_system,
            2,
        ),
    }
    found["load"] = [round(load, 1), round(os.getloadavg()[0], 1)]
    shutil.rmtree(source / "repository")
    return found


def _tell(what: str) -> None:
    console.print(f"{what} ...", highlight=False)


def _size(item: tuple[str, Any]) -> int:
    return int(item[0])


if __name__ == "__main__":
    main()
