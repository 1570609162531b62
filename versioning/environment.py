"""The environment: the few facts that are keyed, and the many that are written down.

Keyed are the minor version of Python and the versions of the distributions that a step's code uses.
Everything else (platform, processors, commit) is recorded with a version, so that a rerun that
differs has suspects, and changes no key.
"""

from __future__ import annotations

import functools
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from versioning.encoding import value_digest
from versioning.errors import FormatError
from versioning.keys import Leaf

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_GIT_SECONDS = 5.0
# As git takes it for ssh; one letter would be a drive.
_HOST_AND_PATH = re.compile(r"(?:[^/@:]+@)?([^/@:]{2,}):(?!//)/?(.+)")
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def environment_leaves(
    distributions: Mapping[str, str], *, keyed: Sequence[str] | None = None
) -> tuple[Leaf, ...]:
    """The leaves `env/python` and `env/<distribution>`.

    Args:
        distributions: Versions of what the code uses, by name.
        keyed: Names to key instead: installed distributions and `python`. None for Python and all
            of `distributions`; empty for no leaf at all.

    Raises:
        FormatError: If a name to key is neither.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    if keyed is None:
        facts = {"python": python, **distributions}
    else:
        known = {"python": python, **distributions}
        facts = {name: known.get(name) or _installed(name) for name in keyed}
    return tuple(_leaf(name, facts[name]) for name in sorted(facts))


def environment_record() -> dict[str, Any]:
    """Facts about this process, its machine and its source, for people; a fresh copy each time."""
    return {**_facts(), "git": _git(str(Path.cwd()))}


def _leaf(name: str, version: str) -> Leaf:
    return Leaf(f"env/{name}", value_digest(version), version)


@functools.cache
def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError as error:
        raise FormatError(
            f"env= names {name!r}, which is not installed; name distributions or 'python'",
            name=name,
        ) from error


@functools.cache
def _facts() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip(),
        "processors": os.cpu_count(),
        "threads": {name: os.environ[name] for name in _THREAD_VARIABLES if name in os.environ},
    }


@functools.cache
def _git(folder: str) -> dict[str, Any] | None:
    """Commit, branch, whether files differ from it, and the remote; None outside a repository."""
    answer = _asked(folder, "status", "--porcelain=2", "--branch", "--untracked-files=no")
    if answer is None:
        return None
    lines = answer.splitlines()
    heads = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# "))
    remote = _asked(folder, "config", "--get", "remote.origin.url")
    return {
        "commit": heads.get("branch.oid"),
        "branch": heads.get("branch.head"),
        "dirty": any(not line.startswith("# ") for line in lines),
        **({"remote": _public(remote.strip())} if remote else {}),
    }


def _asked(folder: str, *arguments: str) -> str | None:
    """What git answers, or None when it says no."""
    try:
        answer = subprocess.run(
            ["git", "-C", folder, *arguments],  # noqa: S607 - the user's git
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout


def _public(remote: str) -> str:
    """A remote without user, password or token, and `host:path` as the URL that it stands for."""
    if found := _HOST_AND_PATH.fullmatch(remote):
        return f"ssh://{found[1]}/{found[2]}"
    scheme, mark, rest = remote.partition("://")
    if not mark:
        return remote
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"
