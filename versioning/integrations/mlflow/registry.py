"""Registered model versions: one for each of our versions, however many processes register it.

MLflow has no create-if-absent. So: create, search again by our tag, and the lowest number wins;
who made another one deletes it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import random
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from versioning.encoding.preview import without_passwords
from versioning.errors import FormatError, StorageError
from versioning.integrations.mlflow.references import source_uri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlflow import MlflowClient

    from versioning.api import Version

T = TypeVar("T")
CHALLENGER, CHAMPION = "challenger", "champion"
TAG = "versioning.id"
ATTEMPTS = 8
PAGE = 1000
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}
KNOCK_SECONDS = 10.0
# Not the shared one, which a body may have seeded.
_chance = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered model version.

    Attributes:
        name: Of the registered model.
        number: MLflow's number of this version of it.
        version_id: Id of the version it stands for; empty when it was not registered by us.
        tags: All its tags.
    """

    name: str
    number: int
    version_id: str
    tags: Mapping[str, str]


def tracking_uri(repository_url: str, environ: Mapping[str, str] = os.environ) -> str:
    """Where models of a repository are registered: `MLFLOW_TRACKING_URI`, or a file beside it.

    Raises:
        FormatError: If the variable is not set and the repository is not on the local disk.
    """
    if uri := environ.get("MLFLOW_TRACKING_URI"):
        return uri
    parts = urlsplit(repository_url)
    if parts.scheme not in {"", "file"}:
        raise FormatError(
            f"{repository_url} is not on this disk, so there is no place beside it for a registry; "
            "set MLFLOW_TRACKING_URI"
        )
    return f"sqlite:///{Path(parts.path).absolute().parent / 'mlflow.db'}"


def is_there(uri: str) -> bool:
    """Whether a registry may be at `uri`: a file of SQLite that is not there would be made."""
    return (file := _file(uri)) is None or file.exists()


