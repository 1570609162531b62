"""What a store may come to say that is not true, told to every kind of store.

After each lie a run gets the right values, whoever only reads gets them or an error, `verify` names
what is wrong, and with `--set-aside` and another run the repository is sound again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests import servers
from tests.contracts.job import ROWS, clean, load, split
from tests.repositories import edited, resealed
from versioning import layout
from versioning.api import Repository, Version
from versioning.digest import digest_bytes
from versioning.envelope import MAX_RECORD_BYTES, dump
from versioning.errors import FormatError, IntegrityError, NotFoundError
from versioning.outputs import Output
from versioning.records import VersionRecord
from versioning.settings import Settings
from versioning.steps import Step
from versioning.storage import Store

REFUSED = (FormatError, IntegrityError, NotFoundError)
Edit = Callable[[bytes], bytes]


LOAD, CLEAN, SPLIT = (Step(function, function.__name__) for function in (load, clean, split))
TRUTH = {
    "load 1": load("1"),
    "load 2": load("2"),
    "clean": {"rows": ROWS, "first": 49},
    "rows": ROWS,
    "head": b"111",
}


def answer(step: Step, repository: Repository, **parameters: Any) -> Output:
    """A step as a script runs it: found, or computed and committed."""
    call = step.call(repository, parameters)
    if call.find():
        return call.answer()
    args, kwargs = call.arguments()
    return call.commit(step.function(*args, **kwargs), seconds=1.0)


def run(repository: Repository) -> dict[str, Version]:
    """All steps, one below the other."""
    first, second = (answer(LOAD, repository, day=day) for day in "12")
    rows, head = answer(SPLIT, repository, table=first)
    small = answer(CLEAN, repository, table=first)
    return {"load 1": first, "load 2": second, "clean": small, "rows": rows, "head": head}


def opened(url: str, folder: Path, **options: Any) -> Repository:
    return Repository.open(url, settings=Settings(cache=folder), **options)


@dataclass
class World:
    """A repository, what is in it, and whoever lies about it."""

    url: str
    folder: Path
    told: Mapping[str, bytes] = field(default_factory=dict)
    repository: Repository = field(init=False)
    versions: dict[str, Version] = field(init=False)
    records: dict[str, VersionRecord] = field(init=False)
    strangers: int = 0

    def __post_init__(self) -> None:
        store = Store.open(self.url)
        # At once, since each takes a while on a server.
        with ThreadPoolExecutor(store.callers) as callers:
            list(callers.map(store.put, self.told, self.told.values()))
        self.repository = opened(self.url, self.folder / "cache")
        # As others hold them: without the means to compute the value again.
        self.versions = {
            name: Version.of(self.repository, version.record)
            for name, version in run(self.repository).items()
        }
        if not self.told:
            self.name(self.versions["clean"])
            self.repository.pin(self.versions["clean"], "audit")
            self.repository.write_run("r1", "1", {"flow": "f", "ended": "2026-01-02T03:04:05Z"})
        self.records = {name: version.record for name, version in self.versions.items()}
        assert self.repository.verify().is_sound
        assert self.values(self.repository) == TRUTH

    def name(self, version: Version) -> None:
        for alias in ("challenger", "champion"):
            self.repository.append_name("delays", {"alias": alias, "version": version.id})

    @property
    def store(self) -> Store:
        return self.repository.store

    def stranger(self) -> Repository:
        """Somebody else who opens it, and has seen nothing of it."""
        self.strangers += 1
        return opened(self.url, self.folder / f"stranger {self.strangers}")

    def values(self, repository: Repository) -> dict[str, Any]:
        return {name: version.load() for name, version in run(repository).items()}

    def blob(self, name: str) -> str:
        [blob] = self.records[name].manifest
        return layout.blob(str(blob.name))

    def places(self, name: str, where: str) -> list[str]:
        record = self.records[name]
        places = {"version": layout.version(record.id), "binding": layout.binding(record.key)}
        return [places[where]] if where in places else list(places.values())

    def edit(self, name: str, change: Edit, where: str) -> str:
        """Change the stored copies of a record; returns the id that must be named."""
        places = self.places(name, where)
        for place in places:
            self.store.put(place, change(self.store.get(place)))
        return self.records[name].id if where != "binding" else self.records[name].key


Lie = Callable[[World], str]
LIES: dict[str, Lie] = {}


def lie(what: str) -> Callable[[Lie], Lie]:
    def keep(tell: Lie) -> Lie:
        assert what not in LIES
        LIES[what] = tell
        return tell

    return keep


# Blobs ----------------------------------------------------------------------------------------


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


BLOBS: dict[str, Edit] = {
    "its first bit flipped": lambda data: flipped(data, 0),
    "a bit in its middle flipped": lambda data: flipped(data, len(data) // 2),
    "its last bit flipped": lambda data: flipped(data, len(data) - 1),
    "its end cut off": lambda data: data[:-1],
    "no bytes": lambda data: b"",
    "more bytes": lambda data: data + b"\0",
}


def on_blob(change: Edit) -> Lie:
    def tell(world: World) -> str:
        name = world.blob("load 1")
        world.store.put(name, change(load("1")))
        return world.versions["load 1"].id

    return tell


for what, change in BLOBS.items():
    lie(f"a blob with {what}")(on_blob(change))


@lie("a blob in the place of another")
def _swapped_blob(world: World) -> str:
    world.store.put(world.blob("load 1"), load("2"))
    return world.versions["load 1"].id


@lie("two blobs in the places of each other")
def _exchanged_blobs(world: World) -> str:
    world.store.put(world.blob("load 1"), load("2"))
    world.store.put(world.blob("load 2"), load("1"))
    return world.versions["load 2"].id


@lie("a blob that is gone")
def _lost_blob(world: World) -> str:
    world.store.delete(world.blob("load 1"))
    return world.versions["load 1"].id


# Records --------------------------------------------------------------------------------------


def inline(data: bytes) -> bytes:
    """Another value in the record of a small one, with the digest that belongs to it."""
    part = {"part": "value.json", "digest": digest_bytes(b"[1]"), "size_bytes": 3, "inline": "WzFd"}
    return edited(data, manifest=[part])


RECORDS: dict[str, Edit] = {
    "a flipped bit": lambda data: flipped(data, data.index(b'"created"') + 12),
    "its end cut off": lambda data: data[:-1],
    "no bytes": lambda data: b"",
    "other seconds": lambda data: edited(data, seconds=0.5),
    "another digest": lambda data: edited(data, digest="0" * 64),
    "another step": lambda data: edited(data, step="other"),
    "no inputs": lambda data: edited(data, inputs=[], added="later"),
    "another value": inline,
    "other facts": lambda data: edited(data, meta={"outputs": [{"id": "../../x"}]}),
    "white space": lambda data: data + b"\n",
    "format 0": lambda data: edited(data, format=0),
    "a format that is text": lambda data: edited(data, format="1"),
    "another kind": lambda data: edited(data, kind="run"),
    "a field that nobody knows": lambda data: edited(data, unknown=True),
    "deep JSON": lambda data: b"[" * 100_000,
    "too many bytes": lambda data: b" " * (MAX_RECORD_BYTES + 1),
    "a part that climbs": lambda data: resealed(
        data, manifest=[{**orjson.loads(data)["manifest"][0], "part": "../../x"}]
    ),
    "a size that no number holds": lambda data: resealed(
        data, manifest=[{**orjson.loads(data)["manifest"][0], "size_bytes": 2**63}]
    ),
    "a moment that no clock shows": lambda data: resealed(
        data, created="0001-01-01T00:00:00+14:00"
    ),
    "leaves of another key": lambda data: resealed(data, key="0" * 64),
    "the id of another repository": lambda data: resealed(data, repository="0" * 32),
}
WHERE = ("version", "binding", "both")


def on_record(name: str, change: Edit, where: str) -> Lie:
    return lambda world: world.edit(name, change, where)


for what, change in RECORDS.items():
    for where in WHERE:
        lie(f"{where}: {what}")(on_record("clean", change, where))


OUTPUTS: dict[str, Any] = {
    "a number": 5,
    "text": "ab",
    "a list of text": ["ab"],
    "an id that climbs": [{"id": "../../x"}],
    "an id and no more": [{"id": "0" * 32}],
}


def on_outputs(outputs: Any) -> Lie:
    """A binding, sealed anew, that tells of outputs."""

    def tell(world: World) -> str:
        world.edit("clean", lambda data: resealed(data, meta={"outputs": outputs}), "binding")
        return world.records["clean"].id

    return tell


for what, outputs in OUTPUTS.items():
    lie(f"a binding whose outputs are {what}, sealed anew")(on_outputs(outputs))


def on_output(change: Edit) -> Lie:
    return lambda world: world.edit("head", change, "version")


for what in ("a flipped bit", "no bytes", "another value"):
    lie(f"a part of a tuple: {what}")(on_output(RECORDS[what]))


@lie("a record that is gone")
def _lost_record(world: World) -> str:
    [place] = world.places("clean", "version")
    world.store.delete(place)
    return world.records["clean"].id


@lie("a record of which a collector says that it never was")
def _revoked_record(world: World) -> str:
    [place] = world.places("clean", "version")
    world.store.put(place, dump("revoked", {}))
    return world.records["clean"].id


@lie("a record under the id of another")
def _moved_record(world: World) -> str:
    places = [world.places(name, "version")[0] for name in ("load 1", "load 2")]
    world.store.put(places[0], world.store.get(places[1]))
    return world.records["load 1"].id


@lie("a binding of another key")
def _moved_binding(world: World) -> str:
    places = [world.places(name, "binding")[0] for name in ("load 1", "load 2")]
    world.store.put(places[0], world.store.get(places[1]))
    return world.records["load 1"].key


@lie("a binding that names the manifest of another version, sealed anew")
def _forged_binding(world: World) -> str:
    manifest = orjson.loads(world.store.get(world.places("load 2", "binding")[0]))["manifest"]
    world.edit("load 1", lambda data: resealed(data, manifest=manifest), "binding")
    return world.records["load 1"].id


@lie("a version of another repository, bound here")
def _foreign_version(world: World) -> str:
    elsewhere = opened(str(world.folder / "elsewhere"), world.folder / "elsewhere cache")
    call = LOAD.call(elsewhere, {"day": "1"})
    foreign = call.commit(load("3"), seconds=1.0)
    assert isinstance(foreign, Version)
    assert foreign.key == world.records["load 1"].key
    for entry in list(elsewhere.store.list("")):
        if entry.name != layout.REPOSITORY:
            with elsewhere.store.stream(entry.name) as stream:
                world.store.put(entry.name, stream.read())
    return foreign.id


# The contract ---------------------------------------------------------------------------------


def named(report: Any) -> str:
    """Everything that a report says is wrong."""
    return " ".join(
        str(item) for found in (report.damaged, report.dangling, report.gone) for item in found
    )


def check_whoever_only_reads(world: World, repository: Repository) -> None:
    """The truth or an error, by every door."""
    for name, version in world.versions.items():
        with suppress(*REFUSED):
            assert repository.get(version.id).load() == TRUTH[name]
        with suppress(*REFUSED):
            assert version.load() == TRUTH[name]
        with suppress(*REFUSED):
            assert repository.record(version.id) == world.records[name]
    known = {version.id: version for version in world.versions.values()}
    for row in repository.versions():
        if row.id in known:
            assert (row.step, row.digest, row.key) == (
                known[row.id].step,
                known[row.id].digest,
                known[row.id].key,
            )


# Each kind once, where every request takes its time: stores differ in how bytes come and go, and
# what is made of the bytes is the same everywhere.
KINDS = (
    "a blob with a bit in its middle flipped",
    "a blob with its end cut off",
    "two blobs in the places of each other",
    "a blob that is gone",
    "version: a flipped bit",
    "both: another value",
    "binding: format 0",
    "a record that is gone",
    "a binding of another key",
    "a binding that names the manifest of another version, sealed anew",
    "a version of another repository, bound here",
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "what" in metafunc.fixturenames and metafunc.cls is not None:
        metafunc.parametrize("what", metafunc.cls.lies)


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a sound repository holds, by name; written once, as that takes time where stores do."""
    world = World(Store.memory().url, tmp_path_factory.mktemp("told"))
    found = {}
    for entry in world.store.list(""):
        with world.store.stream(entry.name) as stream:
            found[entry.name] = stream.read()
    return found


