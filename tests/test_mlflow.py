"""MLflow: one registered model version for each version, served from the repository."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.repositories import resealed
from tests.servers import mlflow_server
from versioning import layout
from versioning.api import Repository, Version
from versioning.digest import digest_bytes
from versioning.errors import FormatError, IntegrityError, NotFoundError, StorageError
from versioning.integrations import mlflow as ours
from versioning.keys import Leaf, root_key
from versioning.repository import Draft
from versioning.settings import Settings

# What MLflow's own code is warned of.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*AnyType:UserWarning"),
]

WEIGHTS = {"slope": np.array([2.0, 3.0]), "start": np.array([1.0])}


def predict(model: dict[str, np.ndarray], table: pd.DataFrame) -> np.ndarray:
    return table.to_numpy() @ model["slope"] + model["start"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, in which nothing may appear."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    settings = Settings(cache=tmp_path / "cache")
    return Repository.open(str(tmp_path / "versioning"), settings=settings)


@pytest.fixture(scope="module")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Making the tables takes over a second, so it is done once."""
    file = tmp_path_factory.mktemp("registry") / "mlflow.db"
    assert ours.registered_as("m", "none", uri=f"sqlite:///{file}") is None
    return file


@pytest.fixture
def uri(repository: Repository, empty_registry: Path) -> str:
    uri = ours.tracking_uri(repository.url, {})
    shutil.copy(empty_registry, uri.removeprefix("sqlite:///"))
    return uri


def commit(repository: Repository, value: object, name: str = "weights") -> Version:
    leaves = (Leaf("params/name", digest_bytes(name.encode())),)
    draft = Draft(
        key=root_key(leaves),
        leaves=leaves,
        step="train",
        function="tests:train",
        flow=None,
        inputs=(),
        seconds=1.0,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        meta={},
    )
    return Version.of(repository, repository.commit(value, draft))


def numbers(uri: str, name: str = "m") -> list[int]:
    from mlflow import MlflowClient

    found = MlflowClient(uri, uri).search_model_versions(f"name = '{name}'")
    return sorted(int(item.version) for item in found)


def test_the_registry_lies_beside_the_repository(repository: Repository, tmp_path: Path) -> None:
    assert ours.tracking_uri(repository.url, {}) == f"sqlite:///{tmp_path}/mlflow.db"
    assert ours.tracking_uri(f"file://{tmp_path}/r", {}) == f"sqlite:///{tmp_path}/mlflow.db"


def test_the_variable_of_mlflow_is_respected(repository: Repository) -> None:
    environ = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"}
    assert ours.tracking_uri(repository.url, environ) == "http://127.0.0.1:5000"


def test_a_remote_repository_needs_to_be_told_where_its_registry_is() -> None:
    with pytest.raises(FormatError, match="set MLFLOW_TRACKING_URI"):
        ours.tracking_uri("s3://bucket/versioning", {})


def test_registering_twice_is_as_once(repository: Repository, uri: str) -> None:
    version = commit(repository, WEIGHTS)
    first = ours.register(version, "m", uri=uri, tags={"metric.auc": "0.61"})
    second = ours.register(version, "m", uri=uri, tags={"metric.auc": "0.62"})
    assert first.number == second.number == 1
    assert numbers(uri) == [1]
    ours.set_alias("m", ours.CHAMPION, first.number, uri=uri)
    found = ours.registered_as("m", ours.CHAMPION, uri=uri)
    assert found is not None
    assert found.version_id == version.id
    assert found.tags == {
        "versioning.id": version.id,
        "versioning.digest": version.digest,
        "versioning.key": version.key,
        "versioning.seal": version.seal,
        "metric.auc": "0.62",
    }


def test_another_version_is_another_registered_one(repository: Repository, uri: str) -> None:
    ours.register(commit(repository, WEIGHTS), "m", uri=uri)
    second = ours.register(commit(repository, {"slope": np.ones(2)}, "other"), "m", uri=uri)
    assert second.number == 2


def test_an_alias_that_nobody_set_names_nothing(repository: Repository, uri: str) -> None:
    assert ours.registered_as("m", ours.CHAMPION, uri=uri) is None
    ours.register(commit(repository, WEIGHTS), "m", uri=uri)
    assert ours.registered_as("m", ours.CHAMPION, uri=uri) is None


def test_an_alias_moves(repository: Repository, uri: str) -> None:
    for name, value in (("a", WEIGHTS), ("b", {"slope": np.ones(2)})):
        entry = ours.register(commit(repository, value, name), "m", uri=uri)
        ours.set_alias("m", ours.CHALLENGER, entry.number, uri=uri)
    found = ours.registered_as("m", ours.CHALLENGER, uri=uri)
    assert found is not None
    assert found.number == 2


def test_a_registry_that_does_not_answer_says_so(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "not-sqlite.db").write_text("this is no database " * 100)
    uri = f"sqlite:///{tmp_path}/not-sqlite.db"
    with pytest.raises(StorageError, match="check MLFLOW_TRACKING_URI"):
        ours.register(commit(repository, WEIGHTS), "m", uri=uri)


@pytest.fixture
def champion(repository: Repository, uri: str, monkeypatch: pytest.MonkeyPatch) -> Version:
    import mlflow

    version = commit(repository, WEIGHTS | {"ballast": np.zeros(200_000)})
    served_by = f"{__name__}:predict"
    entry = ours.register(version, "m", uri=uri, predict=served_by)
    ours.set_alias("m", ours.CHAMPION, entry.number, uri=uri)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return version


