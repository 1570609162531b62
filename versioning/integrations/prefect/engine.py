"""What Prefect's engine asks of a versioned task: a key, a lock, a place for result records.

Prefect computes a key, takes its lock, looks for a result record, and reads it or calls the body.
All of that happens in one context, so the call that the key was computed for is handed on by a
context variable: the closure is walked once and the binding is read once.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from prefect._internal.result_records import ResultRecord, ResultRecordMetadata
from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext
from prefect.filesystems import WritableFileSystem
from prefect.serializers import Serializer
from prefect.transactions import IsolationLevel

from versioning.api import Repository, Version, open_repository
from versioning.digest import Digest, Key, is_digest
from versioning.envelope import UNREADABLE
from versioning.errors import NotFoundError
from versioning.filesets import newest_key
from versioning.leases import Lease, Leases

if TYPE_CHECKING:
    from versioning.calls import Call
    from versioning.outputs import Output
    from versioning.records import VersionRecord

_call: ContextVar[Call | None] = ContextVar("versioning_call", default=None)
_unbound: dict[str, tuple[Repository, VersionRecord]] = {}


def current_call(key: str | None) -> Call | None:
    """The call that is being run in this context, if `key` is its key."""
    call = _call.get()
    return call if call is not None and call.key == key else None


def bind_on_commit(call: Call) -> None:
    """Bind what `call` committed when the transaction around it commits; not if it rolls back."""
    assert call.committed is not None
    _unbound[call.key] = call.repository, call.committed


def forget_unbound(key: str | None) -> None:
    """A transaction rolled back: what was waiting for it shall not become a hit."""
    _unbound.pop(key or "", None)


class VersionPolicy(CachePolicy):
    """Prefect's cache key is the root of our Merkle tree.

    Prefect logs what is raised here and runs the task uncached; the body then raises it again.
    """

    def compute_key(
        self,
        task_ctx: TaskRunContext,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],
        **kwargs: Any,
    ) -> str | None:
        """The key of a step called with `inputs`."""
        _call.set(None)
        try:
            task: Any = task_ctx.task
            call = task.step.call(open_repository(), inputs)
        except Exception:  # noqa: BLE001 - the body computes the key again, and raises what this was
            return None
        _call.set(call)
        return str(call.key)


@dataclass
class LeaseLocks:
    """Prefect's lock manager over leases in the repository: one body a key, on all machines.

    A hit takes no lease. Prefect's own tasks that inherit this manager from a step around them are
    let through: their keys are not ours.
    """

    def acquire_lock(
        self,
        key: str,
        holder: str,
        acquire_timeout: float | None = None,
        hold_timeout: float | None = None,
    ) -> bool:
        """Wait until the key is answered or the lease is ours."""
        call = current_call(key)
        if call is None or call.step.volatile or call.find():
            return True
        leases = _leases_of(call.repository)
        lease = leases.acquire(call.key, timeout=acquire_timeout, give_up=call.find)
        if lease is None:
            return call.found is not None
        _held[call.repository.url, key] = leases, lease
        # Whoever held it before may have answered between our look and our lease.
        call.find()
        return True

    async def aacquire_lock(
        self,
        key: str,
        holder: str,
        acquire_timeout: float | None = None,
        hold_timeout: float | None = None,
    ) -> bool:
        """The same, without holding up the event loop."""
        work = asyncio.ensure_future(
            asyncio.to_thread(self.acquire_lock, key, holder, acquire_timeout, hold_timeout)
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(lambda _: self.release_lock(key, holder))
            raise

    def release_lock(self, key: str, holder: str) -> None:
        """Let others at the key; nothing happens when no lease is held."""
        call = current_call(key)
        url = (call.repository if call else open_repository()).url
        if found := _held.pop((url, key), None):
            leases, lease = found
            leases.release(lease)

    def is_locked(self, key: str) -> bool:
        """Never, to Prefect: our reads and writes need no lock, bindings are atomic."""
        return False

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Always, for the same reason."""
        return True

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Nothing to wait for."""
        return True

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Nothing to wait for."""
        return True


