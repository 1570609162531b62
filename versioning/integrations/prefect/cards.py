"""The cards of versions on the pages of flow runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.context import FlowRunContext
from prefect.utilities.urls import url_for

from versioning.errors import ConflictError
from versioning.integrations.prefect.runs import link

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from versioning.api import Version

CARDS_READ = 50


def show_card(version: Version, name: str) -> None:
    """Show the card of a version on the page of the flow run, and link the run's table to it.

    It links the card of the champion that it was judged beside, where one was shown.

    Args:
        version: The version.
        name: What it is a version of, as `delays`; Prefect lists the cards of one name by time.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise ConflictError("a card is shown on the page of a flow run: call this in a flow")
    key = f"card-{re.sub(r'[^a-z0-9]+', '-', name.lower())}".strip("-")
    with get_client(sync_client=True) as client:
        artifact = ArtifactCreate(
            type="markdown",
            key=key,
            description=f"{name}: {version.step} {version.id[:12]}",
            flow_run_id=context.flow_run.id,
            data=version.repository.card(version, links=_cards(client, key)),
        )
        made = client.create_artifact(artifact)
    link(str(context.flow_run.id), version.id, _address(made.id))


def _cards(client: SyncPrefectClient, key: str) -> dict[str, str]:
    """Address of the newest card of each version of a name, by 12 characters of its id."""
    # Each comes with its text. `read_artifacts` of 3.8.8 sends what the server refuses.
    asked = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC", "limit": CARDS_READ}
    shown = client.request("POST", "/artifacts/filter", json=asked).json()
    return {(card["description"] or "")[-12:]: _address(UUID(card["id"])) for card in shown[::-1]}


def _address(artifact_id: UUID) -> str:
    return url_for("artifact", artifact_id) or f"/artifacts/artifact/{artifact_id}"
