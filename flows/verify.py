"""Verification as a flow: every stored byte is digested again, MLflow compared with the names."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pandas as pd
from prefect import flow
from prefect.events import emit_event

from flows.report import show_table
from flows.runs import upkeep_name
from versioning import open_repository
from versioning.errors import IntegrityError
from versioning.integrations import mlflow
from versioning.units import size

if TYPE_CHECKING:
    from versioning import Repository
    from versioning.findings import Report

COLUMNS = ["what", "about", "found"]
log = logging.getLogger(__name__)


@flow(flow_run_name=upkeep_name("verify"))
def verify(*, set_aside: bool = False, registry: bool = True) -> int:
    """Digest every stored byte again, and tell where MLflow says something else.

    Args:
        set_aside: Move what is damaged out of the way, so that the next run computes it again.
        registry: Compare MLflow's aliases with the names in the repository, too.

    Returns:
        How many versions were checked.
    """
    repository = open_repository()
    report = repository.verify(set_aside=set_aside)
    rows = [*_findings(report), *(_registry(repository) if registry else [])]
    about = f"{report.checked} versions and {size(report.checked_bytes)} were checked"
    told = f"{about}; {f'{len(rows)} found wrong' if rows else 'nothing is wrong'}"
    log.info(told)
    show_table("verify findings", pd.DataFrame(rows, columns=COLUMNS), about=told)
    if report.is_sound:
        return report.checked
    emit_event(
        event="versioning.unsound",
        resource={"prefect.resource.id": f"versioning.repository.{repository.url}"},
        payload={"damaged": len(report.damaged), "gone": len(report.gone)},
    )
    raise IntegrityError(
        f"{repository.url} is not sound: {told}. The table on this page names them; run this flow "
        "with `set_aside`, then the flows that made them"
    )


def _findings(report: Report) -> list[tuple[str, str, str]]:
    damaged = [("damaged", item.blob or item.id, item.reason) for item in report.damaged]
    dangling = [("dangling", item.name, item.reason) for item in report.dangling]
    return [*damaged, *dangling, *(("gone", item.name, item.reason) for item in report.gone)]


def _registry(repository: Repository) -> list[tuple[str, str, str]]:
    names = sorted(repository.names())
    if not names:
        return []
    uri = mlflow.tracking_uri(repository.url)
    return [
        ("MLflow", item.about, f"{item.found}; versioning reconcile: {item.mend}")
        for name in names
        for item in mlflow.differences(repository, name, uri=uri)
    ]
