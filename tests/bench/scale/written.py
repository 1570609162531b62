"""Repositories of any size, written as commits leave them, without waiting for the disk each time.

Runs of a chain of steps, each of which reads the one before. Every version has a blob of its own;
it is short, since what retention costs is names, not bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.repositories import NOW, draft, opened
from versioning import layout, records
from versioning.digest import digest_bytes
from versioning.envelope import seal_of
from versioning.keys import Leaf, root_key
from versioning.records import Blob, Input, VersionRecord
from versioning.retention import Policy

STEPS = 20
CODE = [Leaf(f"code/flows.part{n}:work", digest_bytes(b"%d" % n)) for n in range(10)]


def policy(versions: int) -> Policy:
    """One that keeps the newer half of the runs."""
    rule = {"keep_last": versions // STEPS // 2}
    return Policy.of({"rules": [rule], "keep_lineage": "inputs", "trash": "7d"}, "bench")


def files(repository_id: str, versions: int) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of everything that so many commits leave."""
    before: VersionRecord | None = None
    for number in range(versions):
        value = b"the value of version %d" % number
        record = _record(repository_id, number, value, before if number % STEPS else None)
        data = records.dump_version(record)
        before = replace(record, seal=seal_of(data))
        yield layout.blob(str(record.manifest[0].name)), value
        yield layout.version(record.id), data
        yield layout.binding(record.key), data


def removed(versions: int) -> Iterator[tuple[str, bytes]]:
    """Bindings and blobs of the older half alone: what expiring and sweeping it removes."""
    made = files("0" * 32, versions // 2)
    return ((name, data) for name, data in made if not name.startswith(layout.VERSIONS))


def write(folder: Path, versions: int) -> None:
    """Make a repository of so many versions in `folder`, and beside it what `find` removes."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "repository"
    # What was written whole before is used; `removed` comes last.
    if not place.exists():
        staged = folder / "staged"
        _write(staged, files(opened(staged, folder).id, versions))
        staged.rename(place)
    write_removed(folder / "removed", versions)


def write_removed(folder: Path, versions: int) -> None:
    """Write what expiring and sweeping the older half removes."""
    _write(folder, removed(versions))


def write_flat(folder: Path, versions: int) -> None:
    """Write value and record of each version into a folder of its own, as `0` and `1`."""
    made = enumerate(files("0" * 32, versions))
    _write(folder, ((f"{n // 3}/{n % 3}", data) for n, (_, data) in made if n % 3 < 2))


def _write(folder: Path, wanted: Iterable[tuple[str, bytes]]) -> None:
    made: set[str] = set()
    for name, data in wanted:
        parent, _, _ = name.rpartition("/")
        if parent not in made:
            (folder / parent).mkdir(parents=True, exist_ok=True)
            made.add(parent)
        fd = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        os.write(fd, data)
        os.close(fd)


def _record(
    repository_id: str, number: int, value: bytes, before: VersionRecord | None
) -> VersionRecord:
    step = f"step {number % STEPS}"
    digest = digest_bytes(value)
    leaves = (*draft(str(number)).leaves, *CODE)
    return VersionRecord(
        id=digest[:32],
        repository=repository_id,
        digest=digest,
        codec="bytes/1",
        manifest=(Blob("data.bin", digest, len(value), f"{digest[:2]}/{digest}-{digest[32:48]}"),),
        key=root_key(leaves),
        leaves=leaves,
        step=step,
        function=f"flows:{step}",
        flow="retrain",
        created=NOW + timedelta(seconds=number),
        seconds=1.5,
        inputs=(Input("before", before.id, before.digest, before.seal),) if before else (),
        meta={"value": str(number), "environment": {"python": "3.11.7"}},
    )
