"""CycloneDX 1.6: a bill of materials of a version: its data, its code, and what was installed.

The library has no classes for model cards, for what a data component holds and for what is
incomplete, which 1.6 has, so these are added to what it writes.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from versioning.integrations.provenance.facts import (
    PRODUCT,
    kind_of,
    origin_of,
    parameters_of,
    purl_of,
)
from versioning.lineage import UP, lineage
from versioning.names import names_of
from versioning.references import captured

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from versioning.integrations.provenance.facts import Facts
    from versioning.lineage import Lineage
    from versioning.records import VersionRecord

MODEL, DATA = ComponentType.MACHINE_LEARNING_MODEL, ComponentType.DATA


def document(facts: Facts) -> dict[str, Any]:
    """The bill, as Dependency-Track and others take it."""
    record, urn = facts.record, facts.urn
    graph = lineage(facts.repository.catalog, record.id, UP)
    is_model = facts.kind == "model"
    root = _root(facts, MODEL if is_model else DATA)
    below = [version_id for version_id in graph.nodes if version_id != record.id]
    records = {version_id: facts.read(version_id) for version_id in below}
    parts = {i: _part(urn(i), graph.step(i), i, found) for i, found in records.items()}
    code = [item for item in captured(record) if item.name in {"source", "files"}]
    own = [_part(urn(item.id), item.name, item.id) for item in code]
    own += [*_distributions(facts), *_python(facts)]
    bill = _bill(facts, root, graph, parts, own)
    held = {urn(i): _held(graph.step(i), found) for i, found in records.items()}
    held |= {urn(item.id): {"type": "source-code", "name": item.name} for item in code}
    held[urn(record.id)] = _held(record.step, record)
    written: dict[str, Any] = orjson.loads(JsonV1Dot6(bill).output_as_string())
    for component in (written["metadata"]["component"], *written.get("components", ())):
        if component["type"] == DATA.value:
            component["data"] = [held[component["bom-ref"]]]
    if not facts.is_captured:
        written["compositions"] = [{"aggregate": "incomplete", "dependencies": [urn(record.id)]}]
    if is_model:
        trained = [{"ref": urn(item.id)} for item in record.inputs]
        written["metadata"]["component"]["modelCard"] = _card(facts, trained)
    return written


def _bill(
    facts: Facts, root: Component, graph: Lineage, parts: dict[str, Component], own: list[Component]
) -> Bom:
    """What is in it, and what depends on what: the root on all of its `own`, too."""
    read = defaultdict(list)
    for edge in graph.reads:
        read[edge.reader].append(parts[edge.source])
    return Bom(
        serial_number=UUID(facts.record.id),
        metadata=BomMetaData(
            timestamp=facts.record.created,
            component=root,
            tools=ToolRepository(components=[Component(name=PRODUCT)]),
        ),
        components=[*parts.values(), *own],
        dependencies=[
            _depends(root, [*read[graph.root], *own]),
            *(_depends(component, read[i]) for i, component in parts.items()),
        ],
    )


def _root(facts: Facts, type_: ComponentType) -> Component:
    record = facts.record
    names = names_of(facts.repository, record.id)
    files = [
        Component(
            name=blob.part,
            type=ComponentType.FILE,
            bom_ref=f"{facts.urn(record.id)}#{blob.part}",
            hashes=[HashType(alg=HashAlgorithm.BLAKE3, content=blob.digest)],
        )
        for blob in record.manifest
    ]
    return Component(
        name=names[0].partition("@")[0] if names else record.step,
        version=record.id,
        type=type_,
        bom_ref=facts.urn(record.id),
        description=facts.value or None,
        hashes=files[0].hashes if len(files) == 1 else (),
        components=files if len(files) > 1 else (),
        properties=_properties(
            {
                "step": record.step,
                "function": record.function,
                "flow": record.flow,
                "named": ", ".join(names),
                "codec": record.codec,
                "digest": record.digest,
                "seal": record.seal,
                "commit": facts.git.get("commit"),
                **facts.warnings,
            }
        ),
    )


def _part(urn: str, name: str, version_id: str, record: VersionRecord | None = None) -> Component:
    """A version that it was made from."""
    is_model = record is not None and kind_of(record) == "model"
    told = {} if record is None else {"digest": record.digest, "codec": record.codec}
    return Component(
        name=name,
        version=version_id,
        type=MODEL if is_model else DATA,
        bom_ref=urn,
        properties=_properties(told),
    )


def _depends(component: Component, on: Iterable[Component]) -> Dependency:
    return Dependency(component.bom_ref, [Dependency(item.bom_ref) for item in on])


def _held(name: str, record: VersionRecord | None) -> dict[str, Any]:
    """What a data component holds; of a source, with the place that it was read from."""
    origin = None if record is None else origin_of(record)
    return {"type": "dataset", "name": name, **({"contents": {"url": origin}} if origin else {})}


def _distributions(facts: Facts) -> Iterator[Component]:
    for item in facts.distributions:
        # What stands in a checkout is nobody's package: one of its name may be another's.
        purl = None if item.get("editable") else PackageURL.from_string(purl_of(item))
        yield Component(
            name=item["name"],
            version=item["version"],
            purl=purl,
            bom_ref=str(purl or f"{item['name']}@{item['version']}"),
            properties=_properties({"record": item.get("record")}),
        )


def _python(facts: Facts) -> Iterator[Component]:
    if version := str(facts.machine.get("python") or ""):
        is_c = facts.machine.get("implementation") == "CPython"
        yield Component(
            name=str(facts.machine.get("implementation") or "python"),
            version=version,
            type=ComponentType.PLATFORM,
            bom_ref=f"python@{version}",
            cpe=f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*" if is_c else None,
        )


def _card(facts: Facts, trained: list[dict[str, str]]) -> dict[str, Any]:
    """What is known of a model: its data and settings, and how good it was found to be."""
    told: dict[str, Any] = {
        f"parameter:{name}": v for name, v in parameters_of(facts.record).items()
    }
    metrics: list[dict[str, str]] = []
    if (evaluation := facts.evaluation) is not None:
        metrics = [{"type": name, "value": str(n)} for name, n in evaluation.metrics.items()]
        told |= {f"gate:{v.gate}": f"{v.word}: {v.reason}" for v in evaluation.gates}
        told |= {"evaluation": facts.urn(evaluation.id)}
    return {
        "modelParameters": {
            "datasets": trained,
            **({"modelArchitecture": facts.value} if facts.value.isidentifier() else {}),
        },
        "quantitativeAnalysis": {"performanceMetrics": metrics},
        "properties": [{"name": p.name, "value": p.value} for p in _properties(told)],
    }


def _properties(told: Mapping[str, str | None]) -> list[Property]:
    return [Property(name=f"{PRODUCT}:{n}", value=text) for n, text in told.items() if text]
