"""How often a store is asked: for a hit, for a commit, and for all that a miss takes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.repositories import LARGE, CrashingStore, draft, key
from tests.steps import commit
from versioning import Repository
from versioning.leases import Leases
from versioning.storage import Store

SMALL = {"auc": 0.9}


@dataclass(frozen=True)
class Bound:
    """How many requests something may take at most; `ready` gives what then is counted."""

    what: str
    most: int
    ready: Callable[[Repository, str], Callable[[], object]]


class Counted(CrashingStore):
    """A store that never dies, and remembers what it was asked; of many names, each counts."""

    # As of a store that is far away.
    callers = 16
    is_far = True

    def __init__(self, store: Store) -> None:
        super().__init__(store, calls=-1)
        self.asked: list[str] = []

    def _do(self, name: str, *args: Any, **options: Any) -> Any:
        if args:
            about = args[0] if isinstance(args[0], list) else [args[0]]
            self.asked += [f"{name} {item}" for item in about]
        return getattr(self._store, name)(*args, **options)


def _hit(value: object) -> Callable[[Repository, str], Callable[[], object]]:
    def ready(repository: Repository, name: str) -> Callable[[], object]:
        repository.commit(value, draft(name))
        return lambda: repository.lookup(key(name))

    return ready


def _commit(value: object) -> Callable[[Repository, str], Callable[[], object]]:
    return lambda repository, name: lambda: repository.commit(value, draft(name))


def _commit_new_blob(repository: Repository, name: str) -> Callable[[], object]:
    return lambda: repository.commit(LARGE + name.encode(), draft(name))


def _commit_below(repository: Repository, name: str) -> Callable[[], object]:
    reads = {f"x{n}": commit(repository, SMALL, "above", name=name, n=n) for n in range(2)}
    return lambda: commit(repository, SMALL, "below", reads=reads, name=name)


def _miss(repository: Repository, name: str) -> Callable[[], object]:
    """What a step does beside its body."""
    leases = Leases(repository.store, 15.0)

    def miss() -> None:
        assert repository.lookup(key(name)) is None
        lease = leases.acquire(key(name))
        assert lease is not None
        assert repository.lookup(key(name)) is None
        repository.commit(SMALL, draft(name))
        leases.release(lease)

    return miss


BOUNDS = (
    Bound("a hit", 1, _hit(SMALL)),
    Bound("a hit of a value in one blob", 2, _hit(LARGE)),
    Bound("a small commit", 3, _commit(SMALL)),
    Bound("a small commit that read two versions", 5, _commit_below),
    Bound("a commit of one blob", 7, _commit_new_blob),
    # Whoever reuses a blob looks first whether a collector has marked it.
    Bound("a commit of a blob that is there", 12, _commit(LARGE)),
    Bound("a small miss, with its lease", 8, _miss),
)


def counted(repository: Repository, asked: list[str]) -> dict[str, list[str]]:
    """What each of `BOUNDS` asks for; `asked` is where requests are written down.

    Hits also ask once a minute what is invalid, which is not counted.
    """
    found = {}
    known = repository.commit(SMALL, draft("known"))
    for bound in BOUNDS:
        act = bound.ready(repository, secrets.token_hex(4))
        assert repository.lookup(known.key) is not None
        asked.clear()
        act()
        found[bound.what] = list(asked)
    return found
