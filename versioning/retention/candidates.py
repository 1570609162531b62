"""What retention decides on, and what it decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from versioning.records import ARCHIVE, ENVIRONMENT, WHEEL

if TYPE_CHECKING:
    from datetime import datetime


class OneBlob(Mapping[str, int]):
    """The only blob of a version: most have one, and a dict for each would be most of a plan."""

    __slots__ = ("_name", "_size_bytes")

    def __init__(self, name: str, size_bytes: int) -> None:
        self._name, self._size_bytes = name, size_bytes

    def __getitem__(self, name: str) -> int:
        if name != self._name:
            raise KeyError(name)
        return self._size_bytes

    def __iter__(self) -> Iterator[str]:
        yield self._name

    def __len__(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """What retention knows of one version that has its bytes.

    Attributes:
        id: The version.
        step: Its step.
        flow: The flow it was made in, or None.
        created: When it was made; timezone-aware, UTC.
        seconds: What making it again would take.
        blobs: The blobs it needs, with their length in bytes; versions may share them.
        is_rebuildable: Whether it can be computed again from what it was made from.
        protection: Why it may not go, whatever the rules say: holds, pins and names.
        tags: Of the runs that made or used it.
        names: What names it, or ever did, as `name@alias`.
        last_used: When a run used it last; None when none is known to have.
        trust: What audits of its step found: `reproducible`, `not reproducible` or `unknown`.
    """

    id: str
    step: str
    flow: str | None
    created: datetime
    seconds: float
    blobs: Mapping[str, int]
    is_rebuildable: bool = True
    protection: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    last_used: datetime | None = None
    trust: str = "unknown"

    @property
    def is_archive(self) -> bool:
        """Whether it holds wheels. No rule is about it: versions keep it that ran with them."""
        return self.step in {ARCHIVE, WHEEL}

    @property
    def keeps_lineage(self) -> bool:
        """Whether what it was made from is needed as long as it is.

        An environment outlives the versions that ran in it, for reruns; its wheels do not.
        """
        return self.step != ENVIRONMENT


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one version.

    Attributes:
        candidate: Which.
        keep: Every reason to keep it; empty when it goes.
        expire: The reason why it goes; empty when it is kept.
    """

    candidate: Candidate
    keep: tuple[str, ...] = ()
    expire: str = ""
