"""MLflow follows the repository: promotion, rollback and reconcile, over sqlite and a server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.processes import free_ports
from tests.repositories import LARGE
from tests.servers import mlflow_server
from tests.steps import blob_path, commit, opened
from tests.test_promotion import cause, judge
from versioning.api import Repository
from versioning.cli.app import run
from versioning.expiry import Expiry
from versioning.handles import Version
from versioning.integrations import mlflow as ours

# What MLflow's own code is warned of.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*AnyType:UserWarning"),
]
NAME = "delays@champion"
Ask = Callable[..., Any]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    repository = opened(tmp_path)
    monkeypatch.setenv("VERSIONING_REPOSITORY", repository.url)
    monkeypatch.setenv("VERSIONING_CACHE", str(repository.settings.cache))
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return repository


@pytest.fixture
def models(repository: Repository) -> list[Version]:
    made = [commit(repository, LARGE + bytes([n]), "train", n=n, minute=n) for n in range(3)]
    for model in made:
        judge(repository, model)
    return made


@pytest.fixture(scope="module")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Making the tables takes over a second, so it is done once."""
    file = tmp_path_factory.mktemp("registry") / "mlflow.db"
    assert ours.aliases_of("m", uri=f"sqlite:///{file}") == {}
    return file


@pytest.fixture
def uri(repository: Repository, empty_registry: Path) -> str:
    uri = ours.tracking_uri(repository.url, {})
    shutil.copy(empty_registry, uri.removeprefix("sqlite:///"))
    return uri


@pytest.fixture
def ask(repository: Repository, capsys: pytest.CaptureFixture[str]) -> Ask:
    def asked(*arguments: str, code: int = 0) -> Any:
        found = run([*arguments, "--json"])
        out, err = capsys.readouterr()
        assert found == code, err
        return json.loads(out) if out else err

    return asked


