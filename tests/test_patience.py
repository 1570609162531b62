"""Services that are slow, busy or away: waited for once they answered, and nothing is lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import azure.core.exceptions as azure
import botocore.exceptions as botocore
import numpy as np
import pytest

from tests import servers
from tests.faults import Faults, faults
from tests.repositories import LARGE, draft, opened
from versioning.errors import FormatError, FullError, NotFoundError, StorageError
from versioning.repository import Repository
from versioning.storage import Store, patience
from versioning.storage.patience import Patience, is_passing
from versioning.storage.store import translated


def failing(error: Exception, times: int) -> list[Exception | None]:
    return [error] * times + [None]


def calls(answers: list[Exception | None], *, answered: bool = True) -> str:
    waiting = Patience("s3://bucket")
    waiting.has_answered = answered
    left = iter(answers)

    def act() -> str:
        with translated("s3://bucket", "name"):
            if (error := next(left)) is not None:
                raise error
        return "done"

    return waiting.call(act)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.001)
    monkeypatch.setattr(patience, "LONGEST_SECONDS", 0.002)


class HttpError(Exception):
    """As those of Google and Azure, which carry a status."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


# Those of botocore, aiohttp and Azure are as a refused, a lost and a silent connection give them.
PASSING = [
    ConnectionRefusedError(),
    TimeoutError(),
    HttpError(503),
    HttpError(429),
    OSError(16, "SlowDown"),
    OSError(5, "InternalError"),
    *(
        kind(endpoint_url="http://host", error="no")
        for kind in (
            botocore.EndpointConnectionError,
            botocore.ConnectionClosedError,
            botocore.ConnectTimeoutError,
            botocore.ReadTimeoutError,
        )
    ),
    aiohttp.ServerDisconnectedError(),
    aiohttp.ClientPayloadError(),
    azure.ServiceRequestError("no"),
    azure.ServiceResponseError("no"),
]
LASTING = [PermissionError("no"), ValueError("no"), HttpError(400), OSError(22, "no"), KeyError()]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_passes_is_waited_for(error: Exception) -> None:
    assert calls(failing(error, 5)) == "done"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_what_lasts_is_told_at_once(error: Exception) -> None:
    with pytest.raises(StorageError):
        calls(failing(error, 1))


@pytest.mark.usefixtures("quick")
def test_a_service_that_never_answered_is_told_at_once() -> None:
    with pytest.raises(StorageError):
        calls(failing(ConnectionRefusedError(), 1), answered=False)


@pytest.mark.usefixtures("quick")
def test_what_lasts_after_what_passes_ends_the_wait() -> None:
    with pytest.raises(StorageError, match="ValueError"):
        calls([ConnectionRefusedError(), ValueError("no"), None])


@pytest.mark.usefixtures("quick")
def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(StorageError, match="ConnectionRefusedError"):
        calls(failing(ConnectionRefusedError(), 10_000))


def test_an_answer_that_nothing_is_there_is_an_answer() -> None:
    waiting = Patience("s3://bucket")

    def act() -> None:
        raise NotFoundError("nothing")

    with pytest.raises(NotFoundError):
        waiting.call(act)
    assert waiting.has_answered


def test_only_errors_of_stores_pass() -> None:
    assert not is_passing(FormatError("no"))
    assert not is_passing(FullError("full"))
    assert not is_passing(ConnectionRefusedError())


@pytest.fixture
def server(serving: Callable[..., servers.Server]) -> servers.Server:
    return serving(servers.s3_server)


@pytest.fixture
def way(server: servers.Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    with faults(server.url) as found:
        for name, value in (server.environ | {"AWS_ENDPOINT_URL": found.url}).items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture
def repository(server: servers.Server, way: Faults, tmp_path: Path) -> Repository:
    return opened(f"s3://{server.bucket()}/repository", tmp_path)


def used(repository: Repository, name: str) -> None:
    """All that a run asks of a store: a miss with a large value, a hit, a load, a look at all."""
    value = np.frombuffer(LARGE + name.encode(), np.uint8)
    record = repository.commit(value, draft(name))
    found = repository.lookup(draft(name).key)
    assert found is not None
    assert found.id == record.id
    np.testing.assert_equal(repository.load(found), value)
    assert record.id in set(repository.ids())
    repository.pin(record.id, "kept")


def is_whole(server: servers.Server, repository: Repository, versions: int) -> bool:
    """Whether all versions are there and sound, seen without the faulty way."""
    straight = Store.open(repository.url, options=server.options)
    repository.store = straight
    return len(list(repository.ids())) == versions and repository.is_live(
        repository.record(next(iter(repository.ids())))
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fault", ["lost", "unanswered", "throttled"])
def test_nothing_is_lost_while_a_store_is_away_or_busy(
    fault: str,
    repository: Repository,
    server: servers.Server,
    way: Faults,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used(repository, "before")
    before = way.seen
    used(repository, "measure")
    requests = way.seen - before
    skips = range(0, requests, 6)
    # At once, each on a way of its own, as s3fs waits each of the three times that it tries.
    with (
        ExitStack() as ways,
        ThreadPoolExecutor(len(skips)) as users,
        caplog.at_level(logging.WARNING, "versioning"),
    ):
        own = [ways.enter_context(faults(server.url)) for _ in skips]
        repositories = []
        for found in own:
            monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
            repositories.append(opened(repository.url, tmp_path))
            used(repositories[-1], f"before {len(repositories)}")
        for found, skip in zip(own, skips, strict=True):
            _after(found, skip, fault, 20)
        list(users.map(used, repositories, [f"{fault} {skip}" for skip in skips]))
    assert "is asked again" in caplog.text
    assert is_whole(server, repository, 2 + 2 * len(skips))


def _after(way: Faults, skip: int, fault: str, times: int) -> None:
    """Let `fault` befall requests once `skip` more have passed."""
    begins = way.seen + skip
    plain = way.fate

    def fate() -> str:
        if way.seen >= begins:
            way.fate = plain
            setattr(way, fault, times)
        return plain()

    way.fate = fate


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_slow_store_takes_longer_and_loses_nothing(
    repository: Repository, server: servers.Server, way: Faults
) -> None:
    way.delay = 0.05
    began = time.monotonic()
    used(repository, "slow")
    assert time.monotonic() - began > 0.05
    assert is_whole(server, repository, 1)