def test_the_champion_loads_through_its_alias(champion: Version, elsewhere: Path) -> None:
    import mlflow

    model = mlflow.pyfunc.load_model("models:/m@champion")
    assert model.predict(pd.DataFrame({"a": [1.0], "b": [10.0]})).tolist() == [33.0]
    assert list(elsewhere.iterdir()) == []


def test_loading_copies_no_bytes(champion: Version, tmp_path: Path) -> None:
    import mlflow

    folder = tmp_path / "download"
    folder.mkdir()
    mlflow.pyfunc.load_model("models:/m@champion", dst_path=str(folder))
    files = {file.name: file.stat().st_size for file in folder.rglob("*") if file.is_file()}
    assert {"MLmodel", "version.json"} <= files.keys()
    assert sum(files.values()) < 2000 < champion.size_bytes
    beside = {entry.name for entry in tmp_path.iterdir()}
    assert beside <= {"cwd", "cache", "versioning", "mlflow.db", "mlflow.db.lock", "download"}


def test_the_source_itself_can_be_loaded_in_every_spelling(champion: Version) -> None:
    import mlflow

    table = pd.DataFrame({"a": [1.0], "b": [10.0]})
    source = ours.source_uri(champion, predict=f"{__name__}:predict")
    for spelled in (source, source.replace(":///", ":/"), source.replace(":///", "://")):
        assert mlflow.pyfunc.load_model(spelled).predict(table).tolist() == [33.0]


def test_a_model_that_was_edited_and_sealed_anew_is_not_served(
    repository: Repository, champion: Version
) -> None:
    for name in (layout.version(champion.id), layout.binding(champion.key)):
        repository.store.put(name, resealed(repository.store.get(name), digest="0" * 64))
    import mlflow

    with pytest.raises(IntegrityError, match="when it was registered"):
        mlflow.pyfunc.load_model("models:/m@champion")


def test_a_version_is_read_only_to_mlflow(champion: Version, tmp_path: Path) -> None:
    from mlflow.exceptions import MlflowException

    files = ours.VersionArtifactRepository(ours.source_uri(champion))
    assert [item.path for item in files.list_artifacts()] == ["MLmodel", "version.json"]
    (tmp_path / "x").write_text("x")
    with pytest.raises(MlflowException, match="never changed"):
        files.log_artifact(str(tmp_path / "x"))
    with pytest.raises(MlflowException, match="never changed"):
        files.log_artifacts(str(tmp_path))


@pytest.mark.parametrize("uri", ["versioning://nonsense", "versioning:/", "versioning:/../etc"])
def test_a_uri_that_names_no_version_is_refused(uri: str) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="names no version"):
        ours.VersionArtifactRepository(uri).list_artifacts()


def test_a_version_that_is_gone_is_named(champion: Version, repository: Repository) -> None:
    import mlflow

    with pytest.raises(NotFoundError, match="a" * 12):
        mlflow.pyfunc.load_model(f"versioning:///{'a' * 32}?repository={repository.url}")


def test_a_function_that_cannot_be_imported_is_named(champion: Version) -> None:
    import mlflow

    source = ours.source_uri(champion, predict="nowhere.wine:predict")
    with pytest.raises(FormatError, match=r"served by nowhere\.wine:predict"):
        mlflow.pyfunc.load_model(source)


def _race(uri: str, versions: list[Version], barrier: object, found: object) -> None:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    logging.disable(logging.WARNING)
    for version in versions:
        barrier.wait()
        entry = ours.register(version, "m", uri=uri)
        ours.set_alias("m", ours.CHALLENGER, entry.number, uri=uri)
        found.put((version.id, entry.number))


@pytest.mark.slow
def test_six_processes_register_each_version_once(repository: Repository) -> None:
    uri = ours.tracking_uri(repository.url, {})
    versions = [commit(repository, {"n": n}, str(n)) for n in range(4)]
    spawn = multiprocessing.get_context("spawn")
    barrier, found = spawn.Barrier(6), spawn.Queue()
    workers = [spawn.Process(target=_race, args=(uri, versions, barrier, found)) for _ in range(6)]
    for worker in workers:
        worker.start()
    answers = {found.get(timeout=120) for _ in range(6 * len(versions))}
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 6
    assert len(answers) == len(versions), "everybody got the same number for the same version"
    assert sorted(number for _, number in answers) == numbers(uri)


@pytest.fixture
def server() -> Iterator[str]:
    with mlflow_server() as running:
        yield running.url


@pytest.mark.slow
def test_a_server_registers_and_serves_as_a_file_does(
    server: str, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    version = commit(repository, WEIGHTS)
    entry = ours.register(version, "m", uri=server, predict=f"{__name__}:predict")
    assert ours.registered_as("m", ours.CHAMPION, uri=server) is None
    ours.set_alias("m", ours.CHAMPION, entry.number, uri=server)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    mlflow.set_tracking_uri(server)
    mlflow.set_registry_uri(server)
    model = mlflow.pyfunc.load_model("models:/m@champion")
    assert model.predict(pd.DataFrame({"a": [1.0], "b": [10.0]})).tolist() == [33.0]
