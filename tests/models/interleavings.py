"""Every order in which several actors can make their calls to a store.

Each actor runs in a greenlet and stops before each call. An execution is a list of choices of who
goes next; all executions are tried, by depth first search. Two calls commute when they touch
different names or only read, and of the orders that differ only in such pairs one is tried: sleep
sets, after Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", 1996, and
source sets, after Abdulla and others, "Optimal Dynamic Partial Order Reduction", 2014.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from greenlet import GreenletExit, getcurrent, greenlet

from versioning.storage import Entry, Store


class Call(NamedTuple):
    """What an actor is about to do: to which name, or to all that begin with it."""

    name: str
    is_prefix: bool = False
    writes: bool = False

    def commutes_with(self, other: Call) -> bool:
        return not (self.writes or other.writes) or not (self.covers(other) or other.covers(self))

    def covers(self, other: Call) -> bool:
        return other.name.startswith(self.name) if self.is_prefix else other.name == self.name


class StoppingStore(Store):
    """Hands over to whoever drives the actors before each call."""

    def __init__(self, store: Store) -> None:
        self.url = store.url
        self._store = store

    def get(self, name: str) -> bytes:
        _stop(Call(name))
        return self._store.get(name)

    def put_if_absent(self, name: str, data: bytes, *, durable: bool = True) -> bool:
        _stop(Call(name, writes=True))
        return self._store.put_if_absent(name, data, durable=durable)

    def put(self, name: str, data: bytes) -> None:
        _stop(Call(name, writes=True))
        self._store.put(name, data)

    def add_file(self, name: str, path: Path) -> None:
        _stop(Call(name, writes=True))
        self._store.add_file(name, path)

    def staging(self) -> Path:
        return self._store.staging()

    def stream(self, name: str) -> BinaryIO:
        _stop(Call(name))
        return self._store.stream(name)

    def sizes(self, names: Iterable[str]) -> list[int | None]:
        found: list[int | None] = []
        for name in names:
            _stop(Call(name))
            found += self._store.sizes([name])
        return found

    def stamps(self, names: Iterable[str]) -> list[str | None]:
        found: list[str | None] = []
        for name in names:
            _stop(Call(name))
            found += self._store.stamps([name])
        return found

    def list(self, prefix: str) -> Iterator[Entry]:
        _stop(Call(prefix, is_prefix=True))
        return iter(list(self._store.list(prefix)))

    def delete(self, name: str) -> None:
        _stop(Call(name, writes=True))
        self._store.delete(name)

    def move(self, name: str, new: str) -> None:
        raise NotImplementedError

    def self_test(self) -> None:
        pass


def _stop(call: Call) -> None:
    current = getcurrent()
    if current.parent is not None:
        current.parent.switch(call)


@dataclass
class _Point:
    """A moment of an execution: who could go on with what, who should, who was tried.

    Whoever is `asleep` need not be tried. `causes` are the moments of the calls without which that
    of `chosen` would not be what it is.
    """

    waiting: dict[int, Call]
    asleep: set[int]
    wanted: set[int]
    tried: set[int] = field(default_factory=set)
    chosen: int = -1
    causes: set[int] = field(default_factory=set)

    @property
    def call(self) -> Call:
        return self.waiting[self.chosen]

    def choose(self) -> bool:
        left = self.wanted - self.tried - self.asleep
        self.chosen = min(left, default=-1)
        return self.chosen >= 0

    def asleep_next(self) -> set[int]:
        idle = (self.asleep | self.tried) - {self.chosen}
        return {actor for actor in idle if self.waiting[actor].commutes_with(self.call)}


def _look_back(path: list[_Point]) -> None:
    """Want the other order, too, of the last call and each that it races with."""
    last = path[-1]
    last.causes = set()
    for moment in reversed(range(len(path) - 1)):
        point = path[moment]
        is_own = point.chosen == last.chosen
        if moment in last.causes or (not is_own and point.call.commutes_with(last.call)):
            continue
        last.causes |= {moment} | point.causes
        if not is_own:
            _want_the_other_order(path, moment)


def _want_the_other_order(path: list[_Point], moment: int) -> None:
    """Let somebody go on at a moment who leads to the last call before that of then."""
    end = len(path) - 1
    free = [later for later in range(moment + 1, end) if moment not in path[later].causes]
    first: dict[int, int] = {}
    for later in [*free, end]:
        first.setdefault(path[later].chosen, later)
    able = {actor for actor, later in first.items() if path[later].causes.isdisjoint(free)}
    if able.isdisjoint(path[moment].wanted):
        path[moment].wanted.add(min(able))


def explore(
    begin: Callable[[], tuple[Sequence[Callable[[], Any]], Callable[[], None]]],
) -> Iterator[int]:
    """Try every order; yields the number of calls of each execution that ran to its end.

    Args:
        begin: Makes a fresh store and gives the actors and what to check after all of them ended.
    """
    path: list[_Point] = []
    while True:
        actors, check = begin()
        if _execute([_numbered(actor, index) for index, actor in enumerate(actors, 1)], path):
            check()
            yield len(path)
        while path:
            path[-1].tried.add(path[-1].chosen)
            if path[-1].choose():
                _look_back(path)
                break
            path.pop()
        if not path:
            return


def _numbered(actor: Callable[[], Any], number: int) -> greenlet:
    numbered = greenlet(actor)
    numbered.number = number
    return numbered


def _execute(actors: list[greenlet], path: list[_Point]) -> bool:
    """Replay `path`, then go on to the end; whether it was one that need be looked at."""
    waiting = {index: actor.switch() for index, actor in enumerate(actors)}
    waiting = {index: call for index, call in waiting.items() if not actors[index].dead}
    depth = 0
    while waiting:
        if depth == len(path):
            asleep = path[-1].asleep_next() if path else set()
            awake = waiting.keys() - asleep
            path.append(_Point(dict(waiting), asleep, wanted={min(awake, default=-1)}))
            if path[-1].choose():
                _look_back(path)
            else:
                path.pop()
                for index in waiting:
                    actors[index].throw(GreenletExit)
                return False
        point = path[depth]
        call = actors[point.chosen].switch()
        if actors[point.chosen].dead:
            del waiting[point.chosen]
        else:
            waiting[point.chosen] = call
        depth += 1
    return True
