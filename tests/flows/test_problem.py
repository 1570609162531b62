from types import ModuleType

import pytest

from flows import problem as problems
from flows.gates import AtLeast
from flows.quality import Tolerance
from versioning.errors import FormatError, NotFoundError


def minimal(**changes: object) -> ModuleType:
    module = ModuleType("my.wine")
    facts: dict[str, object] = {
        "MODEL": "wine-quality",
        "SCHEMA": object(),
        "GATES": (AtLeast("auc", 0.6),),
        "load": lambda as_of: [],
        "features": lambda portions: portions,
        "train": lambda tables, seed, depth=3: None,
        "predict": lambda model, table: None,
        "evaluate": lambda tables, scores: {},
    }
    for name, value in {**facts, **changes}.items():
        if value is not ...:
            setattr(module, name, value)
    return module


def test_a_module_of_functions_and_constants_is_a_problem() -> None:
    problem = problems.describe(minimal(HELD_OUT=2, BAD_ROWS=Tolerance("drop")))
    assert (problem.name, problem.module, problem.model) == ("wine", "my.wine", "wine-quality")
    assert (problem.held_out, problem.bad_rows.mode, dict(problem.pictures)) == (2, "drop", {})


def test_everything_that_is_wrong_is_named_at_once() -> None:
    module = minimal(SCHEMA=..., train=..., predict=lambda table: None, HELD_OUT=0, GATES=(1,))
    with pytest.raises(FormatError, match=r"my\.wine is no problem yet") as info:
        problems.describe(module)
    assert sorted(info.value.complaints) == [
        "GATES holds something that cannot `judge`; see flows/gates.py",
        "HELD_OUT is 0, not a number of portions from 1",
        "SCHEMA is missing",
        "predict must begin with the parameters (model, table)",
        "train is missing",
    ]


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("load", 3, "load is not a function"),
        ("BAD_ROWS", "drop", "BAD_ROWS is not a Tolerance"),
        ("PICTURES", {"roc": b"png"}, "PICTURES holds something"),
    ],
)
def test_what_is_not_of_its_kind_is_named(name: str, value: object, complaint: str) -> None:
    with pytest.raises(FormatError, match=complaint):
        problems.describe(minimal(**{name: value}))


@pytest.mark.parametrize("name", ["fligths", "nowhere.flights", "flows..x", ""])
def test_a_name_that_is_no_module_is_refused(name: str) -> None:
    with pytest.raises(NotFoundError, match="there is no problem"):
        problems.find(name)


def test_a_module_that_is_no_problem_is_refused() -> None:
    with pytest.raises(FormatError, match=r"flows\.gates is no problem yet: MODEL is missing"):
        problems.find("gates")


def test_a_parameter_that_train_does_not_take_is_refused() -> None:
    problem = problems.describe(minimal())
    problem.check_parameters({"depth": 4})
    with pytest.raises(FormatError, match=r"takes no parameter dpeth; it takes depth"):
        problem.check_parameters({"dpeth": 4})


def test_an_unknown_mode_for_bad_rows_is_refused() -> None:
    with pytest.raises(FormatError, match="choose from refuse, drop, tolerate"):
        Tolerance("ignore")
