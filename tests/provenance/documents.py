"""What tests of exports share."""

from __future__ import annotations

from typing import Any

from versioning.api import Repository
from versioning.handles import Version
from versioning.integrations.provenance import export

FLOW_RUN, TASK_RUN = "c21fb1fb-6b58-4584-bd04-1aeef805e454", "01a22895-ac4a-7ac1-98b2-2134f9f2160a"
SECRET = "hunter2" * 2


def urn(version: Version) -> str:
    repository = version.repository
    return f"urn:prefect-versioning:{repository.id}:{version.id}"


def step(repository: Repository, name: str) -> Version:
    """The newest version of a step."""
    return repository.versions(step=name)[0]


def exported(version: Version, format_: str) -> dict[str, Any]:
    return export(version.repository, version, format_)
