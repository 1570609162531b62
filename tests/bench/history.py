"""Questions to a repository of 10,000 versions, asked on the command line: whole processes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.bench.measure import Contest, by_turns, process
from tests.repositories import NOW, draft, opened
from versioning import layout, records
from versioning.digest import digest_bytes
from versioning.envelope import seal_of
from versioning.keys import Leaf, root_key
from versioning.records import Blob, Input, VersionRecord

VERSIONS, STEPS = 10_000, 20
START = "bare interpreter"


def questions(folder: Path) -> list[Contest]:
    """`list`, `show` and `why`: the first time on this machine, and from then on."""
    url = str(folder / "history")
    _write(folder / "history", folder)
    first = by_turns({"list, no catalog yet": process(*_command("list", url))}, rounds=1, warm=0)
    names = {name: f"versioning {name}" for name in ("list", "show", "why")}
    contenders = {START: process("-c", "pass")} | {
        text: process(*_command(name, url)) for name, text in names.items()
    }
    seconds = by_turns(contenders, rounds=7)
    limits = dict.fromkeys(names.values(), 0.5)
    return [Contest("10,000 versions", seconds | first, limits=limits)]


def _command(name: str, url: str) -> list[str]:
    subject = [] if name == "list" else ["step 7~100"]
    return ["-m", "versioning", name, *subject, "--repository", url]


def _write(path: Path, folder: Path) -> None:
    """Records as commits leave them, without waiting for the disk each time."""
    repository = opened(path, folder)
    made: list[VersionRecord] = []
    for number in range(VERSIONS):
        record = _record(repository.id, number, made[-1] if number % STEPS else None)
        name, data = layout.version(record.id), records.dump_version(record)
        made.append(replace(record, seal=seal_of(data)))
        repository.store.put_if_absent(name, data, durable=False)
        repository.store.put_if_absent(layout.binding(record.key), data, durable=False)


def _record(repository_id: str, number: int, before: VersionRecord | None) -> VersionRecord:
    """Version of one of the steps of a chain, run again and again."""
    facts = draft(str(number))
    step = f"step {number % STEPS}"
    code = [Leaf(f"code/flows.part{n}:work", digest_bytes(b"%d" % n)) for n in range(10)]
    leaves = (*facts.leaves, *code)
    value = b"%d" % number
    return VersionRecord(
        id=digest_bytes(value)[:32],
        repository=repository_id,
        digest=digest_bytes(value),
        codec="json/1",
        manifest=(Blob("value.json", digest_bytes(value), len(value), inline=value),),
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
