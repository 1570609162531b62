"""OpenLineage: one event, made of facets that the client knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import attr
import numpy as np
import pandas as pd
import polars as pl
import pytest
from openlineage.client import facet_v2
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState

from tests.provenance.documents import FLOW_RUN, exported, step, urn
from tests.steps import blob_path, commit, overwrite
from versioning.api import Repository
from versioning.handles import Version


def event(version: Version) -> dict[str, Any]:
    return exported(version, "openlineage")


def facets(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        if "_schemaURL" in document:
            yield document
        for item in document.values():
            yield from facets(item)
    elif isinstance(document, list):
        for item in document:
            yield from facets(item)


CLASSES = {
    found._get_schema(): found
    for module in map(vars(facet_v2).get, facet_v2.__all__)
    if isinstance(module, ModuleType)
    for found in vars(module).values()
    if isinstance(found, type) and attr.has(found) and hasattr(found, "_get_schema")
}


def read_back(document: dict[str, Any]) -> RunEvent:
    """The event as the client's own classes take it, which refuse unknown and missing fields."""
    for facet in facets(document):
        kept = {name.lstrip("_"): fact for name, fact in facet.items() if name != "_schemaURL"}
        CLASSES[facet["_schemaURL"]](**kept)
    kept = {name: fact for name, fact in document.items() if name != "schemaURL"}
    parts = {"run": Run(**kept.pop("run")), "job": Job(**kept.pop("job"))}
    return RunEvent(**{**kept, **parts, "eventType": RunState(kept["eventType"])})


def test_the_event_tells_the_run_its_job_and_the_flow_run_above(model: Version) -> None:
    document = event(model)
    found = read_back(document)
    assert found.schemaURL == document["schemaURL"]
    assert (document["eventType"], document["job"]["name"]) == ("COMPLETE", "retrain.train")
    assert UUID(document["run"]["runId"]).hex == model.id
    assert document["eventTime"].startswith(f"{model.created:%Y-%m-%dT%H:%M:%S}")
    parent = document["run"]["facets"]["parent"]
    assert (parent["run"]["runId"], parent["job"]["name"]) == (FLOW_RUN, "retrain")
    told = document["run"]["facets"]["executionParameters"]["parameters"]
    assert {item["key"]: item["value"] for item in told}["seed"] == "7"


def test_what_was_read_and_written_is_told_with_columns_versions_and_sizes(model: Version) -> None:
    document = event(model)
    [table], [written] = document["inputs"], document["outputs"]
    home = Path(model.repository_url).as_uri()
    assert {table["namespace"], written["namespace"], document["job"]["namespace"]} == {home}
    assert (table["name"], written["name"]) == ("bottles", "train")
    fields = table["facets"]["schema"]["fields"]
    assert [(f["name"], f["type"]) for f in fields] == [("alcohol", "double"), ("first", "bool")]
    assert table["facets"]["datasetType"]["datasetType"] == "TABLE"
    assert written["facets"]["datasetType"]["datasetType"] == "MODEL"
    assert written["facets"]["version"]["datasetVersion"] == model.id
    assert written["outputFacets"]["outputStatistics"]["size"] == model.size_bytes


def test_what_a_source_read_is_named_by_its_place(
    model: Version, repository: Repository, place: Path
) -> None:
    outside = ("file", str(place / "bottles.csv"))
    [read] = event(step(repository, "bottles"))["inputs"]
    assert (read["namespace"], read["name"]) == outside
    document = event(step(repository, "source:bottles.csv"))
    read_back(document)
    [read], [written] = document["inputs"], document["outputs"]
    assert (read["namespace"], read["name"]) == outside
    assert written["name"] == "source:bottles.csv"


