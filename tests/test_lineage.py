from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.repositories import LARGE
from tests.steps import blob_path, commit, opened, overwrite
from versioning import layout
from versioning.api import Repository
from versioning.errors import FormatError, NotFoundError
from versioning.handles import Version
from versioning.keys import LeafChange
from versioning.lineage import Lineage
from versioning.profiles import value_differences
from versioning.runs import last_run


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return opened(tmp_path)


@pytest.fixture
def chain(repository: Repository) -> dict[str, Version]:
    """load -> clean -> train, and load -> train, and train -> report."""
    load = commit(repository, "raw", "load")
    clean = commit(repository, "clean", "clean", reads={"raw": load})
    train = commit(repository, "model", "train", reads={"flights": clean, "raw": load})
    report = commit(repository, "text", "report", reads={"model": train})
    commit(repository, "stranger", "stranger")
    return {"load": load, "clean": clean, "train": train, "report": report}


def steps(graph: Lineage) -> set[str]:
    return {graph.step(version_id) for version_id in graph.nodes}


def edges(graph: Lineage) -> set[tuple[str, str, str]]:
    return {(graph.step(r.source), r.name, graph.step(r.reader)) for r in graph.reads}


def test_upward_lineage_holds_what_a_version_was_made_from(chain: dict[str, Version]) -> None:
    graph = chain["train"].lineage()
    assert steps(graph) == {"load", "clean", "train"}
    assert edges(graph) == {
        ("load", "raw", "clean"),
        ("load", "raw", "train"),
        ("clean", "flights", "train"),
    }


def test_downward_lineage_holds_what_was_made_from_it(chain: dict[str, Version]) -> None:
    graph = chain["clean"].lineage("down")
    assert steps(graph) == {"clean", "train", "report"}
    assert edges(graph) == {("clean", "flights", "train"), ("train", "model", "report")}


def test_lineage_in_both_directions_leaves_out_strangers(chain: dict[str, Version]) -> None:
    assert steps(chain["clean"].lineage("both")) == {"load", "clean", "train", "report"}


def test_an_input_whose_record_is_gone_stays_in_the_graph(
    repository: Repository, chain: dict[str, Version]
) -> None:
    repository.store.delete(layout.version(chain["load"].id))
    graph = chain["clean"].lineage()
    assert graph.nodes[chain["load"].id] is None
    assert steps(graph) == {"clean", "unknown"}


def test_a_direction_that_does_not_exist_is_refused(chain: dict[str, Version]) -> None:
    with pytest.raises(FormatError, match="choose up, down or both"):
        chain["clean"].lineage("sideways")


def test_the_tree_shows_what_is_below_a_version_once(chain: dict[str, Version]) -> None:
    graph = chain["report"].lineage()
    assert [(depth, graph.step(i), name) for depth, i, name, _ in graph.tree()] == [
        (0, "report", ""),
        (1, "train", "model"),
        (2, "clean", "flights"),
        (3, "load", "raw"),
        (2, "load", "raw"),
    ]


def test_a_deep_diamond_is_drawn_in_few_lines(repository: Repository) -> None:
    version = commit(repository, 0, "base")
    for n in range(30):
        version = commit(repository, n, f"s{n}", reads={"a": version, "b": version})
    lines = list(version.lineage().tree())
    assert len(lines) == 1 + 2 * 30
    assert sum(is_repeated for *_, is_repeated in lines) == 29


def test_a_mermaid_graph_names_nodes_and_edges(chain: dict[str, Version]) -> None:
    text = chain["clean"].lineage().mermaid()
    assert text.startswith("graph LR\n")
    assert f'v{chain["load"].id[:16]}["load<br/>{chain["load"].id[:12]}"]' in text
    assert f'v{chain["load"].id[:16]} -- "raw" --> v{chain["clean"].id[:16]}' in text


def test_names_cannot_break_out_of_a_mermaid_graph(repository: Repository) -> None:
    version = commit(repository, 1, 'evil"]\n click x "javascript:1" <b>')
    lines = version.lineage().mermaid().splitlines()
    assert len(lines) == 3
    assert lines[1].count('"') == 2


