"""`python -m tests.bench.scale [PART] [--folder FOLDER] [--repeats N] [VERSIONS...]`.

Retention of many versions. Parts are `local` (each phase beside `find -delete` on files of the same
names and lengths as those that it removes), `s3` (a real server, beside bulk deletes of as many
objects), and `peers` (others that drop the older half of as many files and bytes); all without one.

What was measured goes into `results.json`, what was measured before of other sizes stays, and
`scale.svg` shows it. `--write` only writes the local repository of each size into the folder, to be
used up by measuring it later.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.bench.scale import local, peers, picture, s3, written

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PARTS = {"local": local.measured, "s3": s3.measured, "peers": peers.measured}
SIZES = {"local": (10_000, 100_000), "s3": (100_000,), "peers": (100_000,)}
console = Console(stderr=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("asked", nargs="*", metavar="PART|VERSIONS")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    parts = [part for part in PARTS if part in given.asked]
    sizes = [int(item) for item in given.asked if item not in PARTS]
    if given.write:
        for versions in sizes:
            written.write(given.folder / str(versions), versions)
        return
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for part in parts or PARTS:
        own = results.setdefault(part, {})
        for versions in sizes or SIZES[part]:
            rounds = [_round(part, versions, given.folder) for _ in range(given.repeats)]
            own[str(versions)] = _median(rounds)
            results[part] = dict(sorted(own.items(), key=lambda item: int(item[0])))
            RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    picture.draw(results, HERE / "scale.svg")
    print(json.dumps(results, indent=2))


def _round(part: str, versions: int, folder: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="scale-", dir=folder) as name:
        kept = folder / str(versions) if folder else None

        def tell(what: str) -> None:
            console.print(f"{part}, {versions:,} versions: {what} ...", highlight=False)

        return PARTS[part](Path(name), versions, kept, tell)


def _median(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """The round with the median ratio, and the ratios of all."""
    if "ratio" not in rounds[0]:
        return rounds[0]
    ratios = [found["ratio"] for found in rounds]
    middle = statistics.median_low(ratios)
    return {**rounds[ratios.index(middle)], "ratios": sorted(ratios)}


if __name__ == "__main__":
    main()
