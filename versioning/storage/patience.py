"""Patience with services: one that answered before and is away, or busy, is asked again.

A service that never answered is more likely misspelt than away, so that is told at once.
"""

from __future__ import annotations

import errno
import functools
import logging
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

import tenacity

from versioning.errors import FullError, NotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable


class _Patient(Protocol):
    patience: Patience


P = ParamSpec("P")
S = TypeVar("S", bound=_Patient)
T = TypeVar("T")
# A restart takes less. Waits grow from half a second to 15, each with a random part, so that many
# who wait do not come back at once.
PATIENCE_SECONDS = 120.0
FIRST_SECONDS, LONGEST_SECONDS = 0.5, 15.0

_PASSING = {
    errno.EAGAIN,
    errno.EBUSY,
    errno.ECONNABORTED,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EHOSTUNREACH,
    errno.EIO,
    errno.ENETUNREACH,
    errno.EPIPE,
    errno.ETIMEDOUT,
}
# By name, as none of these libraries need be there: botocore, aiohttp, Azure.
_AWAY = frozenset(
    {"ConnectionError", "HTTPClientError", "ClientConnectionError", "ClientPayloadError"}
    | {"FSTimeoutError", "ServiceRequestError", "ServiceResponseError"}
)
_BUSY = {408, 425, 429, 500, 502, 503, 504}
logger = logging.getLogger("versioning")


class Patience:
    """Calls of one service.

    Attributes:
        has_answered: Whether it ever did.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.has_answered = False

    def call(self, act: Callable[[], T]) -> T:
        """What `act` gives; it is called again while the service is away, so it may be repeated.

        Raises:
            StorageError: If it is away for longer than `PATIENCE_SECONDS`, or was never there.
        """
        try:
            found = act()
        except StorageError as error:
            if not (self.has_answered and is_passing(error)):
                raise
            found = self._waiting(act, error)
        except NotFoundError:
            self.has_answered = True
            raise
        self.has_answered = True
        return found

    def _waiting(self, act: Callable[[], T], error: StorageError) -> T:
        logger.warning("%s is away or busy, and is asked again: %s", self._url, error.__cause__)
        again = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_passing),
            wait=tenacity.wait_random_exponential(FIRST_SECONDS, LONGEST_SECONDS),
            stop=tenacity.stop_after_delay(PATIENCE_SECONDS),
            reraise=True,
        )
        return again(act)


def patient(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """A method of a store that may be called again, called with the store's patience."""

    @functools.wraps(method)
    def called(store: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return store.patience.call(lambda: method(store, *args, **kwargs))

    return called


def is_passing(error: BaseException) -> bool:
    """Whether an error of a store may be gone later: of the way there, or of being busy."""
    if not isinstance(error, StorageError) or isinstance(error, FullError):
        return False
    cause = error.__cause__
    if cause is None or isinstance(cause, PermissionError | FileExistsError):
        return False
    names = {kind.__name__ for kind in type(cause).__mro__}
    codes = {getattr(cause, name, None) for name in ("code", "status", "status_code")}
    return (
        bool(names & _AWAY or codes & _BUSY)
        or isinstance(cause, TimeoutError | ConnectionError)
        or getattr(cause, "errno", None) in _PASSING
    )
