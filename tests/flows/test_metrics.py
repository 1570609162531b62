import numpy as np
import pytest

from flows import metrics, pictures

Scored = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def scored() -> Scored:
    generator = np.random.default_rng(7)
    scores = generator.random(4000)
    return (generator.random(4000) < scores).astype(int), scores


def test_true_probabilities_are_calibrated(scored: Scored) -> None:
    found = metrics.binary(*scored)
    assert found["calibration_error"] < 0.03
    assert 0.80 < found["auc"] < 0.86
    assert found["brier"] == pytest.approx(1 / 6, abs=0.01)


def test_shifted_probabilities_are_not(scored: Scored) -> None:
    truth, scores = scored
    assert metrics.binary(truth, scores / 2)["calibration_error"] > 0.2
    assert metrics.binary(truth, scores / 2)["auc"] == metrics.binary(truth, scores)["auc"]


def test_the_reliability_table_holds_every_row_once(scored: Scored) -> None:
    table = metrics.reliability_table(*scored)
    assert table["rows"].sum() == 4000
    assert table["said"].is_monotonic_increasing


def test_few_rows_make_few_bins() -> None:
    table = metrics.reliability_table(np.array([0, 1]), np.array([0.2, 0.7]))
    assert table["rows"].tolist() == [1, 1]


def test_certain_and_right_is_perfect() -> None:
    truth = np.arange(30) % 3
    found = metrics.multiclass(truth, np.eye(3)[truth])
    assert found["accuracy"] == found["auc"] == 1


def test_a_picture_is_the_same_png_for_the_same_numbers(
    scored: Scored,
) -> None:
    truth, scores = scored
    for draw in (pictures.roc, pictures.calibration):
        first, second = draw(truth, scores, title="flights"), draw(truth, scores, title="flights")
        assert first == second
        assert first.startswith(b"\x89PNG")
    classes = np.arange(30) % 3
    assert pictures.confusion(classes, np.eye(3)[classes], title="digits").startswith(b"\x89PNG")
