"""`@versioned`: a Prefect task whose every output is a version."""

from __future__ import annotations

import functools
import inspect
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from prefect import Flow, Task
from prefect.exceptions import MappingMissingIterable
from prefect.transactions import BaseTransaction, Transaction, get_transaction

from versioning.api import open_repository
from versioning.errors import ConflictError
from versioning.integrations.prefect import engine, notices, runs
from versioning.steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from versioning.calls import Call
    from versioning.outputs import Output

# What Prefect would do with a result is what this library does instead.
_OURS = frozenset({
    "cache_policy", "cache_key_fn", "cache_expiration", "persist_result", "result_storage",
    "result_storage_key", "result_serializer", "cache_result_in_memory",
})  # fmt: skip


class VersionedTask(Task[..., Any]):
    """A task that commits what its body returns, and returns a handle.

    Args:
        fn: The body, sync, async or a generator (drained into a list).
        step: How it is keyed; made by `versioned`.
        **options: What `prefect.task` takes, caching and result options aside.
    """

    def __init__(self, fn: Any, *, step: Step, **options: Any) -> None:
        options["on_completion"] = _once(
            [runs.record_versions, *(options.get("on_completion") or [])]
        )
        options["on_rollback"] = _once([_forget, *(options.get("on_rollback") or [])])
        if step.volatile:
            options["refresh_cache"] = True
        # Prefect looks at the kind of method to know what to bind.
        kind = type(fn) if isinstance(fn, staticmethod | classmethod) else None
        super().__init__(
            kind(_body(step)) if kind else _body(step),
            cache_policy=engine.policy(),
            persist_result=True,
            result_serializer=engine.VersionSerializer(),
            cache_result_in_memory=False,
            **options,
        )
        # Set late: Prefect demands of a storage given to __init__ that it was saved on the server.
        self.result_storage = engine.VersionStorage()
        self.step = step
        self.__versioning_step__ = step.function

    def with_options(self, **options: Any) -> VersionedTask:
        """This task with other options; what is not given stays."""
        own = {name: options.pop(name) for name in tuple(options) if name in _STEP_OPTIONS}
        _refuse_ours(options)
        # Prefect would refuse our storage, which no server has saved; __init__ sets it again.
        plain = super().with_options(result_storage=None, **options)  # type: ignore[arg-type] # as Prefect declares them
        kept = {name: getattr(plain, name) for name in _KEPT}
        kept |= {f"on_{event}": getattr(plain, f"on_{event}_hooks") for event in _EVENTS}
        step = _changed(self.step, name=plain.name, **own)
        function: Any = self.step.function
        if self.isclassmethod or self.isstaticmethod:
            function = (classmethod if self.isclassmethod else staticmethod)(function)
        task = VersionedTask(function, step=step, **kept)
        # Whose method this is, in Prefect's way of binding.
        vars(task.fn).update(
            {name: vars(self.fn)[name] for name in _BOUND if name in vars(self.fn)}
        )
        return task

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the step, or reuse its version; returns a handle."""
        runs.watch()
        return super().__call__(*args, **kwargs)

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """As `Task.submit`; the future's result is a handle."""
        runs.watch()
        return super().submit(*args, **kwargs)

    def map(self, *args: Any, **kwargs: Any) -> Any:
        """As `Task.map`; each future's result is a handle."""
        runs.watch()
        try:
            return super().map(*args, **kwargs)
        except MappingMissingIterable as error:
            raise ConflictError(
                f"{self.name}.map was given no list: a handle stands for one value; "
                "map over its `load()`"
            ) from error


@overload
def versioned(target: Flow[..., Any], /) -> Flow[..., Any]: ...  # type: ignore[overload-overlap] # callable, too
@overload
def versioned(target: Callable[..., Any] | Task[..., Any], /) -> VersionedTask: ...
@overload
def versioned(**options: Any) -> Callable[[Callable[..., Any]], VersionedTask]: ...
def versioned(target: Any = None, /, **options: Any) -> Any:
    """Version every output of a function by the digest of its inputs.

    Over a function, it makes a Prefect task; over a task, it keeps the task's options; over a flow,
    it versions every task the flow calls, and these need no change.

    Args:
        target: A function, a Prefect task, or a Prefect flow.
        **options: What `prefect.task` takes, caching and result options aside, and: `version`
            (changing it makes earlier versions misses), `exclude` (parameters left out of the key),
            `code_deps` (objects, modules or files the closure cannot see), `codec` (name of the
            codec), `volatile` (reads the outside world: always runs), `effect` (acts on the outside
            world), `env` (distributions whose versions are keyed), `strict` (fails when its body
            reads what its key cannot see: files, variables, clock, chance, network, programs).

    Raises:
        ConflictError: If versioning replaces an option, or `exclude` names no parameter.

    Example:
        @versioned(retries=2, exclude=["verbose"])
        def clean(flights: pd.DataFrame, verbose: bool = False) -> pd.DataFrame: ...
    """
    if target is None:
        return functools.partial(_decorate, **options)
    return _decorate(target, **options)


