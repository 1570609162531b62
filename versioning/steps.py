"""Steps: what a function needs to be versioned, with no orchestrator in sight."""

from __future__ import annotations

import functools
import inspect
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from versioning.api import Repository, Version
from versioning.arguments import handles_in, keyed, pinned
from versioning.calls import Call
from versioning.code import code_leaves, note_loaded
from versioning.code.places import module_name
from versioning.environment import environment_leaves
from versioning.errors import ConflictError
from versioning.hidden.watch import listen
from versioning.keys import text_leaf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from versioning.records import Input

# Modules of the project that are imported from here on may read files of their own.
listen()
_MENTIONS_HANDLE = re.compile(r"\bVersion\b")
_MENTIONS_SECRET = re.compile(r"\bSecret")


@dataclass(frozen=True)
class Step:
    """A function whose every output is a version.

    Attributes:
        function: The body.
        name: What people call it.
        salt: Changing it makes every earlier version a miss.
        exclude: Parameters left out of the key.
        code_deps: Objects, modules or files the closure cannot see.
        codec: Name of the codec for its output; None to choose by type.
        volatile: Reads the outside world: always runs, and has changed only when its value has.
        effect: Acts on the outside world: a rerun takes its version instead of running it.
        env: Distributions whose versions are keyed; None for those the code imports.
        strict: Fail, before anything is committed, when the body reads what the key cannot see;
            None to do as the settings say.
    """

    function: Callable[..., Any]
    name: str
    salt: str = ""
    exclude: frozenset[str] = frozenset()
    code_deps: tuple[object, ...] = ()
    codec: str | None = None
    volatile: bool = False
    effect: bool = False
    env: tuple[str, ...] | None = None
    strict: bool | None = None

    def __post_init__(self) -> None:
        # Of modules that are imported so far; who edits one from now on edits what does not run.
        note_loaded(again=False)
        if unknown := self.exclude - self.signature.parameters.keys():
            raise ConflictError(
                f"{self.name} has no parameter {', '.join(sorted(unknown))} to exclude; "
                f"it has {', '.join(self.signature.parameters) or 'none'}"
            )

    @cached_property
    def signature(self) -> inspect.Signature:
        """Signature of the body."""
        return inspect.signature(self.function)

    @property
    def qualified_name(self) -> str:
        """`module:qualified.name` of the body; of an object that is called, that of its class."""
        function: Any = self.function
        while isinstance(function, functools.partial):
            function = function.func
        named = function if hasattr(function, "__qualname__") else type(function)
        file = getattr(getattr(named, "__code__", None), "co_filename", None)
        return f"{module_name(named.__module__, file)}:{named.__qualname__}"

    @cached_property
    def handle_parameters(self) -> frozenset[str]:
        """Parameters that receive handles: those whose annotation mentions `Version`."""
        return frozenset(
            name
            for name, parameter in self.signature.parameters.items()
            if _mentions_handle(parameter.annotation, getattr(self.function, "__globals__", {}))
        )

    @cached_property
    def secret_parameters(self) -> frozenset[str]:
        """Parameters whose annotation mentions a `Secret...`, whatever is passed for them."""
        return frozenset(
            name
            for name, parameter in self.signature.parameters.items()
            if _MENTIONS_SECRET.search(_text_of(parameter.annotation))
        )

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters by name, defaults included."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    def call(self, repository: Repository, parameters: Mapping[str, Any]) -> Call:
        """This step with `parameters`, keyed.

        Raises:
            UnkeyableError: If a parameter, or something the code reads, cannot be keyed exactly.
            ConflictError: If a handle is of another repository.
        """
        given = {name: pinned(value, name, repository) for name, value in parameters.items()}
        counting = {name: value for name, value in given.items() if name not in self.exclude}
        # The methods of an object that is passed are code the step can reach.
        code = code_leaves(
            self.function,
            deps=self.code_deps,
            arguments=list(counting.values()),
            index=repository.settings.cache / "code",
        )
        leaves = [
            text_leaf("step", self.qualified_name),
            *([text_leaf("salt", self.salt)] if self.salt else []),
            *code.leaves,
            *environment_leaves(code.distributions, keyed=self.env),
        ]
        inputs: list[Input] = []
        for name, value in counting.items():
            gets_handles = name in self.handle_parameters
            more_leaves, more_inputs = keyed(name, value, gets_handles=gets_handles)
            if name in self.secret_parameters:
                more_leaves = [replace(leaf, value=None) for leaf in more_leaves]
            leaves += more_leaves
            inputs += more_inputs
        for name in sorted(self.exclude & given.keys()):
            inputs += handles_in(name, given[name])
        return Call(self, repository, given, tuple(leaves), tuple(inputs), code)


def _mentions_handle(annotation: object, names: Mapping[str, Any]) -> bool:
    text = _text_of(annotation)
    if _MENTIONS_HANDLE.search(text):
        return True
    return any(names.get(name) is Version for name in re.findall(r"\w+", text))


def _text_of(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else repr(annotation)
