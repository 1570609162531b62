"""What a problem must say of itself to be retrained by these flows.

A problem is a module. Constants are written in capitals, functions are plain ones: the flows
version them, so editing one reruns it and what depends on it. `load` and `features` run in the flow
itself and return handles: they are where the problem composes `@versioned` steps of its own.

| name | what |
|---|---|
| `MODEL` | the name models are registered under |
| `SCHEMA` | pandera schema of a portion of raw data |
| `GATES` | what must hold before promotion, see `flows.gates` |
| `load(as_of)` | portions of raw data known before the day `as_of`, oldest first |
| `features(portions)` | a table a portion, of features and outcome |
| `train(tables, seed, ...)` | a model; further parameters have defaults |
| `predict(model, table)` | scores, one row for each row of the table |
| `evaluate(tables, scores)` | metrics by name, over tables and their scores |
| `PICTURES` | optional: functions `(tables, scores) -> PNG bytes` by name |
| `BAD_ROWS` | optional: `refuse` (default), `drop` or `tolerate`, see `flows.validate` |
| `HELD_OUT` | optional: how many of the newest portions judge the model (default 1) |
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, fields
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, get_args

from flows.quality import Mode
from versioning.errors import FormatError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    import pandera.pandas as pa

    from flows.gates import Gate

CONSTANTS = {"model", "schema", "gates", "pictures", "bad_rows", "held_out"}
ARGUMENTS = {
    "load": ("as_of",),
    "features": ("portions",),
    "train": ("tables", "seed"),
    "predict": ("model", "table"),
    "evaluate": ("tables", "scores"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem as its module describes it; see the table above."""

    name: str
    module: str
    model: str
    schema: pa.DataFrameSchema
    gates: Sequence[Gate]
    load: Callable[..., Sequence[Any]]
    features: Callable[..., Sequence[Any]]
    train: Callable[..., Any]
    predict: Callable[..., Any]
    evaluate: Callable[..., dict[str, float]]
    pictures: Mapping[str, Callable[..., bytes]] = field(default_factory=dict)
    bad_rows: Mode = "refuse"
    held_out: int = 1

    def check_parameters(self, parameters: Mapping[str, object]) -> None:
        """Refuse a training parameter that `train` does not take.

        Raises:
            FormatError: If one is unknown; it lists those that are known.
        """
        known = list(inspect.signature(self.train).parameters)[2:]
        if unknown := sorted(set(parameters) - set(known)):
            raise FormatError(
                f"{self.module}.train takes no parameter {', '.join(unknown)}; "
                f"it takes {', '.join(known) or 'none'}",
                parameters=unknown,
            )


def find(name: str) -> Problem:
    """The problem in the module `name`, or `flows.<name>` when the name has no dot.

    Raises:
        NotFoundError: If there is no such module.
        FormatError: If the module lacks something or says something that a problem may not.
    """
    path = name if "." in name else f"flows.{name}"
    if not _exists(path):
        raise NotFoundError(
            f"there is no problem {name!r}: no module {path} can be imported; "
            "name a module of `flows`, or give its full dotted path",
            problem=name,
        )
    return describe(import_module(path))


def describe(module: ModuleType) -> Problem:
    """The problem that `module` describes, with everything checked that can be without running it.

    Raises:
        FormatError: As `find`; it names everything that is missing at once.
    """
    path = module.__name__
    given = {item.name: _look_up(module, item.name) for item in fields(Problem)[2:]}
    wanted = [item.name for item in fields(Problem)[2:7]] + list(ARGUMENTS)
    missing = [_spelled(name) for name in dict.fromkeys(wanted) if given.get(name) is None]
    if missing:
        raise FormatError(
            f"{path} is no problem yet: it lacks {', '.join(missing)}; flows/problem.py lists "
            "what a problem has",
            missing=missing,
        )
    said = {name: value for name, value in given.items() if value is not None}
    problem = Problem(name=path.rpartition(".")[2], module=path, **said)
    for complaint in _complaints(problem):
        raise FormatError(f"{path}: {complaint}", problem=path)
    return problem


def _complaints(problem: Problem) -> list[str]:
    found = []
    for name, arguments in ARGUMENTS.items():
        function = getattr(problem, name)
        if not callable(function):
            found.append(f"{name} is not a function")
        elif tuple(inspect.signature(function).parameters)[: len(arguments)] != arguments:
            found.append(f"{name} must begin with the parameters ({', '.join(arguments)})")
    if problem.bad_rows not in get_args(Mode):
        found.append(f"BAD_ROWS is {problem.bad_rows!r}, not one of {', '.join(get_args(Mode))}")
    if type(problem.held_out) is not int or problem.held_out < 1:
        found.append(f"HELD_OUT is {problem.held_out!r}, not a number of portions from 1")
    if not all(hasattr(gate, "judge") for gate in problem.gates):
        found.append("GATES holds something that cannot `judge`; see flows/gates.py")
    return found


def _exists(path: str) -> bool:
    try:
        return find_spec(path) is not None
    except (ModuleNotFoundError, ValueError):
        return False


def _look_up(module: ModuleType, name: str) -> Any:
    return getattr(module, _spelled(name), None)


def _spelled(name: str) -> str:
    return name.upper() if name in CONSTANTS else name
