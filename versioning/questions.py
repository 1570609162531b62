"""What a repository says of its versions: their values, names, lineage, differences and state."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from versioning.adapters import is_adapter, lay_base
from versioning.errors import NotFoundError, VersioningError
from versioning.handles import Version
from versioning.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Mapping

    from versioning.catalog import Catalog
    from versioning.costs import Costs
    from versioning.differences import Why
    from versioning.evaluations import Evaluation
    from versioning.findings import Report
    from versioning.lineage import Lineage
    from versioning.outcomes import Outcome
    from versioning.records import VersionRecord
    from versioning.repository import Draft
    from versioning.retention import Policy

# How many former versions of a step are asked which one is nearest.
EARLIER = 32
logger = logging.getLogger("versioning")


class Questions(Repository):
    """A repository with its index: versions by name, and values that are made again when gone."""

    @cached_property
    def catalog(self) -> Catalog:
        """The derived index of this repository on this machine."""
        from versioning.catalog import Catalog

        return Catalog(self)

    def resolve(self, name: str | Version) -> str:
        """The id of the version that `name` names; see `get`."""
        from versioning.names import resolve

        return name.id if isinstance(name, Version) else resolve(self, self.catalog, name)

    def commit(self, value: object, draft: Draft, **options: Any) -> VersionRecord:
        """As `versioning.repository` has it; now and then, the catalog looks what is there."""
        record = super().commit(value, draft, **options)
        if self.written.is_long:
            try:
                self.catalog.refresh()
            except VersioningError as error:
                logger.warning("what was written to %s was not looked at: %s", self.url, error)
        return record

    def load(self, record: VersionRecord) -> Any:
        """The value of a version, made again when its bytes are gone and `rebuild` is set.

        Of an adapter, the base is laid, too; see `versioning.adapters`.

        Raises:
            IntegrityError: If stored bytes are not those written; they are set aside.
            NotFoundError: If they are gone, and may not or cannot be made again.
            ConflictError: If they are made again, and are not what was recorded.
            FormatError: If the codec is unknown, not allowed, or cannot read them.
        """
        try:
            value = super().load(record)
        except NotFoundError as gone:
            shelf, kept = self._shelved(record, gone)
            value = shelf.load(kept)
        return lay_base(self, record, value) if is_adapter(record) else value

    def path(self, record: VersionRecord, dest: Path | None = None) -> Path:
        """The stored file or tree, else the bytes as stored; made again as `load` does.

        Args:
            record: The version.
            dest: Where to put a copy that may be changed; read-only and shared when None.

        Raises:
            ConflictError: If `dest` exists, or as `load`.
            IntegrityError: As `load`.
            NotFoundError: As `load`.
        """
        if dest is None and is_adapter(record):
            return Path(self.load(record))
        try:
            return super().path(record, dest)
        except NotFoundError as gone:
            shelf, kept = self._shelved(record, gone)
            return shelf.path(kept, dest)

    def conflicting(self, kept: VersionRecord, other: VersionRecord) -> None:
        """Tell that a step gave two values for one key: it is not reproducible from now on."""
        from versioning.trust import remember

        super().conflicting(kept, other)
        remember(self, kept, other, now=datetime.now(UTC))

    def forget_copies(self, record: VersionRecord) -> None:
        """Delete the copies of a version's bytes that this machine keeps."""
        from versioning.rerun.rebuilds import forget

        super().forget_copies(record)
        forget(self, record)

    def _shelved(
        self, record: VersionRecord, gone: NotFoundError
    ) -> tuple[Repository, VersionRecord]:
        from versioning.rerun.rebuilds import shelved

        return shelved(self, record, gone)

    def lineage(self, name: str | Version, direction: str = "up") -> Lineage:
        """What `name` was made from (`up`), what was made from it (`down`), or `both`."""
        from versioning.lineage import lineage

        return lineage(self.catalog, self.resolve(name), direction)

    def why(self, name: str | Version, against: str | Version | None = None) -> Why:
        """Which leaves differ from `against`, or from the nearest earlier version of its step."""
        from versioning.differences import nearest, why

        record = self.record(self.resolve(name))
        if against is None:
            return why(record, nearest(record, self.earlier(record)), self.invalidations)
        return why(record, self.record(self.resolve(against)), self.invalidations)

    def earlier(
        self, record: VersionRecord, *, before: datetime | None = None
    ) -> list[VersionRecord]:
        """The last versions of the step of `record` before it, or before a moment; newest first.

        Those whose records are damaged or gone meanwhile are left out: `verify` tells of them.
        """
        rows = self.catalog.earlier(record, before=before, limit=EARLIER)
        found = self.records([row.id for row in rows])
        return [read for read in found if not isinstance(read, VersioningError)]

    def diff(self, before: str | Version, after: str | Version) -> dict[str, Any]:
        """How two versions differ: data, metrics, model, parameters, inputs, code, environment."""
        from versioning.differences import diff

        return diff(self, *(self.record(self.resolve(name)) for name in (before, after)))

    def verify(self, name: str | Version | None = None, *, set_aside: bool = False) -> Report:
        """Digest stored bytes again; find what is damaged, dangling, gone or left over.

        Args:
            name: Only this version; everything when None.
            set_aside: Move damaged blobs and bindings out of the way, so that steps that need them
                run again; write damaged records again where a whole copy is.
        """
        from versioning.verify import verify

        version_id = None if name is None else self.resolve(name)
        return verify(self, version_id, set_aside=set_aside, witness=self.catalog)

    def evaluations(self, name: str | Version) -> list[Evaluation]:
        """How good a version was found to be, as flows recorded it; newest first."""
        from versioning.evaluations import evaluations

        return evaluations(self, self.catalog, self.resolve(name))

    def card(self, name: str | Version, *, links: Mapping[str, str] | None = None) -> str:
        """The card of a version: a page of Markdown that says what it is and how good.

        Args:
            name: The version.
            links: Address of the card of each other version that has one, by 12 characters of its
                id.
        """
        from versioning.cards import card

        return card(self, self.catalog, self.record(self.resolve(name)), links=links)

    def costs(self, by: str = "step", policy: Policy | None = None) -> Costs:
        """What versions cost by `step`, `flow`, `name` or `age`, at a policy's prices.

        Raises:
            FormatError: If `by` is something else, or a name's history cannot be read.
        """
        from versioning.costs import costs
        from versioning.retention import Policy

        return costs(self, self.catalog, policy or Policy.default(), datetime.now(UTC), by)

    def plans(self) -> list[Outcome]:
        """The plans of retention that are kept, newest first, and what became of each.

        Raises:
            FormatError: If what was expired cannot be read.
        """
        from versioning.outcomes import outcomes

        return outcomes(self, datetime.now(UTC))
