"""Write `repository-1/`: a small repository with one of everything that format 1 can hold.

    python -m tests.golden.write_repository [FOLDER]

Everything in it is fixed, so running it again changes nothing unless what is stored has changed.
Tests read what is committed and compare; they never write it.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from versioning import layout, marks
from versioning.digest import digest_bytes
from versioning.envelope import dump
from versioning.erase import finish
from versioning.expiry import Cause, Expiry
from versioning.filesets import remember_set
from versioning.invalidations import Invalidation
from versioning.journals import Journal
from versioning.keys import Leaf, root_key
from versioning.records import Input, VersionRecord
from versioning.repository import Draft, Repository
from versioning.settings import Settings
from versioning.storage import Store
from versioning.trust import remember

GOLDEN = Path(__file__).parent / "repository-1"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PARAMETERS = {"max_delay": 600, "carriers": ["AA", "UA"], "ratio": 0.5}
TABLE = b"day,delay\n" + b"".join(b"%05d,%03d\n" % (day, day % 600) for day in range(7000))


class Counting:
    """Ids and nonces are random; here they count."""

    def __init__(self) -> None:
        self._count = itertools.count(1)

    def token_hex(self, size: int) -> str:
        """The next one, in as many characters as asked for."""
        return f"{next(self._count):0{2 * size}x}"


def write(folder: Path) -> None:
    """Write the repository to `folder`, which must not exist."""
    with contextlib.ExitStack() as stack:
        for module in ("repository", "blobs", "journals", "marks"):
            stack.enter_context(mock.patch(f"versioning.{module}.secrets", Counting()))
        repository = _created(folder)
        parameters = repository.commit(PARAMETERS, draft("parameters"))
        table = repository.commit(TABLE, draft("load", reads=[("parameters", parameters)]))
        repository.commit(TABLE, draft("clean", reads=[("table", table)]))
        _with_a_replaced_binding(repository)
        _with_damage(repository)
        _with_a_held_key(repository)
        repository.append_name("delays", {"alias": "champion", "id": table.id, "reason": "first"})
        repository.append_name("delays", {"alias": "champion", "id": None, "reason": "rollback"})
        repository.pin(table.id, "audit 2026")
        repository.write_run("0b5c1f6e", "1", {"flow": "retrain", "steps": 3, "hits": 0})
        repository.store.put(layout.version("f" * 32), dump("revoked", {}))
        abandoned = {"id": "f" * 32, "created": NOW.isoformat()}
        repository.store.put(layout.intent("f" * 32), dump("intent", abandoned))
        remember(repository, parameters, table, now=NOW)
        _with_a_file_as_leaf(repository)
        _with_a_plan(repository)
        _with_an_erasure(repository)
    shutil.rmtree(folder / ".staging")
    shutil.rmtree(folder / ".reserve", ignore_errors=True)


def draft(step: str, *, reads: list[tuple[str, VersionRecord]] | None = None) -> Draft:
    """A draft of `step` that reads versions as the parameters named."""
    inputs = tuple(
        Input(name, record.id, record.digest, record.seal) for name, record in reads or ()
    )
    leaves = (
        Leaf(f"code/golden:{step}", digest_bytes(step.encode())),
        Leaf("env/python", digest_bytes(b"3.11"), "3.11"),
        *(Leaf(f"inputs/{item.name}", item.digest) for item in inputs),
    )
    return Draft(
        key=root_key(leaves),
        leaves=leaves,
        step=step,
        function=f"golden:{step}",
        created=NOW,
        seconds=1.25,
        flow="retrain" if inputs else None,
        inputs=inputs,
        meta={"run": "0b5c1f6e", "type": "golden"},
    )


def _created(folder: Path) -> Repository:
    fields = {"id": "c0ffee" + "0" * 26, "created": NOW.isoformat()}
    store = Store.open(str(folder))
    store.put_if_absent(layout.REPOSITORY, dump("repository", fields))
    cache = folder.with_name(f"{folder.name}-cache")
    return Repository.open(store.url, settings=Settings(cache=cache))


def _with_a_replaced_binding(repository: Repository) -> None:
    repository.commit("before", draft("volatile"))
    repository.commit("after", draft("volatile"), replace=True)


def _with_damage(repository: Repository) -> None:
    record = repository.commit(TABLE + b"x", draft("damaged"))
    name = str(record.manifest[0].name)
    repository.store.move(layout.blob(name), layout.quarantined(name))


def _with_a_file_as_leaf(repository: Repository) -> None:
    asked = draft("configured")
    leaves = (*asked.leaves, Leaf("files/config/model.toml", digest_bytes(b"rate = 0.5")))
    keyed = replace(asked, leaves=leaves, key=root_key(leaves))
    remember_set(repository, asked.key, repository.commit(0.5, keyed))


def _with_a_plan(repository: Repository) -> None:
    old = repository.commit(TABLE + b"y", draft("old"))
    [blob] = old.manifest
    item = {"id": old.id, "reason": "rule 1 (step '*') does not keep it"}
    journal = Journal(repository.store, "plan", lambda n: layout.plan("3f9c2a1b5d6e7f80", n))
    journal.append({"made": NOW, "policy": {"rules": [{"keep_last": 1}]}, "versions": 1})
    journal.append({"expire": [item]})
    cause = Cause("3f9c2a1b5d6e7f80", item["reason"], "ann@trainer-1", NOW)
    Expiry(repository).trash(old.id, cause)
    marks.put(repository.store, str(blob.name)[:2], [str(blob.name)])


def _with_an_erasure(repository: Repository) -> None:
    record = repository.commit("Ann", draft("person"))
    why = Invalidation("asked for by letter", "named", "ann@trainer-1", NOW, "5d6e7f803f9c2a1b")
    repository.invalidations.mark(record.id, replace(why, erase=True))
    finish(repository)


def _with_a_held_key(repository: Repository) -> None:
    held = {"holder": "ab" * 16, "host": "trainer-1", "pid": 4711, "ttl_seconds": 15.0, "beat": 3}
    name = layout.lease(draft("held").key, 0)
    repository.store.put(name, dump("lease", held))


def main(folder: Path) -> None:
    """Replace what is in `folder`."""
    with tempfile.TemporaryDirectory() as new:
        write(Path(new) / "repository")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(Path(new) / "repository", folder, copy_function=shutil.copyfile)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDEN)
