"""Makes the deployments of `infra/prefect.yaml`, and automations: `python -m infra.deployments`.

It does what `prefect deploy --all` is for, whose release 3.8.8 makes the first deployment and then
fails when it asks the server for workers.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx
import prefect
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectAlreadyExists
from prefect.runner.storage import GitRepository
from prefect.settings import PREFECT_API_URL
from prefect.types.entrypoint import EntrypointType

from infra.automations import automate
from infra.processes import NotStartedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect import Flow

CLONE = "prefect.deployments.steps.git_clone"
NEEDED = ("name", "entrypoint", "work_pool")
FILE = Path(__file__).with_name("prefect.yaml")


def main() -> None:
    """Make all of them on the server that `PREFECT_API_URL` names."""
    parser = argparse.ArgumentParser(prog="python -m infra.deployments", description=__doc__)
    parser.add_argument("--file", type=Path, default=FILE, help="by default that of this project")
    parser.add_argument(
        "--working-dir", help="folder in which workers run flows; by default a new one for each run"
    )
    parser.add_argument(
        "--queue", action="append", default=[], help="a queue of the work pool to make, too"
    )
    parser.add_argument(
        "--notify", help="block that automations tell, too, as slack-webhook/alerts"
    )
    given = parser.parse_args()
    try:
        check_server()
        for name in deploy(given.file, working_dir=given.working_dir, queues=given.queue):
            sys.stdout.write(f"{name}\n")
        if given.file == FILE:
            for name in automate(notify=given.notify):
                sys.stdout.write(f"{name}\n")
    except NotStartedError as error:
        sys.exit(f"deployments: {error}")


def check_server() -> None:
    """Make sure that there is a server, of the release that is here.

    Raises:
        NotStartedError: If there is none, or it is of another minor release.
    """
    url = PREFECT_API_URL.value()
    if not url:
        raise NotStartedError("which server? export PREFECT_API_URL=http://127.0.0.1:4200/api")
    # Without its password.
    where = httpx.URL(url).copy_with(userinfo=b"")
    with get_client(sync_client=True) as client:
        try:
            theirs = client.api_version()
        except (httpx.HTTPError, ValueError) as error:
            raise NotStartedError(
                f"no Prefect server answers at {where} "
                f"({type(error).__name__}): start it, or correct PREFECT_API_URL"
            ) from error
    if theirs.split(".")[:2] != prefect.__version__.split(".")[:2]:
        raise NotStartedError(
            f"the server at {where} is Prefect {theirs}, and "
            f"{prefect.__version__} is here: install one release on both"
        )


def deploy(file: Path, *, working_dir: str | None = None, queues: Sequence[str] = ()) -> list[str]:
    """Make or update every deployment of a file, and the work pools they name.

    Args:
        file: In the form of `prefect.yaml`.
        working_dir: Folder in which workers run flows: problems in it can be named, relative
            paths begin there, and its commit is recorded. By default a new one for each run.
        queues: To make in each work pool, as of single hosts. A worker that is told to take from
            one that is not there takes nothing, and does not say so.

    Returns:
        Their names, as `retrain/retrain-weekly`.

    Raises:
        NotStartedError: If the file cannot be read, or lacks what a deployment needs; none is made.
    """
    described = _described(file)
    _make_pools({item["work_pool"]["name"] for item in described}, queues)
    variables = {} if working_dir is None else {"working_dir": working_dir}
    return [_deploy(item, variables) for item in described]


def _described(file: Path) -> list[dict[str, Any]]:
    """What a file says of each deployment."""
    try:
        described = list(yaml.safe_load(file.read_text("utf-8"))["deployments"])
        wrong = [objection for item in described if (objection := _objection(item))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise NotStartedError(f"{file} describes no deployments: {error}") from error
    if wrong:
        raise NotStartedError(f"{file}: {wrong[0]}")
    return described


def _objection(item: dict[str, Any]) -> str:
    if missing := [name for name in NEEDED if not item.get(name)]:
        return f"{item.get('name')} has no {', '.join(missing)}"
    if not item["work_pool"].get("name"):
        return f"the work_pool of {item['name']} has no name"
    if not item.get("pull") and ":" in item["entrypoint"]:
        return (
            f"{item['name']} clones nothing (`pull`), so its entrypoint is package.module.flow of "
            f"what is installed, not {item['entrypoint']}"
        )
    return ""


def _make_pools(names: set[str], queues: Sequence[str]) -> None:
    with get_client(sync_client=True) as client:
        for name in sorted(names):
            with suppress(ObjectAlreadyExists):
                client.create_work_pool(WorkPoolCreate(name=name, type="process"))
            for queue in queues:
                with suppress(ObjectAlreadyExists):
                    client.create_work_queue(queue, work_pool_name=name)


def _deploy(item: dict[str, Any], variables: dict[str, str]) -> str:
    given = {
        "name": item["name"],
        "description": item.get("description"),
        "parameters": item.get("parameters", {}),
        "tags": item.get("tags", []),
        "schedules": [CronSchedule(**schedule) for schedule in item.get("schedules", [])],
        "concurrency_limit": _limit(item),
        "work_pool_name": item["work_pool"]["name"],
        "job_variables": variables,
    }
    if pulled := item.get("pull"):
        cloned = RunnerDeployment.from_storage(
            storage=_cloned(pulled), entrypoint=item["entrypoint"], **given
        )
        # It is a coroutine only for those who wait for it.
        made = cast("RunnerDeployment", cloned)
    else:
        module, _, name = item["entrypoint"].rpartition(".")
        flow: Flow[..., Any] = getattr(import_module(module), name)
        made = RunnerDeployment.from_flow(flow, entrypoint_type=EntrypointType.MODULE_PATH, **given)
    made.apply()
    return f"{made.flow_name}/{made.name}"


def _limit(item: dict[str, Any]) -> ConcurrencyLimitConfig | None:
    limit = item.get("concurrency_limit")
    return None if limit is None else ConcurrencyLimitConfig(**limit)


def _cloned(pulled: list[dict[str, Any]]) -> GitRepository:
    """Where the code of every run is cloned from, into an empty folder.

    Raises:
        ValueError: If anything but one clone is asked for.
    """
    if [list(step) for step in pulled] != [[CLONE]]:
        raise ValueError(f"`pull` holds one step, {CLONE}: put what else there is into the image")
    facts = dict(pulled[0][CLONE])
    url = facts.pop("repository")
    return GitRepository(url=url, **facts)


if __name__ == "__main__":
    main()
