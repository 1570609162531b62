"""What is published of the comparison is what was measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.peers import systems, tables
from tests.peers.case import Case
from tests.peers.cases import CASES

ALL = {case.claim: case for cases in CASES.values() for case in cases}


def test_the_readme_shows_the_stored_results() -> None:
    text = tables.README.read_text("utf-8")
    assert tables.with_table(text, tables.read()) == text


def test_the_page_shows_the_stored_results() -> None:
    assert tables.page(tables.read()) == tables.PAGE.read_text("utf-8")


def test_every_system_was_tried_on_every_case_as_it_is_now() -> None:
    results = tables.read()
    assert results.keys() == set(systems.names())
    for name, result in results.items():
        assert result["outcomes"].keys() == ALL.keys(), f"make peers ONLY={name}"
        changed = [c for c, case in ALL.items() if result["cases"].get(c) != case.digest()]
        assert not changed, f"make peers ONLY={name}"
        said = systems.described(name)
        assert (result["version"], result["configuration"]) == (said.version, said.configuration)


@pytest.mark.parametrize(
    "change",
    [
        {"expected": "reuse"},
        {"files": {"steps": ""}},
        {"calls": ("4", "3")},
        {"edit": ("steps", "a", "b")},
        {"damage": "flip"},
        {"keep_times": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_case_that_asks_for_something_else_has_another_digest(change: dict[str, Any]) -> None:
    case = Case("a claim", {"steps": "a"}, "rerun")
    assert replace(case, **change).digest() != case.digest()
    assert replace(case, leaf="code/steps", xfail="not yet").digest() == case.digest()


def test_what_is_published_of_ours_is_what_the_tests_hold() -> None:
    ours = tables.read()[systems.OURS]["outcomes"]
    assert {claim for claim, (verdict, _) in ours.items() if verdict != "right"} == {
        claim for claim, case in ALL.items() if case.xfail
    }
