"""How people name a version, and what names a version has.

2f6c9a…          full id, or a unique prefix of it, 4 characters or more
train            the latest version of a step
train~2          two before that
delays@champion  what an alias of a model names now
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from versioning import layout
from versioning.envelope import UNREADABLE
from versioning.errors import NotFoundError
from versioning.fields import ID_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from versioning.catalog import Catalog
    from versioning.repository import Repository

MIN_PREFIX = 4
CANDIDATES = 8
_PREFIX = re.compile(rf"[0-9a-f]{{{MIN_PREFIX},32}}")
_NEVER = datetime.min.replace(tzinfo=UTC)
logger = logging.getLogger("versioning")
_BEFORE = re.compile(r"(.+)~(\d{1,9})")


def resolve(repository: Repository, catalog: Catalog, text: str) -> str:
    """The id of the version that `text` names.

    A step goes before a prefix of ids; the text of a full id is taken at its word.

    Raises:
        NotFoundError: If it names none, or several; the message lists the `candidates`.
    """
    if ID_PATTERN.fullmatch(text):
        return text
    if "@" in text and (named := _aliased(repository, text)):
        return named
    step, back = (found[1], int(found[2])) if (found := _BEFORE.fullmatch(text)) else (text, 0)
    if version_id := catalog.latest(step, back=back):
        return version_id
    if _PREFIX.fullmatch(text):
        return _one_of(repository, text)
    raise NotFoundError(f"no version is named {text!r}: {_advice(catalog, step)}", name=text)


def aliases(history: Iterable[Mapping[str, Any]], at: datetime | None = None) -> dict[str, str]:
    """What each alias of a name names, as the name's history says; the last entry counts.

    Args:
        history: Entries of the name, oldest first, each with `alias`, `version` and `at`.
        at: Only what was said up to this moment, itself included; None for now.
    """
    named = {
        str(entry["alias"]): entry.get("version")
        for entry in history
        if "alias" in entry and (at is None or _said(entry) <= at)
    }
    return {alias: str(version_id) for alias, version_id in named.items() if version_id}


def names_of(repository: Repository, version_id: str) -> list[str]:
    """The names that name a version now, as `name@alias`, sorted; unreadable ones are left out."""
    found = []
    for name in repository.names():
        try:
            now = aliases(repository.name_history(name))
        except UNREADABLE as error:
            logger.warning("the history of %s cannot be read: %s", name, error)
            continue
        found += [f"{name}@{alias}" for alias, named in now.items() if named == version_id]
    return sorted(found)


def named(repository: Repository) -> dict[str, list[str]]:
    """The names, as `name@alias`, of each version that has any now, by its id.

    Raises:
        FormatError: If the history of a name cannot be read, so that what it names is not known.
        IntegrityError: The same.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for name in repository.names():
        for alias, version_id in aliases(repository.name_history(name)).items():
            found[version_id].append(f"{name}@{alias}")
    return dict(found)


def _aliased(repository: Repository, text: str) -> str | None:
    name, _, alias = text.rpartition("@")
    return aliases(repository.name_history(name)).get(alias) if layout.is_name(name) else None


def _said(entry: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(str(entry.get("at")))
    except ValueError:
        return _NEVER


def _one_of(repository: Repository, prefix: str) -> str:
    # The store answers this by itself, and is never behind.
    listed = repository.store.list(f"{layout.VERSIONS}{prefix[:2]}/{prefix}")
    ids = sorted(filter(None, (layout.version_id(entry.name) for entry in listed)))
    if len(ids) == 1:
        return ids[0]
    if not ids:
        raise NotFoundError(
            f"no version's id begins with {prefix}: `versioning list` shows them", name=prefix
        )
    shown = ", ".join(ids[:CANDIDATES]) + (" ..." if len(ids) > CANDIDATES else "")
    raise NotFoundError(
        f"{len(ids)} versions begin with {prefix}: {shown}; give more characters",
        name=prefix,
        candidates=ids,
    )


def _advice(catalog: Catalog, step: str) -> str:
    steps = catalog.steps()
    if step in steps:
        return f"step {step} has {steps[step]} versions, the oldest is {step}~{steps[step] - 1}"
    if close := get_close_matches(step, steps, n=3):
        return f"did you mean {', '.join(close)}?"
    return f"give an id, {MIN_PREFIX} or more characters of one, a step, or name@alias"