def client(uri: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(uri, uri)


def champion(uri: str) -> str:
    found = ours.registered_as("delays", "champion", uri=uri)
    assert found is not None
    return found.version_id


def kinds(told: Any) -> list[str]:
    return [item["kind"] for item in told["differences"]]


def test_the_alias_follows_promotion_and_rollback(
    models: list[Version], uri: str, ask: Ask
) -> None:
    assert (
        ask("promote", models[0].id, NAME, "--predict", "wine:predict")["registry"]["number"] == 1
    )
    assert ask("promote", models[1].id, NAME)["registry"]["number"] == 2
    assert champion(uri) == models[1].id
    assert ask("rollback", "delays", "--apply")["registry"]["number"] == 1
    assert champion(uri) == models[0].id
    assert ask("reconcile", "delays")["differences"] == []
    sources = [item.source for item in client(uri).search_model_versions("name = 'delays'")]
    assert all("predict=wine%3Apredict" in source for source in sources)


def test_promoting_again_registers_nothing_twice(models: list[Version], uri: str, ask: Ask) -> None:
    for _ in range(2):
        ask("promote", models[0].id, NAME)
    assert [entry.number for entry in ours.all_registered("delays", uri=uri)] == [1]


def test_an_alias_that_somebody_moved_in_mlflow_is_found_and_moved_back(
    models: list[Version], uri: str, ask: Ask
) -> None:
    for model in models[:2]:
        ask("promote", model.id, NAME)
    ours.set_alias("delays", "champion", 1, uri=uri)
    told = ask("reconcile", "delays", code=1)
    assert kinds(told) == ["alias"]
    assert not told["differences"][0]["mended"]
    assert champion(uri) == models[0].id
    assert ask("reconcile", "delays", "--apply")["differences"][0]["mended"]
    assert champion(uri) == models[1].id
    assert ask("reconcile")["differences"] == []


def test_a_registered_version_that_somebody_deleted_is_registered_again(
    models: list[Version], uri: str, ask: Ask
) -> None:
    ask("promote", models[0].id, NAME, "--predict", "wine:predict")
    client(uri).delete_model_version("delays", "1")
    assert kinds(ask("reconcile", "delays", code=1)) == ["unregistered"]
    ask("reconcile", "delays", "--apply")
    assert champion(uri) == models[0].id
    [entry] = client(uri).search_model_versions("name = 'delays'")
    assert "predict=wine%3Apredict" in entry.source


def test_a_registered_model_that_somebody_deleted_is_registered_again(
    models: list[Version], uri: str, ask: Ask
) -> None:
    ask("promote", models[0].id, NAME)
    client(uri).delete_registered_model("delays")
    ask("reconcile", "delays", "--apply")
    assert champion(uri) == models[0].id


def test_an_alias_that_only_mlflow_has_is_told_and_left(
    models: list[Version], uri: str, ask: Ask
) -> None:
    ask("promote", models[0].id, NAME)
    ours.set_alias("delays", "shadow", 1, uri=uri)
    [item] = ask("reconcile", "delays", "--apply", code=1)["differences"]
    assert item["kind"] == "unknown alias"
    assert f"versioning promote {models[0].id[:12]} delays@shadow" in item["mend"]
    assert ours.aliases_of("delays", uri=uri) == {"champion": 1, "shadow": 1}


def test_bytes_in_the_trash_come_back_and_bytes_that_are_gone_are_told(
    repository: Repository, models: list[Version], uri: str, ask: Ask
) -> None:
    for model in models[:2]:
        ask("promote", model.id, NAME)
    Expiry(repository).trash(models[1].id, cause())
    Expiry(repository).trash(models[0].id, cause())
    assert sorted(kinds(ask("reconcile", "delays", "--apply"))) == ["bytes", "source"]
    assert not Expiry(repository).is_over(models[1].id)
    tags = {entry.number: entry.tags for entry in ours.all_registered("delays", uri=uri)}
    assert tags[1]["versioning.status"] == "trashed"
    assert ask("reconcile", "delays")["differences"] == []
    blob_path(repository, models[1]).unlink()
    [item] = ask("reconcile", "delays", "--apply", code=1)["differences"]
    assert (item["kind"], item["mended"]) == ("bytes", False)
    assert "versioning rollback delays@champion" in item["mend"]


def test_a_name_that_was_never_given_is_refused(uri: str, ask: Ask) -> None:
    assert "nothing was ever named 'delays'" in ask("reconcile", "delays", code=2)


def test_a_registry_that_is_not_there_is_told_and_not_made(
    repository: Repository,
    models: list[Version],
    ask: Ask,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = Path(repository.url).parent
    uri = ours.tracking_uri(repository.url, {})
    assert ask("reconcile")["has_registry"] is False
    repository.promote(models[0], NAME)
    before = sorted(folder.iterdir())
    told = ask("reconcile", "delays", code=1)
    assert (kinds(told), told["has_registry"]) == (["unregistered"], False)
    assert run(["reconcile"]) == 1
    assert f"There is no registry at {uri}." in capsys.readouterr().out
    assert sorted(folder.iterdir()) == before
    assert ask("reconcile", "--apply")["has_registry"] is True
    assert champion(uri) == models[0].id
    assert ask("reconcile") == {
        "registry": uri, "has_registry": True, "names": ["delays"], "differences": []
    }  # fmt: skip


def test_a_remote_repository_needs_to_be_told_where_mlflow_is(
    models: list[Version], ask: Ask, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_ports(1)[0]}")
    assert "does not answer" in ask("promote", models[0].id, NAME, code=3)
    assert repository.name_history("delays") == []
    assert ask("promote", models[0].id, NAME, "--no-registry")["is_new"]


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg2", "mysql"])
def test_a_database_that_nobody_serves_is_told_at_once(
    repository: Repository,
    models: list[Version],
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    scheme: str,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}://127.0.0.1:{free_ports(1)[0]}/mlflow")
    assert "refused" in ask("promote", models[0].id, NAME, code=3)
    assert "retried" not in caplog.text


def test_a_name_is_checked_before_mlflow_is_asked(
    models: list[Version], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_ports(1)[0]}")
    for name in ("de'lays@champion", "delays@latest", "delays@a b", "delays"):
        told = ask("promote", models[0].id, name, code=2)
        assert "MLflow at" not in told


def test_no_password_of_an_address_is_shown(
    models: list[Version], uri: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:hidden@127.0.0.1:{free_ports(1)[0]}")
    told = ask("promote", models[0].id, NAME, code=3)
    assert "http://me:***@127.0.0.1" in told
    assert "hidden" not in told
    assert "hidden" not in ask("reconcile", code=0)["registry"]


@pytest.fixture
def registry_folder(tmp_path: Path) -> tuple[int, Path]:
    folder = tmp_path / "server"
    folder.mkdir()
    return free_ports(1)[0], folder


@pytest.mark.slow
def test_a_server_that_goes_away_fails_clearly_and_a_retry_registers_once(
    registry_folder: tuple[int, Path],
    repository: Repository,
    models: list[Version],
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port, folder = registry_folder
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    with mlflow_server(port, folder):
        ask("promote", models[0].id, NAME)
    told = ask("promote", models[1].id, NAME, code=3)
    assert "MLflow at" in told
    assert "Traceback" not in told
    assert repository.get(NAME) == models[0]
    # It went away after the history was written: the name counts, MLflow follows later.
    repository.promote(models[1], NAME)
    with mlflow_server(port, folder):
        assert champion(url) == models[0].id
        assert kinds(ask("reconcile", "delays", code=1)) == ["unregistered"]
        ask("promote", models[1].id, NAME)
        ask("promote", models[1].id, NAME)
        assert champion(url) == models[1].id
        assert [entry.number for entry in ours.all_registered("delays", uri=url)] == [1, 2]
        assert ask("reconcile", "delays")["differences"] == []
        assert ask("rollback", "delays", "--apply")["registry"]["number"] == 1
        assert champion(url) == models[0].id


@pytest.mark.slow
def test_mlflow_adds_no_lines_of_its_own(
    registry_folder: tuple[int, Path],
    models: list[Version],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port, folder = registry_folder
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    with mlflow_server(port, folder):
        assert run(["promote", models[0].id, NAME]) == 0
    assert capsys.readouterr().err == ""
