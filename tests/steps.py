"""Versions for tests, committed as steps would: each a minute after the one before."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.repositories import NOW
from versioning.api import Repository
from versioning.digest import digest_bytes
from versioning.handles import Version
from versioning.keys import Leaf, root_key
from versioning.records import Input
from versioning.repository import Draft
from versioning.settings import Settings


def opened(folder: Path) -> Repository:
    return Repository.open(str(folder / "repository"), settings=Settings(cache=folder / "cache"))


def commit(
    repository: Repository,
    value: object,
    step: str = "step",
    *,
    minute: int = 0,
    reads: dict[str, Version] | None = None,
    replace: bool = False,
    meta: dict[str, Any] | None = None,
    **parameters: Any,
) -> Version:
    """A version of `step`, keyed by its parameters and by the values that it reads."""
    inputs = tuple(Input(name, v.id, v.digest, v.seal) for name, v in (reads or {}).items())
    texts = {"step": step, **{f"params/{name}": repr(v) for name, v in parameters.items()}}
    leaves = (
        *(Leaf(name, digest_bytes(text.encode()), text) for name, text in texts.items()),
        *(Leaf(f"inputs/{item.name}", item.digest) for item in inputs),
    )
    draft = Draft(
        key=root_key(leaves),
        leaves=leaves,
        step=step,
        function=f"flows:{step}",
        created=NOW + timedelta(minutes=minute),
        seconds=1.5,
        flow="retrain",
        inputs=inputs,
        meta={"environment": {"python": "3.11.7"}, "run": {"flow_run": "r1"}, **(meta or {})},
    )
    return Version.of(repository, repository.commit(value, draft, replace=replace))


def blob_path(repository: Repository, version: Version) -> Path:
    """The file that holds the only blob of a version."""
    [blob] = version.record.manifest
    return Path(repository.url) / "blobs" / str(blob.name)


def overwrite(path: Path, data: bytes) -> None:
    """Change a file that the library made read-only."""
    path.chmod(0o644)
    path.write_bytes(data)
