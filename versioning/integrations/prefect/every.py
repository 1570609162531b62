"""`versioned(flow)`: version every task of a flow that somebody else wrote.

While such a flow runs, its tasks are called through versioned twins. The flow's own code was
written for values, so direct calls, `future.result()` and `state.result()` give it values; what
passes from task to task as a future or state stays a handle. A value that one task gave and another
receives as it was is an input of what that one makes, all the same.
"""

from __future__ import annotations

import copy
import functools
import inspect
import sys
from contextlib import aclosing, closing, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from prefect import Flow, State, Task
from prefect.futures import PrefectFuture, PrefectFutureList

from versioning.arguments import giving, loaded
from versioning.errors import ConflictError
from versioning.integrations.prefect.task import VersionedTask, versioned

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterator

    from versioning.api import Version
    from versioning.digest import Digest


class _Every(NamedTuple):
    """What `versioned` was given for the tasks of one flow, and the twins made with that."""

    options: dict[str, Any]
    twins: dict[Task[..., Any], VersionedTask]


# Of futures that give values to such a flow.
_kinds: list[type[Any]] = []
_every: ContextVar[_Every | None] = ContextVar("versioning_every", default=None)


def version_every_task(flow: Flow[..., Any], **options: Any) -> Flow[..., Any]:
    """A copy of `flow` in which every task is versioned.

    Args:
        flow: The flow; it and its tasks stay as they are.
        **options: What `versioned` takes, for all of its tasks.

    Raises:
        ConflictError: When it is deployed under a name by which its runs would find `flow`.
    """
    _install()
    twin = copy.copy(flow)
    for event in ("completion", "failure", "cancellation", "crashed", "running"):
        hooks = f"on_{event}_hooks"
        setattr(twin, hooks, list(getattr(flow, hooks)))
    twin.fn = _within(flow.fn, _Every(options, {}))
    for name in ("to_deployment", "ato_deployment"):
        setattr(twin, name, _checked(twin, getattr(twin, name)))
    return twin


def _checked(twin: Flow[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    """A way to deploy `twin` that makes sure that the runs of the deployment will find it."""

    @functools.wraps(original)
    def deployment(*args: Any, **kwargs: Any) -> Any:
        module, name = twin.fn.__module__, twin.fn.__qualname__
        found = getattr(sys.modules.get(module), name, None)
        if isinstance(found, Flow) and found is not twin:
            raise ConflictError(
                f"a run of this deployment would find {name} in {module}, which is not versioned: "
                f"write @versioned above its @flow, or {name} = versioned({name}) below it"
            )
        return original(*args, **kwargs)

    return deployment


def _within(function: Callable[..., Any], every: _Every) -> Callable[..., Any]:
    """`function`, with its tasks versioned while it runs; not while whoever reads it does."""
    if inspect.isgeneratorfunction(function):
        within = _yielding(function, every)
    elif inspect.isasyncgenfunction(function):
        within = _yielding_async(function, every)
    elif inspect.iscoroutinefunction(function):

        async def within(*args: Any, **kwargs: Any) -> Any:
            with _in_force(every):
                return await function(*args, **kwargs)

    else:

        def within(*args: Any, **kwargs: Any) -> Any:
            with _in_force(every):
                return function(*args, **kwargs)

    wrapped = functools.wraps(function)(within)
    # Prefect would look for the types that annotations name among the names of this module.
    vars(wrapped)["__signature__"] = _signature(function)
    return wrapped


def _yielding(function: Callable[..., Any], every: _Every) -> Callable[..., Any]:
    def within(*args: Any, **kwargs: Any) -> Generator[Any, None, Any]:
        given: dict[Digest, Version] = {}
        with closing(function(*args, **kwargs)) as items:
            while True:
                with _in_force(every, given):
                    try:
                        item = next(items)
                    except StopIteration as end:
                        return end.value
                yield item

    return within


def _yielding_async(function: Callable[..., Any], every: _Every) -> Callable[..., Any]:
    async def within(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        given: dict[Digest, Version] = {}
        async with aclosing(function(*args, **kwargs)) as items:
            while True:
                with _in_force(every, given):
                    try:
                        item = await anext(items)
                    except StopAsyncIteration:
                        return
                yield item

    return within


@contextmanager
def _in_force(every: _Every, given: dict[Digest, Version] | None = None) -> Iterator[None]:
    # A library that has futures of its own, as Dask's, may have been imported since.
    kinds: list[type[Any]] = [*_subclasses(PrefectFuture), PrefectFutureList]
    for kind in kinds:
        _install_for(kind)
    token = _every.set(every)
    try:
        with giving(given):
            yield
    finally:
        _every.reset(token)


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function, eval_str=True)
    except (NameError, AttributeError, TypeError):
        return inspect.signature(function)  # Prefect says what is wrong with it


@functools.cache
def _install() -> None:
    """Let tasks and futures ask, when used, whether such a flow runs around them."""
    for name in ("__call__", "submit", "map"):
        setattr(Task, name, _routed(name, getattr(Task, name)))
    for name in ("result", "aresult"):
        setattr(State, name, _valued(getattr(State, name)))


def _install_for(kind: type[Any]) -> None:
    """The same for one kind of futures."""
    if kind not in _kinds and "result" in vars(kind):
        _kinds.append(kind)
        kind.result = _valued(vars(kind)["result"])


def _routed(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(self: Task[..., Any], *args: Any, **kwargs: Any) -> Any:
        every = _every.get()
        if every is None or isinstance(self, VersionedTask):
            return original(self, *args, **kwargs)
        result = getattr(_twin(self, every), name)(*args, **kwargs)
        return _values(result) if name == "__call__" else result

    return call


def _valued(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def result(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = original(self, *args, **kwargs)
        # Prefect's own questions are told by `_sync`: what it hands from task to task.
        return found if _every.get() is None or "_sync" in kwargs else _values(found)

    return result


def _values(result: Any) -> Any:
    if inspect.isawaitable(result):
        return _awaited(result)
    return loaded(result)


async def _awaited(result: Any) -> Any:
    return _values(await result)


def _twin(task: Task[..., Any], every: _Every) -> VersionedTask:
    if task not in every.twins:
        every.twins[task] = versioned(task, **every.options)
    return every.twins[task]


def _subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _subclasses(child)
