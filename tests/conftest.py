"""What tests of several kinds share."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest

from tests.servers import Server


def _again(settrace: Callable[[Any], None]) -> Callable[[Any], None]:
    """`sys.settrace`, which CPython 3.11 refuses while another thread sets one.

    It can be caught at that where garbage is collected amid an audit event, as Hypothesis looks on
    in Python; coverage traces every thread, and one that cannot be traced never runs.
    """

    def again(function: Any) -> None:
        for _ in range(1000):
            try:
                return settrace(function)
            except RuntimeError:
                continue
        return settrace(function)

    return again


if sys.version_info < (3, 12):
    sys.settrace = _again(sys.settrace)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What may take longest begins first, or one process would wait for another at the end."""
    patience: dict[str, float] = {}
    for item in items:
        patience[_scope(item)] = max(patience.get(_scope(item), 0), _patience(item))
    items.sort(key=lambda item: patience[_scope(item)], reverse=True)


def _scope(item: pytest.Item) -> str:
    """The tests that one process runs one after the other, as `--dist loadscope` sees it."""
    return item.nodeid.rpartition("::")[0]


def _patience(item: pytest.Item) -> float:
    timeout = item.get_closest_marker("timeout")
    return timeout.args[0] if timeout else float(item.get_closest_marker("slow") is not None)


@pytest.fixture(scope="session")
def serving() -> Iterator[Callable[[Callable[[], AbstractContextManager[Server]]], Server]]:
    """Gives the server that `tests.servers` starts, once a test process."""
    with ExitStack() as running:
        yield functools.cache(lambda start: running.enter_context(start()))


@pytest.fixture(scope="session")
def server() -> Iterator[None]:
    """A real Prefect server, one a test process, started for the first test that needs it."""
    from prefect.settings import (
        PREFECT_CLIENT_MAX_RETRIES,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW,
        temporary_settings,
    )
    from prefect.testing.utilities import prefect_test_harness

    # Steps outside a flow are tested too; Prefect warns that their logs belong to no run. Its
    # server says that it is busy while other tests keep the machine so. What sends heartbeats looks
    # once a second whether its flow ended, which then waits for it.
    quiet = {
        PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore",
        PREFECT_CLIENT_MAX_RETRIES: 20,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
    }
    with prefect_test_harness(server_startup_timeout=120), temporary_settings(quiet):
        yield
