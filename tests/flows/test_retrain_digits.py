"""Another problem altogether goes through the same flows: a neural network on pictures."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from prov.model import ProvEntity

from flows import digits
from flows.evaluate import evaluate
from flows.register import register
from flows.retrain import Retrained, retrain
from flows.train import train
from tests.provenance.documents import exported
from tests.provenance.test_intoto import check
from tests.provenance.test_mlbom import bill
from tests.provenance.test_openlineage import read_back
from tests.provenance.test_prov import said
from versioning import open_repository
from versioning.errors import FormatError, NotFoundError, RefusedError, VersioningError
from versioning.integrations import mlflow as registry
from versioning.integrations.prefect import run_table

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
]


@pytest.fixture(scope="module")
def first(home: Path) -> Retrained:
    return retrain("digits", as_of=date(2024, 1, 5))


def test_a_network_reads_digits_it_has_not_seen(first: Retrained) -> None:
    assert first.evaluation.metrics["accuracy"] > 0.85
    assert first.promoted
    assert first.model.step == "train"


def test_its_weights_come_back_as_they_were(first: Retrained) -> None:
    weights = first.model.load()
    again = digits.train([v.load() for v in open_repository().versions(step="scaled")[:0:-1]])
    assert {name: values.dtype for name, values in weights.items()} == dict.fromkeys(
        ["hidden.weight", "hidden.bias", "out.weight", "out.bias"], np.dtype("float32")
    )
    for name, values in weights.items():
        np.testing.assert_array_equal(values, again[name])


def test_where_it_comes_from_is_told_in_the_formats_of_others(first: Retrained) -> None:
    """Each document is read back by the library that defines it."""
    read_back(event := exported(first.model, "openlineage"))
    assert event["job"]["name"] == "retrain.train"
    assert event["run"]["facets"]["parent"]["job"]["name"] == "retrain"
    assert event["run"]["facets"]["processing_engine"]["name"] == "Prefect"
    fields = event["inputs"][0]["facets"]["schema"]["fields"]
    assert [field["name"] for field in fields] == [*digits.PIXELS, "ink", digits.TARGET]
    check(exported(first.model, "intoto"))
    card = bill(first.model)["metadata"]["component"]["modelCard"]
    metrics = {m["type"]: m["value"] for m in card["quantitativeAnalysis"]["performanceMetrics"]}
    assert float(metrics["accuracy"]) == first.evaluation.metrics["accuracy"]
    labels = {str(entity.label) for entity in said(first.model).get_records(ProvEntity)}
    assert {"train", "scaled", "scans", "source:digits.csv.gz", "environment"} <= labels


def test_a_new_day_of_scans_reuses_the_days_before(first: Retrained) -> None:
    retrain("flows.digits", as_of=date(2024, 1, 6))
    rows = run_table().rows
    assert sorted(row.status for row in rows if row.step == "scans") == ["hit"] * 4 + ["miss"]


def test_a_model_that_fails_its_gates_stays_the_challenger(first: Retrained) -> None:
    champion = open_repository().get("digit-reader@champion")
    poor = retrain("digits", as_of=date(2024, 1, 7), parameters={"epochs": 1})
    assert not poor.evaluation.passed("performance")
    assert not poor.promoted
    uri = registry.tracking_uri(open_repository().url, {})
    named = {
        alias: registry.registered_as("digit-reader", alias, uri=uri)
        for alias in ("challenger", "champion")
    }
    assert named["challenger"].version_id == poor.model.id
    assert named["champion"].version_id != poor.model.id
    [judged, *_] = open_repository().evaluations(poor.model)
    assert judged.metrics == poor.evaluation.metrics
    assert judged.against == champion.id
    with pytest.raises(RefusedError, match="failed: accuracy"):
        register("digits", model=poor.model.id, promote=True)
    register("digits", model=poor.model.id, promote=True, reason="a drill")
    assert open_repository().get("digit-reader@champion") == poor.model
    register("digits", model=champion.id, promote=True)


def test_each_step_is_a_flow_of_its_own(first: Retrained) -> None:
    model = train("digits", as_of=date(2024, 1, 5), seed=11)
    judged = evaluate("digits", as_of=date(2024, 1, 5), model=model.id, against=first.model.id)
    assert judged.champion == first.evaluation.metrics
    number = register("digits", model=model.id)
    assert register("digits", model=model.id) == number


def test_too_little_data_says_so(home: Path) -> None:
    with pytest.raises(VersioningError, match="digits has 1 portions before 2024-01-02"):
        retrain("digits", as_of=date(2024, 1, 2))


def test_an_unknown_problem_says_so(home: Path) -> None:
    with pytest.raises(NotFoundError, match="no problem 'digitz'"):
        retrain("digitz", as_of=date(2024, 1, 5))


def test_an_unknown_parameter_says_so(first: Retrained) -> None:
    with pytest.raises(FormatError, match="takes no parameter depth; it takes hidden, epochs"):
        retrain("digits", as_of=date(2024, 1, 5), parameters={"depth": 3})
