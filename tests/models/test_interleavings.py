"""Real writers, collectors and people who undo, in every order of their calls to the store."""

from __future__ import annotations

import contextlib
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import pytest
from greenlet import getcurrent

from tests.models.interleavings import StoppingStore, explore
from tests.repositories import LARGE, NOW, draft, opened
from versioning import layout
from versioning.catalog import Catalog
from versioning.digest import digest_bytes
from versioning.errors import ConflictError, NotFoundError
from versioning.expiry import ERASED, RESTORED, Cause, Expiry
from versioning.invalidate import apply, plan
from versioning.invalidations import Invalidations
from versioning.plans import Saved
from versioning.prune import Applied, _Carrying
from versioning.records import Input, VersionRecord
from versioning.repository import Repository
from versioning.retention import Policy
from versioning.shards import in_silence
from versioning.storage import Store
from versioning.sweep import Patience, _Sweep, sweep

pytestmark = pytest.mark.slow
chance = secrets.token_hex
CAUSE = Cause(plan="plan", rule="all", actor="test", at=NOW)
# Nothing is waited for: each writer counts as dead, each trash period as over.
NONE = Patience(trash=timedelta(0), abandoned=timedelta(0), wait_seconds=0)


def writes(repository: Repository, name: str) -> None:
    with contextlib.suppress(ConflictError):
        repository.commit(LARGE, draft(name))


def sweeps(repository: Repository) -> None:
    sweep(repository, CAUSE, patience=NONE)


def restores(repository: Repository, record: VersionRecord) -> None:
    Expiry(repository).restore(record.id, CAUSE)


def trashes(repository: Repository, record: VersionRecord) -> None:
    Expiry(repository).trash(record.id, CAUSE)


def descends(repository: Repository, source: VersionRecord) -> None:
    """Writes what was made from `source`, as a step that has read it already does."""
    reads = (Input("rows", source.id, source.digest, source.seal),)
    with contextlib.suppress(ConflictError):
        repository.commit(b"made from it", draft("below", inputs=reads))


def invalidates(repository: Repository, source: VersionRecord) -> None:
    catalog = Catalog(repository)
    made = plan(repository, catalog, [source.id], reason="bad", down=True)
    apply(repository, catalog, made, CAUSE, patience=NONE)
    catalog.close()


def prunes(repository: Repository, record: VersionRecord) -> None:
    """Carries out a plan that expires one version."""
    catalog = Catalog(repository)
    policy = Policy.of({"rules": [{"keep_last": 1}]}, "test")
    carrying = _Carrying(
        repository, catalog, Saved("plan", NOW, policy, {record.id: "all"}), CAUSE, Applied()
    )
    assert carrying.trash(in_silence) is None
    catalog.close()


def rebinds(repository: Repository, name: str) -> None:
    """Commits another value for a key that is bound."""
    with contextlib.suppress(ConflictError):
        repository.commit(b"another value", draft(name), replace=True)


