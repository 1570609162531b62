"""Makes the deployments of `infra/prefect.yaml`: `python -m infra.deployments`.

It does what `prefect deploy --all` is for, whose release 3.8.8 makes the first deployment and then
fails when it asks the server for workers.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectAlreadyExists
from prefect.types.entrypoint import EntrypointType

if TYPE_CHECKING:
    from prefect import Flow

FILE = Path(__file__).with_name("prefect.yaml")


def main() -> None:
    """Make all of them on the server that `PREFECT_API_URL` names."""
    for name in deploy(FILE):
        sys.stdout.write(f"{name}\n")


def deploy(file: Path) -> list[str]:
    """Make or update every deployment of a file, and the work pools they name.

    Returns:
        Their names, as `retrain/retrain-weekly`.
    """
    described = yaml.safe_load(file.read_text("utf-8"))["deployments"]
    _make_pools({item["work_pool"]["name"] for item in described})
    return [_deploy(item) for item in described]


def _make_pools(names: set[str]) -> None:
    with get_client(sync_client=True) as client:
        for name in sorted(names):
            try:
                client.create_work_pool(WorkPoolCreate(name=name, type="process"))
            except ObjectAlreadyExists:
                continue


def _deploy(item: dict[str, Any]) -> str:
    module, _, name = item["entrypoint"].rpartition(".")
    flow: Flow[..., Any] = getattr(import_module(module), name)
    made = RunnerDeployment.from_flow(
        flow,
        item["name"],
        description=item["description"],
        parameters=item.get("parameters", {}),
        tags=item["tags"],
        schedules=[CronSchedule(**schedule) for schedule in item["schedules"]],
        concurrency_limit=ConcurrencyLimitConfig(**item["concurrency_limit"]),
        work_pool_name=item["work_pool"]["name"],
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    made.apply()
    return f"{flow.name}/{made.name}"


if __name__ == "__main__":
    main()
