"""What the contracts of stores share: the servers that they run against."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests import servers


@pytest.fixture(scope="class")
def server(
    request: pytest.FixtureRequest, serving: Callable[..., servers.Server]
) -> Iterator[servers.Server]:
    """The server of a class of tests, which processes reach by URL and environment alone."""
    running = serving(request.cls.serving)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in running.environ.items():
            patch.setenv(name, value)
        yield running