@pytest.mark.parametrize(
    ("url", "at", "namespace", "name"),
    [
        ("s3://bucket/a b/day.csv", None, "s3://bucket", "a b/day.csv"),
        ("git:///srv/wine:c0ffee@data/day.csv", "c0ffee", "git", "/srv/wine/data/day.csv"),
        ("https://ann:pw@host/day.csv", None, "https://host", "day.csv"),
    ],
)
def test_the_place_of_a_source_has_no_password_and_no_commit(
    plain: Repository, url: str, at: str | None, namespace: str, name: str
) -> None:
    meta = {"source": {"url": url, **({"at": at} if at else {})}}
    source = commit(plain, b"day", "source:day.csv", meta=meta)
    [read] = event(commit(plain, 1, "load", reads={"day": source}))["inputs"]
    assert (read["namespace"], read["name"]) == (namespace, name)
    assert urlsplit(read["facets"]["dataSource"]["uri"]).scheme == urlsplit(url).scheme
    assert read["facets"]["version"]["datasetVersion"] == (at or source.id)


def test_versions_of_one_step_are_one_dataset(plain: Repository) -> None:
    days = [commit(plain, pd.DataFrame({"n": [n]}), "day", n=n) for n in range(3)]
    reads = {f"tables[{n}]": day for n, day in enumerate(days)}
    document = event(commit(plain, 1, "train", reads=reads))
    read_back(document)
    [read] = document["inputs"]
    assert read["inputFacets"]["subset"]["inputCondition"]["locations"] == list(map(urn, days))
    assert read["inputFacets"]["inputStatistics"]["fileCount"] == 3
    assert read["facets"]["schema"]["fields"][0]["name"] == "n"
    assert "version" not in read["facets"]


def test_versions_of_one_step_with_other_columns_have_no_schema_in_common(
    plain: Repository,
) -> None:
    days = [commit(plain, pd.DataFrame({n: [1]}), "day", n=n) for n in "ab"]
    [read] = event(commit(plain, 1, "train", reads=dict(zip("ab", days))))["inputs"]
    assert "schema" not in read["facets"]


@pytest.mark.parametrize(
    "rows",
    [
        pd.DataFrame({"n": [1], "t": ["x"]}, index=pd.MultiIndex.from_tuples([("a", 2)])),
        pl.DataFrame({"n": [1], "t": ["x"]}),
        pl.DataFrame({"n": [1], "t": ["x"]}).to_arrow(),
    ],
    ids=["pandas", "polars", "pyarrow"],
)
def test_the_columns_of_a_table_are_those_of_its_library_without_an_index(
    plain: Repository, rows: Any
) -> None:
    [written] = event(commit(plain, rows, "clean"))["outputs"]
    assert [field["name"] for field in written["facets"]["schema"]["fields"]] == ["n", "t"]


def test_no_row_of_a_large_table_is_read_for_its_columns(plain: Repository) -> None:
    large = commit(plain, pd.DataFrame({"n": np.arange(100_000)}), "clean")
    path = blob_path(plain, large)
    overwrite(path, path.read_bytes()[:4096])
    [written] = event(large)["outputs"]
    assert [field["name"] for field in written["facets"]["schema"]["fields"]] == ["n"]


@pytest.mark.parametrize(
    "left", [b"", b"ARROW1\0\0", b"x" * 70_000], ids=["none", "magic", "other"]
)
def test_a_table_whose_beginning_is_damaged_has_no_columns(plain: Repository, left: bytes) -> None:
    large = commit(plain, pd.DataFrame({"n": np.arange(100_000)}), "clean")
    overwrite(blob_path(plain, large), left)
    assert "schema" not in event(large)["outputs"][0]["facets"]


def test_the_commit_is_told_with_its_place(plain: Repository) -> None:
    git = {"commit": "c0ffee", "branch": "main", "dirty": False}
    place = {"remote": "https://host.example/a/b.git"}
    for known in (git, git | place):
        meta = {"environment": {"git": known}}
        document = event(commit(plain, 1, "train", n=len(known), meta=meta))
        read_back(document)
        tags = {tag["key"]: tag["value"] for tag in document["run"]["facets"]["tags"]["tags"]}
        assert (tags["git.commit"], tags["git.dirty"]) == ("c0ffee", "False")
        location = document["job"]["facets"].get("sourceCodeLocation", {})
        assert location.get("repoUrl") == known.get("remote")
        assert location.get("version", "c0ffee") == "c0ffee"
