"""MLflow follows: what the repository's names name is registered, and its aliases say the same.

The repository's history is the truth. Where MLflow says something else (somebody moved an alias or
deleted a registered model version, or it did not answer when a version was promoted), `differences`
tells, and `mend` makes MLflow say it again. Aliases that the history does not know are only told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from versioning.envelope import UNREADABLE
from versioning.errors import NotFoundError
from versioning.expiry import Expiry, here
from versioning.integrations.mlflow.registry import (
    Registered,
    aliases_of,
    all_registered,
    is_there,
    register,
    registered_as,
    set_alias,
    tag,
)
from versioning.names import aliases
from versioning.standing import standing
from versioning.status import LIVE
from versioning.trash import TRASHED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from versioning.api import Repository, Version

STATUS = "versioning.status"
ALIAS, BYTES, MISSING, SOURCE, UNKNOWN = "alias", "bytes", "unregistered", "source", "unknown alias"


@dataclass(frozen=True, slots=True)
class Difference:
    """Where MLflow and the repository do not say the same.

    Attributes:
        kind: `alias`, `unregistered`, `unknown alias`, `bytes` or `source`.
        about: What it is about, as `delays@champion` or `delays/3`.
        found: What is the case.
        mend: What `mend` does about it, or what a person has to do.
        is_mendable: Whether `mend` can.
        version: Id of the version it is about.
    """

    kind: str
    about: str
    found: str
    mend: str
    is_mendable: bool
    version: str


def follow(version: Version, name: str, alias: str, *, uri: str) -> Registered:
    """Register a version, unless it is, and let `alias` name it in MLflow, too; twice is as once.

    Raises:
        StorageError: If MLflow cannot be reached; the next call does what is left to do.
    """
    predict = served_by(version.repository, name, version.id)
    found = register(version, name, uri=uri, predict=predict)
    now = registered_as(name, alias, uri=uri)
    if now is None or now.number != found.number:
        set_alias(name, alias, found.number, uri=uri)
    return found


def served_by(repository: Repository, name: str, version_id: str) -> str | None:
    """The function that serves a version under a name, as the name's history says; or None.

    Versions of one name are served alike, so that of another version is better than none.
    """
    told = [entry for entry in repository.name_history(name) if entry.get("predict")]
    own = [entry for entry in told if entry.get("version") == version_id]
    newest = (own or told)[-1:]
    return str(newest[0]["predict"]) if newest else None


def differences(repository: Repository, name: str, *, uri: str) -> list[Difference]:
    """Where MLflow and the repository say different things of a name; see the top of this module.

    A registry that is not there holds nothing, and is not made.

    Raises:
        StorageError: If MLflow cannot be reached.
    """
    named = aliases(repository.name_history(name))
    has_registry = is_there(uri)
    registered = all_registered(name, uri=uri) if has_registry else []
    theirs = aliases_of(name, uri=uri) if has_registry else {}
    return [
        *_of_aliases(name, named, registered, theirs),
        *_of_bytes(repository, name, named),
        *_of_sources(repository, registered, set(named.values())),
    ]


def mend(repository: Repository, name: str, found: Difference, *, uri: str) -> None:
    """Mend a difference that is mendable.

    Raises:
        StorageError: If MLflow cannot be reached.
    """
    if found.kind in {ALIAS, MISSING}:
        follow(repository.get(found.version), name, found.about.rpartition("@")[2], uri=uri)
    elif found.kind == BYTES:
        Expiry(repository).restore(found.version, replace(here(), rule=f"named {found.about}"))
    elif found.kind == SOURCE:
        number = int(found.about.rpartition("/")[2])
        tag(name, number, STATUS, _state(repository, found.version), uri=uri)


def _of_aliases(
    name: str,
    named: Mapping[str, str],
    registered: list[Registered],
    theirs: Mapping[str, int],
) -> Iterator[Difference]:
    numbers = {entry.version_id: entry.number for entry in reversed(registered)}
    for alias, version_id in sorted(named.items()):
        about, number = f"{name}@{alias}", numbers.get(version_id)
        if number is None:
            found = f"MLflow has no registered model version for {version_id[:12]}"
            yield Difference(
                MISSING, about, found, "register it and set the alias", True, version_id
            )
        elif theirs.get(alias) != number:
            says = f"number {theirs[alias]}" if alias in theirs else "nothing"
            found = f"names {version_id[:12]}, number {number}; in MLflow it names {says}"
            yield Difference(ALIAS, about, found, f"set it to number {number}", True, version_id)
    ids = {entry.number: entry.version_id for entry in registered}
    for alias in sorted(theirs.keys() - named.keys()):
        version_id = ids.get(theirs[alias], "")
        found = f"MLflow alone has this alias, for number {theirs[alias]}"
        todo = (
            f"versioning promote {version_id[:12] or 'VERSION'} {name}@{alias}, or delete it there"
        )
        yield Difference(UNKNOWN, f"{name}@{alias}", found, todo, False, version_id)


def _of_bytes(repository: Repository, name: str, named: Mapping[str, str]) -> Iterator[Difference]:
    for alias, version_id in sorted(named.items()):
        state = _state(repository, version_id)
        found = f"names {version_id[:12]}, which is {state}"
        if state == TRASHED:
            todo = "take it out of the trash"
            yield Difference(BYTES, f"{name}@{alias}", found, todo, True, version_id)
        elif state != LIVE:
            todo = f"run its step again, or versioning rollback {name}@{alias}"
            yield Difference(BYTES, f"{name}@{alias}", found, todo, False, version_id)


def _of_sources(
    repository: Repository, registered: list[Registered], named: set[str]
) -> Iterator[Difference]:
    for entry in registered:
        about = f"{entry.name}/{entry.number}"
        if not entry.version_id or entry.version_id in named:
            continue
        state = _state(repository, entry.version_id)
        if state != LIVE and entry.tags.get(STATUS) != state:
            found = f"stands for {entry.version_id[:12]}, which is {state}"
            todo = f"tag it {STATUS}={state}"
            yield Difference(SOURCE, about, found, todo, True, entry.version_id)


def _state(repository: Repository, version_id: str) -> str:
    try:
        record = repository.record(version_id)
    except (NotFoundError, *UNREADABLE):
        return "not in this repository"
    return standing(repository, record)
