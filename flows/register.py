"""Registration: the model's place in MLflow, and which one is the champion."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows import problem as problems
from versioning import Version, open_repository
from versioning.errors import NotFoundError
from versioning.expiry import here
from versioning.integrations import mlflow
from versioning.integrations.mlflow import CHALLENGER, CHAMPION, Registered
from versioning.names import aliases
from versioning.promotion import reigns, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.problem import Problem

log = logging.getLogger(__name__)


@flow(flow_run_name="register-{problem}-{model}")
def register(
    problem: str = "flights", *, model: str, promote: bool = False, reason: str = ""
) -> int:
    """Register a model with MLflow as the challenger; promote it if its gates say so.

    Args:
        problem: Name of the problem, as `flights`, or the dotted path of its module.
        model: Which version: an id, a prefix of one, or the name of a step for its newest.
        promote: Make it the champion too, if no gate failed.
        reason: Why it becomes the champion even where a gate failed.

    Returns:
        MLflow's number of it.
    """
    found, repository = problems.find(problem), open_repository()
    version, serve = repository.get(model), served_by(found)
    facts = {"reason": reason or "registered"}
    entry = registered(found.model, serve, version, tags={}, promote=False, facts=facts)
    if promote:
        name = f"{found.model}@{CHAMPION}"
        repository.promote(version, name, reason=reason, force=bool(reason), predict=serve)
        mlflow.follow(version, found.model, CHAMPION, uri=mlflow.tracking_uri(repository.url))
    return entry.number


def champion(problem: Problem) -> Version | None:
    """The version that is the champion of a problem now, or None when there is none.

    The history that the repository keeps says so. Where it says nothing, MLflow is asked: models
    may have been registered from another repository.

    Raises:
        NotFoundError: If MLflow names a version that this repository does not hold.
    """
    repository = open_repository()
    if named := aliases(repository.name_history(problem.model)).get(CHAMPION):
        return repository.get(named)
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
    past = reigns(repository.name_history(problem.model), CHAMPION)
    others = [version_id for version_id, *_ in past if version_id != model.id]
    return repository.get(others[-1]) if others else None


def served_by(problem: Problem) -> str:
    """The function that serves a problem's models, as `module:function`."""
    return f"{problem.module}:{problem.predict.__name__}"


@task(name="register", cache_policy=NO_CACHE)
def registered(
    name: str,
    predict: str,
    model: Version,
    *,
    tags: Mapping[str, str],
    promote: bool,
    facts: Mapping[str, Any],
) -> Registered:
    """Register `model` as challenger and, to promote it, as champion; twice is as once.

    Args:
        name: Of the registered model.
        predict: The function that serves it, as `module:function`.
        model: The version.
        tags: What MLflow should show beside it.
        promote: Make it the champion.
        facts: What the history of the name should say of it: `reason`, `gates`, `evaluation`.
    """
    uri = mlflow.tracking_uri(model.repository_url)
    # First MLflow, which may not answer; then the history, which counts; then the alias follows.
    found = mlflow.register(model, name, uri=uri, predict=predict, tags=tags)
    cause = here()
    for alias in (CHALLENGER, CHAMPION) if promote else (CHALLENGER,):
        told = {**facts, "predict": predict}
        said = say(model.repository, model.record, (name, alias), cause, told)
        mlflow.follow(model, name, alias, uri=uri)
        if said.is_new:
            log.info("%s@%s is now number %d, version %s", name, alias, found.number, model.id[:12])
    return found
