"""Secrets, as deep as they may lie: nothing that is written has them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretBytes, SecretStr

from tests.rerun.projects import Project
from tests.steps import opened
from versioning import UnkeyableError
from versioning.steps import Step

HOSTILE = {
    "job.py": """
import json, os
from dataclasses import dataclass
from typing import Any
import pydantic
from prefect import flow
from prefect.blocks.system import Secret
from versioning import versioned

@dataclass
class Login:
    user: str
    token: Any

class Account(pydantic.BaseModel):
    login: Login
    key: pydantic.SecretStr
    raw: pydantic.SecretBytes = pydantic.SecretBytes(b"x")

def spelled(given):
    return given.get() if hasattr(given, "get") else given.get_secret_value()

@versioned
def direct(token: pydantic.SecretStr, block: Secret) -> int:
    return len(spelled(token)) + len(spelled(block))

@versioned
def nested(account: Account, logins: list[Login], by_name: dict[str, Any]) -> int:
    return len(logins)

@versioned
def fails(token: pydantic.SecretStr) -> int:
    raise ValueError(f"refused: {token}")

@versioned
def returns(token: pydantic.SecretStr):
    return token

@flow
def asks(word: pydantic.SecretStr):
    block = Secret(value=word.get_secret_value())
    login = Login("ann", word)
    made = [
        direct(word, block, return_state=True),
        nested(Account(login=login, key=word), [login, Login("bob", block)],
               {"a": [word], "b": {"c": (block,)}}, return_state=True),
        fails(word, return_state=True),
        returns(word, return_state=True),
    ]
    return [state.name for state in made]

if __name__ == "__main__":
    secret = pydantic.SecretStr(os.environ["WORD"])
    print("STATES", *asks(secret))
""",
}


@pytest.mark.slow
def test_secrets_stay_out_of_everything_that_is_written(project: Project) -> None:
    """However deep they lie: repository, cache, logs, and Prefect's own database and results."""
    project.write(HOSTILE)
    home = project.place / "home"
    output = project.place / "said.txt"
    with output.open("wb") as said:
        done = subprocess.run(
            [sys.executable, "job.py"],
            cwd=project.folder,
            env=project.variables(
                WORD="hunter2hunter2",
                PREFECT_HOME=str(home),
                PREFECT_SERVER_ANALYTICS_ENABLED="false",
                PREFECT_LOGGING_LEVEL="DEBUG",
                PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="120",
            ),
            stdout=said,
            stderr=subprocess.STDOUT,
            check=False,
        )
    assert done.returncode == 0, output.read_text()
    assert "STATES Completed Completed Failed Failed" in output.read_text()
    assert list(home.rglob("prefect.db"))
    found = [
        str(path.relative_to(project.place))
        for path in project.place.rglob("*")
        if path.is_file() and b"hunter2hunter2" in path.read_bytes()
    ]
    assert found == []
    assert "returned a SecretStr, which no version may hold" in output.read_text()


def test_a_parameter_that_is_marked_secret_is_none_of_the_records_whatever_is_passed(
    tmp_path: Path,
) -> None:
    """Nothing makes a `SecretStr` of the text that a task is called with."""

    def asks(token: SecretStr, more: SecretStr | None = None, count: int = 1) -> int:
        return len(str(token)) * count

    repository, step = opened(tmp_path), Step(asks, "asks")
    # The source of this test is kept; the words do not stand in it.
    words = [f"hunter{number}" for number in (41, 42)]
    calls = [step.call(repository, step.bind((word,), {})) for word in words]
    assert calls[0].key != calls[1].key
    version = calls[0].commit(7, seconds=0.1)
    assert words[0] not in "".join(
        path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()
    )
    kept = calls[0].keep_parameters()
    assert kept == {
        "token": {"secret": "builtins:str"},
        "more": {"value": None},
        "count": {"value": 1},
    }
    assert {leaf.name: leaf.value for leaf in version.record.leaves}["params/token"] is None


@pytest.mark.parametrize("secret", [SecretStr("hunter2"), SecretBytes(b"hunter2")])
def test_a_secret_becomes_no_version_with_any_codec(secret: object, tmp_path: Path) -> None:
    repository, step = opened(tmp_path), Step(lambda: secret, "asks", codec="pickle")
    with pytest.raises(UnkeyableError, match="asks returned a Secret"):
        step.call(repository, {}).commit(secret, seconds=0.1)
    assert list(repository.ids()) == []
