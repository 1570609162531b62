"""Groups: which jobs run in one process, since starting one takes longer than many a body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from versioning.repository import Repository
    from versioning.rerun.jobs import Job

# Facts of a machine that a process is started with; others it finds, or came to know later.
_SET = ("python", "build", "variables", "hash_seed", "processors")


def grouped(repository: Repository, jobs: Iterable[Job]) -> list[list[Job]]:
    """Jobs in their order, together as long as one process can be as each of them needs it.

    It has to have the same source, distributions and variables, and no file may be another one.
    """
    found: list[list[Job]] = []
    needed: dict[str, Any] = {}
    last, files = b"", dict[str, str]()
    for job in jobs:
        kept = job.captured.kept["environment"].id
        if kept not in needed:
            needed[kept] = _needed(repository.load(repository.record(kept)))
        captured = job.captured
        told = [captured.kept["source"].id, needed[kept], list(captured.paths), captured.cwd]
        process, opened = orjson.dumps(told), job.files(repository)
        clash = any(files.get(place, digest) != digest for place, digest in opened.items())
        if process != last or clash:
            found.append([])
            last, files = process, {}
        found[-1].append(job)
        files |= opened
    return found


def _needed(environment: Mapping[str, Any]) -> Any:
    machine = environment["machine"]
    return [environment["distributions"], [machine.get(name) for name in _SET]]
