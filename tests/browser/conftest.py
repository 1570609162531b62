"""What people see in Prefect's pages, driven in Debian's chromium against real servers.

Every page is left as a picture below `out/`, whether its test passes or not.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import Running, running
from tests.servers import free_ports

# Pages wait for servers that share two cores with other tests.
PATIENCE_MS = 180_000
OUT = Path("out/browser")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
]  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """One chromium for all tests."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not here: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, request: pytest.FixtureRequest) -> Iterator[object]:
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


@pytest.fixture(scope="session")
def up(browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Everything that `make ui` starts, in a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("VERSIONING_REPOSITORY", "VERSIONING_CACHE"):
            patch.delenv(name, raising=False)
        with running(tmp_path_factory.mktemp("ui"), *free_ports(2)) as up:
            yield up
