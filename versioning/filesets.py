"""Files as leaves: which files of the project the bodies of a key read.

Which files a body reads is known once it ran. So a key has two levels: what is asked for (code,
parameters, inputs) finds the sets of files that bodies asked for this read, `reads/<key>/<n>`; each
set, with what the files say now, makes a key that may be bound. A body that is given the same, and
finds the same in every file, opens the same files: no other set needs a look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from versioning import layout
from versioning.errors import UnkeyableError
from versioning.hidden.contents import ABSENT, found_at
from versioning.hidden.reads import FILE
from versioning.journals import Journal
from versioning.keys import Leaf, root_key
from versioning.settings import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from versioning.digest import Digest, Key
    from versioning.records import VersionRecord
    from versioning.repository import Repository

PREFIX = "files/"
# Sets of one key that are looked at, newest first, and files of one set.
SETS, MOST = 16, 5000


def bound_with_files(
    repository: Repository, leaves: Sequence[Leaf], root: str | None
) -> VersionRecord | None:
    """The version that answers `leaves`, whose body read what its files say now; else None.

    A version that was made while nobody watched its files, or while they were no leaves, answers
    only if it is known to have read none.

    Args:
        repository: Where it lies.
        leaves: What is asked for, without files.
        root: Folder of the project, to which files are named.
    """
    asked = root_key(leaves)
    found = repository.lookup(asked)
    if found is not None and _read_no_files(found):
        return found
    for names in _sets(repository, asked):
        if (files := _leaves_now(names, root)) is not None:
            found = repository.lookup(root_key([*leaves, *files]))
            if found is not None:
                return found
    return None


def file_leaves(files: Mapping[str, Digest]) -> tuple[Leaf, ...]:
    """The leaves of files, given what was found in each by name.

    Raises:
        UnkeyableError: If they are too many for a key.
    """
    if len(files) > MOST:
        raise UnkeyableError(
            f"the body read {len(files)} files of the project, more than {MOST}: pass their folder "
            "as a Path parameter or a Source, or set files = 'warn'"
        )
    return tuple(
        Leaf(PREFIX + name, digest, "absent" if digest == ABSENT else None)
        for name, digest in sorted(files.items())
    )


def files_of(record: VersionRecord) -> dict[str, Digest]:
    """What the body of a version found in files of the project, by name."""
    leaves = (leaf for leaf in record.leaves if leaf.name.startswith(PREFIX))
    return {leaf.name.removeprefix(PREFIX): leaf.digest for leaf in leaves}


def remember_set(repository: Repository, asked: Key, record: VersionRecord) -> None:
    """Write down which files `record`, the answer to `asked`, read; a known set is not repeated."""
    names = sorted(files_of(record))
    journal = _journal(repository, asked)
    last = journal.last()
    if names and (last is None or (last.get("files"), last.get("key")) != (names, record.key)):
        journal.append({"files": names, "key": record.key})


def newest_key(repository: Repository, asked: Key) -> str | None:
    """The key of the version that answered `asked` last, when its body read files."""
    last = _journal(repository, asked).last()
    return None if last is None else str(last.get("key"))


def _sets(repository: Repository, asked: Key) -> Iterator[tuple[str, ...]]:
    seen: dict[tuple[str, ...], None] = {}
    for entry in reversed(_journal(repository, asked).entries()):
        names = entry.get("files")
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            seen.setdefault(tuple(names))
    yield from list(seen)[:SETS]


def _leaves_now(names: Sequence[str], root: str | None) -> tuple[Leaf, ...] | None:
    try:
        return file_leaves({name: found_at(root, name) for name in names})
    except OSError:
        return None


def _read_no_files(record: VersionRecord) -> bool:
    """Of a version without leaves of files: whether it is known that there were none to have."""
    hidden: Any = record.meta.get("hidden")
    if record.meta.get("files") == KEY:
        return True
    return isinstance(hidden, list) and not any(read.get("kind") == FILE for read in hidden)


def _journal(repository: Repository, asked: Key) -> Journal:
    return Journal(repository.store, "reads", lambda position: layout.reads(asked, position))
