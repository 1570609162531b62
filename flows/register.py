"""Registration: the model's place in MLflow, and which one is the champion."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows import problem as problems
from versioning import Version, open_repository
from versioning.errors import NotFoundError
from versioning.integrations import mlflow
from versioning.integrations.mlflow import CHALLENGER, CHAMPION, Registered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.problem import Problem

log = logging.getLogger(__name__)


@flow(flow_run_name="register-{problem}-{model}")
def register(problem: str = "flights", *, model: str, promote: bool = False) -> int:
    """Register a model with MLflow as the challenger.

    Args:
        problem: Name of the problem, as `flights`, or the dotted path of its module.
        model: Which version: an id, a prefix of one, or the name of a step for its newest.
        promote: Make it the champion too.

    Returns:
        MLflow's number of it.
    """
    found = problems.find(problem)
    version = open_repository().get(model)
    entry = registered(found.model, served_by(found), version, tags={}, promote=promote)
    return entry.number


def champion(problem: Problem) -> Version | None:
    """The version that is the champion of a problem now, or None when there is none.

    Raises:
        NotFoundError: If MLflow names a version that this repository does not hold.
    """
    repository = open_repository()
    uri = mlflow.tracking_uri(repository.url)
    found = mlflow.registered_as(problem.model, CHAMPION, uri=uri)
    if found is None:
        return None
    try:
        return repository.get(found.version_id)
    except NotFoundError as error:
        raise NotFoundError(
            f"the champion of {problem.model} is version {found.version_id[:12] or 'unknown'}, "
            f"which {repository.url} does not hold: set VERSIONING_REPOSITORY to where it was "
            f"registered from, or take the alias {CHAMPION!r} off",
            id=found.version_id,
        ) from error


def champion_before(problem: Problem, model: Version) -> Version | None:
    """The champion that `model` took over from, or None when it was the first."""
    repository = model.repository
    named = [
        str(entry["version"])
        for entry in repository.name_history(problem.model)
        if entry.get("alias") == CHAMPION and entry.get("version") != model.id
    ]
    return repository.get(named[-1]) if named else None


def served_by(problem: Problem) -> str:
    """The function that serves a problem's models, as `module:function`."""
    return f"{problem.module}:{problem.predict.__name__}"


@task(name="register", cache_policy=NO_CACHE)
def registered(
    name: str, predict: str, model: Version, *, tags: Mapping[str, str], promote: bool
) -> Registered:
    """Register `model` as challenger and, to promote it, as champion; twice is as once.

    Args:
        name: Of the registered model.
        predict: The function that serves it, as `module:function`.
        model: The version.
        tags: What MLflow should show beside it.
        promote: Make it the champion.
    """
    uri = mlflow.tracking_uri(model.repository_url)
    found = mlflow.register(model, name, uri=uri, predict=predict, tags=tags)
    for alias in (CHALLENGER, CHAMPION) if promote else (CHALLENGER,):
        _name(name, alias, model, found, uri)
    return found


def _name(name: str, alias: str, model: Version, found: Registered, uri: str) -> None:
    now = mlflow.registered_as(name, alias, uri=uri)
    if now is not None and now.number == found.number:
        return
    mlflow.set_alias(name, alias, found.number, uri=uri)
    # MLflow forgets what an alias named before; the repository does not.
    fields = {"alias": alias, "version": model.id, "at": datetime.now(UTC).isoformat()}
    model.repository.append_name(name, fields)
    log.info("%s@%s is now number %d, version %s", name, alias, found.number, model.id[:12])
