"""Projects that run in processes of their own, as users' do; then they change."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import orjson

from versioning import Repository, Settings, Version

# What this library needs to run steps and the command line; Prefect would take minutes.
NEEDED = ("blake3", "orjson", "fsspec", "pydantic", "cyclopts", "rich", "numpy")
# No registry, and none that could be reached.
NO_INDEX = {"PIP_NO_INDEX": "1", "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_FIND_LINKS": ""}
CHECKOUT = Path(__file__).parents[2]
# Steps without Prefect, which takes longer to start than all that is tested here.
RUNNER = """
import json, sys
from versioning import open_repository
from versioning.steps import Step

def run(function, *, options=(), **parameters):
    call = Step(function, function.__name__, **dict(options)).call(open_repository(), parameters)
    if not options and call.find():
        return call.answer()
    args, kwargs = call.arguments()
    with call.watching([*args, *kwargs.values()]):
        value = function(*args, **kwargs)
    return call.commit(value, seconds=0.1)
"""
FILES = {
    "pyproject.toml": "",
    "runner.py": RUNNER,
    "config.json": '{"scale": 3}',
    "rates.csv": "a,1\nb,2\n",
    "helper.py": """
import json
from pathlib import Path

CONFIG = json.loads(Path(__file__).with_name("config.json").read_text())
OFFSET = 1.0

def scaled(values):
    return [value * CONFIG["scale"] + OFFSET for value in values]
""",
    "late.py": "def total(values):\n    return sum(values)\n",
    "job.py": """
from helper import scaled

def numbers(count):
    with open("rates.csv") as rates:
        return [float(len(line)) for line in rates] * count

def scores(values, label="x", seed=7):
    return scaled(values)

def summary(parts, weights=None):
    from late import total
    return {"total": total(parts[0]), "count": float(len(parts[0]))}
""",
    "main.py": """
import json
from runner import run
import job

values = run(job.numbers, count=2)
made = [values, run(job.scores, values=values, label="x", seed=7)]
made.append(run(job.summary, parts=[made[1]], weights={"a": (1, 2.5)}))
print(json.dumps([version.id for version in made]))
""",
}


@dataclass
class Project:
    """A project in a folder, with a repository beside it."""

    folder: Path
    place: Path
    python: str = sys.executable

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def files(self) -> dict[str, bytes]:
        """What lies in the folder, by name."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}

    @property
    def repository(self) -> Repository:
        settings = Settings(cache=self.place / "cache")
        return Repository.open(str(self.place / "repository"), settings=settings)

    def run(self, *script: str, **variables: str) -> Any:
        """Run a script, `main.py` without one; it prints the ids of the versions that it made."""
        return orjson.loads(self.start([*(script or ["main.py"])], **variables).splitlines()[-1])

    def start(self, command: list[str], **variables: str) -> str:
        done = subprocess.run(
            [self.python, *command],
            cwd=self.folder,
            env=self.variables(**variables),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def variables(self, **variables: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {
            **kept,
            "PYTHONPATH": str(CHECKOUT),
            # Python takes a file edited at once, to the same length, for what it compiled before.
            "PYTHONDONTWRITEBYTECODE": "1",
            "VERSIONING_REPOSITORY": str(self.place / "repository"),
            "VERSIONING_CACHE": str(self.place / "cache"),
            **variables,
        }

    def versioning(self, *arguments: str, **variables: str) -> tuple[int, Any]:
        """Run a command with `--json`, in the project; its exit code, and what it said."""
        done = subprocess.run(
            [self.python, "-m", "versioning", *arguments, "--json"],
            cwd=self.folder if self.folder.exists() else self.place,
            env=self.variables(**variables),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, orjson.loads(done.stdout) if done.stdout else done.stderr

    def say(self, *arguments: str, **variables: str) -> str:
        """Run a command as people do, in the project; what it said on stdout."""
        done = subprocess.run(
            [self.python, "-m", "versioning", *arguments],
            cwd=self.folder,
            env=self.variables(**variables),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in {0, 1}, done.stderr
        return done.stdout


def write_installed(site: Path, name: str, version: str, url: str) -> None:
    """A distribution of one module, as pip leaves it when it comes from a URL."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (site / f"{name}.py").write_text("")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text(f"{name}.py,{_recorded('')},0\n")
    (info / "direct_url.json").write_text(orjson.dumps({"url": url}).decode())


def wheel(folder: Path, name: str, version: str, source: str) -> Path:
    """A wheel of one module, as an index would have it."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [f"{path},{_recorded(text)},{len(text)}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        for place, text in files.items():
            archive.writestr(place, text)
    return path


def _recorded(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def erase(repository: Repository, version: Version) -> None:
    """Let retention take the bytes of a version, as if its trash period were over."""
    from dataclasses import replace

    from versioning.expiry import Expiry, here
    from versioning.shards import shard_of
    from versioning.sweep import sweep

    expiry, cause = Expiry(repository), replace(here(), actor="ann@here", plan="0123456789abcdef")
    assert expiry.trash(version.id, cause)
    assert expiry.erase_all(expiry.of(shard_of(version.id)), [version.id], cause) == [version.id]
    sweep(repository, cause)


def install(place: Path, *what: str) -> None:
    """Install into the environment of a folder, from the index there, too."""
    command = [place / "venv" / "bin" / "python", "-m", "pip", "install", "-q", *what]
    subprocess.run(command, env={**os.environ, **index(place)}, check=True)


def index(place: Path) -> dict[str, str]:
    """What lets pip find the wheels in a folder."""
    known = os.environ.get("PIP_FIND_LINKS", "")
    return {"PIP_FIND_LINKS": f"{known} {place / 'index'}".strip(), "PIP_CONSTRAINT": ""}


def uv() -> dict[str, str]:
    """What lets a rerun find uv, which makes environments in a tenth of the time."""
    return {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