def test_the_first_version_of_a_step_has_nothing_to_compare_with(repository: Repository) -> None:
    why = commit(repository, 1).why()
    assert (why.verdict, why.against, why.changed) == ("first", None, ())


def test_why_names_the_leaves_that_differ_from_the_version_before(repository: Repository) -> None:
    commit(repository, 0, "other", minute=1, rate=0.5)
    commit(repository, 1, minute=0, rate=0.1, gone=1)
    before = commit(repository, 2, minute=2, rate=0.1, depth=3)
    after = commit(repository, 3, minute=3, rate=0.2, depth=3)
    commit(repository, 4, minute=4, rate=0.9)
    why = repository.why(after)
    assert (why.verdict, why.against) == ("changed", before.id)
    assert why.changed == (LeafChange("params/rate", "0.1", "0.2"),)
    assert not why.same_value


@pytest.mark.parametrize("loss", ["damaged", "another", "gone"])
def test_why_compares_with_the_nearest_version_that_can_be_read(
    repository: Repository, loss: str
) -> None:
    first, second, third = (commit(repository, n, minute=n, n=n) for n in range(3))
    assert repository.why(third).against == second.id
    place = Path(repository.url) / layout.version(second.id)
    if loss == "gone":
        place.unlink()
    else:
        damage = {"damaged": b"{", "another": repository.store.get(layout.version(first.id))}
        overwrite(place, damage[loss])
    assert opened(Path(repository.url).parent).why(third).against == first.id


def test_why_compares_with_any_version(repository: Repository) -> None:
    first = commit(repository, "same", rate=1, gone=2)
    commit(repository, "x", minute=1, rate=2)
    third = commit(repository, "same", minute=2, rate=3)
    why = third.why(first)
    assert why.changed == (
        LeafChange("params/gone", "2", None),
        LeafChange("params/rate", "1", "3"),
    )
    assert why.same_value


def test_a_version_made_again_for_the_same_key_says_so(repository: Repository) -> None:
    first = commit(repository, LARGE)
    blob_path(repository, first).unlink()
    second = commit(repository, LARGE, minute=1)
    assert second.id != first.id
    assert second.why().verdict == "same-key"


def run_record(run: str, flow: str, ended: str) -> dict[str, Any]:
    return {"run": run, "flow": flow, "name": run, "ended": ended, "steps": []}


def test_the_last_run_is_the_one_that_ended_last(repository: Repository) -> None:
    for run, flow, ended in [
        ("a", "x", "2026-01-01"),
        ("b", "x", "2026-01-03"),
        ("c", "y", "2026"),
    ]:
        repository.write_run(run, "flow", run_record(run, flow, ended))
        repository.write_run(run, "task", {"steps": []})
        for path in (Path(repository.url) / "runs" / run).iterdir():
            path.touch()
    assert last_run(repository, "x")["run"] == "b"
    assert last_run(repository, "y")["run"] == "c"
    with pytest.raises(NotFoundError, match="no run of flow 'z'"):
        last_run(repository, "z")


def test_diff_of_records_tells_parameters_inputs_and_environment(repository: Repository) -> None:
    load = commit(repository, "raw", "load")
    before = commit(repository, "v", rate=1)
    after = commit(repository, "v", minute=1, rate=2, reads={"raw": load})
    found = repository.diff(before, after)
    assert found["same_value"]
    assert found["parameters"] == [{"leaf": "params/rate", "before": "1", "after": "2"}]
    assert [item["leaf"] for item in found["inputs"]] == ["inputs/raw"]
    assert found["code"] == found["environment"] == []


def test_diff_of_tables_tells_schema_rows_and_distribution(repository: Repository) -> None:
    old = pd.DataFrame({"a": range(100), "same": 1, "gone": "x", "n": range(100)})
    new = pd.DataFrame({"a": [*range(50), *([None] * 70)], "same": 1, "new": True, "n": 0.5})
    before, after = commit(repository, old, n=1), commit(repository, new, n=2)
    data = repository.diff(before, after)["data"]
    assert data["rows"] == {"before": 100, "after": 120}
    assert data["schema"]["added"] == ["new"]
    assert data["schema"]["removed"] == ["gone"]
    assert {"column": "n", "before": "int64", "after": "float64"} in data["schema"]["retyped"]
    a = next(column for column in data["columns"] if column["column"] == "a")
    assert a["nulls"] == {"before": 0, "after": 70}
    assert a["max"] == {"before": 99, "after": 49}
    assert a["psi"] > 0.25


