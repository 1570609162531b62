"""Other versions that a record names beside its inputs: parts of a tuple, what a rerun needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from versioning.errors import FormatError
from versioning.records import ARCHIVE, parse_input

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from versioning.records import Input, VersionRecord


def outputs(record: VersionRecord) -> tuple[Input, ...]:
    """The versions that a tuple consists of, in order; none for any other value.

    Raises:
        FormatError: If they are not of their form.
    """
    try:
        listed = enumerate(record.meta.get("outputs", ()))
        return tuple(parse_input({**item, "name": f"output {n}"}) for n, item in listed)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"version {record.id} names no outputs ({error}): run again") from error


def captured(record: VersionRecord) -> tuple[Input, ...]:
    """The versions that hold what a rerun of `record` needs: source, environment, parameters.

    Raises:
        FormatError: If they are not of their form.
    """
    facts = record.meta.get("capture") or {}
    try:
        given = facts.get("parameters", {}).items()
        named = {name: facts[name] for name in ("source", "environment", "files") if name in facts}
        named |= {at: told for name, p in given for at, told in kept_in(f"parameters/{name}", p)}
        return tuple(parse_input({**item, "name": name}) for name, item in named.items())
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise FormatError(
            f"version {record.id} does not say what was captured ({error}): run again"
        ) from error


def kept_in(name: str, fact: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The versions that hold a parameter or, where it holds handles, the rest of its items.

    Args:
        name: What to call it.
        fact: The parameter as a record keeps it.
    """
    if isinstance(fact, list):
        for place, item in enumerate(fact):
            yield from kept_in(f"{name}[{place}]", item)
    elif "version" in fact:
        yield name, fact["version"]
    else:
        items = (fact[kind] for kind in ("list", "tuple", "dict") if kind in fact)
        for item in items:
            yield from kept_in(name, item)


def archive_of(record: VersionRecord) -> str | None:
    """Id of the environment whose wheels `record` names; None when it is no archive.

    Raises:
        FormatError: If it is not of its form.
    """
    if record.step != ARCHIVE or record.function:
        return None
    try:
        return parse_input(record.meta["environment"]).id
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"version {record.id} does not say whose wheels it names ({error}): archive them again"
        ) from error
