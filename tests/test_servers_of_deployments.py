"""Deployments are made on a server that is there, and of the release that is here."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import prefect
import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from infra.automations import automate
from infra.deployments import check_server, deploy
from infra.processes import NotStartedError, free_ports


@contextmanager
def server_of(release: str) -> Iterator[str]:
    """What says of itself that it is a server of a release: a stub, which has no blocks."""

    class Asked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = json.dumps(release).encode()
            self.send_response(404 if "/block_" in self.path else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Asked) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


@contextmanager
def pointed_at(url: str) -> Iterator[None]:
    with temporary_settings({PREFECT_API_URL: url, PREFECT_CLIENT_MAX_RETRIES: 0}):
        yield


def test_a_server_of_another_release_is_named() -> None:
    with (
        server_of("3.1.15") as url,
        pointed_at(url),
        pytest.raises(NotStartedError, match=r"is Prefect 3\.1\.15.* install one release on both"),
    ):
        check_server()


def test_a_server_of_this_release_will_do() -> None:
    with server_of(prefect.__version__) as url, pointed_at(url):
        check_server()


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    [port] = free_ports(1)
    with (
        pointed_at(f"http://me:secret@127.0.0.1:{port}/api"),
        pytest.raises(NotStartedError, match="no Prefect server answers at") as raised,
    ):
        check_server()
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("name", ["slack-webhook/alerts", "alerts", "/"])
def test_a_block_that_is_not_there_is_named(name: str) -> None:
    with (
        server_of(prefect.__version__) as url,
        pointed_at(url),
        pytest.raises(NotStartedError, match=f"no block {name} to tell"),
    ):
        automate(notify=name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("deployments: [", "expected the node content"),
        ("name: nothing", "deployments"),
        ("deployments: [{name: daily, entrypoint: a.b}]", "daily has no work_pool"),
        ("deployments: [{name: daily, entrypoint: a.b, work_pool: {}}]", "daily has no work_pool"),
        ("deployments: [{name: daily, entrypoint: a.b, work_pool: {type: process}}]", "no name"),
        (
            "deployments: [{name: daily, entrypoint: 'a.py:b', work_pool: {name: flows}}]",
            "package.module.flow",
        ),
    ],
)
def test_a_file_that_describes_no_deployment_is_named(
    tmp_path: Path, text: str | None, said: str
) -> None:
    file = tmp_path / "prefect.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(NotStartedError, match=rf"(?s){file}.*: .*{said}"):
        deploy(file)
