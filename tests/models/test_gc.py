"""The protocols of deletion (`gc.pml`) and invalidation (`invalid.pml`), in every interleaving."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

MODEL = Path(__file__).with_name("gc.pml")
INVALIDATION = Path(__file__).with_name("invalid.pml")
# What two collectors do to each other takes some time to find, and less in this order.
TWO = ("-DCOLLECTORS=2", "-DREVERSE")
NEEDS_TWO = {"V_NAME_AGAIN", "V_MARK_WITHDRAWN"}
# Two collectors and one writer, to whom another one, dead by then, leaves a blob at any moment.
LATE = ("-DCOLLECTORS=2", "-DS=1", "-DLATE")
NEEDS_LATE = {"V_LOOK_BEFORE_PAGES"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("spin") and shutil.which("cc")), reason="needs spin and a C compiler"
    ),
]


def _defined(prefix: str, model: Path = MODEL) -> list[str]:
    return sorted(set(re.findall(rf"\b{prefix}_[A-Z_]+", model.read_text("utf-8"))))


def _errors(folder: Path, *flags: str, model: Path = MODEL) -> int:
    """How many violations an exhaustive search finds; it ends at the first."""
    subprocess.run(
        ["spin", "-a", *flags, str(model)], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    compiler = ["cc", "-O1", "-DSAFETY", "-DCOLLAPSE", *flags, "-o", "pan", "pan.c"]
    subprocess.run(compiler, cwd=folder, check=True, stderr=subprocess.DEVNULL)
    done = subprocess.run(
        ["./pan", "-m100000", "-n"], cwd=folder, check=True, capture_output=True, text=True
    )
    [errors] = re.findall(r"errors: (\d+)", done.stdout)
    assert "Search not completed" not in done.stdout or int(errors)
    return int(errors)


@pytest.mark.parametrize(
    "bounds", [(), ("-DCOLLECTORS=2", "-DS=1"), LATE], ids=["writers", "collectors", "late"]
)
def test_no_version_ever_misses_its_blob(tmp_path: Path, bounds: tuple[str, ...]) -> None:
    assert _errors(tmp_path, *bounds) == 0


@pytest.mark.parametrize("rule", _defined("V"))
def test_without_any_one_rule_a_blob_is_lost(tmp_path: Path, rule: str) -> None:
    bounds = TWO if rule in NEEDS_TWO else LATE if rule in NEEDS_LATE else ()
    assert _errors(tmp_path, f"-D{rule}", *bounds) == 1


@pytest.mark.parametrize("event", _defined("P"))
def test_the_search_comes_to_all_that_matters(tmp_path: Path, event: str) -> None:
    assert _errors(tmp_path, f"-D{event}") == 1


def test_nothing_invalid_is_a_hit_or_stays_bound(tmp_path: Path) -> None:
    assert _errors(tmp_path, model=INVALIDATION) == 0


@pytest.mark.parametrize("rule", _defined("V", INVALIDATION))
def test_without_any_one_rule_something_invalid_is_a_hit_or_stays_bound(
    tmp_path: Path, rule: str
) -> None:
    assert _errors(tmp_path, f"-D{rule}", model=INVALIDATION) == 1


@pytest.mark.parametrize("event", _defined("P", INVALIDATION))
def test_the_search_comes_to_all_that_matters_of_invalidation(tmp_path: Path, event: str) -> None:
    assert _errors(tmp_path, f"-D{event}", model=INVALIDATION) == 1
