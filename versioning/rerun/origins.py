"""Origins of a recorded environment, where they stand against having it again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from versioning.capture.machine import machine as machine_now
from versioning.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from versioning.capture.lock import Distribution

_PLATFORM = ("platform", "machine")


def not_rebuildable(lock: Iterable[Distribution]) -> dict[str, str]:
    """What no index is known to have, by name, and what to do about it."""
    return {d["name"]: _advice(d) for d in lock if d.get("url") and d["name"] != _LIBRARY}


# Every rerun brings this library along as it is today.
_LIBRARY = "prefect-versioning"


def _advice(found: Distribution) -> str:
    if found.get("editable"):
        return (
            f"{found['version']} stands in a checkout ({found['url']}): a rerun has those of its "
            "files that were imported, and nothing that is built from others"
        )
    return (
        f"{found['version']} was installed from {found['url']}: a rerun asks an index for it by "
        "name and version; publish it to yours, or keep its wheel with VERSIONING_ARCHIVE=on"
    )


@contextmanager
def told_where_made(machine: Mapping[str, Any]) -> Iterator[None]:
    """Let an environment that cannot be had say so, if it was captured on another platform.

    Args:
        machine: The recorded one, as `capture.machine` told it.

    Raises:
        NotFoundError: What was raised inside, which says more.
    """
    try:
        yield
    except NotFoundError as error:
        now = machine_now()
        there, here = (" ".join(str(m.get(name)) for name in _PLATFORM) for m in (machine, now))
        if there == here:
            raise
        raise NotFoundError(
            f"{error}. It was made on {there}, and this is {here}, for which an index may have no "
            f"such release: run it on {there}, or with `--env current`"
        ) from error
