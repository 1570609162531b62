"""Environments: a virtual environment from a recorded lock, made once and used again.

The lock is whole, so nothing is resolved: each distribution is installed by name and version. What
no index gives (a checkout, a URL) is told; the project's own code is in the captured source.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from versioning.capture.lock import installed, is_wanted
from versioning.digest import digest_bytes
from versioning.errors import ConflictError, IntegrityError, NotFoundError
from versioning.shards import in_silence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from versioning.capture.lock import Distribution
    from versioning.shards import Progress

logger = logging.getLogger("versioning")
_BUILD_SECONDS = 3600
_DONE, _INSTALLED = ".complete", "installed.json"
_BEFORE = "made of the recorded lock before"
# Everything is pinned; constraints of today, set somewhere, would speak against it.
_PIP = {"PIP_CONSTRAINT": os.devnull, "PIP_REQUIREMENT": "", "PIP_REQUIRE_HASHES": ""}
# Where pip is told to look, uv looks, too.
_UV = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_NO_INDEX": "UV_NO_INDEX",
}
_MISSING = re.compile(r"No matching distribution found for ([^\s;]+)")


class Shelf(Protocol):
    """Wheels of a lock that need no index."""

    @property
    def is_whole(self) -> bool:
        """Whether it has all of the lock."""

    def lay(self, folder: Path) -> None:
        """Write them into a folder, which is made."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a rerun runs.

    Attributes:
        python: The interpreter.
        how: How it was come by, for people.
        index: File in which what is installed there is remembered, so that it is read once.
    """

    python: Path
    how: str
    index: Path


def current(cache: Path) -> Environment:
    """The environment of this process.

    Args:
        cache: As of `as_recorded`.
    """
    return Environment(Path(sys.executable), "that of today", _index(cache))


def as_recorded(
    lock: Sequence[Distribution],
    machine: Mapping[str, Any],
    *,
    cache: Path,
    fresh: bool = False,
    archive: Shelf | None = None,
    progress: Progress = in_silence,
) -> Environment:
    """An environment with exactly what was installed.

    That of this process, where it has the same distributions, file by file as their RECORDs say,
    and the same build of Python; else one that is made, and kept for the next rerun.

    Args:
        lock: What was installed.
        machine: As `capture.machine` told it.
        cache: Folder of this machine for environments.
        fresh: Make one in any case.
        archive: Wheels to install from before any index is asked.
        progress: Told before one is made, which may take minutes, and after.

    Raises:
        NotFoundError: If the Python or a distribution cannot be had; names it.
    """
    if not fresh and _is_here(lock, machine, _index(cache)):
        return replace(current(cache), how="that of today, which is the recorded one")
    lines = locked(lock)
    text = "\n".join([str(machine.get("python")), *map(str, _told(lock))])
    place = cache / digest_bytes(text.encode())[:32]
    found = Environment(place / "bin" / "python", _BEFORE, place / _INSTALLED)
    if not fresh and (place / _DONE).exists():
        return found
    staged = place.with_name(f"{place.name}.{os.getpid()}")
    shutil.rmtree(staged, ignore_errors=True)
    try:
        interpreter = _interpreter(machine)
        progress(what := f"building an environment of {len(lines)} distributions", 0, 1)
        whence = _build(staged, lines, interpreter, archive)
        progress(what, 1, 1)
        (staged / _DONE).touch()
        if fresh or not (place / _DONE).exists():
            shutil.rmtree(place, ignore_errors=True)
            staged.rename(place)
    except NotFoundError as error:
        raise _with_origins(error, lock) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return replace(found, how=f"made of the recorded lock{whence}")


def locked(lock: Iterable[Distribution]) -> list[str]:
    """`name==version` of what an index has to give."""
    return [f"{d['name']}=={d['version']}" for d in lock if is_wanted(d)]


def _with_origins(error: NotFoundError, lock: Iterable[Distribution]) -> NotFoundError:
    """The error, with where that came from which no index has."""
    origins = ", ".join(
        f"{d['name']} from {d['url']}" for d in lock if d.get("url") and is_wanted(d)
    )
    if not origins:
        return error
    return NotFoundError(f"{error}. Installed from elsewhere: {origins}", **error.facts)


def _index(cache: Path) -> Path:
    """Where captures of this process remember what is installed."""
    return cache.with_name(_INSTALLED)


def _is_here(lock: Sequence[Distribution], machine: Mapping[str, Any], index: Path) -> bool:
    from versioning.capture.machine import machine as machine_now

    now = machine_now()
    if any(now[name] != machine.get(name) for name in ("python", "build", "platform", "machine")):
        return False
    return _told(lock) == _told(installed(index))


def _told(lock: Iterable[Distribution]) -> list[tuple[Any, ...]]:
    return sorted((d["name"], d["version"], d.get("record", "")) for d in lock if is_wanted(d))


def _interpreter(machine: Mapping[str, Any]) -> str:
    """A Python of the recorded minor version: this one, or one that is found by its name."""
    minor = ".".join(str(machine.get("python", "")).split(".")[:2])
    if minor == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = shutil.which(f"python{minor}")
    if found is None and (uv := _uv()):
        asked = subprocess.run(
            [uv, "python", "find", minor], capture_output=True, text=True, check=False
        )
        found = asked.stdout.strip() or None
    if found is None:
        raise NotFoundError(
            f"Python {minor}, which made this version, is not on this machine: install it "
            f"(`uv python install {minor}`, or python{minor} of the system), or run with "
            "`--env current`",
            python=minor,
        )
    return found


def _build(place: Path, lines: Sequence[str], python: str, archive: Shelf | None) -> str:
    """Make an environment at `place`; returns where its wheels came from, for people."""
    place.parent.mkdir(parents=True, exist_ok=True)
    # Beside `place`, whose name has the process in it: others build the same lock meanwhile.
    lock, wheels = place.with_name(f"{place.name}.txt"), place.with_name(f"{place.name}.wheels")
    lock.write_text("\n".join(lines) + "\n", "utf-8")
    where: list[str] = []
    try:
        if archive is not None and _are_laid(archive, wheels):
            where = [*(["--no-index"] if archive.is_whole else []), "--find-links", str(wheels)]
        if not _build_by_uv(place, lock, python, where):
            _build_by_pip(place, lock, python, where)
    finally:
        lock.unlink(missing_ok=True)
        shutil.rmtree(wheels, ignore_errors=True)
    if not where:
        return ""
    return ", from its archived wheels" + ("" if "--no-index" in where else " and an index")


def _build_by_uv(place: Path, lock: Path, python: str, where: Sequence[str]) -> bool:
    """Whether uv is here and made it; pip may know of more places, and tells what is missing."""
    if (uv := _uv()) is None:
        return False
    target = str(place / "bin" / "python")
    made = [uv, "venv", "--quiet", "--python", python, str(place)]
    fill = [uv, "pip", "install", "--quiet", "--no-deps", "--python", target, *where]
    told = {uv: ",".join(os.environ[pip].split()) for pip, uv in _UV.items() if os.environ.get(pip)}
    told |= {name: os.environ[name] for name in _UV.values() if name in os.environ}
    is_made = _run(made)[0] == 0 and _run([*fill, "-r", str(lock)], **told)[0] == 0
    if not is_made:
        shutil.rmtree(place, ignore_errors=True)
    return is_made


def _uv() -> str | None:
    """uv, on the path or beside this Python, whose environment need not be activated."""
    return shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))


def _build_by_pip(place: Path, lock: Path, python: str, where: Sequence[str]) -> None:
    code, said = _run([python, "-m", "venv", str(place)])
    if code:
        raise NotFoundError(
            f"{python} makes no virtual environment ({said[-300:]}): install its venv module, or "
            "run with `--env current`"
        )
    install = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
    code, said = _run([*install, *where, "-r", str(lock)], **_PIP)
    if code:
        raise NotFoundError(_unresolved(said))
    if not any(line.startswith("setuptools==") for line in lock.read_text("utf-8").splitlines()):
        # Older Pythons put it into every environment; what finds it may do other things.
        _run([*install[:3], "uninstall", "--quiet", "--yes", "setuptools"])


def _unresolved(said: str) -> str:
    if (found := _MISSING.search(said)) is None:
        return (
            f"the recorded lock cannot be installed ({said.strip()[-400:]}): mend that, or run "
            "with `--env current`"
        )
    return (
        f"{found[1]} of the recorded lock is not in any index that pip is set to: it was "
        "withdrawn, or came from elsewhere. Add an index or a folder that has it "
        "(PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS), or run with `--env current`. What is archived "
        "(VERSIONING_ARCHIVE, `versioning rerun --archive`) needs no index"
    )


def _are_laid(archive: Shelf, wheels: Path) -> bool:
    """Whether the wheels could be laid out; an index may have what is damaged here."""
    try:
        archive.lay(wheels)
    except (IntegrityError, NotFoundError) as error:
        logger.warning("the archived wheels cannot be used, so an index is asked: %s", error)
        return False
    return True


def _run(command: Sequence[str], **variables: str) -> tuple[int, str]:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=_BUILD_SECONDS,
            env={**os.environ, **variables},
        )
    except subprocess.TimeoutExpired as error:
        raise ConflictError(f"{command[0]} took more than an hour: {error}; try again") from error
    return done.returncode, done.stdout + done.stderr
