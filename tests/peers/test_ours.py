"""This library gives the right answer in every case, without needless work, and says why."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.case import Case
from tests.peers.cases import CASES
from tests.peers.trial import System, outcome

ALL = [case for cases in CASES.values() for case in cases]
# One of each kind, for `make test-fast`.
QUICK = {
    "a helper of a helper, over relative imports",
    "a comment in a helper",
    "a tuple and a list",
    "a flipped bit",
}

pytestmark = pytest.mark.skipif(
    not hasattr(sys, "getdlopenflags"), reason="runners fork, and limit the size of files"
)


def _marked(case: Case) -> object:
    marks = [] if case.claim in QUICK else [pytest.mark.slow]
    marks += [pytest.mark.xfail(reason=case.xfail)] if case.xfail else []
    return pytest.param(case, id=case.claim, marks=marks)


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, System]]:
    """This library, and no caching at all."""
    folder = tmp_path_factory.mktemp("peers")
    with (
        System(Path(sys.executable), "ours", folder / "ours") as ours,
        System(Path(sys.executable), "plain", folder / "plain") as plain,
    ):
        yield {"ours": ours, "plain": plain}


@pytest.mark.parametrize("case", [_marked(case) for case in ALL])
def test_the_answer_is_right(case: Case, systems: dict[str, System]) -> None:
    truth = systems["plain"].answers(case)
    assert [run.problem for run in truth] == [None, None]
    if not (case.damage or case.kill):
        is_same = truth[0].values == truth[1].values
        assert is_same == (case.expected == "reuse"), "the case says what is not so"
    found = outcome(case, systems["ours"].answers(case), truth)
    assert (found.verdict, found.note) == ("right", "")
    if case.leaf:
        assert case.leaf in found.changed


def test_claims_are_unique() -> None:
    assert len({case.claim for case in ALL}) == len(ALL)
