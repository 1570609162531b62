import math

import numpy as np
import pandas as pd
import pytest

from flows.drift import column_drift, drift_table, psi


def test_equal_counts_have_no_drift() -> None:
    assert psi([10, 20, 30], [10, 20, 30]) == 0
    assert psi([10, 20, 30], [1, 2, 3]) == pytest.approx(0)


def test_psi_has_the_value_of_its_formula() -> None:
    # Shares 0.5/0.5 against 0.8/0.2, by hand.
    expected = 0.3 * math.log(0.8 / 0.5) - 0.3 * math.log(0.2 / 0.5)
    assert psi([50, 50], [80, 20]) == pytest.approx(expected)
    assert expected == pytest.approx(0.41589, abs=1e-5)


def test_psi_does_not_depend_on_the_order_of_arguments() -> None:
    assert psi([50, 50], [80, 20]) == pytest.approx(psi([80, 20], [50, 50]))


def test_an_empty_bin_counts_as_one_in_ten_thousand() -> None:
    expected = (1 - 0.5) * math.log(1 / 0.5) + (1e-4 - 0.5) * math.log(1e-4 / 0.5)
    assert psi([50, 50], [100, 0]) == pytest.approx(expected)


def test_nulls_are_a_bin_of_their_own() -> None:
    before = pd.Series([1.0, 2.0, 3.0, 4.0] * 25)
    after = before.where(np.arange(100) % 2 == 0)
    drift = column_drift(before, after)
    assert drift["psi"] > 1
    assert (drift["null_before"], drift["null_after"]) == (0.0, 0.5)


def test_values_outside_the_reference_are_seen() -> None:
    before = pd.Series(np.arange(1000.0))
    assert column_drift(before, before)["psi"] == 0
    assert column_drift(before, before + 2000)["psi"] > 5
    assert column_drift(before, before - 2000)["psi"] > 5


def test_a_constant_column_that_moves_is_seen() -> None:
    before = pd.Series([5.0] * 100)
    assert column_drift(before, before)["psi"] == 0
    assert column_drift(before, before - 1)["psi"] > 5
    assert (
        column_drift(before, before + 1)["psi"] == 0 or column_drift(before, before + 1)["psi"] > 5
    )


def test_unseen_categories_are_counted_apart() -> None:
    before = pd.Series(["AA", "UA"] * 50)
    after = pd.Series(["AA", "UA"] * 40 + ["G4"] * 15 + ["YX"] * 5)
    drift = column_drift(before, after)
    assert drift["unseen"] == "G4, YX"
    assert drift["unseen_share"] == pytest.approx(0.2)
    assert drift["psi"] == pytest.approx(0)


def test_a_column_without_values_can_be_compared() -> None:
    empty = pd.Series([None] * 10, dtype="float64")
    assert column_drift(empty, empty)["psi"] == 0
    assert column_drift(empty, pd.Series(np.arange(10.0)))["psi"] > 5


def test_the_most_moved_column_comes_first() -> None:
    before = pd.DataFrame(
        {"calm": np.arange(100.0), "moved": np.arange(100.0), "carrier": ["AA"] * 100}
    )
    after = before.assign(moved=before["moved"] + 500)
    table = drift_table(before, after)
    assert table["column"].tolist() == ["moved", "calm", "carrier"]
    assert table["unseen"].tolist() == ["", "", ""]
