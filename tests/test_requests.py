"""Requests cost money and time on a remote store, so they are few, and counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import servers
from tests.requests import BOUNDS, Counted, counted
from versioning import Repository
from versioning.settings import Settings
from versioning.storage import Store


def check(found: dict[str, list[str]]) -> None:
    assert found.keys() == {bound.what for bound in BOUNDS}
    for bound in BOUNDS:
        asked = found[bound.what]
        assert len(asked) <= bound.most, f"{bound.what}: {asked}"


def test_a_store_is_asked_no_more_often_than_promised(tmp_path: Path) -> None:
    repository = Repository.open("memory://", settings=Settings(cache=tmp_path))
    store = Counted(repository.store)
    counting = Repository(store, repository_id=repository.id, settings=repository.settings)
    check(counted(counting, store.asked))


@pytest.fixture
def s3(serving: Callable[..., servers.Server], monkeypatch: pytest.MonkeyPatch) -> servers.Server:
    server = serving(servers.s3_server)
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_an_s3_server_is_sent_no_more_requests_than_promised(
    s3: servers.Server, tmp_path: Path
) -> None:
    url = f"s3://{s3.bucket()}/repository"
    repository = Repository.open(url, settings=Settings(cache=tmp_path))
    check(counted(repository, sent_by(repository.store)))


def sent_by(store: Store) -> list[str]:
    """What goes over the wire from now on, repeated requests included."""
    sent: list[str] = []
    events = store._fs.s3.meta.events
    events.register("before-send.s3", lambda request, **_: sent.append(str(request.url)))
    return sent
