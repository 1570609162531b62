"""The scenario of a model of then: real flights, everything changed, rebuilt all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.rerun.projects import CHECKOUT, NO_INDEX, Project, uv

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
CHANGED = ("lightgbm==4.6.0", "joblib==1.5.3")
JOB = """
import json
from datetime import date
from prefect import flow
from flows import problem
from flows.evaluate import judged
from flows.train import fitted, prepared

@flow
def job():
    flights = problem.find("flights")
    tables = prepared(flights, date(2013, 1, 22), flights.bad_rows)
    model = fitted(flights, tables.training, seed=7, parameters={})
    return [model.id, judged(flights, model, tables.held_out, None).recorded.id]

if __name__ == "__main__":
    print(json.dumps(job()))
"""
READ = 'json.loads(Path(__file__).with_name("model.json").read_text())'


class Flights(Project):
    """The flows, copied, with a configuration that the model depends on."""

    def begin(self) -> None:
        shutil.copytree(CHECKOUT / "flows", self.folder / "flows")
        self.write({"pyproject.toml": "", "job.py": JOB, "flows/model.json": '{"rounds": 30}'})
        self.edit(
            "flights.py",
            {
                "from datetime": "import json\nfrom pathlib import Path\nfrom datetime",
                "num_boost_round=rounds": f'num_boost_round={READ}["rounds"]',
            },
        )
        self.uv("venv", "-q", "--python", sys.executable, str(self.place / "venv"))
        told = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
        needed = [*told["dependencies"], *told["optional-dependencies"]["flows"]]
        self.install(*needed, "-c", str(CHECKOUT / "constraints.txt"))

    def edit(self, name: str, changes: dict[str, str]) -> None:
        text = (self.folder / "flows" / name).read_text()
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        self.write({f"flows/{name}": text})

    def install(self, *what: str) -> None:
        self.uv("pip", "install", "-q", "--python", self.python, *what)

    def uv(self, *arguments: str) -> None:
        command = [Path(sys.executable).with_name("uv"), *arguments]
        subprocess.run(command, check=True)

    def variables(self, **variables: str) -> dict[str, str]:
        passed = ("PREFECT_", "PIP_", "UV_", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy")
        server = {n: v for n, v in os.environ.items() if n.startswith(passed)}
        # Each edit comes many seconds after what was compiled, and uv compiles nothing.
        own = {"PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": ""}
        return super().variables(**{**server, **own, **variables})


@pytest.fixture
def flights(server: None, tmp_path: Path) -> Flights:
    from prefect.settings import get_current_settings

    made = Flights(tmp_path / "delays", tmp_path, str(tmp_path / "venv" / "bin" / "python"))
    url = get_current_settings().api.url
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_API_URL", str(url))
        patch.setenv("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "false")
        made.begin()
        yield made


def verdicts(found: dict[str, Any]) -> set[str]:
    return {step["verdict"] for step in found["steps"]}


def test_a_model_of_flights_is_identical_after_everything_changed_and_went(
    flights: Flights,
) -> None:
    model, evaluation = flights.run("job.py")
    flights.write({"flows/model.json": '{"rounds": 5}'})
    flights.edit("departures.py", {"LATE_MINUTES = 15": "LATE_MINUTES = 20"})
    flights.install(*CHANGED)

    now = ("--env", "current", "--code", "current")
    code, found = flights.versioning("rerun", model, "--all", *now)
    assert (code, found["verdict"]) == (1, "different"), found
    assert {suspect["name"] for suspect in found["suspects"]} >= {
        "env/lightgbm",
        "env/joblib",
        "source/delays/flows/model.json",
        "source/delays/flows/departures.py",
    }

    # Nothing but the repository is left; an index has what was installed.
    shutil.rmtree(flights.folder)
    code, found = flights.versioning("rerun", evaluation, "--all", "--archive", **uv())
    assert (code, found["differs"]) == (0, []), found
    assert verdicts(found) == {"identical"}
    assert {"train", "predict", "evaluate"} <= {step["step"] for step in found["steps"]}
    assert found["environment"] == "made of the recorded lock"
    assert len(found["archived"]) == 1
    shutil.rmtree(flights.place / "cache")
    code, found = flights.versioning("rerun", evaluation, "--all", **uv(), **NO_INDEX)
    assert (code, verdicts(found)) == (0, {"identical"})
    assert found["environment"] == "made of the recorded lock, from its archived wheels"
