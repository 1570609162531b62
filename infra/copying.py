"""Copies a repository to another store: `python -m infra.copying FROM TO`.

For a backup, to restore one, or to move. Writers may go on meanwhile: what is copied is whole, and
another run brings what came since. A copy is the same repository: go on in one of the two only.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from versioning import layout
from versioning.envelope import MAX_RECORD_BYTES
from versioning.errors import ConflictError, NotFoundError, VersioningError
from versioning.identity import parse_identity
from versioning.storage import Store
from versioning.units import size

if TYPE_CHECKING:
    from collections.abc import Callable

    from versioning.storage import Entry

# What refers to something is copied before it, so that a writer beside us leaves no hole: it writes
# in the other order. Who computes, writes or collects does so in one store only.
_ORDER = ("keys/", "names/", "pins/", "trust/", "reads/", "trash/", "invalid/", "plans/", "runs/",
          "versions/", "quarantine/", "blobs/")  # fmt: skip
# Written again under one name, and maybe by as many bytes.
_CHANGING = ("keys/", "runs/")


def main() -> None:
    """Copy from the command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.copying", description=__doc__)
    parser.add_argument("source", help="folder or URL of the repository")
    parser.add_argument("target", help="folder or URL of the copy")
    given = parser.parse_args()
    try:
        done = copy(Store.open(given.source), Store.open(given.target), tell=_tell)
    except VersioningError as error:
        sys.exit(f"copying: {error}")
    sys.stdout.write(
        f"{done['names']} copied, {size(done['bytes'])}; {done['there']} were there\n"
        f"Check it: versioning verify --repository {given.target}\n"
    )


def copy(
    source: Store, target: Store, *, tell: Callable[[str, int, int], None] | None = None
) -> Counter[str]:
    """Bring everything of a repository to `target` that is not there.

    Args:
        source: Where it is.
        target: Where it is to be.
        tell: Told each folder, how many names of it are to be copied, and how many there are.

    Returns:
        How many `names` and `bytes` were copied, and how many names were `there`.

    Raises:
        NotFoundError: If there is no repository in `source`.
        ConflictError: If another repository is in `target`.
    """
    proof = source.get(layout.REPOSITORY)
    _check_same(proof, target)
    done: Counter[str] = Counter()
    for prefix in _ORDER:
        there = {entry.name: entry.size_bytes for entry in target.list(prefix)}
        found = sorted(source.list(prefix), key=lambda entry: entry.name)
        asked = [e for e in found if prefix in _CHANGING or there.get(e.name) != e.size_bytes]
        if tell and found:
            tell(prefix, len(asked), len(found))
        with ThreadPoolExecutor(max(source.callers, target.callers)) as callers:
            copied = list(callers.map(lambda entry: _copy(source, target, entry), asked))
        done += Counter(names=sum(copied), there=len(found) - len(asked))
        done += Counter(
            bytes=sum(e.size_bytes for e, is_new in zip(asked, copied, strict=True) if is_new)
        )
    # Last: before, nobody takes it for a whole one.
    target.put(layout.REPOSITORY, proof)
    return done


def _tell(folder: str, asked: int, found: int) -> None:
    sys.stderr.write(f"{folder} {asked} of {found} are copied ...\n")


def _check_same(proof: bytes, target: Store) -> None:
    with suppress(NotFoundError):
        other = target.get(layout.REPOSITORY)
        ids = [parse_identity(data, name=layout.REPOSITORY) for data in (proof, other)]
        if ids[0] != ids[1]:
            raise ConflictError(
                f"{target.url} holds another repository ({ids[1][:12]}, not {ids[0][:12]}): "
                "name an empty place"
            )
        return
    target.self_test()


def _copy(source: Store, target: Store, entry: Entry) -> bool:
    """Whether it was there to be copied: a collector may have taken it meanwhile."""
    with suppress(NotFoundError):
        if entry.size_bytes <= MAX_RECORD_BYTES and not entry.name.startswith("blobs/"):
            target.put(entry.name, source.get(entry.name))
            return True
        with (
            source.stream(entry.name) as data,
            tempfile.NamedTemporaryFile(dir=target.staging(), delete=False) as file,
        ):
            shutil.copyfileobj(data, file, 1 << 20)
        target.add_file(entry.name, Path(file.name))
        return True
    return False


if __name__ == "__main__":
    main()
