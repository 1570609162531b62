"""The README says what is true: its examples run, its commands exist, its links lead somewhere."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.readme import PAGES, ROOT, TEXT, example
from versioning.cli.app import app
from versioning.integrations.prefect import run_table
from versioning.settings import Settings

DECISIONS = ROOT / "versioning" / "decisions"


@pytest.fixture
def place(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own, with a repository of its own."""
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setenv("VERSIONING_REPOSITORY", str(tmp_path / "versioning"))
    monkeypatch.setenv("VERSIONING_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_the_first_flow_computes_and_reuses_as_shown(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "delays.py").write_text(example("# delays.py"))
    monkeypatch.delitem(sys.modules, "delays", raising=False)
    report = import_module("delays").report
    shown = []
    for arguments in ((), (), (60,)):
        report("2013-01-31", *arguments)
        shown.append([(row.step, row.status, row.why) for row in run_table().rows])
    for lines, run in zip(_tables(), shown, strict=True):
        assert lines == run
    printed = capsys.readouterr().out
    assert "{'UA': 47.5}" in printed
    assert "{'UA': 5.0}" in printed


def test_an_existing_flow_is_versioned_as_shown(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "squares.py").write_text(example("def squares"))
    import_module("squares")
    sys.modules.pop("squares")
    import_module("squares")
    assert capsys.readouterr().out.count("[0, 1, 4]") == 2
    assert {row.status for row in run_table().rows} == {"hit"}


def test_every_command_is_documented() -> None:
    commands = {name for name in app if not name.startswith("-")}
    assert commands == set(re.findall(r"`versioning ([a-z]+)", TEXT))


def test_every_setting_named_is_one() -> None:
    named = set(re.findall(r"VERSIONING_([A-Z_]+)", TEXT))
    # What begins variables that hold secrets is followed by the name of a parameter.
    assert named <= {name.upper() for name in Settings.__slots__} | {"SECRET_"}


@pytest.mark.parametrize("page", [*PAGES, *sorted(DECISIONS.glob("*.md"))], ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_what_make_is_said_to_do_it_does() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)(?=`|  )", TEXT)) <= targets


def _tables() -> list[list[tuple[str, str, str]]]:
    """Step, result and reason of each line of each table that the README shows."""
    tables = re.findall(r"^    step +result.*\n    ─+\n((?:    .*\n)+)", TEXT, re.MULTILINE)
    cells = [[re.split(r" {2,}", line.strip())[:3] for line in t.splitlines()] for t in tables]
    return [[tuple(row) for row in table if row[0][0].isalpha()] for table in cells]
