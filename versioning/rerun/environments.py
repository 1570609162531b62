"""Environments: a virtual environment from a recorded lock, made once and used again.

The lock is whole, so nothing is resolved: each distribution is installed by name and version. What
no index gives (a checkout, a URL) is told; the project's own code is in the captured source.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from versioning.capture.lock import installed
from versioning.digest import digest_bytes
from versioning.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from versioning.capture.lock import Distribution

# What makes environments, and this library, which every rerun brings along as it is today.
_APART = frozenset({"pip", "prefect-versioning", "uv"})
_BUILD_SECONDS = 3600
_DONE = ".complete"
_MISSING = re.compile(r"No matching distribution found for ([^\s;]+)")


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a rerun runs.

    Attributes:
        python: The interpreter.
        how: How it was come by, for people.
    """

    python: Path
    how: str


def current() -> Environment:
    """The environment of this process."""
    return Environment(Path(sys.executable), "that of today")


def as_recorded(
    lock: Sequence[Distribution],
    machine: Mapping[str, Any],
    *,
    cache: Path,
    fresh: bool = False,
    wheels: Path | None = None,
) -> Environment:
    """An environment with exactly what was installed.

    That of this process, where it has the same distributions, file by file as their RECORDs say,
    and the same build of Python; else one that is made, and kept for the next rerun.

    Args:
        lock: What was installed.
        machine: As `capture.machine` told it.
        cache: Folder of this machine for environments.
        fresh: Make one in any case.
        wheels: Folder of wheels to install from, and from nowhere else.

    Raises:
        NotFoundError: If the Python or a distribution cannot be had; names it.
    """
    if not fresh and _is_here(lock, machine):
        return Environment(Path(sys.executable), "that of today, which is the recorded one")
    lines = locked(lock)
    text = "\n".join([str(machine.get("python")), *lines, str(wheels or "")])
    place = cache / digest_bytes(text.encode())[:32]
    python = place / "bin" / "python"
    if not fresh and (place / _DONE).exists():
        return Environment(python, "made of the recorded lock before")
    staged = place.with_name(f"{place.name}.{os.getpid()}")
    shutil.rmtree(staged, ignore_errors=True)
    try:
        _build(staged, lines, _interpreter(machine), wheels)
        (staged / _DONE).touch()
        if fresh or not (place / _DONE).exists():
            shutil.rmtree(place, ignore_errors=True)
            staged.rename(place)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return Environment(python, "made of the recorded lock")


def locked(lock: Iterable[Distribution]) -> list[str]:
    """`name==version` of what an index has to give."""
    return [f"{d['name']}=={d['version']}" for d in lock if _is_wanted(d)]


def not_rebuildable(lock: Iterable[Distribution]) -> list[Distribution]:
    """What was installed from elsewhere than an index, and is no checkout."""
    return [d for d in lock if d.get("url") and _is_wanted(d)]


def _is_wanted(found: Distribution) -> bool:
    return found["name"] not in _APART and not found.get("editable")


def _is_here(lock: Sequence[Distribution], machine: Mapping[str, Any]) -> bool:
    from versioning.capture.machine import machine as machine_now

    now = machine_now()
    if any(now[name] != machine.get(name) for name in ("python", "build", "platform", "machine")):
        return False
    return _told(lock) == _told(installed())


def _told(lock: Iterable[Distribution]) -> list[tuple[Any, ...]]:
    return sorted((d["name"], d["version"], d.get("record", "")) for d in lock if _is_wanted(d))


def _interpreter(machine: Mapping[str, Any]) -> str:
    """A Python of the recorded minor version: this one, or one that is found by its name."""
    minor = ".".join(str(machine.get("python", "")).split(".")[:2])
    if minor == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = shutil.which(f"python{minor}")
    if found is None and (uv := shutil.which("uv")):
        asked = subprocess.run(  # noqa: S603 - fixed arguments
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


def _build(place: Path, lines: Sequence[str], python: str, wheels: Path | None) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    # Beside `place`, whose name has the process in it: others build the same lock meanwhile.
    lock = place.with_name(f"{place.name}.txt")
    lock.write_text("\n".join(lines) + "\n", "utf-8")
    try:
        if (uv := shutil.which("uv")) and wheels is None:
            target = str(place / "bin" / "python")
            made = [uv, "venv", "--quiet", "--python", python, str(place)]
            fill = [uv, "pip", "install", "--quiet", "--no-deps", "--python", target]
            if _run(made)[0] == 0 and _run([*fill, "-r", str(lock)])[0] == 0:
                return
            shutil.rmtree(place, ignore_errors=True)
        _build_by_pip(place, lock, python, wheels)
    finally:
        lock.unlink(missing_ok=True)


def _build_by_pip(place: Path, lock: Path, python: str, wheels: Path | None) -> None:
    code, said = _run([python, "-m", "venv", str(place)])
    if code:
        raise NotFoundError(
            f"{python} makes no virtual environment ({said[-300:]}): install its venv module, or "
            "run with `--env current`"
        )
    install = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
    where = ["--no-index", "--find-links", str(wheels)] if wheels else []
    # Everything is pinned; constraints of today, set somewhere for pip, would speak against it.
    code, said = _run([*install, *where, "-r", str(lock)], PIP_CONSTRAINT=os.devnull)
    if code:
        raise NotFoundError(_unresolved(said, wheels))


def _unresolved(said: str, wheels: Path | None) -> str:
    found = _MISSING.search(said)
    if found is None:
        return (
            f"the recorded lock cannot be installed ({said.strip()[-400:]}): mend that, or run "
            "with `--env current`"
        )
    where = f"in {wheels}" if wheels else "in any index that pip is set to"
    return (
        f"{found[1]} of the recorded lock is not {where}: it was withdrawn, or came from "
        "elsewhere. Add an index or a folder that has it (PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS), or "
        "run with `--env current`"
    )


def _run(command: Sequence[str], **variables: str) -> tuple[int, str]:
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
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
