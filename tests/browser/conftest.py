"""What people see in Prefect's pages, driven in Debian's chromium against real servers.

Every page is left as a picture below `out/`, whether its test passes or not.
"""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.processes import free_ports
from tests.local import Up, read_until, started

# Pages wait for servers that share two cores with other tests.
PATIENCE_MS = 180_000
STOP_SECONDS = 120
OUT = Path("out/browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One chromium for the tests of a file.

    Playwright keeps an event loop running in this thread, beside which no other test could run one.
    """
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not here: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """An empty page; what it shows in the end is kept as a picture."""
    context = browser.new_context(viewport={"width": 1400, "height": 1300})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    yield page
    OUT.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_"))
    for number, shown in enumerate(context.pages):
        shown.screenshot(path=OUT / f"{name}{number or ''}.png", full_page=True)
    context.close()


@pytest.fixture(scope="module")
def up(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """What `make ui` starts, until Ctrl-C, which must end all of it."""
    folder = tmp_path_factory.mktemp("ui")
    ports = free_ports(2)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("VERSIONING_REPOSITORY", "VERSIONING_CACHE"):
            patch.delenv(name, raising=False)
        process = started(folder, ports)
    said = read_until(process, "Ctrl-C stops all of it")
    assert f"http://127.0.0.1:{ports[0]}/deployments" in said
    yield Up(f"http://127.0.0.1:{ports[0]}", folder)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=STOP_SECONDS)
    assert process.returncode == 0, rest
    assert "stopped" in rest
