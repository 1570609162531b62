"""Retention as a flow: a plan on the run's page, a person's approval if wanted, then expiry."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from prefect import flow
from prefect.events import emit_event
from prefect.flow_runs import pause_flow_run

from flows.report import show_table
from versioning import open_repository
from versioning.retention import Policy
from versioning.units import duration, size

if TYPE_CHECKING:
    from versioning.plans import Plan

APPROVAL_SECONDS = 24 * 3600
# Part of the budget from which people are told, while there is time to do something.
NEAR = 0.9
COLUMNS = ["step", "version", "size", "to make again", "why it goes"]
log = logging.getLogger(__name__)


@flow
def prune(
    policy: str | None = None,
    *,
    apply: bool = False,
    approve: bool = False,
    approval_seconds: int = APPROVAL_SECONDS,
) -> str:
    """Plan what a policy of retention would expire, and carry it out when asked to.

    What goes keeps its bytes for the trash period of the policy; `versioning undo PLAN` brings it
    back. Serve it with `limit=1`: two at once do no harm, and double the work.

    Args:
        policy: TOML file; a careful default when None.
        apply: Carry the plan out.
        approve: Pause until somebody resumes the run in Prefect's UI; nothing goes otherwise.
        approval_seconds: How long to wait for that before the run fails.

    Returns:
        The id of the plan.
    """
    repository = open_repository()
    plan = repository.plan_prune(Policy.read(Path(policy)) if policy else None)
    _show(plan)
    _tell_of_budget(plan, repository.url)
    if not apply:
        return plan.id
    # Even where nothing goes now, what went before may have bytes to give up.
    if approve and plan.expire:
        log.info("plan %s waits for approval: resume this run to carry it out", plan.id)
        pause_flow_run(timeout=approval_seconds)
    applied = repository.prune(plan)
    log.info(
        "%d versions are in the trash, %d were spared; %s were freed of earlier plans",
        len(applied.expired),
        len(applied.spared),
        size(applied.swept.freed_bytes),
    )
    emit_event(
        event="versioning.pruned",
        resource={"prefect.resource.id": f"versioning.plan.{plan.id}"},
        payload={"expired": len(applied.expired), "freed_bytes": applied.swept.freed_bytes},
    )
    return plan.id


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


def _tell_of_budget(plan: Plan, url: str) -> None:
    """An event when what is held comes near the budget, for an automation to act on."""
    held, budget = plan.held_bytes, plan.policy.max_bytes
    if budget is not None and held >= NEAR * budget:
        log.warning("%s of the budget of %s is held in %s", size(held), size(budget), url)
        emit_event(
            event="versioning.budget",
            resource={"prefect.resource.id": f"versioning.repository.{url}"},
            payload={"held_bytes": held, "max_bytes": budget},
        )
