"""Retention in a bucket of a real server, beside bulk deletes of as many objects."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import s3fs

from tests.bench.scale import written
from tests.bench.scale.local import Tell, load, phases, today
from tests.repositories import opened
from tests.servers import Server, s3_server

# Requests under way at once, and objects handed over at once.
CONNECTIONS = 64
BATCH = 2000
BULK = "DeleteObjects"


def measured(folder: Path, versions: int, kept: Path | None, tell: Tell) -> dict[str, Any]:
    """Every phase in a bucket of so many versions, and the same number of bulk deletes."""
    with s3_server() as server:
        os.environ.update(server.environ)
        place = f"s3://{server.bucket()}/repository"
        tell("writing them")
        began = time.perf_counter()
        bucket = _Bucket(server)
        bucket.write(place, written.files(opened(place, folder).id, versions))
        found: dict[str, Any] = {
            "date": today(),
            "load": [load()],
            "write": {"seconds": round(time.perf_counter() - began, 2)},
        }
        found |= phases(place, folder, versions, tell, server.environ)
        tell(BULK)
        removed = f"s3://{server.bucket()}/removed"
        names = bucket.write(removed, written.removed(versions))
        found[BULK] = {"seconds": bucket.delete(names)}
        found["load"].append(load())
    spent = found["expire"]["seconds"] + found["sweep"]["seconds"]
    return {**found, "ratio": round(spent / found[BULK]["seconds"], 2)}


class _Bucket:
    def __init__(self, server: Server) -> None:
        self._fs = s3fs.S3FileSystem(**server.options, use_listings_cache=False)

    def write(self, place: str, files: Iterable[tuple[str, bytes]]) -> list[str]:
        """Put files below a place, many at once; their names."""
        waiting = ((f"{place}/{name}", data) for name, data in files)
        names: list[str] = []
        while batch := dict(islice(waiting, BATCH)):
            self._fs.pipe(batch, batch_size=CONNECTIONS)
            names += batch
        return names

    def delete(self, names: list[str]) -> float:
        """Delete objects a thousand a request; how long that takes."""
        began = time.perf_counter()
        self._fs.rm(names)
        return round(time.perf_counter() - began, 2)
