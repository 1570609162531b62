"""OpenLineage: the run that made a version, as one event with what it read and wrote.

A step is a job, whose namespace is the repository, as that of its dataset is.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    base_subset_dataset,
    execution_parameters_run,
    input_statistics_input_dataset,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
    source_code_location_job,
    tags_dataset,
    tags_run,
)
from openlineage.client.serde import Serde

from versioning.integrations.provenance.datasets import (
    BY,
    columns_of,
    facets_of,
    moment_of,
    place_of,
)
from versioning.integrations.provenance.facts import (
    PRODUCT_URI,
    kind_of,
    moment,
    origin_of,
    parameters_of,
    url_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from versioning.integrations.provenance.facts import Facts
    from versioning.records import VersionRecord

KINDS = {"table": "TABLE", "model": "MODEL", "file": "FILE"}
INTEGRATION = "INTEGRATION"


def document(facts: Facts) -> dict[str, Any]:
    """The event, as an OpenLineage server takes it."""
    record = facts.record
    kind = KINDS.get(facts.kind)
    written = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        size=record.size_bytes, fileCount=len(record.manifest), **BY
    )
    output = OutputDataset(
        facts.home,
        record.step,
        facets=facets_of(facts.home, {record.id}, kind, columns_of(facts, record)) | _tags(facts),
        outputFacets={"outputStatistics": written},
    )
    event = RunEvent(
        eventType=RunState.COMPLETE,
        eventTime=moment(record.created),
        run=Run(str(UUID(record.id)), dict(_run_facets(facts))),
        job=Job(facts.home, _job(record), dict(_job_facets(facts))),
        inputs=list(_inputs(facts)),
        outputs=[output],
        producer=PRODUCT_URI,
    )
    found: dict[str, Any] = Serde.to_dict(event)
    return found


def _job(record: VersionRecord) -> str:
    return f"{record.flow}.{record.step}" if record.flow else record.step


def _inputs(facts: Facts) -> Iterator[InputDataset]:
    """What was read: each dataset once, with all versions of it that were read."""
    if origin_of(facts.record):
        namespace, name = place_of(facts, facts.record)
        yield InputDataset(namespace, name, facets=facets_of(namespace, {moment_of(facts.record)}))
    groups: dict[tuple[str, str], dict[str, VersionRecord | None]] = defaultdict(dict)
    for item in facts.record.inputs:
        record = facts.read(item.id)
        place = (facts.home, item.id) if record is None else place_of(facts, record)
        groups[place][item.id] = record
    for (namespace, name), group in groups.items():
        yield _input(facts, namespace, name, group)


def _input(
    facts: Facts, namespace: str, name: str, group: Mapping[str, VersionRecord | None]
) -> InputDataset:
    """A dataset of which versions were read, by id; a record that is not here says nothing."""
    records = [record for record in group.values() if record is not None]
    kinds = {kind_of(record) for record in records}
    schemas = {tuple(columns_of(facts, record)) for record in records}
    read = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
        size=sum(record.size_bytes for record in records),
        fileCount=sum(len(record.manifest) for record in records),
        **BY,
    )
    which = base_subset_dataset.LocationSubsetCondition([facts.urn(i) for i in group])
    subset = base_subset_dataset.InputSubsetInputDatasetFacet(which, **BY)
    return InputDataset(
        namespace,
        name,
        facets=facets_of(
            namespace,
            {moment_of(record) for record in records},
            KINDS.get(kinds.pop()) if len(kinds) == 1 else None,
            schemas.pop() if len(schemas) == 1 else (),
        ),
        inputFacets={"inputStatistics": read, "subset": subset},
    )


def _tags(facts: Facts) -> dict[str, Any]:
    """What speaks against using what was written."""
    tags = [
        tags_dataset.TagsDatasetFacetFields(name, text, source=INTEGRATION)
        for name, text in facts.warnings.items()
    ]
    return {"tags": tags_dataset.TagsDatasetFacet(tags, **BY)} if tags else {}


def _run_facets(facts: Facts) -> Iterator[tuple[str, Any]]:
    with suppress(KeyError, ValueError):
        if flow := facts.record.flow:
            run = parent_run.Run(str(UUID(str(facts.run["flow_run"]))))
            yield "parent", parent_run.ParentRunFacet(run, parent_run.Job(facts.home, flow), **BY)
    versions = facts.versions
    if "prefect" in versions:
        engine = processing_engine_run.ProcessingEngineRunFacet(
            versions["prefect"],
            "Prefect",
            openlineageAdapterVersion=versions.get("prefect-versioning"),
            **BY,
        )
        yield "processing_engine", engine
    parameters = [
        execution_parameters_run.ExecutionParameter(name, value=text)
        for name, text in parameters_of(facts.record).items()
    ]
    if parameters:
        facet = execution_parameters_run.ExecutionParametersRunFacet(parameters, **BY)
        yield "executionParameters", facet
    tags = [
        tags_run.TagsRunFacetFields(f"git.{name}", str(fact), source=INTEGRATION)
        for name, fact in facts.git.items()
    ]
    if tags:
        yield "tags", tags_run.TagsRunFacet(tags, **BY)


def _job_facets(facts: Facts) -> Iterator[tuple[str, Any]]:
    yield "jobType", job_type_job.JobTypeJobFacet("BATCH", "PREFECT", "TASK", **BY)
    git, remote = facts.git, url_of(str(facts.git.get("remote") or ""))
    if remote and git.get("commit"):
        place = source_code_location_job.SourceCodeLocationJobFacet(
            "git",
            remote,
            repoUrl=remote,
            version=git["commit"],
            branch=git.get("branch"),
            **BY,
        )
        yield "sourceCodeLocation", place