def test_diff_leaves_out_columns_that_are_the_same() -> None:
    frame = pd.DataFrame({"a": [1.0, None], "b": ["x", None]})
    assert value_differences(frame, frame.copy())["data"]["columns"] == []


def test_diff_of_columns_whose_cells_are_lists_does_not_fail() -> None:
    before, after = pd.DataFrame({"a": [[1]]}), pd.DataFrame({"a": [[2]]})
    assert value_differences(before, after)["data"]["columns"] == [
        {"column": "a", "values": "differ"}
    ]


def test_diff_of_metrics_tells_by_how_much_each_changed(repository: Repository) -> None:
    before = commit(repository, {"auc": 0.5, "by": {"AA": 1}, "gone": 1, "note": "x"}, n=1)
    after = commit(repository, {"auc": 0.75, "by": {"AA": 1}, "new": 2, "note": "y"}, n=2)
    assert repository.diff(before, after)["metrics"] == [
        {"name": "auc", "before": 0.5, "after": 0.75, "change": 0.25},
        {"name": "gone", "before": 1, "after": None},
        {"name": "new", "before": None, "after": 2},
        {"name": "note", "before": "x", "after": "y"},
    ]


def test_diff_of_arrays_tells_shape_type_and_moments() -> None:
    found = value_differences(np.zeros((2, 3)), np.ones(4, dtype="float32"))["data"]
    assert found["shape"] == {"before": [2, 3], "after": [4]}
    assert found["mean"] == {"before": 0.0, "after": 1.0}


def test_diff_of_models_tells_settings_and_what_was_learnt() -> None:
    import lightgbm

    rows, label = np.arange(200.0).reshape(100, 2), np.arange(100) % 2
    models = [
        lightgbm.train(
            {"objective": "binary", "verbose": -1, "num_leaves": leaves, "num_threads": 1},
            lightgbm.Dataset(rows, label),
            num_boost_round=rounds,
        )
        for leaves, rounds in [(4, 2), (8, 3)]
    ]
    found = {item["name"]: item for item in value_differences(*models)["model"]["facts"]}
    assert (found["trees"]["before"], found["trees"]["after"]) == (2, 3)
    assert found["params.num_leaves"]["change"] == 4


def test_diff_of_estimators_tells_parameters() -> None:
    from sklearn.linear_model import LogisticRegression

    rows, label = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    models = [LogisticRegression(C=c).fit(rows, label) for c in (1.0, 2.0)]
    found = [item["name"] for item in value_differences(*models)["model"]["facts"]]
    assert "params.C" in found


def test_diff_of_tensors_counts_those_that_changed() -> None:
    before = {"a": np.zeros(2), "b": np.zeros(2), "gone": np.zeros(1)}
    after = {"a": np.zeros(2), "b": np.ones(2), "new": np.zeros(1)}
    assert value_differences(before, after)["model"] == {
        "added": ["new"],
        "removed": ["gone"],
        "changed": ["b"],
        "same": 1,
    }


def test_diff_of_files_tells_which_changed(repository: Repository, tmp_path: Path) -> None:
    versions = []
    for n, names in enumerate([{"a": "1", "b": "1"}, {"a": "2", "c": "1"}]):
        folder = tmp_path / str(n)
        folder.mkdir()
        for name, text in names.items():
            (folder / name).write_text(text)
        versions.append(commit(repository, folder, n=n))
    files = repository.diff(*versions)["files"]
    assert (len(files["added"]), len(files["removed"]), len(files["changed"])) >= (1, 1, 1)


def test_diff_of_different_kinds_shows_both() -> None:
    assert value_differences(1, "x") == {"data": {"before": 1, "after": "x"}}


def test_diff_says_why_a_value_cannot_be_read(repository: Repository) -> None:
    before, after = commit(repository, LARGE, n=1), commit(repository, 1, n=2)
    blob_path(repository, before).unlink()
    assert "gone" in repository.diff(before, after)["unreadable"]
