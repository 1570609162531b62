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
| `BAD_ROWS` | optional: a `flows.quality.Tolerance`, by default none |
| `HELD_OUT` | optional: how many of the newest portions judge the model (default 1) |
"""

from __future__ import annotations

import inspect
from dataclasses import MISSING, dataclass, field, fields
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from flows.quality import Tolerance
from versioning.errors import FormatError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
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
    bad_rows: Tolerance = field(default_factory=Tolerance)
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
    """The problem in the module `flows.<name>`, or else in the module `name`.

    Raises:
        NotFoundError: If there is no such module.
        FormatError: If the module lacks something or says something that a problem may not.
    """
    for path in (f"flows.{name}", name):
        if _exists(path):
            return describe(import_module(path))
    raise NotFoundError(
        f"there is no problem {name!r}: neither flows.{name} nor {name} can be imported; "
        "name a module of `flows`, or one that is on the Python path",
        problem=name,
    )


def describe(module: ModuleType) -> Problem:
    """The problem that `module` describes, with everything checked that can be without running it.

    Raises:
        FormatError: As `find`; it names everything that is missing at once.
    """
    path = module.__name__
    said, missing = {}, []
    for item in fields(Problem)[2:]:
        spelled = item.name.upper() if item.name in CONSTANTS else item.name
        if (value := getattr(module, spelled, None)) is not None:
            said[item.name] = value
        elif item.default is MISSING and item.default_factory is MISSING:
            missing.append(f"{spelled} is missing")
    complaints = [*missing, *_about_functions(said), *_about_constants(said)]
    if complaints:
        raise FormatError(
            f"{path} is no problem yet: {'; '.join(complaints)}. "
            "The head of flows/problem.py lists what a problem has",
            complaints=complaints,
        )
    return Problem(name=path.rpartition(".")[2], module=path, **said)


def _about_functions(said: Mapping[str, Any]) -> Iterator[str]:
    for name in ARGUMENTS.keys() & said.keys():
        if not callable(said[name]):
            yield f"{name} is not a function"
        elif not _begins_with(said[name], ARGUMENTS[name]):
            yield f"{name} must begin with the parameters ({', '.join(ARGUMENTS[name])})"
    if not all(callable(draw) for draw in said.get("pictures", {}).values()):
        yield "PICTURES holds something that is not a function"


def _about_constants(said: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(said.get("bad_rows", Tolerance()), Tolerance):
        yield "BAD_ROWS is not a Tolerance of flows/quality.py"
    if type(held_out := said.get("held_out", 1)) is not int or held_out < 1:
        yield f"HELD_OUT is {held_out!r}, not a number of portions from 1"
    if not all(hasattr(gate, "judge") for gate in said.get("gates", ())):
        yield "GATES holds something that cannot `judge`; see flows/gates.py"


def _begins_with(function: Callable[..., Any], names: tuple[str, ...]) -> bool:
    return tuple(inspect.signature(function).parameters)[: len(names)] == names


def _exists(path: str) -> bool:
    try:
        return find_spec(path) is not None
    except (ModuleNotFoundError, ValueError):
        return False