def register(
    version: Version,
    name: str,
    *,
    uri: str,
    predict: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Registered:
    """Register a version as a version of the model `name`; what is there already stays.

    Args:
        version: The model.
        name: Of the registered model, made when there is none.
        uri: Where MLflow's registry is.
        predict: See `source_uri`.
        tags: Further facts; written even when it was registered before.

    Raises:
        StorageError: If MLflow cannot be reached.
    """
    facts = {"digest": version.digest, "key": version.key, "seal": version.seal}
    own = {TAG: version.id, **{f"versioning.{name}": fact for name, fact in facts.items()}}
    with _translated(uri):
        client = _client(uri)
        _patiently(lambda: _create_model(client, name))
        found = _patiently(lambda: _standing_for(client, name, version))
        if not found:
            source = source_uri(version, predict=predict)
            made = _patiently(lambda: client.create_model_version(name, source, tags=own))
            found = _patiently(lambda: _standing_for(client, name, version))
            if found[0] != (number := int(made.version)):
                _patiently(lambda: client.delete_model_version(name, str(number)))
        for tag, text in (tags or {}).items():
            _set_tag(client, name, found[0], tag, text)
    return Registered(name, found[0], version.id, {**own, **(tags or {})})


def set_alias(name: str, alias: str, number: int, *, uri: str) -> None:
    """Let `alias` name a registered model version, whichever it named before.

    Raises:
        StorageError: If MLflow cannot be reached or has no such version.
    """
    with _translated(uri):
        client = _client(uri)
        # Two first settings of one alias collide; the second try replaces.
        _patiently(lambda: client.set_registered_model_alias(name, alias, str(number)))


def registered_as(name: str, alias: str, *, uri: str) -> Registered | None:
    """What `alias` names now, or None when it names nothing.

    Raises:
        StorageError: If MLflow cannot be reached.
    """
    from mlflow.exceptions import MlflowException

    with _translated(uri):
        client = _client(uri)
        try:
            found = client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise
    return Registered(name, int(found.version), found.tags.get(TAG, ""), dict(found.tags))


def all_registered(name: str, *, uri: str) -> list[Registered]:
    """Every registered model version of a name, lowest number first; none when there is no model.

    Raises:
        StorageError: If MLflow cannot be reached.
    """
    with _translated(uri):
        client = _client(uri)
        found = _all(
            lambda token: client.search_model_versions(f"name = '{name}'", PAGE, page_token=token)
        )
    entries = [Registered(name, int(i.version), i.tags.get(TAG, ""), dict(i.tags)) for i in found]
    return sorted(entries, key=lambda entry: entry.number)


def aliases_of(name: str, *, uri: str) -> dict[str, int]:
    """The number that each alias of a registered model names; none when there is no model.

    Raises:
        StorageError: If MLflow cannot be reached.
    """
    with _translated(uri):
        found = _client(uri).search_registered_models(f"name = '{name}'")
    return {alias: int(number) for model in found for alias, number in model.aliases.items()}


def tag(name: str, number: int, key: str, text: str, *, uri: str) -> None:
    """Put a tag on a registered model version.

    Raises:
        StorageError: If MLflow cannot be reached or has no such version.
    """
    with _translated(uri):
        _set_tag(_client(uri), name, number, key, text)


def _all(ask: Callable[[str | None], Any]) -> list[Any]:
    """Every page of an answer that comes in pages."""
    found, token = [], None
    while True:
        page = ask(token)
        found += page
        if not (token := page.token):
            return found


def _create_model(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _standing_for(client: MlflowClient, name: str, version: Version) -> list[int]:
    """Numbers of the registered model versions that stand for `version`, lowest first."""
    found = client.search_model_versions(f"name = '{name}' and tags.`{TAG}` = '{version.id}'")
    return sorted(int(item.version) for item in found)


def _set_tag(client: MlflowClient, name: str, number: int, tag: str, text: str) -> None:
    _patiently(lambda: client.set_model_version_tag(name, str(number), tag, text))


@cache
def _client(uri: str) -> MlflowClient:
    from mlflow import MlflowClient

    for chatty in ("mlflow.store", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    with _alone(uri):
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _file(uri: str) -> Path | None:
    path = uri.removeprefix("sqlite:///")
    return Path(path) if path != uri else None


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Nobody else makes the tables of a new sqlite file meanwhile: MLflow cannot do that twice."""
    if (file := _file(uri)) is None:
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(file.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _patiently(action: Callable[[], T]) -> T:
    """Try again a few times when the database is busy or two firsts collide."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except (MlflowException, SQLAlchemyError) as error:
            if attempt == ATTEMPTS or not _is_passing(error):
                raise
            time.sleep(_chance.uniform(0.01, 0.05) * 2**attempt)
    raise AssertionError


def _is_passing(error: Any) -> bool:
    codes = {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "BAD_REQUEST"}
    return getattr(error, "error_code", "INTERNAL_ERROR") in codes


@contextmanager
def _translated(uri: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        _knock(uri)
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        # What is said here is logged, and seen on a run's page.
        shown = without_passwords(uri)
        raise StorageError(
            f"MLflow at {shown} does not answer as it should ({error}); check MLFLOW_TRACKING_URI, "
            "or unset it to keep the registry beside the repository",
            uri=shown,
        ) from error


def _knock(uri: str) -> None:
    """Fail at once where nobody listens: MLflow would try for two to four minutes."""
    parts = urlsplit(uri)
    # A database's scheme may name its driver, too: `postgresql+psycopg2`.
    scheme = parts.scheme.partition("+")[0]
    if scheme not in PORTS or not parts.hostname:
        return
    if scheme in getproxies() and not proxy_bypass(parts.hostname):
        return
    address = (parts.hostname, parts.port or PORTS[scheme])
    socket.create_connection(address, timeout=KNOCK_SECONDS).close()
