"""Makes the automations of `infra/automations.yaml`; `python -m infra.deployments` calls it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import (
    ChangeFlowRunState,
    DoNothing,
    RunDeployment,
    SendNotification,
)
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound

from infra.processes import NotStartedError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

FILE = Path(__file__).with_name("automations.yaml")


def automate(*, notify: str | None = None) -> list[str]:
    """Make or update every automation; those of other names stay as they are.

    Args:
        notify: Block that each of them tells, as `slack-webhook/alerts`; nobody is told when None.

    Returns:
        Their names.

    Raises:
        NotStartedError: If there is no such block; no automation is made then.
        ObjectNotFound: If there is no deployment that one of them starts.
    """
    described = yaml.safe_load(FILE.read_text("utf-8"))["automations"]
    with get_client(sync_client=True) as client:
        block = None if notify is None else _block(client, notify)
        for item in described:
            made = _automation(client, item, block)
            there = client.read_automations_by_name(made.name)
            if there:
                client.update_automation(there[0].id, made)
            else:
                client.create_automation(made)
    return [item["name"] for item in described]


def _automation(
    client: SyncPrefectClient, item: dict[str, Any], block: Any | None
) -> AutomationCore:
    actions: list[Any] = []
    if deployment := item.get("run"):
        found = client.read_deployment_by_name(deployment)
        parameters = item.get("parameters", {})
        actions.append(
            RunDeployment(
                source="selected",
                deployment_id=found.id,
                job_variables=None,
                parameters={name: _template(value) for name, value in parameters.items()},
            )
        )
    if state := item.get("state"):
        actions.append(
            ChangeFlowRunState(
                name=None, state=StateType(state), message=item["about"], force=False
            )
        )
    if block is not None:
        told = {"subject": item["name"], "body": f"{item['about']}\n\n{item['tell']}"}
        actions.append(SendNotification(block_document_id=block, **told))
    return AutomationCore(
        name=item["name"],
        description=item["about"],
        trigger=_trigger(item),
        # One that does nothing is seen in Prefect's pages, and can be given something to do there.
        actions=actions or [DoNothing()],
    )


def _trigger(item: dict[str, Any]) -> EventTrigger:
    """One of the events; or, with `silence`, that a flow run sends none of them any more."""
    events = set(item["events"])
    silence = item.get("silence")
    if silence is None:
        return EventTrigger(expect=events, posture=Posture.Reactive, threshold=1)
    return EventTrigger(
        after={silence["after"]},
        expect=events,
        match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=silence["seconds"]),
    )


def _template(value: object) -> object:
    """A parameter as Prefect fills it in from the event."""
    is_template = isinstance(value, str) and "{{" in value
    return {"__prefect_kind": "jinja", "template": value} if is_template else value


def _block(client: SyncPrefectClient, name: str) -> Any:
    kind, _, document = name.partition("/")
    try:
        return client.read_block_document_by_name(document, kind).id
    except ObjectNotFound as error:
        raise NotStartedError(
            f"there is no block {name} to tell: make it in Prefect's pages under Blocks, "
            "and name it as its type and its name, such as slack-webhook/alerts"
        ) from error
