"""A trial tells right from wrong, and counts what ran."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.peers.case import Case
from tests.peers.trial import MARK, Place, Run, System, outcome

STEP = {"steps.py": "def step(x: int) -> int:\n    return x + 1\n"}
RERUN = Case("another number", STEP, "rerun", calls=("3", "4"))
REUSE = Case("the same number", STEP, "reuse")
TRUTH = (Run([{"value": "4"}], 1), Run([{"value": "5"}], 1))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that never reuses anything."""
    with System(Path(sys.executable), "plain", tmp_path_factory.mktemp("plain")) as system:
        yield system


def _verdict(case: Case, reply: dict[str, Any], runs: int) -> str:
    return outcome(case, (TRUTH[0], Run([reply], runs)), TRUTH).verdict


def test_a_stale_value_is_wrong() -> None:
    assert _verdict(RERUN, {"value": "4"}, 0) == "wrong"


def test_a_wrong_value_is_wrong_even_when_the_body_ran() -> None:
    assert _verdict(REUSE, {"value": "6"}, 1) == "wrong"


def test_the_right_value_is_right_with_the_body_that_it_takes() -> None:
    assert _verdict(RERUN, {"value": "5"}, 1) == "right"
    assert _verdict(REUSE, {"value": "5"}, 0) == "right"


def test_a_body_too_many_is_needless() -> None:
    assert _verdict(REUSE, {"value": "5"}, 1) == "needless"
    assert _verdict(RERUN, {"value": "5"}, 2) == "needless"


def test_an_error_is_no_answer() -> None:
    assert _verdict(RERUN, {"error": "no"}, 0) == "failed"
    assert _verdict(RERUN, {"inexpressible": "no"}, 0) == "inexpressible"


def test_a_system_without_a_memory_does_needless_work(plain: System) -> None:
    for case, verdict in ((RERUN, "right"), (REUSE, "needless")):
        answers = plain.answers(case)
        assert [run.runs for run in answers] == [1, 1]
        assert outcome(case, answers, answers).verdict == verdict


def test_every_process_is_asked(plain: System) -> None:
    _, again = plain.answers(replace(RERUN, processes=3))
    assert (len(again.replies), again.runs) == (3, 3)


def test_a_killed_process_says_nothing_and_the_next_one_answers(plain: System) -> None:
    first, again = plain.answers(replace(REUSE, kill="running"))
    assert (first.values, first.runs, first.problem) == (set(), 1, None)
    assert again.values == {"4"}


def test_a_generator_that_is_entered_often_counts_once(plain: System) -> None:
    files = {"steps.py": "def step(x):\n    yield from range(x)\n"}
    first, _ = plain.answers(replace(REUSE, files=files))
    assert (first.values, first.runs) == ({"[0, 1, 2]"}, 1)


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_damage_meets_the_file_with_the_value_and_keeps_its_mode(
    damage: str, tmp_path: Path
) -> None:
    place = Place(tmp_path)
    larger, value = place.state / "larger", place.state / "value"
    larger.write_bytes(b"x" * 1000)
    value.write_bytes(before := b"." * 100 + MARK)
    value.chmod(0o444)
    place.damage(damage)
    assert larger.read_bytes() == b"x" * 1000
    if damage == "delete":
        assert not value.exists()
    else:
        assert value.read_bytes() != before
        assert value.stat().st_mode & 0o777 == 0o444


def test_an_edit_must_find_its_text() -> None:
    with pytest.raises(AssertionError, match=r"is not in steps\.py"):
        replace(REUSE, edit=("steps.py", "x + 7", "x")).edited()
