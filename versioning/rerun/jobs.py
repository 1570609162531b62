"""Which versions have to be made again, in which order, and from what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from versioning.capture import Captured
from versioning.envelope import UNREADABLE
from versioning.errors import NotFoundError
from versioning.expiry import Expiry
from versioning.records import OUTPUT
from versioning.references import outputs

if TYPE_CHECKING:
    from versioning.digest import Key
    from versioning.records import VersionRecord
    from versioning.repository import Repository


@dataclass(slots=True)
class Job:
    """One execution of a body, for one version or for several parts of a tuple.

    Attributes:
        key: What tells it from others: the key without the place in a tuple.
        record: A version that it makes.
        captured: What was captured with it.
        wanted: The versions that it makes and that are compared, with their place in a tuple.
    """

    key: Key
    record: VersionRecord
    captured: Captured
    wanted: dict[str, tuple[VersionRecord, int | None]] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, ...]:
        """Jobs of the same place have the same source, files and environment."""
        names = ("source", "environment", "files")
        return tuple(kept.id for name in names if (kept := self.captured.kept.get(name)))

    def files(self, repository: Repository) -> dict[str, str]:
        """What its body opened besides the source: digests by place."""
        if (kept := self.captured.kept.get("files")) is None:
            return {}
        return {blob.part: str(blob.digest) for blob in repository.record(kept.id).manifest}


class Jobs:
    """The jobs of a rerun, and the versions that are taken as they are."""

    def __init__(self, repository: Repository, *, everything: bool = False) -> None:
        """Begin.

        Args:
            repository: Where the versions are.
            everything: Make also ancestors again whose bytes are there.
        """
        self.ordered: list[Job] = []
        self.taken: dict[str, VersionRecord] = {}
        self._repository = repository
        self._everything = everything
        self._known: dict[Key, Job] = {}
        self._seen: set[str] = set()

    @property
    def count(self) -> int:
        """How many versions are made."""
        return sum(len(job.wanted) for job in self.ordered)

    def add(self, record: VersionRecord, *, is_target: bool = True) -> None:
        """Plan how to come by a version: its bytes, or making it again from its inputs.

        Raises:
            NotFoundError: If it, or what it needs, is gone for good; names it and who expired it.
        """
        if record.id in self._seen:
            return
        self._seen.add(record.id)
        is_there = has_bytes(self._repository, record)
        if is_there:
            self.taken[record.id] = record
        if not record.is_rebuildable:
            self._check_taken(record, is_target=is_target, is_there=is_there)
        elif is_target or self._everything or not is_there:
            self._job(record)

    def _check_taken(self, record: VersionRecord, *, is_target: bool, is_there: bool) -> None:
        if is_target:
            raise NotFoundError(
                f"{record.step} {record.id[:12]} {_unrepeatable(record)}: a rerun takes it from "
                "its version; name a version that was made from it",
                id=record.id,
            )
        if not is_there:
            raise NotFoundError(self._gone(record), id=record.id)

    def _job(self, record: VersionRecord) -> None:
        key, position = _execution(record)
        if (job := self._known.get(key)) is None:
            job = self._known[key] = Job(key, record, Captured.of(record))
            for item in record.inputs:
                self.add(self._repository.record(item.id), is_target=False)
            for item in job.captured.kept.values():
                self._check_kept(item.id)
            self.ordered.append(job)
        job.wanted[record.id] = record, position

    def _check_kept(self, version_id: str) -> None:
        record = self._repository.record(version_id)
        if not has_bytes(self._repository, record):
            raise NotFoundError(self._gone(record), id=version_id)

    def _gone(self, record: VersionRecord) -> str:
        return (
            f"{record.step} {record.id[:12]} is gone for good "
            f"({who_took(self._repository, record)}) and cannot be made again, as "
            f"it {_unrepeatable(record)}: run the flow anew, or restore it from a backup"
        )


def has_bytes(repository: Repository, record: VersionRecord) -> bool:
    """Whether the value of a version can be read: what is erased cannot, wherever it lay."""
    last = Expiry(repository).last(record.id)
    if last is not None and last.state == "erased":
        return False
    try:
        parts = [repository.record(part.id) for part in outputs(record)]
    except (NotFoundError, *UNREADABLE):
        return False
    return all(repository.is_live(item) for item in (record, *parts))


def who_took(repository: Repository, record: VersionRecord) -> str:
    """By whom and when the bytes of a version went, as far as that is known."""
    if (last := Expiry(repository).last(record.id)) is None:
        return "its bytes were lost"
    cause = last.cause
    return f"{last.state} by {cause.actor} on {cause.at:%Y-%m-%d} (plan {cause.plan})"


def _execution(record: VersionRecord) -> tuple[Key, int | None]:
    """The key of the execution that made a version, and its place in the tuple it returned."""
    place = next((leaf.value for leaf in record.leaves if leaf.name == OUTPUT), None)
    return record.call_key, None if place is None else int(place)


def _unrepeatable(record: VersionRecord) -> str:
    if not record.function:
        return "is a file that others wrote, or was captured"
    what = "reads" if record.meta.get("volatile") else "acts on"
    return f"{what} the outside world"
