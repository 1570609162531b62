"""Leases: one process computes a key while others wait; a killed one delays them by one ttl.

A lease saves work and guards nothing: whoever computes a key twice finds that a binding won. The
holder of the highest generation holds. It rewrites its record at every heartbeat; a waiter that
saw the same record for a whole ttl of its own monotonic clock takes over by creating the next
generation. Clocks of two machines are never compared.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from threading import Condition, Lock, Thread
from typing import TYPE_CHECKING

from versioning import layout
from versioning.envelope import UNREADABLE, dump, parse
from versioning.errors import NotFoundError, VersioningError

if TYPE_CHECKING:
    from collections.abc import Callable

    from versioning.digest import Key
    from versioning.storage import Store

# Heartbeats in a ttl.
BEATS = 3
MAX_TTL_SECONDS = 3600.0
SHORTEST_WAIT, LONGEST_WAIT, RETRY_SECONDS = 0.005, 1.0, 0.25
logger = logging.getLogger("versioning")


class Lease:
    """One holding of a key.

    Attributes:
        key: What is computed meanwhile.
        generation: How many holders were taken over from before this one.
    """

    def __init__(self, store: Store, key: Key, generation: int, ttl_seconds: float) -> None:
        self.key = key
        self.generation = generation
        self._store = store
        self._name = layout.lease(key, generation)
        self._ttl_seconds = ttl_seconds
        self._owner = {
            "holder": secrets.token_hex(16),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "ttl_seconds": ttl_seconds,
        }
        self._beats = 0
        self._beaten = time.monotonic()
        self._is_over = False
        self._is_lost = False
        self._lock = Lock()

    @property
    def is_lost(self) -> bool:
        """Whether somebody else may hold the key by now, since we were silent for too long."""
        silent = time.monotonic() - self._beaten
        return self._is_lost or (silent >= self._ttl_seconds and not self._is_over)

    @property
    def due(self) -> float:
        """When the next heartbeat is due, by the monotonic clock."""
        return self._beaten + self._ttl_seconds / BEATS

    def take(self) -> bool:
        """Create the record; whether nobody else did."""
        return self._store.put_if_absent(self._name, self._record(), durable=False)

    def beat(self) -> None:
        """Rewrite the record, unless the lease is over or was taken over."""
        with self._lock:
            if self._is_over or self._is_lost:
                return
            began = time.monotonic()
            if _generations(self._store, self.key)[-1:] != [self.generation]:
                self._is_lost = True
                logger.warning("the lease on key %s was taken over", self.key[:12])
                return
            self._beats += 1
            self._store.put(self._name, self._record())
            self._beaten = began

    def end(self) -> None:
        """Remove the record, and those of the holders before."""
        with self._lock:
            self._is_over = True
            # Below the first there is none, which is one request less where nobody was taken over.
            held = _generations(self._store, self.key) if self.generation else [0]
            for generation in held:
                if generation <= self.generation:
                    self._store.delete(layout.lease(self.key, generation))

    def _record(self) -> bytes:
        return dump("lease", {**self._owner, "beat": self._beats})


class Leases:
    """Leases on the keys of one repository."""

    def __init__(self, store: Store, ttl_seconds: float) -> None:
        """Hold leases in `store`; a silent holder is taken over from after `ttl_seconds`."""
        self._store = store
        self._ttl_seconds = ttl_seconds

    def acquire(
        self,
        key: Key,
        *,
        timeout: float | None = None,
        give_up: Callable[[], bool] | None = None,
    ) -> Lease | None:
        """Wait for the lease on `key`.

        Args:
            key: What is going to be computed.
            timeout: Seconds to wait at most; None waits for as long as it takes.
            give_up: Asked between attempts; when true (the value is there) nobody needs the lease.

        Returns:
            The lease, to be released; None when waiting ended without it.
        """
        waiter, began = self.waiter(key), time.monotonic()
        while (lease := waiter.attempt()) is None:
            waited = time.monotonic() - began
            if (give_up is not None and give_up()) or (timeout is not None and waited >= timeout):
                return None
            pause = min(max(SHORTEST_WAIT, waited / 4), LONGEST_WAIT, self._ttl_seconds / BEATS)
            time.sleep(pause if timeout is None else min(pause, timeout - waited))
        return lease

    def waiter(self, key: Key) -> Waiter:
        """What waits for `key` one attempt at a time, for callers that must not block."""
        return Waiter(self._store, key, self._ttl_seconds)

    def release(self, lease: Lease) -> None:
        """Let others have the key; a lost lease is released too."""
        _heart().drop(lease)
        lease.end()


class Waiter:
    """One caller's wait for a key: what it saw of the holder, and since when."""

    def __init__(self, store: Store, key: Key, ttl_seconds: float) -> None:
        self._store = store
        self._key = key
        self._ttl_seconds = ttl_seconds
        self._seen = b""
        self._since = 0.0

    def attempt(self) -> Lease | None:
        """Take the lease if it is free, or if its holder was silent for the ttl; else None."""
        generations = _generations(self._store, self._key)
        if not generations:
            return self._take(0)
        return self._take(generations[-1] + 1) if self._is_silent(generations[-1]) else None

    def _take(self, generation: int) -> Lease | None:
        lease = Lease(self._store, self._key, generation, self._ttl_seconds)
        if not lease.take():
            return None
        _heart().keep(lease)
        return lease

    def _is_silent(self, generation: int) -> bool:
        name = layout.lease(self._key, generation)
        try:
            data = self._store.get(name)
        except NotFoundError:
            return False
        now = time.monotonic()
        if data != self._seen:
            self._seen, self._since = data, now
        return now - self._since >= max(self._ttl_seconds, _promised_ttl(data, name))


