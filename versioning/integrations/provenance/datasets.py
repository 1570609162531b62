"""OpenLineage's datasets: the name of one, and the facets that say what a version of it is.

A step is a dataset of the repository. What a source read is named by its place, as others name it.
"""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from openlineage.client.facet_v2 import (
    dataset_type_dataset,
    dataset_version_dataset,
    datasource_dataset,
    schema_dataset,
)

from versioning import layout
from versioning.codecs.ipc import read_columns
from versioning.errors import FormatError, NotFoundError
from versioning.integrations.provenance.facts import PRODUCT_URI, kind_of, origin_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from versioning.integrations.provenance.facts import Facts
    from versioning.records import VersionRecord

BY = {"producer": PRODUCT_URI}


def place_of(facts: Facts, record: VersionRecord) -> tuple[str, str]:
    """Namespace and name of a dataset; of an outside file by the naming rules of OpenLineage."""
    if (origin := origin_of(record)) is None:
        return facts.home, record.step
    parts = urlsplit(origin)
    # Which commit it was is its version, not its name.
    path = unquote(parts.path).replace(f":{record.meta['source'].get('at')}@", "/")
    if not parts.netloc:
        return parts.scheme, path
    return f"{parts.scheme}://{parts.netloc}", path.lstrip("/")


def moment_of(record: VersionRecord) -> str:
    """The version of a dataset, as those know it who know the dataset by that name."""
    source = record.meta.get("source")
    return str(source.get("at") or record.id) if isinstance(source, dict) else record.id


def facets_of(
    namespace: str,
    versions: set[str],
    kind: str | None = None,
    columns: Sequence[tuple[str, str]] = (),
) -> dict[str, Any]:
    """What versions of one dataset have in common."""
    uri = namespace if "://" in namespace else f"{namespace}:///"
    found: dict[str, Any] = {
        "dataSource": datasource_dataset.DatasourceDatasetFacet(namespace, uri, **BY)
    }
    if len(versions) == 1:
        facet = dataset_version_dataset.DatasetVersionDatasetFacet(*versions, **BY)
        found["version"] = facet
    if kind is not None:
        found["datasetType"] = dataset_type_dataset.DatasetTypeDatasetFacet(kind, **BY)
    if columns:
        fields = [
            schema_dataset.SchemaDatasetFacetFields(name, type_, ordinal_position=n)
            for n, (name, type_) in enumerate(columns, 1)
        ]
        found["schema"] = schema_dataset.SchemaDatasetFacet(fields, **BY)
    return found


def columns_of(facts: Facts, record: VersionRecord) -> list[tuple[str, str]]:
    """Columns of a table; none of anything else, or where its bytes are gone or damaged."""
    if kind_of(record) != "table" or len(record.manifest) != 1:
        return []
    [blob] = record.manifest
    with suppress(NotFoundError, FormatError):
        if blob.inline is not None:
            return read_columns(io.BytesIO(blob.inline))
        if blob.name is not None:
            with facts.repository.store.stream(layout.blob(blob.name)) as stream:
                return read_columns(stream)
    return []
