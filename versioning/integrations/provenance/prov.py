"""W3C PROV: the lineage of a version as entities, activities and agents, in PROV-JSON.

A version is an entity, the run of a step an activity, a flow an agent. The source that was captured
is the plan that a run followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
from prov.constants import PROV
from prov.identifier import Identifier, Namespace
from prov.model import ProvDocument

from versioning.integrations.provenance.facts import (
    PRODUCT,
    began,
    kind_of,
    origin_of,
    parameters_of,
)
from versioning.lineage import UP, lineage
from versioning.references import captured

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prov.identifier import QualifiedName

    from versioning.integrations.provenance.facts import Facts
    from versioning.records import VersionRecord

PLAN = "source"


def document(facts: Facts) -> dict[str, Any]:
    """The lineage, from the version up to its sources."""
    said = _Said(facts)
    graph = lineage(facts.repository.catalog, facts.record.id, UP)
    # Where a record stands in a graph depends on when this machine saw it first.
    for version_id in sorted(graph.nodes):
        if (record := facts.read(version_id)) is None:
            said.entity(version_id, {"prov:label": graph.step(version_id)})
        else:
            said.version(record)
    for version_id in sorted(facts.repository.invalidations.among(graph.nodes)):
        said.invalid(version_id)
    written: dict[str, Any] = orjson.loads(said.document.serialize(format="json"))
    return written


class _Said:
    """What is said of versions; of each thing once."""

    def __init__(self, facts: Facts) -> None:
        self.document = ProvDocument()
        self._facts = facts
        self._known: set[QualifiedName] = set()
        here = facts.urn("")
        self._terms = Namespace(PRODUCT, f"urn:{PRODUCT}:terms:")
        self._versions = Namespace("version", here)
        self._runs = Namespace("run", f"{here}run:")
        self._flows = Namespace("flow", f"{here}flow:")

    def version(self, record: VersionRecord) -> None:
        """A version, the run that made it, and what that used."""
        facts, origin = self._facts, origin_of(record)
        is_root = record.id == facts.record.id
        told = {"digest": record.digest, "codec": record.codec, "seal": record.seal}
        entity = self.entity(
            record.id,
            {
                "prov:label": record.step,
                "prov:type": self._terms[facts.kind if is_root else kind_of(record)],
                "prov:location": Identifier(origin) if origin else None,
                **self._own(told | (facts.warnings if is_root else {})),
            },
        )
        if not record.function:
            self.document.wasGeneratedBy(entity, time=record.created)
            return
        run = self._run(record)
        self.document.wasGeneratedBy(entity, run, record.created)
        for item in record.inputs:
            source = self._versions[item.id]
            self.document.used(run, source, other_attributes={"prov:role": item.name})
            self.document.wasDerivedFrom(entity, source, run)

    def entity(self, version_id: str, told: Mapping[str, Any]) -> QualifiedName:
        """A version, with what is told of it where it comes up first."""
        name = self._versions[version_id]
        if name not in self._known:
            self._known.add(name)
            self.document.entity(name, {key: fact for key, fact in told.items() if fact})
        return name

    def invalid(self, version_id: str) -> None:
        """That a version is never to be used again, by whom and why."""
        if why := self._facts.repository.invalidations.of(version_id):
            told = self._own({"reason": str(why), "actor": why.actor})
            self.document.wasInvalidatedBy(
                self._versions[version_id], time=why.at, other_attributes=told
            )

    def _run(self, record: VersionRecord) -> QualifiedName:
        run = self._runs[record.id]
        parameters = {f"parameter-{name}": text for name, text in parameters_of(record).items()}
        told = {"prov:label": record.step, "prov:type": self._terms["run"]}
        told |= self._own({"function": record.function, **parameters})
        self.document.activity(run, began(record), record.created, told)
        kept = {item.name: item for item in captured(record)}
        plan = None
        for name, item in kept.items():
            kinds = {"prov:type": PROV["Plan"]} if name == PLAN else {}
            entity = self.entity(item.id, {"prov:label": name, **kinds})
            self.document.used(run, entity, other_attributes={"prov:role": name})
            plan = entity if name == PLAN else plan
        if record.flow:
            self.document.wasAssociatedWith(run, self._flow(record.flow), plan)
        return run

    def _flow(self, flow: str) -> QualifiedName:
        name = self._flows[quote(flow, safe="")]
        if name not in self._known:
            self._known.add(name)
            self.document.agent(name, {"prov:label": flow, "prov:type": PROV["SoftwareAgent"]})
        return name

    def _own(self, told: Mapping[str, Any]) -> dict[Any, Any]:
        return {self._terms[quote(name, safe="")]: fact for name, fact in told.items()}
