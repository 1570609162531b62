"""The whole way: a step in a real package, files edited, and what ran in process after process."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from prefect.settings import PREFECT_API_URL

from versioning import Repository
from versioning.settings import Settings

ROOT = Path(__file__).parents[2]
STEPS = """
    import os

    from versioning import versioned

    from .model import Model
    from .rates import RATE

    @versioned
    def step(x):
        with open(os.environ["RAN"], "a") as file:
            file.write("step\\n")
        total = Model().run(x) * RATE
        return total
    """
FILES = {
    "steps": STEPS,
    "model": """
    from .base import Base

    class Model(Base):
        def run(self, x):
            return self.scaled(x) + 1
    """,
    "base": """
    class Base:
        by = 2

        def scaled(self, x):
            return x * self.by

    def other():
        return 5
    """,
    "rates": "RATE = 10\nOTHER = 7\n",
    "lookup": "def find(x, name):\n    return getattr(x.pick(), name)\n",
}


class Package:
    """A package on disk, whose step each call runs in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ran = folder / "ran"
        self.repository = folder / "repository"
        for name, text in {"__init__": "", **FILES}.items():
            path = folder / "proj" / f"{name}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(dedent(text))

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / "proj" / f"{name}.py"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def call(self, *options: str, seed: str = "0") -> tuple[str, int]:
        """What the step returns for 3, and how often its body ran for that."""
        program = "from proj.steps import step\nprint(step(3).load())"
        environ = {
            **os.environ,
            "PYTHONPATH": f"{self.folder}:{ROOT}",
            "PYTHONHASHSEED": seed,
            "PYTHONDONTWRITEBYTECODE": "1",
            "VERSIONING_REPOSITORY": str(self.repository),
            "VERSIONING_CACHE": str(self.folder / "cache"),
            "RAN": str(self.ran),
            "PREFECT_API_URL": PREFECT_API_URL.value(),
            "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        }
        done = subprocess.run(
            [sys.executable, *options, "-c", program],
            capture_output=True,
            text=True,
            env=environ,
            cwd=self.folder,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        count = len(self.ran.read_text().split()) if self.ran.exists() else 0
        self.ran.unlink(missing_ok=True)
        return done.stdout.strip().splitlines()[-1], count


@pytest.fixture
def package(server, tmp_path):
    return Package(tmp_path)


@pytest.mark.slow
def test_a_step_runs_again_for_each_edit_that_can_change_its_result_and_for_no_other(package):
    assert package.call() == ("70", 1)
    package.edit("steps", "total", "product")
    package.edit("base", "return 5", "return 6")
    package.edit("rates", "OTHER = 7", "OTHER = 8")
    package.edit(
        "model", "def run(self, x):", "def run(self, x: int) -> int:  # why\n        'Doc.'"
    )
    assert package.call("-OO", seed="7") == ("70", 0)
    package.edit("base", "by = 2", "by = 3")
    assert package.call() == ("100", 1)
    package.edit("model", "+ 1", "+ 2")
    package.edit("rates", "RATE = 10", "RATE = 20")
    assert package.call() == ("220", 1)
    package.edit("model", "+ 2", "+ 1")
    package.edit("rates", "RATE = 20", "RATE = 10")
    assert package.call("-O") == ("100", 0)


@pytest.mark.slow
def test_what_cannot_be_followed_is_recorded_with_the_version_until_it_is_declared(package):
    package.edit("rates", "RATE = 10", "from importlib import import_module\nRATE = 10")
    package.edit("steps", "    total", "    getattr(Model(), 'by'[:])\n    total")
    first, _ = package.call()

    def latest():
        store = Repository.open(
            str(package.repository), settings=Settings(cache=package.folder / "cache")
        )
        return store.versions()[0].record

    (warning,) = latest().meta["warnings"]
    assert first == "70"
    assert "getattr() with a computed name" in warning
    shown = subprocess.run(
        [sys.executable, "-m", "versioning", "show", "step", "--repository", package.repository],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert "getattr() with a computed name" in " ".join(shown.stdout.split())
    package.edit("steps", "@versioned", "from . import base\n\n@versioned(code_deps=[base.other])")
    assert package.call() == ("70", 1)
    assert "warnings" not in latest().meta
    package.edit("base", "return 5", "return 6")
    assert package.call() == ("70", 1)
