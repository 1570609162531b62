"""The answers: which version answers a key, and which one stays where several want to."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from versioning import layout, records
from versioning.envelope import UNREADABLE
from versioning.errors import NotFoundError
from versioning.references import outputs
from versioning.register import Register

if TYPE_CHECKING:
    from collections.abc import Mapping

    from versioning.digest import Key
    from versioning.invalidations import Invalidations
    from versioning.records import VersionRecord

Observer = Callable[[str, dict[str, Any]], None]
logger = logging.getLogger("versioning")


class Answers(Register):
    """The part of a repository that binds keys to versions.

    Attributes:
        url: Where the repository is.
        observers: Called with an event (`adopted`, `conflict`, `corrupt`, `unreadable`) and its
            facts; they may not raise.
        invalidations: What may not be a hit again.
    """

    url: str
    observers: list[Observer]
    invalidations: Invalidations

    @abstractmethod
    def is_live(self, record: VersionRecord) -> bool:
        """Whether every byte of the version is there, by name and length."""

    def lookup(self, key: Key) -> VersionRecord | None:
        """The version that answers `key`, or None when there is none that can be loaded.

        A binding that cannot be read, is of another key, or names what is invalid or whose bytes
        are gone is a miss.
        """
        found = self._bound(key)
        return None if found is None or self.invalidations.hides(found.id) else found

    def _bound(self, key: Key) -> VersionRecord | None:
        """The version that `key` is bound to, or None when it cannot be loaded."""
        try:
            record = self.bound(key)
        except NotFoundError:
            return None
        except UNREADABLE as error:
            logger.error("%s: taken for a miss: %s", self.url, error)  # noqa: TRY400 - its message says all
            facts = {"name": layout.binding(key), "url": self.url, "reason": str(error)}
            self._report("unreadable", facts)
            return None
        return record if self.is_live(record) else None

    def bind(self, record: VersionRecord, *, replace: bool = False) -> VersionRecord:
        """Let `record` answer its key, unless a live version does; returns the one that does.

        A version that is invalid is not bound, and comes back all the same.

        Args:
            record: A committed version.
            replace: Rebind even where a live version of another value answers.
        """
        self.check_writable()
        return record if self.is_invalid(record.id) else self._bind(record, replace=replace)

    def _bind(self, record: VersionRecord, *, replace: bool) -> VersionRecord:
        name, data = layout.binding(record.key), records.dump_version(record)
        # A binding lost in a power cut is a miss, so it need not be durable: the version is.
        if not self.store.put_if_absent(name, data, durable=False):
            other = self._answer(record.key)
            if other is not None and other.id == record.id:
                return record
            if other is not None and other.digest == record.digest:
                return self._adopted(other)
            if other is not None and not replace:
                self.conflicting(other, record)
                return other
            self.store.put(name, data)
            if other is not None and not record.meta.get("volatile"):
                self.conflicting(record, other)
        # Who invalidates says so first and unbinds then: whoever of us comes last removes it.
        if self.is_invalid(record.id):
            self.release(record.key, record.id)
        return record

    def unbind(self, record: VersionRecord) -> None:
        """Let `record` answer its key no more; should another one do so by now, that is a miss."""
        self.check_writable()
        if self.answers(record):
            self.store.delete(layout.binding(record.key))

    def release(self, key: Key, version_id: str) -> None:
        """Let a version answer no more, whether or not it could be loaded still."""
        try:
            bound = self.bound(key).id
        except NotFoundError:
            return
        except UNREADABLE:
            # It answers nothing as it is; what is left in it may be of that version.
            bound = version_id
        if bound == version_id:
            self.store.delete(layout.binding(key))

    def _release_whole(self, record: VersionRecord) -> None:
        """As `release`; of a part of a tuple it is the tuple that is bound."""
        bound = self.bound(record.call_key)
        if record.id in {bound.id, *(part.id for part in outputs(bound))}:
            self.store.delete(layout.binding(bound.key))

    def is_invalid(self, version_id: str) -> bool:
        """Whether a version is never to be a hit again."""
        return bool(self.invalidations.among([version_id]))

    def unbind_all(self, keys: Mapping[str, Key], seen: dict[str, bytes] | None = None) -> None:
        """`unbind` many versions; `keys` holds their keys, by id; `seen` is as for `answering`."""
        self.check_writable()
        self.store.delete_all([layout.binding(keys[i]) for i in self.answering(keys, seen)])

    def answers(self, record: VersionRecord) -> bool:
        """Whether `record` is what its key is bound to, and can be loaded."""
        bound = self._bound(record.key)
        return bound is not None and bound.id == record.id

    def _answer(self, key: Key) -> VersionRecord | None:
        """What `lookup` finds, where the version's own record says the same.

        Hits need not ask: loading reads that record. Whoever keeps a binding vouches for it.
        """
        found = self._bound(key)
        if found is None or self.is_invalid(found.id):
            return None
        try:
            return found if self.record(found.id) == found else None
        except (NotFoundError, *UNREADABLE):
            return None

    def conflicting(self, kept: VersionRecord, other: VersionRecord) -> None:
        """Tell that a step gave two values for one key; both versions stay, `kept` answers."""
        logger.warning(
            "step %r gave two values for the same key %s; version %s answers, %s has the other",
            kept.step,
            kept.key[:12],
            kept.id[:12],
            other.id[:12],
        )
        self._report("conflict", {**_facts(kept), "refused": other.digest, "other": other.id})

    def _adopted(self, other: VersionRecord) -> VersionRecord:
        self._report("adopted", _facts(other))
        return other

    def _report(self, event: str, facts: dict[str, Any]) -> None:
        for observer in self.observers:
            observer(event, facts)


def _facts(record: VersionRecord) -> dict[str, Any]:
    return {"id": record.id, "key": record.key, "step": record.step, "digest": record.digest}
