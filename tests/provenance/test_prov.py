"""PROV: what its own reader reads back as it was said."""

from __future__ import annotations

import json
from pathlib import Path

from prov.model import (
    ProvActivity,
    ProvAgent,
    ProvAssociation,
    ProvDerivation,
    ProvDocument,
    ProvEntity,
    ProvGeneration,
    ProvInvalidation,
    ProvUsage,
)

from tests.provenance.documents import exported, step
from tests.steps import commit
from versioning import layout
from versioning.api import Repository
from versioning.handles import Version


def said(version: Version) -> ProvDocument:
    """The document, once PROV's reader read it and wrote it again as it was."""
    text = json.dumps(exported(version, "prov"))
    document = ProvDocument.deserialize(content=text, format="json")
    again = document.serialize(format="json")
    assert ProvDocument.deserialize(content=again, format="json") == document
    return document


def pairs(document: ProvDocument, kind: type) -> set[tuple[str, ...]]:
    """The things that each relation of a kind is about."""
    return {
        tuple(str(value) for _, value in record.formal_attributes if value is not None)
        for record in document.get_records(kind)
    }


def test_a_model_was_generated_by_a_run_that_used_its_data(
    model: Version, repository: Repository
) -> None:
    table, source = (step(repository, name) for name in ("bottles", "source:bottles.csv"))
    document = said(model)
    run = f"run:{model.id}"
    assert f"version:{model.id}" in {str(e.identifier) for e in document.get_records(ProvEntity)}
    generated = [pair[:2] for pair in pairs(document, ProvGeneration)]
    assert (f"version:{model.id}", run) in generated
    assert (run, f"version:{table.id}") in pairs(document, ProvUsage)
    assert pairs(document, ProvDerivation) == {
        (f"version:{model.id}", f"version:{table.id}", run),
        (f"version:{table.id}", f"version:{source.id}", f"run:{table.id}"),
    }


def test_each_run_has_its_times_its_flow_and_its_source_as_plan(model: Version) -> None:
    document = said(model)
    [run] = [r for r in document.get_records(ProvActivity) if str(r.identifier)[4:] == model.id]
    assert run.get_endTime() == model.created
    assert (run.get_endTime() - run.get_startTime()).total_seconds() == model.seconds
    [agent] = document.get_records(ProvAgent)
    assert (str(agent.identifier), agent.label) == ("flow:retrain", "retrain")
    kept = model.record.meta["capture"]["source"]["id"]
    assert (str(run.identifier), "flow:retrain", f"version:{kept}") in pairs(
        document, ProvAssociation
    )


def test_an_outside_file_has_its_place_and_no_run(
    model: Version, repository: Repository, place: Path
) -> None:
    source = step(repository, "source:bottles.csv")
    document = said(model)
    [entity] = document.get_record(f"version:{source.id}")
    assert {str(at) for at in entity.get_attribute("prov:location")} == {
        (place / "bottles.csv").as_uri()
    }
    assert f"run:{source.id}" not in {str(r.identifier) for r in document.get_records(ProvActivity)}


def test_a_poisoned_source_is_told_with_what_was_made_from_it(plain: Repository) -> None:
    raw = commit(plain, 1, "load")
    model = commit(plain, 2, "train", reads={"raw": raw})
    plain.invalidate(raw, down=True, reason="wrong export", apply=True)
    document = said(model)
    told = {
        str(record.formal_attributes[0][1]): str(record.extra_attributes)
        for record in document.get_records(ProvInvalidation)
    }
    assert told.keys() == {f"version:{raw.id}", f"version:{model.id}"}
    assert "wrong export" in told[f"version:{raw.id}"]


def test_a_version_whose_record_is_gone_is_an_entity_still(plain: Repository) -> None:
    raw = commit(plain, 1, "load")
    model = commit(plain, 2, "train", reads={"raw": raw})
    plain.store.delete(layout.version(raw.id))
    assert said(model).get_record(f"version:{raw.id}")


def test_names_that_no_qualified_name_could_have_are_read_back(plain: Repository) -> None:
    odd = commit(plain, 1, "train: 'größe'|<b>\n", **{"größe: [cm]": 3})
    document = said(odd)
    [entity] = document.get_record(f"version:{odd.id}")
    assert entity.label == odd.step
