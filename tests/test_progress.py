"""Progress is told to people who watch, on stderr, and to nobody else."""

from __future__ import annotations

import sys

import pytest

from versioning.cli.progress import shown


@pytest.mark.parametrize(
    ("is_terminal", "as_json", "is_told"),
    [(True, False, True), (True, True, False), (False, False, False)],
)
def test_progress_is_shown_on_a_terminal_only(
    is_terminal: bool,
    as_json: bool,
    is_told: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    monkeypatch.setenv("TERM", "xterm")
    with shown(unless=as_json) as tell:
        tell("delete", 1, 3)
        tell("delete", 3, 3)
    written = capsys.readouterr()
    assert written.out == ""
    assert ("delete" in written.err and "3/3" in written.err) == is_told
