"""Handles: what a step returns in place of its value, and what it takes in place of a value.

A handle is small, immutable, weakly referable and pickles to a few hundred bytes, so runners pass
it between machines; the value is read when `load` is called, where it is called.
"""

from __future__ import annotations

import html
import os
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar
from weakref import WeakValueDictionary

from versioning.digest import Digest, Key, is_digest
from versioning.envelope import UNREADABLE
from versioning.errors import FormatError, IntegrityError, NotFoundError
from versioning.fields import ID_PATTERN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from versioning.api import Repository
    from versioning.differences import Why
    from versioning.lineage import Lineage
    from versioning.records import VersionRecord
    from versioning.rows import Row

T = TypeVar("T")

# Where the handles of this process came from, for as long as somebody holds the repository.
_homes: WeakValueDictionary[str, Repository] = WeakValueDictionary()
os.register_at_fork(after_in_child=_homes.clear)


@dataclass(frozen=True, slots=True, weakref_slot=True, repr=False)
class Version:
    """Handle of one immutable version; equal handles name the same version of the same repository.

    Attributes:
        repository_url: Where the version lives.
        id: Its id.
        key: What was asked for.
        digest: Digest of its value.
        seal: Seal of its record: pins down everything that the record says.
        step: Name of the step that made it.
        created: Moment of the commit, UTC.
        size_bytes: Bytes it holds.
        seconds: How long the body ran.
    """

    repository_url: str
    id: str
    key: Key = field(compare=False)
    digest: Digest = field(compare=False)
    seal: Digest = field(compare=False)
    step: str = field(compare=False)
    created: datetime = field(compare=False)
    size_bytes: int = field(compare=False)
    seconds: float = field(compare=False)
    # Makes the version again when its bytes are damaged or gone. Of this process: never pickled.
    _recompute: Callable[[], VersionRecord] | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls,
        repository: Repository,
        record: VersionRecord | Row,
        *,
        recompute: Callable[[], VersionRecord] | None = None,
    ) -> Self:
        """The handle of `record`, which lies in `repository`.

        Args:
            repository: Where the record lies; later loads in this process go through it.
            record: The version.
            recompute: Commits the same value again; called when a load finds the bytes damaged
                or gone.
        """
        _homes[repository.url] = repository
        return cls(
            repository.url,
            record.id,
            record.key,
            record.digest,
            record.seal,
            record.step,
            record.created,
            record.size_bytes,
            record.seconds,
            recompute,
        )

    @property
    def repository(self) -> Repository:
        """The repository it lives in, opened when it is not open in this process."""
        from versioning.api import open_repository

        return _homes.get(self.repository_url) or open_repository(self.repository_url)

    @property
    def record(self) -> VersionRecord:
        """The whole record: leaves, inputs, manifest, environment.

        Raises:
            IntegrityError: If it is damaged, or not the one that this handle was made of.
            NotFoundError: If it is gone.
        """
        return self._record_in(self.repository)

    def load(self) -> Any:
        """The value, read and checked now; every call reads again.

        Raises:
            IntegrityError: If the stored bytes are not those written, and it cannot be made again.
            NotFoundError: If the version or its bytes are gone, and it cannot be made again.
        """
        return self._read(lambda repository, record: repository.load(record))

    def path(self) -> Path:
        """A local, read-only path of the stored file, tree or single part.

        Raises:
            IntegrityError: As `load`.
            NotFoundError: As `load`.
        """
        return self._read(lambda repository, record: repository.path(record))

    def lineage(self, direction: str = "up") -> Lineage:
        """What it was made from (`up`), or what was made from it (`down`)."""
        return self.repository.lineage(self.id, direction)

    def why(self, against: str | Version | None = None) -> Why:
        """Which leaves differ from `against`, or from the nearest earlier version of its step."""
        return self.repository.why(self, against)

    def _read(self, read: Callable[[Repository, VersionRecord], T]) -> T:
        repository = self.repository
        try:
            return read(repository, self._record_in(repository))
        except (IntegrityError, NotFoundError) as damage:
            if self._recompute is None:
                raise
            again = self._recompute()
            if again.digest != self.digest:
                raise IntegrityError(
                    f"{self!r} is damaged and its step now returns another value; "
                    f"compare them with `versioning why {again.id[:12]} --against {self.id[:12]}`",
                    id=self.id,
                    digest=self.digest,
                ) from damage
            return read(repository, again)

    def _record_in(self, repository: Repository) -> VersionRecord:
        """The record that this handle is of; of its two copies, the first that is whole."""
        try:
            record = repository.record(self.id)
        except (NotFoundError, *UNREADABLE) as error:
            copy = repository.lookup(self.key)
            if copy is None or copy.id != self.id:
                if isinstance(error, FormatError):
                    raise IntegrityError(str(error), id=self.id) from error
                raise
            record = copy
        if self.seal not in record.seals:
            raise IntegrityError(
                f"version {self.id} says something else than when this handle was made: it was "
                "edited and sealed anew; run the step again, and `versioning verify`",
                id=self.id,
            )
        return record

    def __versioning_digest__(self) -> tuple[str, Digest]:
        # A handle is keyed as its value, so it and the loaded value are the same input.
        return "value", self.digest

    def __bool__(self) -> bool:
        # A body's truth is that of its value: `if is_good(model):` would always go the same way.
        raise TypeError(
            f"{self!r} is a handle, which is neither true nor false: ask `.load()` for the truth "
            "of its value, or `is not None` whether there is one"
        )

    def to_dict(self) -> dict[str, Any]:
        """Its facts as JSON-like values; `from_dict` reads them."""
        facts = {name: getattr(self, name) for name in _FACTS}
        return facts | {"created": self.created.isoformat()}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """The handle that `to_dict` wrote; unknown fields are ignored.

        Raises:
            FormatError: If a field is missing or not of its form.
        """
        try:
            handle = cls(
                str(facts["repository_url"]),
                str(facts["id"]),
                Key(Digest(facts["key"])),
                Digest(facts["digest"]),
                Digest(facts["seal"]),
                str(facts["step"]),
                datetime.fromisoformat(facts["created"]),
                int(facts["size_bytes"]),
                float(facts["seconds"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"this is no version handle ({error}); run the step again") from error
        digests = (handle.key, handle.digest, handle.seal)
        if not (ID_PATTERN.fullmatch(handle.id) and all(map(is_digest, digests))):
            raise FormatError("this version handle names no version; run the step again")
        return handle

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_facts, (
            self.repository_url,
            self.id,
            bytes.fromhex(self.key),
            bytes.fromhex(self.digest),
            bytes.fromhex(self.seal),
            self.step,
            self.created.isoformat(),
            self.size_bytes,
            self.seconds,
        )

    def __repr__(self) -> str:
        return f"Version({self.step} {self.id[:12]}, {self.size_bytes:,} bytes)"

    def _repr_html_(self) -> str:
        rows = {
            "step": self.step,
            "version": self.id,
            "created": f"{self.created:%Y-%m-%d %H:%M:%S %Z}",
            "bytes": f"{self.size_bytes:,}",
            "seconds": f"{self.seconds:.3f}",
            "digest": self.digest[:12],
        }
        cells = (
            f"<tr><th>{name}</th><td>{html.escape(text)}</td></tr>" for name, text in rows.items()
        )
        return f"<table>{''.join(cells)}</table>"


_FACTS = tuple(item.name for item in fields(Version) if not item.name.startswith("_"))
# Prefect looks for results of other tasks in every field of a dataclass. Handles share fields, such
# as the address of their repository, so it would draw edges between steps that have none.
del Version.__dataclass_fields__


def _from_facts(url: str, version_id: str, *rest: Any) -> Version:
    key, digest, seal, step, created, size_bytes, seconds = rest
    return Version(
        url,
        version_id,
        Key(Digest(key.hex())),
        Digest(digest.hex()),
        Digest(seal.hex()),
        step,
        datetime.fromisoformat(created),
        size_bytes,
        seconds,
    )