class LieContract:
    """What must hold on every store; a subclass supplies the `url` fixture."""

    lies: Iterable[str] = LIES

    @pytest.fixture
    def world(self, url: str, tmp_path: Path, told: dict[str, bytes]) -> World:
        return World(url, tmp_path, told)

    def test_a_lie_is_never_served_and_always_found(self, world: World, what: str) -> None:
        expected = LIES[what](world)
        stranger = world.stranger()
        for reader in (world.repository, stranger):
            check_whoever_only_reads(world, reader)
        report = stranger.verify()
        assert not report.is_sound
        assert expected in named(report)
        for reader in (stranger, world.repository):
            assert world.values(reader) == TRUTH
        stranger = world.stranger()
        stranger.verify(set_aside=True)
        again = run(stranger)
        if "let it name another version" in named(stranger.verify()):
            world.name(again["clean"])
        report = world.repository.verify()
        assert report.is_sound, named(report)
        assert world.repository.catalog.gone() == {}
        assert world.values(stranger) == TRUTH

    def test_a_store_that_is_set_back_is_found(self, world: World) -> None:
        yesterday = {entry.name for entry in world.store.list("")}
        later = answer(LOAD, world.repository, day="3")
        assert isinstance(later, Version)
        world.repository.append_name("delays", {"alias": "champion", "version": later.id})
        assert world.repository.verify().is_sound
        # Nobody looks between this run and the rollback.
        last = answer(LOAD, world.repository, day="4")
        assert isinstance(last, Version)
        lost = {entry.name for entry in world.store.list("")} - yesterday
        for name in lost:
            world.store.delete(name)
        assert world.stranger().verify().is_sound
        # With them what was captured, where this process changed meanwhile.
        versions = {name for name in lost if name.startswith(layout.VERSIONS)}
        assert {layout.version(later.id), layout.version(last.id)} <= versions
        gone = {item.name for item in world.repository.verify().gone}
        assert gone == {*versions, "names/delays"}
        world.repository.catalog.accept()
        assert world.repository.verify().is_sound

    def test_a_repository_that_lost_its_own_record_is_the_same_one(self, world: World) -> None:
        world.store.delete(layout.REPOSITORY)
        assert world.stranger().id == world.repository.id
        assert world.stranger().verify().is_sound

    def test_an_edited_repository_record_is_refused_and_says_what_to_do(self, world: World) -> None:
        data = world.store.get(layout.REPOSITORY)
        world.store.put(layout.REPOSITORY, edited(data, id="0" * 32))
        with pytest.raises(IntegrityError, match="remove it"):
            world.stranger()
        world.store.put(layout.REPOSITORY, resealed(data, id="0" * 32))
        assert world.values(world.stranger()) == TRUTH
        world.store.put(layout.REPOSITORY, edited(data, format=2))
        with pytest.raises(FormatError, match="upgrade"):
            world.stranger()

    def test_a_record_sealed_anew_is_refused_by_whoever_kept_its_seal(self, world: World) -> None:
        manifest = orjson.loads(world.store.get(world.places("load 2", "version")[0]))["manifest"]
        world.edit("load 1", lambda data: resealed(data, manifest=manifest), "both")
        with pytest.raises(IntegrityError, match="sealed anew"):
            world.versions["load 1"].load()
        readers = {world.versions["clean"].id}
        assert readers <= {damage.id for damage in world.stranger().verify().damaged}


