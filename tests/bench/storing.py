"""Storing a large frame: the whole commit, beside writing an Arrow file and digesting it once."""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
from blake3 import blake3

from tests.bench.frames import MEGABYTES, mixed, size_bytes
from tests.bench.measure import Claim, Contest, by_turns, peak_memory, process
from tests.repositories import draft, opened

QUESTION = "storing a 200 MB mixed frame"
OURS = "versioned"
DURABLE, LOSABLE = "Arrow IPC, a blake3 pass, fsync", "Arrow IPC, a blake3 pass"


def stores(folder: Path) -> list[Contest | Claim]:
    """What a commit costs in time, and in memory beside the frame.

    A commit digests the value, then writes and digests an Arrow file, and waits for the disk. It is
    held to a file that a power cut spares, and to one that a power cut may take.
    """
    frame = mixed()
    repository = opened(folder / "stored", folder)
    # Each round stores bytes that are not there yet.
    changing = frame["x1"].to_numpy(copy=False).copy()

    def commit() -> None:
        changing[0] += 1
        record = repository.commit(frame.assign(x1=changing), draft(secrets.token_hex(8)))
        repository.path(record).unlink()

    seconds = by_turns(
        {
            DURABLE: lambda: _plain(frame, folder, durable=True),
            LOSABLE: lambda: _plain(frame, folder, durable=False),
            OURS: commit,
        },
        rounds=9,
    )
    return [
        Contest(QUESTION, {name: seconds[name] for name in (DURABLE, OURS)}, ratios={OURS: 1.5}),
        Contest(
            "the same, beside a file left to the cache of the disk",
            {name: seconds[name] for name in (LOSABLE, OURS)},
            ratios={OURS: 1.5},
        ),
        _memory(folder),
    ]


def _plain(frame: pd.DataFrame, folder: Path, *, durable: bool) -> None:
    path = folder / "plain.arrow"
    table = pa.Table.from_pandas(frame)
    with path.open("wb") as file:
        with pa.ipc.new_file(file, table.schema) as sink:
            sink.write_table(table)
        if durable:
            os.fsync(file.fileno())
    blake3(max_threads=blake3.AUTO).update_mmap(path).hexdigest()
    path.unlink()


def _memory(folder: Path) -> Claim:
    found = json.loads(process("-m", "tests.bench.storing", str(folder / "measured"))())
    times = 1 + (found["peak"] - found["before"]) / found["frame"]
    facts = f"{times:.2f} x the frame ({found['frame'] / 1e6:.0f} MB)"
    return Claim(QUESTION, "peak memory, the frame included", facts, "< 2 x", times < 2)


def _peak(folder: Path) -> dict[str, int]:
    """Resident memory before a commit and at its highest; the first commit loads the libraries."""
    repository = opened(folder, folder)
    repository.commit(mixed(1), draft("small"))
    frame = mixed(MEGABYTES)
    before, peak = peak_memory(lambda: repository.commit(frame, draft("large")))
    return {"frame": size_bytes(frame), "before": before, "peak": peak}


if __name__ == "__main__":
    print(json.dumps(_peak(Path(sys.argv[1]))))
