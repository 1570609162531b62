from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from flows import problem as problems
from flows.evaluate import _tell
from flows.gates import AtLeast, AtMost, Evidence, NotWorse, Stable, Verdict, judge, passed
from versioning.evaluations import told


def drift(**psi: float) -> pd.DataFrame:
    table = pd.DataFrame({"column": list(psi), "psi": list(psi.values())})
    return table.assign(null_before=0.0, null_after=0.0, unseen_share=0.0, unseen="")


def test_a_bound_itself_passes() -> None:
    evidence = Evidence({"auc": 0.6, "brier": 0.2})
    assert AtLeast("auc", 0.6).judge(evidence).passed
    assert AtMost("brier", 0.2).judge(evidence).passed
    assert not AtLeast("auc", 0.61).judge(evidence).passed
    assert not AtMost("brier", 0.19).judge(evidence).passed


def test_without_a_champion_there_is_nothing_to_compare() -> None:
    verdicts = judge([NotWorse("auc", 0.01), Stable(("hour",))], Evidence({"auc": 0.6}))
    assert [verdict.passed for verdict in verdicts] == [None, None]
    assert passed(verdicts, "performance")
    assert passed(verdicts, "drift")


def test_a_model_may_fall_behind_by_the_margin() -> None:
    evidence = Evidence({"auc": 0.60, "log_loss": 0.52}, {"auc": 0.605, "log_loss": 0.50})
    assert NotWorse("auc", 0.01).judge(evidence).passed
    assert not NotWorse("auc", 0.001).judge(evidence).passed
    assert not NotWorse("log_loss", 0.01, lower_is_better=True).judge(evidence).passed
    assert NotWorse("log_loss", 0.03, lower_is_better=True).judge(evidence).passed


def test_drift_counts_in_watched_columns_only_and_names_them() -> None:
    evidence = Evidence({}, {}, drift(temp=3.0, hour=0.3, carrier=0.01))
    verdict = Stable(("hour", "carrier")).judge(evidence)
    assert verdict == Verdict("PSI at most 0.25, unseen at most 1%", "drift", False, "hour 0.300")
    assert Stable(("carrier",)).judge(evidence).passed


def test_an_unseen_category_is_drift_whatever_the_psi() -> None:
    table = drift(carrier=0.0).assign(unseen_share=0.05, unseen="G4")
    verdict = Stable(("carrier",)).judge(Evidence({}, {}, table))
    assert not verdict.passed
    assert "unseen G4 (5.0%)" in verdict.reason


def test_performance_and_drift_are_judged_apart_and_all_gates_report() -> None:
    gates = [AtLeast("auc", 0.9), AtMost("brier", 0.3), Stable(("hour",))]
    verdicts = judge(gates, Evidence({"auc": 0.6, "brier": 0.1}, {}, drift(hour=0.0)))
    assert [verdict.passed for verdict in verdicts] == [False, True, True]
    assert not passed(verdicts, "performance")
    assert passed(verdicts, "drift")


def test_what_was_not_passed_is_told_by_events(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr("flows.evaluate.emit_event", lambda **event: sent.append(event))
    gates = [AtLeast("auc", 0.7), AtMost("brier", 0.3), NotWorse("auc", 0.01), Stable(("hour",))]
    evidence = Evidence({"auc": 0.6, "brier": 0.2}, {"auc": 0.6}, drift(hour=9.0))
    _tell(problems.find("digits"), SimpleNamespace(id="ab"), judge(gates, evidence))
    told = {item["event"]: item["payload"]["gates"] for item in sent}
    assert told.keys() == {"versioning.gate-failed", "versioning.drift"}
    assert told["versioning.gate-failed"] == "auc at least 0.7: 0.6000"
    assert told["versioning.drift"].count("hour") >= 1


def test_what_was_not_judged_is_counted_apart() -> None:
    failed = Verdict("auc at least 0.6", "metrics", False, "0.500")
    unjudged = Verdict("no worse than the champion", "metrics", None, "there is none")
    assert told([failed, unjudged]) == (
        "0 of 1 gates passed (1 not judged), failed: auc at least 0.6: 0.500"
    )
    assert told([failed]) == "0 of 1 gates passed, failed: auc at least 0.6: 0.500"
    assert told([unjudged]) == "no gate had anything to judge"
