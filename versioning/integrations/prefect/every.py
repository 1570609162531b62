"""`versioned(flow)`: version every task of a flow that somebody else wrote.

While such a flow runs, its tasks are called through versioned twins. The flow's own code was
written for values, so direct calls and `future.result()` give it values; what passes from task to
task as a future stays a handle. A value that one task gave and another receives as it was is an
input of what that one makes, all the same.
"""

from __future__ import annotations

import copy
import functools
import inspect
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from prefect import Task
from prefect.futures import PrefectFuture, PrefectFutureList

from versioning.arguments import giving, loaded
from versioning.integrations.prefect.task import VersionedTask, versioned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefect import Flow

_options: ContextVar[dict[str, Any] | None] = ContextVar("versioning_every", default=None)
_twins: dict[Task[..., Any], VersionedTask] = {}


def version_every_task(flow: Flow[..., Any], **options: Any) -> Flow[..., Any]:
    """A copy of `flow` in which every task is versioned.

    Args:
        flow: The flow; it and its tasks stay as they are.
        **options: What `versioned` takes, for all of its tasks.
    """
    _install()
    twin = copy.copy(flow)
    for event in ("completion", "failure", "cancellation", "crashed", "running"):
        hooks = f"on_{event}_hooks"
        setattr(twin, hooks, list(getattr(flow, hooks)))
    twin.fn = _within(flow.fn, options)
    return twin


def _within(function: Callable[..., Any], options: dict[str, Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            with _set(options):
                return await function(*args, **kwargs)

        return run_async

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        with _set(options):
            return function(*args, **kwargs)

    return run


@contextmanager
def _set(options: dict[str, Any]) -> Iterator[None]:
    token = _options.set(options)
    try:
        with giving():
            yield
    finally:
        _options.reset(token)


@functools.cache
def _install() -> None:
    """Let tasks and futures ask, when used, whether such a flow runs around them."""
    for name in ("__call__", "submit", "map"):
        setattr(Task, name, _routed(name, getattr(Task, name)))
    futures: list[type[Any]] = [*_subclasses(PrefectFuture), PrefectFutureList]
    for kind in futures:
        if "result" in vars(kind):
            kind.result = _valued(vars(kind)["result"])


def _routed(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(self: Task[..., Any], *args: Any, **kwargs: Any) -> Any:
        options = _options.get()
        if options is None or isinstance(self, VersionedTask):
            return original(self, *args, **kwargs)
        result = getattr(_twin(self, options), name)(*args, **kwargs)
        return _values(result) if name == "__call__" else result

    return call


def _valued(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def result(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = original(self, *args, **kwargs)
        return found if _options.get() is None else _values(found)

    return result


def _values(result: Any) -> Any:
    if inspect.isawaitable(result):
        return _awaited(result)
    return loaded(result)


async def _awaited(result: Any) -> Any:
    return _values(await result)


def _twin(task: Task[..., Any], options: dict[str, Any]) -> VersionedTask:
    if task not in _twins:
        _twins[task] = versioned(task, **options)
    return _twins[task]


def _subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _subclasses(child)