def release(call: Call) -> None:
    """Let others at the key of `call`: its body is over, whatever a transaction around it does."""
    if found := _held.pop((call.repository.url, call.key), None):
        leases, lease = found
        leases.release(lease)


_held: dict[tuple[str, str], tuple[Leases, Lease]] = {}
_leases: dict[str, Leases] = {}


def _leases_of(repository: Repository) -> Leases:
    ttl = repository.settings.lease_seconds
    return _leases.setdefault(repository.url, Leases(repository.store, ttl_seconds=ttl))


class VersionSerializer(Serializer):
    """Prefect's result record holds handles, never values."""

    type: str = "version"

    def dumps(self, obj: Any) -> bytes:
        """Handles as JSON; anything else (a failed run's exception) as its text."""
        if isinstance(obj, Version):
            return orjson.dumps({"version": obj.to_dict()})
        if isinstance(obj, tuple) and obj and all(isinstance(item, Version) for item in obj):
            return orjson.dumps({"versions": [item.to_dict() for item in obj]})
        return orjson.dumps({"text": repr(obj)})

    def loads(self, blob: bytes) -> Any:
        """What `dumps` wrote."""
        fields = orjson.loads(blob)
        call = _call.get()
        if call is not None and call.found is not None and self.dumps(call.answer()) == blob:
            return call.answer()  # the same handles, and they know how to recompute what is lost
        if "versions" in fields:
            return tuple(Version.from_dict(item) for item in fields["versions"])
        return Version.from_dict(fields["version"]) if "version" in fields else fields.get("text")


class VersionStorage(WritableFileSystem):
    """Prefect's result storage: result records are made from bindings, so there is but one truth.

    A binding whose version is gone or damaged reads as absent, which Prefect takes for a miss.
    """

    _block_type_name = "Version Storage"
    _block_type_slug = "version-storage"

    def _resolve_path(self, path: str) -> None:
        """Keys are opaque: there is no path to resolve."""

    def read_path(self, path: str, _sync: bool | None = None) -> bytes:  # type: ignore[override] # async, too
        """The result record of a key."""
        call = current_call(path)
        if call is not None:
            if call.found is None:
                raise FileNotFoundError(path)
            if call.is_audited(_run_id()):
                # Prefect takes it for a miss and runs the body, in its own way; see `_Attempt`.
                call.is_audit = True
                raise FileNotFoundError(path)
            output: Output = call.answer()
        else:
            output = _stored_output(path)
        record = ResultRecord(
            result=output,
            metadata=ResultRecordMetadata(serializer=VersionSerializer(), storage_key=path),
        )
        return record.serialize()

    def write_path(self, path: str, content: bytes, _sync: bool | None = None) -> None:  # type: ignore[override] # async, too
        """Bind what a transaction held back; everything else is bound by the body already."""
        if found := _unbound.pop(path, None):
            repository, record = found
            repository.bind(record)


def _run_id() -> str:
    """What runs here: the flow run, or the task run outside one."""
    context = TaskRunContext.get()
    return str(context and (context.task_run.flow_run_id or context.task_run.id))


def _stored_output(key: str) -> Output:
    """The answer to `key` when no call is at hand: somebody reads an old state's result."""
    if not is_digest(key):
        raise FileNotFoundError(key)
    try:
        repository = open_repository()
        record = repository.lookup(Key(key))
        if record is None and (full := newest_key(repository, Key(key))):
            record = repository.lookup(Key(Digest(full)))
    except (NotFoundError, *UNREADABLE) as error:
        raise FileNotFoundError(key) from error
    if record is None:
        raise FileNotFoundError(key)
    if "outputs" in record.meta:
        here = {"repository_url": repository.url}
        return tuple(Version.from_dict({**item, **here}) for item in record.meta["outputs"])
    return Version.of(repository, record)


def policy() -> VersionPolicy:
    """The cache policy of every versioned task."""
    return VersionPolicy(isolation_level=IsolationLevel.SERIALIZABLE, lock_manager=LeaseLocks())