class _Heart:
    """The one thread of this process that beats for all leases it holds."""

    def __init__(self) -> None:
        self._leases: set[Lease] = set()
        self._changed = Condition()
        self._thread: Thread | None = None
        # When the thread looks next, by the monotonic clock.
        self._looks = float("inf")

    def keep(self, lease: Lease) -> None:
        with self._changed:
            self._leases.add(lease)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="versioning-leases", daemon=True)
                self._thread.start()
            # Most leases end before they are due: waking the thread for each would slow them all.
            if lease.due < self._looks:
                self._changed.notify()

    def drop(self, lease: Lease) -> None:
        with self._changed:
            self._leases.discard(lease)

    def _run(self) -> None:
        while True:
            lease = self._next()
            try:
                lease.beat()
            except VersioningError as error:
                # The next beat may succeed; until then `is_lost` follows from the clock.
                logger.warning("no heartbeat for key %s: %s", lease.key[:12], error)
                time.sleep(RETRY_SECONDS)

    def _next(self) -> Lease:
        """Wait until a lease is due and give it; lost ones are beaten for no more."""
        with self._changed:
            while True:
                self._leases = {lease for lease in self._leases if not lease.is_lost}
                lease = min(self._leases, key=lambda item: item.due, default=None)
                pause = None if lease is None else lease.due - time.monotonic()
                if lease is not None and pause is not None and pause <= 0:
                    return lease
                self._looks = float("inf") if lease is None else lease.due
                self._changed.wait(pause)


def _generations(store: Store, key: Key) -> list[int]:
    """The generations of leases on `key`, lowest first."""
    tails = (entry.name.rpartition("-")[2] for entry in store.list(layout.lease_prefix(key)))
    return sorted(int(tail) for tail in tails if tail.isdecimal() and len(tail) == 8)


def _promised_ttl(data: bytes, name: str) -> float:
    """The ttl by which the holder beats, or 0 when the record makes no sense."""
    try:
        ttl = parse(data, "lease", name=name).get("ttl_seconds")
    except UNREADABLE:
        return 0.0
    return min(float(ttl), MAX_TTL_SECONDS) if isinstance(ttl, int | float) else 0.0


_hearts: dict[int, _Heart] = {}


def _heart() -> _Heart:
    """Of this process: a fork has no thread, and its parent's leases are not its own."""
    # Asked by process rather than told at a fork: what runs there may wait for locks for ever.
    return _hearts.get(os.getpid()) or _hearts.setdefault(os.getpid(), _Heart())
