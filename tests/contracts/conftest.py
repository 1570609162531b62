"""What the contracts of stores share: the servers that they run against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import servers


@pytest.fixture(scope="class")
def server(request: pytest.FixtureRequest) -> Iterator[servers.Server]:
    """The server of a class of tests, which processes reach by URL and environment alone."""
    try:
        with pytest.MonkeyPatch.context() as patch, request.cls.serving() as running:
            for name, value in running.environ.items():
                patch.setenv(name, value)
            yield running
    except servers.Unavailable as error:
        pytest.skip(str(error))