class World:
    """A store in memory with one version that is in the trash, and what must hold at the end."""

    def __init__(self, folder: Path, begun: World | None = None) -> None:
        self._folder = folder
        self.store = Store.memory()
        if begun is None:
            self.repository = opened(self.store.url, folder)
            self.trashed = self.repository.commit(LARGE, draft("old"))
            Expiry(self.repository).trash(self.trashed.id, CAUSE)
        else:
            # The same names in every order: an actor may act by which of them comes first.
            for entry in begun.store.list(""):
                self.store.put(entry.name, begun.store.stream(entry.name).read())
            self.repository = opened(self.store.url, folder)
            self.trashed = begun.trashed

    @cached_property
    def unbound(self) -> VersionRecord:
        """A version that is committed, and on its way to be bound."""
        return self.repository.commit(b"small", draft("source"), bind=False)

    @cached_property
    def pruned(self) -> VersionRecord:
        """A version that is bound, and that the index knows, which is another one each time."""
        cache = self._folder / chance(8)
        self.repository.settings = replace(self.repository.settings, cache=cache)
        record = self.repository.commit(b"small", draft("pruned"))
        with contextlib.closing(Catalog(self.repository)) as catalog:
            catalog.refresh()
        return record

    def actor(self) -> Repository:
        return Repository(
            StoppingStore(self.store),
            repository_id=self.repository.id,
            settings=self.repository.settings,
        )

    def check(self) -> None:
        for version_id in self.repository.ids():
            try:
                record = self.repository.record(version_id)
            except NotFoundError:
                continue
            last = Expiry(self.repository).last(version_id)
            if last is None or last.state != ERASED:
                assert self.repository.is_live(record), f"{version_id} lost its bytes"
            is_over = last is not None and last.state != RESTORED
            is_invalid = self.repository.is_invalid(version_id)
            answers = self.repository.answers(record)
            assert not (answers and (is_over or is_invalid)), f"{version_id} answers"
            above = self.repository.invalidations.among(item.id for item in record.inputs)
            assert not (above and not is_invalid), f"{version_id} was made from what is invalid"
        if "pruned" in vars(self):
            last = Expiry(self.repository).last(self.pruned.id)
            assert last is not None
            is_back = last.state == RESTORED and last.bound
            assert not is_back or self.repository.lookup(self.pruned.key), "it is back, unbound"


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Runs actors, named in one text, in every order; how many orders there are."""
    drawn: Counter[int] = Counter()

    def token_hex(size: int) -> str:
        """Each actor draws the same in every order, and so do those who were there before."""
        number = getattr(getcurrent(), "number", 0)
        drawn[number] += 1
        # Names of stores have 8 bytes, and each is another.
        fixed = f"{number:x}{drawn[number]:0{2 * size - 1}x}"
        return fixed if number or size == 16 else chance(size)

    monkeypatch.setattr(secrets, "token_hex", token_hex)

    def run(actors: str) -> int:
        begun = World(tmp_path)
        drawn_before = drawn.copy()

        def begin() -> tuple[list[Callable[[], None]], Callable[[], None]]:
            drawn.clear()
            drawn.update(drawn_before)
            world = World(tmp_path, begun)
            kinds: dict[str, Callable[[Repository], None]] = {
                "writer": lambda repository: writes(repository, "new"),
                "again": lambda repository: writes(repository, "old"),
                "undo": lambda repository: restores(repository, world.trashed),
                "retention": lambda repository: trashes(repository, world.trashed),
                "collector": sweeps,
                "reader": lambda repository: descends(repository, world.unbound),
                "binder": lambda repository: repository.bind(world.unbound),
                "invalidator": lambda repository: invalidates(repository, world.unbound),
                "pruner": lambda repository: prunes(repository, world.pruned),
                "rebinder": lambda repository: rebinds(repository, "pruned"),
                "undo-pruned": lambda repository: restores(repository, world.pruned),
                "censor": lambda repository: invalidates(repository, world.trashed),
            }
            if not {"reader", "binder", "invalidator"}.isdisjoint(actors.split()):
                # Before anybody acts, as actors stop at each call.
                assert world.unbound
            if "pruner" in actors.split():
                assert world.pruned
            chosen = [kinds[name] for name in actors.split()]
            # There is nothing in the other shards, and looking at each would take long.
            writers = [n for n, name in enumerate(actors.split(), 1) if name in {"writer", "again"}]
            shards = ("00", *(f"{number}0" for number in writers), digest_bytes(LARGE)[:2])
            monkeypatch.setattr("versioning.sweep.SHARDS", shards)
            return [lambda act=act: act(world.actor()) for act in chosen], world.check

        return sum(1 for _ in explore(begin))

    return run


@pytest.mark.parametrize(
    ("actors", "at_least"),
    [
        ("writer collector", 100),
        ("undo collector", 5),
        ("undo retention", 5),
        ("again undo retention", 30),
        ("writer undo collector", 500),
        ("binder invalidator", 5),
        ("reader invalidator", 30),
        ("undo censor", 10),
        ("undo-pruned pruner", 5),
        ("rebinder pruner", 10),
    ],
)
def test_no_order_of_calls_loses_a_byte(
    orders: Callable[[str], int], actors: str, at_least: int
) -> None:
    assert orders(actors) > at_least


def test_an_order_loses_a_byte_when_intents_are_not_closed(
    orders: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Sweep, "_close_intents", lambda self: True)
    with pytest.raises(AssertionError, match="lost its bytes"):
        orders("writer collector")


def test_an_order_loses_a_byte_when_writers_announce_nothing(
    orders: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    put = StoppingStore.put_if_absent
    monkeypatch.setattr(
        StoppingStore,
        "put_if_absent",
        lambda self, name, data, **options: (
            name.startswith(layout.INTENTS) or put(self, name, data, **options)
        ),
    )
    with pytest.raises(AssertionError, match="lost its bytes"):
        orders("writer collector")


def test_an_order_loses_a_byte_when_undo_does_not_ask_whether_it_was_first(
    orders: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    put = StoppingStore.put

    def put_anyway(self: StoppingStore, name: str, data: bytes, **options: bool) -> bool:
        put(self, name, data)
        return True

    monkeypatch.setattr(StoppingStore, "put_if_absent", put_anyway)
    with pytest.raises(AssertionError, match="lost its bytes"):
        orders("undo collector")


def test_an_order_keeps_what_is_invalid_when_writers_do_not_look(
    orders: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Invalidations.among
    monkeypatch.setattr(
        Invalidations, "among", lambda self, ids: set() if _is_actor() else look(self, ids)
    )
    with pytest.raises(AssertionError, match="answers"):
        orders("binder invalidator")
    with pytest.raises(AssertionError, match=r"answers|made from what is invalid"):
        orders("reader invalidator")


def _is_actor() -> bool:
    return getcurrent().parent is not None


def test_layout_names_are_taken_apart_as_they_are_built() -> None:
    blob = f"{'a' * 2}/{'a' * 64}-{'0' * 16}"
    assert layout.is_blob(blob)
    assert not layout.is_blob(f"bb/{blob[3:]}")
    assert layout.is_marks(layout.marks("aa", "0" * 16))
    assert not layout.is_marks("marks/x")
    assert layout.intended_id(layout.intent("0" * 32)) == "0" * 32
    assert layout.intended_id("intents/x") is None
