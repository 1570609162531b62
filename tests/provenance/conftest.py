"""A model as flows make one: captured, from an outside file, with a secret, evaluated, promoted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import SecretStr
from sklearn.linear_model import LogisticRegression

from tests.provenance.documents import FLOW_RUN, SECRET, TASK_RUN
from tests.steps import commit, opened
from tests.test_promotion import judge
from versioning.api import Repository
from versioning.handles import Version
from versioning.sources import Source
from versioning.steps import Step


def bottles(file: Path) -> pd.DataFrame:
    return pd.read_csv(file)


def train(table: pd.DataFrame, token: SecretStr, place: str, seed: int = 7) -> LogisticRegression:
    return LogisticRegression(random_state=seed).fit(table[["alcohol"]], table["first"])


def run(repository: Repository, function: Any, **parameters: Any) -> Version:
    """What a flow does with a task, without Prefect."""
    step = Step(function, function.__name__)
    call = step.call(repository, step.bind((), parameters))
    args, kwargs = call.arguments()
    ids = {"flow_run": FLOW_RUN, "task_run": TASK_RUN}
    return call.commit(function(*args, **kwargs), seconds=1.5, flow="retrain", run=ids)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wine")


@pytest.fixture(scope="session")
def repository(place: Path) -> Repository:
    return opened(place)


@pytest.fixture(scope="session")
def model(repository: Repository, place: Path) -> Version:
    """The champion of a repository; nothing may be changed."""
    file = place / "bottles.csv"
    file.write_text("alcohol,first\n14.2,True\n12.1,False\n13.9,True\n11.8,False\n")
    table = run(repository, bottles, file=Source(str(file)))
    made = run(
        repository,
        train,
        table=table,
        token=SecretStr(SECRET),
        place=f"postgresql://ann:{SECRET}@host/wine",
    )
    judge(repository, made, auc=0.93)
    repository.promote(made, "wine@champion")
    return made


@pytest.fixture
def plain(tmp_path: Path) -> Repository:
    """A repository of one's own, of versions without any capture."""
    return opened(tmp_path)


@pytest.fixture
def table(plain: Repository) -> Version:
    rows = pd.DataFrame({"seats": [1, 2], "late": [0.5, None]}, index=["a", "b"])
    return commit(plain, rows, "clean", rate=3, reads={"raw": commit(plain, b"raw", "load")})
