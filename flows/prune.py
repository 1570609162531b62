"""Retention as a flow: a plan on the run's page, a person's approval if wanted, then expiry."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pandas as pd
from prefect import flow
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.events import emit_event
from prefect.flow_runs import pause_flow_run

from flows.report import show_image, show_table
from flows.runs import upkeep_name
from versioning import open_repository
from versioning.pictures import cost_picture
from versioning.retention import Policy
from versioning.turns import turn
from versioning.units import duration, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from versioning import Repository
    from versioning.costs import Costs
    from versioning.plans import Plan
    from versioning.shards import Progress

APPROVAL_SECONDS = 24 * 3600
# How soon a run goes on once somebody has resumed it; Prefect alone takes up to ten.
LOOK_SECONDS = 3
# A run that began beside another one waits for it.
TURN_SECONDS = 3600
# Part of a budget from which people are told, while there is time to do something.
NEAR = 0.9
# What is done to all shards, in this order; some of it only where something is to be deleted.
CARRYING = ["trash", "erase", "look", "read", "mark", "read again", "delete"]
# Each time costs a request to Prefect's server.
TELL_SECONDS = 5.0
COLUMNS = ["step", "version", "size", "to make again", "why it goes"]
log = logging.getLogger(__name__)


@flow(flow_run_name=upkeep_name("prune"))
def prune(
    policy: str | None = None,
    *,
    apply: bool = False,
    approve: bool = False,
    approval_seconds: int = APPROVAL_SECONDS,
    turn_seconds: int = TURN_SECONDS,
) -> str:
    """Plan what a policy of retention would expire, and carry it out when asked to.

    What goes keeps its bytes for the trash period of the policy; `versioning undo PLAN` brings it
    back. Of several runs that were started at once, one carries out its plan at a time.

    Args:
        policy: TOML file; when None, what the `pyproject.toml` of the working folder says, as
            `versioning prune` does, or a careful default.
        apply: Carry the plan out.
        approve: Pause until somebody resumes the run in Prefect's UI; nothing goes otherwise.
        approval_seconds: How long to wait for that before the run fails.
        turn_seconds: How long to wait for another run that carries out its plan, before this fails.

    Returns:
        The id of the plan.
    """
    repository = open_repository()
    chosen = Policy.read(Path(policy)) if policy else Policy.of_project(Path.cwd())
    with _progress() as tell:
        plan = repository.plan_prune(chosen)
        tell(30, f"plan {plan.id} is made")
        _show(plan)
        _show_costs(repository.costs(policy=chosen), repository.url)
        if not apply:
            return plan.id
        # Even where nothing goes now, what went before may have bytes to give up.
        if approve and plan.expire:
            tell(50, f"plan {plan.id} waits for approval: resume this run to carry it out")
            pause_flow_run(timeout=approval_seconds, poll_interval=LOOK_SECONDS)
        tell(60, f"plan {plan.id} is carried out, when no other run is at it")
        with turn(repository, "prune", wait_seconds=turn_seconds):
            _carry_out(repository, plan, tell)
    return plan.id


def _carry_out(repository: Repository, plan: Plan, tell: Callable[[float, str], None]) -> None:
    applied = repository.prune(plan, progress=_shares(tell))
    log.info(
        "%d versions are in the trash or deleted, %d were spared; %s were freed",
        len(applied.expired),
        len(applied.spared),
        size(applied.swept.freed_bytes),
    )
    for name, reason in (applied.left | applied.swept.left).items():
        log.warning("%s is left: %s", name, reason)
    emit_event(
        event="versioning.pruned",
        resource={"prefect.resource.id": f"versioning.plan.{plan.id}"},
        payload={"expired": len(applied.expired), "freed_bytes": applied.swept.freed_bytes},
    )


def _shares(tell: Callable[[float, str], None]) -> Progress:
    """Progress of the work on shards as that of the run, told when a step ends and now and then."""
    told = time.monotonic()

    def progress(step: str, done: int, of: int) -> None:
        nonlocal told
        if done < of and time.monotonic() - told < TELL_SECONDS:
            return
        told = time.monotonic()
        share = (CARRYING.index(step) + done / of) / len(CARRYING)
        tell(60 + 40 * share, f"{step}: {done} of {of} shards")

    return progress


@contextmanager
def _progress() -> Iterator[Callable[[float, str], None]]:
    """A bar on the run's page that ends full, or where the run failed."""
    bar = cast("UUID", create_progress_artifact(0, key="prune-progress", description="plans"))

    def tell(percent: float, what: str) -> None:
        log.info("%s", what)
        update_progress_artifact(bar, percent, description=what)

    yield tell
    tell(100, "done")


def _show(plan: Plan) -> None:
    rows = [
        (
            item.candidate.step,
            item.candidate.id[:12],
            size(sum(item.candidate.blobs.values())),
            duration(item.candidate.seconds),
            item.expire,
        )
        for item in plan.expire
    ]
    about = (
        f"Plan {plan.id}: {len(plan.expire)} versions go and {len(plan.keep)} stay; "
        f"{size(plan.freed_bytes)} will be free, and take {duration(plan.rebuild_seconds)} "
        "to make again."
    )
    log.info(about)
    show_table("prune plan", pd.DataFrame(rows, columns=COLUMNS), about=about)


def _show_costs(costs: Costs, url: str) -> None:
    """What is held, over time; and an event when it comes near a budget, for an automation.

    The event `versioning.budget` is about `versioning.repository.<url>` and says the `budget`
    (`max_bytes` or `max_money`, of a rule `rule 1: max_bytes`), what is `held` of it, the `most`
    that may be, and as `reached` the moment when it is used up, as it grows, in ISO 8601; null
    where that is not to be expected.
    """
    about = (
        f"{size(costs.total.held_bytes)} are held, {size(costs.total.growth_per_day)} more a day"
    )
    dates = [
        f"{each.budget} is reached on {each.at:%Y-%m-%d}" for each in costs.forecasts if each.at
    ]
    show_image("prune costs", cost_picture(costs), about="; ".join([about, *dates]))
    for forecast in costs.forecasts:
        if forecast.held < NEAR * forecast.most:
            continue
        held, most = round(forecast.held, 2), forecast.most
        log.warning("%s of %s = %s is held in %s", held, forecast.budget, most, url)
        emit_event(
            event="versioning.budget",
            resource={"prefect.resource.id": f"versioning.repository.{url}"},
            payload={
                "budget": forecast.budget,
                "held": forecast.held,
                "most": forecast.most,
                "reached": forecast.at and forecast.at.isoformat(),
            },
        )
