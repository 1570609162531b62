"""Which files a key may be missing: not Python's, libraries' or this library's own."""

from __future__ import annotations

import os
import sys
import sysconfig
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

_MACHINE = ("/proc/", "/sys/", "/usr/share/zoneinfo/", "/var/db/timezone/")
_INSTALLED = ("/site-packages/", "/dist-packages/", "/__pycache__/")
# Where programs and libraries keep what they ship, set and remember.
_SHARED = ("/dev/", "/run/", "/etc/", "/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/usr/share/",
           "/usr/local/lib/", "/usr/local/share/")  # fmt: skip
_OF_USER = {"XDG_CACHE_HOME": ".cache", "XDG_CONFIG_HOME": ".config", "XDG_DATA_HOME": ".local"}
_MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


def real(path: str | bytes | os.PathLike[str]) -> str:
    """`path`, absolute and without symbolic links."""
    return os.path.realpath(os.fsdecode(path))


def absolute(path: str | bytes | os.PathLike[str]) -> str:
    """`path`, absolute, with the symbolic links in it: what they point to may change."""
    text = os.fsdecode(path)
    plain = os.path.abspath(text)
    # Behind a link, `..` leads elsewhere than it says.
    return plain if ".." not in text or real(plain) == real(text) else real(text)


def below(path: str, folders: Container[str]) -> bool:
    """Whether `path` is one of the `folders` or lies in one."""
    while path not in folders:
        parent = os.path.dirname(path)
        if parent == path:
            return False
        path = parent
    return True


def is_of_python(path: str) -> bool:
    """Whether a file is the machine's, or was installed with Python and its packages."""
    is_installed = any(part in path for part in _INSTALLED)
    return is_installed or path.startswith(_MACHINE) or below(path, _installation())


def is_of_libraries(path: str) -> bool:
    """Whether a file is where libraries look for their own data, settings and caches."""
    return path.startswith(_SHARED) or below(path, _user_folders())


@cache
def project_root(file: str) -> str | None:
    """The folder of the project that a source file belongs to; None for code without a project.

    It is named as the file is, by links and all.
    """
    path = Path(absolute(file))
    holds = (any((folder / name).exists() for name in _MARKERS) for folder in path.parents)
    return next(
        (str(folder) for folder, found in zip(path.parents, holds, strict=False) if found), None
    )


@cache
def _installation() -> frozenset[str]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = [sysconfig.get_path(name) for name in names]
    # Not the whole prefix: an environment may have been made in the folder of a project.
    folders += [os.path.join(sys.prefix, name) for name in ("lib", "lib64", "share", "etc")]
    return frozenset(real(folder) for folder in folders if folder)


@cache
def _user_folders() -> frozenset[str]:
    home = Path("~").expanduser()
    folders = (os.environ.get(name) or home / folder for name, folder in _OF_USER.items())
    return frozenset(map(real, folders))