class MoreLies(LieContract):
    """What takes no server to find out."""

    def test_what_is_said_beside_versions_is_checked(self, world: World) -> None:
        for entry in list(world.store.list("")):
            if entry.name.startswith((layout.NAMES, layout.PINS, layout.RUNS)):
                world.store.put(entry.name, edited(world.store.get(entry.name), alias="other"))
        assert {item.blob for item in world.stranger().verify().damaged} == {
            "names/delays/00000000",
            "names/delays/00000001",
            f"pins/{world.versions['clean'].id}/00000000",
            "runs/r1/1",
        }
        with pytest.raises(IntegrityError):
            world.repository.name_history("delays")
        # Whatever the pin said, the version is protected.
        assert set(world.repository.pins()) == {world.versions["clean"].id}

    def test_a_history_with_a_hole_is_found(self, world: World) -> None:
        world.store.delete(layout.name_entry("delays", 0))
        [damage] = world.stranger().verify().damaged
        assert damage.blob == "names/delays/00000000"

    def test_names_that_are_not_ours_are_ignored(self, world: World) -> None:
        odd = ("names/README", "names/.x/00000000", "names/delays/last", "pins/x/y", "runs/a/b/c")
        for name in odd:
            world.store.put(name, b"?")
        assert world.stranger().verify().is_sound
        assert len(world.repository.name_history("delays")) == 2
        assert set(world.repository.pins()) == {world.versions["clean"].id}

    @pytest.mark.parametrize("where", WHERE)
    def test_a_record_of_a_newer_format_is_a_miss_and_left_alone(
        self, world: World, where: str
    ) -> None:
        world.edit("clean", lambda data: edited(data, format=2), where)
        places = {place: world.store.get(place) for place in world.places("clean", where)}
        report = world.stranger().verify(set_aside=True)
        assert "upgrade prefect-versioning" in named(report)
        assert {place: world.store.get(place) for place in places} == places
        assert world.values(world.stranger()) == TRUTH

    def test_a_part_of_a_tuple_that_was_sealed_anew_is_computed_again(self, world: World) -> None:
        manifest = orjson.loads(world.store.get(world.places("rows", "version")[0]))["manifest"]
        world.edit("head", lambda data: resealed(data, manifest=manifest), "version")
        with pytest.raises(IntegrityError, match="sealed anew"):
            world.versions["head"].load()
        assert world.values(world.stranger()) == TRUTH
        assert world.records["head"].id in named(world.stranger().verify())


class TestLiesInMemory(MoreLies):
    @pytest.fixture
    def url(self) -> str:
        self.store = Store.memory()
        return self.store.url


class TestLiesOnDisk(MoreLies):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return str(tmp_path / "repository")


@pytest.fixture(scope="class")
def bucket(server: servers.Server) -> str:
    """One for all tests of a class: some servers give each bucket disks of its own."""
    return server.bucket()


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
class RemoteLieContract(LieContract):
    lies = KINDS
    protocol: str
    serving: Callable[[], AbstractContextManager[servers.Server]]

    @pytest.fixture
    def url(self, bucket: str) -> str:
        return f"{self.protocol}://{bucket}/{uuid.uuid4().hex}"


@pytest.mark.slow
class TestLiesOnSeaweed(RemoteLieContract):
    protocol = "s3"
    serving = staticmethod(servers.s3_server)


@pytest.mark.slow
class TestLiesOnAzure(RemoteLieContract):
    protocol = "az"
    serving = staticmethod(servers.azure_server)


@pytest.mark.slow
class TestLiesOnGoogle(RemoteLieContract):
    protocol = "gs"
    serving = staticmethod(servers.gcs_server)