def _decorate(target: Any, **options: Any) -> Any:
    if isinstance(target, Flow):
        from versioning.integrations.prefect.every import version_every_task

        return version_every_task(target, **options)
    if isinstance(target, VersionedTask):
        return target.with_options(**options)
    _refuse_ours(options)
    own = {name: options.pop(name) for name in tuple(options) if name in _STEP_OPTIONS}
    if isinstance(target, Task):
        kept = {name: getattr(target, name) for name in _KEPT}
        kept |= {f"on_{event}": getattr(target, f"on_{event}_hooks") for event in _EVENTS}
        target, options = target.fn, {**kept, **options}
    function = target.__func__ if isinstance(target, staticmethod | classmethod) else target
    step = Step(function, "")
    options["name"] = (
        options.get("name") or step.qualified_name.rpartition(":")[2].rpartition(".")[2]
    )
    return VersionedTask(target, step=_changed(step, name=options["name"], **own), **options)


_STEP_OPTIONS = frozenset({
    "version", "exclude", "code_deps", "codec", "volatile", "effect", "env",
    "strict",
})  # fmt: skip
_KEPT = (
    "name", "description", "tags", "task_run_name", "retries", "retry_delay_seconds",
    "retry_jitter_factor", "timeout_seconds", "log_prints", "refresh_cache", "retry_condition_fn",
    "viz_return_value", "asset_deps",
)  # fmt: skip
_BOUND = ("__prefect_self__", "__prefect_cls__")
_EVENTS = ("completion", "failure", "running", "rollback", "commit")


def _changed(step: Step, **options: Any) -> Step:
    if "version" in options:
        options["salt"] = str(options.pop("version") or "")
    for name, kind in (("exclude", frozenset), ("code_deps", tuple), ("env", tuple)):
        if options.get(name) is not None:
            given = options[name]
            options[name] = kind((given,) if isinstance(given, str) else given)
    return replace(step, **options)


def _refuse_ours(options: dict[str, Any]) -> None:
    if refused := sorted(_OURS & options.keys()):
        raise ConflictError(
            f"@versioned takes no {', '.join(refused)}: keys, storage and reuse are what it does; "
            "use version=, exclude= or volatile=True to change what is reused"
        )


def _once(hooks: Sequence[Any]) -> list[Any]:
    return list(dict.fromkeys(hooks))


def _forget(transaction: Transaction) -> None:
    """Hook: a rolled back step leaves nothing that could become a hit."""
    engine.forget_unbound(transaction.key)


_forget.log_on_run = False  # type: ignore[attr-defined] # Prefect asks for it


def _body(step: Step) -> Callable[..., Any]:
    """What Prefect runs as the task's function: load, call, commit, return handles."""
    function = step.function

    async def run_async(*args: Any, **kwargs: Any) -> Output:
        with _attempt(step, args, kwargs) as attempt:
            with attempt.watching():
                result = function(*attempt.args, **attempt.kwargs)
                value = [x async for x in result] if inspect.isasyncgen(result) else await result
            return attempt.commit(value)

    def run(*args: Any, **kwargs: Any) -> Output:
        with _attempt(step, args, kwargs) as attempt:
            with attempt.watching():
                value = function(*attempt.args, **attempt.kwargs)
                value = list(value) if inspect.isgenerator(value) else value
            return attempt.commit(value)

    is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    return functools.wraps(function)(run_async if is_async else run)


# Keys of the steps whose bodies run around here.
_running: ContextVar[frozenset[str]] = ContextVar("versioning_running", default=frozenset())


class _Attempt:
    """One execution of a body."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.args, self.kwargs = call.arguments()
        self._began = time.perf_counter()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Notice what the body reads that its key cannot see."""
        with self.call.watching([*self.args, *self.kwargs.values()]):
            yield
        notices.warn_of_hidden(self.call)

    def commit(self, value: Any) -> Output:
        """Make `value` the answer, at once or when the transaction around the task commits."""
        seconds = time.perf_counter() - self._began
        transaction = get_transaction()
        is_enclosed = _is_enclosed(transaction)
        flow, run = runs.facts()
        if self.call.is_audit:
            other = self.call.audit(value, seconds=seconds, flow=flow, run=run)
            runs.tell_of_audit(self.call, other)
            return self.call.answer()
        answer = self.call.commit(
            value,
            seconds=seconds,
            flow=flow,
            run=run,
            replace=bool(transaction and transaction.overwrite),
            bind=not is_enclosed,
        )
        notices.warn_of_changed(self.call)
        if is_enclosed:
            engine.bind_on_commit(self.call)
        return answer


def _is_enclosed(transaction: BaseTransaction | None) -> bool:
    """Whether a transaction of the user's may still undo this step; the step around it may not."""
    parent = transaction and transaction.get_parent()
    while parent is not None:
        if parent.key not in _running.get():
            return True
        parent = parent.get_parent()
    return False


@contextmanager
def _attempt(step: Step, args: Sequence[Any], kwargs: dict[str, Any]) -> Iterator[_Attempt]:
    transaction = get_transaction()
    call = engine.current_call(transaction.key if transaction else None)
    if call is None:
        # Prefect hid why it has no key: compute it again, and let the error through.
        call = step.call(open_repository(), step.bind(args, kwargs))
    token = _running.set(_running.get() | {call.key})
    try:
        notices.warn(call)
        yield _Attempt(call)
    finally:
        _running.reset(token)
        engine.release(call)
