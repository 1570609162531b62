"""CycloneDX: what its strict schema accepts, and what a reader of a bill of materials looks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.provenance.documents import exported, step, urn
from tests.repositories import NOW
from tests.steps import commit
from tests.test_promotion import judge
from versioning.api import Repository
from versioning.digest import digest_bytes
from versioning.handles import Version
from versioning.integrations.provenance.facts import purl_of
from versioning.keys import Leaf, root_key
from versioning.repository import Draft


def bill(version: Version) -> dict[str, Any]:
    """The bill, once the validator of CycloneDX accepted it."""
    document = exported(version, "mlbom")
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document))
    assert error is None, error
    return document


def components(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["bom-ref"]: item for item in document["components"]}


def properties(component: dict[str, Any]) -> dict[str, str]:
    return {
        item["name"].removeprefix("prefect-versioning:"): item["value"]
        for item in component["properties"]
    }


def test_a_model_has_a_card_with_metrics_gates_data_and_settings(
    model: Version, repository: Repository
) -> None:
    document = bill(model)
    root = document["metadata"]["component"]
    assert (root["type"], root["name"]) == ("machine-learning-model", "wine")
    assert root["version"] == model.id
    [digest] = root["hashes"]
    [blob] = model.record.manifest
    assert digest == {"alg": "BLAKE3", "content": blob.digest}
    card = root["modelCard"]
    assert card["quantitativeAnalysis"]["performanceMetrics"] == [{"type": "auc", "value": "0.93"}]
    assert card["modelParameters"]["modelArchitecture"] == "LogisticRegression"
    assert card["modelParameters"]["datasets"] == [{"ref": urn(step(repository, "bottles"))}]
    told = properties(card)
    assert told["gate:auc at least 0.6"] == "passed: 0.9300"
    assert told["parameter:seed"] == "7"
    assert properties(root)["named"] == "wine@champion"


def test_data_is_told_up_to_the_outside_file(
    model: Version, repository: Repository, place: Path
) -> None:
    found = components(bill(model))
    source = found[urn(step(repository, "source:bottles.csv"))]
    assert source["data"][0]["contents"]["url"] == (place / "bottles.csv").as_uri()
    assert found[urn(step(repository, "bottles"))]["data"][0]["type"] == "dataset"
    code = [item for item in found.values() if item["name"] == "source"]
    assert [item["data"][0]["type"] for item in code] == ["source-code"]


def test_the_graph_leads_from_the_model_to_its_data_and_what_was_installed(
    model: Version, repository: Repository
) -> None:
    document = bill(model)
    depends = {item["ref"]: item.get("dependsOn", []) for item in document["dependencies"]}
    table, source = (step(repository, name) for name in ("bottles", "source:bottles.csv"))
    assert urn(table) in depends[urn(model)]
    assert depends[urn(table)] == [urn(source)]
    installed = {ref for ref in depends[urn(model)] if ref.startswith("pkg:pypi/")}
    assert any(ref.startswith("pkg:pypi/scikit-learn@") for ref in installed)
    assert all(item.get("purl") == ref for ref, item in components(document).items()
               if ref in installed)  # fmt: skip


def test_a_checkout_is_no_package_of_an_index(model: Version) -> None:
    own = [c for c in bill(model)["components"] if c["name"] == "prefect-versioning"]
    assert not any("purl" in component for component in own)


def test_a_table_is_data_without_a_card(table: Version) -> None:
    root = bill(table)["metadata"]["component"]
    assert (root["type"], root["name"], "modelCard" in root) == ("data", "clean", False)


def test_what_was_judged_is_a_model_however_it_is_stored(plain: Repository) -> None:
    weights = commit(plain, {"weights": [0.1, 0.2]}, "train")
    judge(plain, weights, auc=0.8)
    card = bill(weights)["metadata"]["component"]["modelCard"]
    assert card["quantitativeAnalysis"]["performanceMetrics"][0]["value"] == "0.8"


def test_a_model_that_nobody_judged_has_no_metrics(plain: Repository) -> None:
    from sklearn.linear_model import LinearRegression

    card = bill(commit(plain, LinearRegression(), "train"))["metadata"]["component"]["modelCard"]
    assert card["quantitativeAnalysis"]["performanceMetrics"] == []


def test_a_version_of_several_files_lists_each(plain: Repository, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text(name)
    root = bill(commit(plain, folder, "unpack"))["metadata"]["component"]
    assert [item["name"] for item in root["components"]] == ["file/a.csv", "file/b.csv"]


def test_without_capture_what_the_key_names_was_installed_and_more_may_have_been(
    plain: Repository, model: Version
) -> None:
    leaves = (Leaf("env/pandas", digest_bytes(b"3.1.1"), "3.1.1"),)
    meta = {"environment": {"python": "3.11.7", "implementation": "CPython"}}
    made = Draft(root_key(leaves), leaves, "train", "flows:train", NOW, 1.5, meta=meta)
    document = bill(Version.of(plain, plain.commit(1, made)))
    installed = [c["purl"] for c in document["components"] if c["type"] == "library"]
    assert installed == ["pkg:pypi/pandas@3.1.1"]
    assert any(c["type"] == "platform" for c in document["components"])
    assert document["compositions"][0]["aggregate"] == "incomplete"
    assert "compositions" not in bill(model)


@pytest.mark.parametrize(
    ("url", "qualifier"),
    [
        (None, ""),
        ("file:///srv/wheels/a.whl", ""),
        ("https://host.example/a b.whl", "?download_url=https://host.example/a%20b.whl"),
        ("git+https://host.example/a@c0ffee", "?vcs_url=git%2Bhttps://host.example/a%40c0ffee"),
    ],
)
def test_a_package_url_says_where_it_came_from_unless_that_is_an_index(
    url: str | None, qualifier: str
) -> None:
    from packageurl import PackageURL

    item = {"name": "a-b", "version": "1.0+local", **({"url": url} if url else {})}
    assert purl_of(item) == f"pkg:pypi/a-b@1.0%2Blocal{qualifier}"
    parsed = PackageURL.from_string(purl_of(item))
    assert (parsed.name, parsed.version) == ("a-b", "1.0+local")
    assert set(parsed.qualifiers.values()) == ({url} if qualifier else set())
