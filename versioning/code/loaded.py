"""Files as they were when their modules were loaded: what lies on disk later may not be what runs.

A function is compared with its source by its compiled code. A decorator's arguments and the body of
a class leave no code behind, so they are believed only of a file that is as it was.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from versioning.code.places import file_of_module, is_first_party
from versioning.digest import Digest, digest_bytes


class _Seen(NamedTuple):
    stamp: tuple[int, int, int]
    digest: Digest
    moment: float


_specs: dict[str, object] = {}
_files: dict[str, _Seen] = {}
_count = 0


def note_loaded(*, again: bool = True) -> None:
    """Look at the files of the project's modules that were loaded since the last time.

    Args:
        again: Look for modules that were loaded again, too.
    """
    global _count  # noqa: PLW0603 - modules are one for the process
    if _count == len(sys.modules) and not again:
        return
    _count = len(sys.modules)
    modules: list[tuple[str, object]] = list(sys.modules.items())
    for name, module in modules:
        if not isinstance(module, ModuleType):
            # Whoever replaces itself by another object on import.
            continue
        # Loading a module again gives it another specification.
        spec = module.__dict__.get("__spec__") or module
        if _specs.get(name) is not spec:
            _specs[name] = spec
            path = file_of_module(module)
            if path is not None and is_first_party(name, path) and (seen := _look(path)):
                _files[path] = seen


def is_edited(path: str) -> bool:
    """Whether a file says something else than when its module was loaded, as far as was noted."""
    seen = _files.get(path)
    if seen is None:
        return False
    now = _look(path, seen)
    return now is None or now.digest != seen.digest


def noted_at(path: str) -> float | None:
    """When a module was first seen to be loaded from a file, in seconds since 1970."""
    seen = _files.get(path)
    return seen.moment if seen else None


def _look(path: str, known: _Seen | None = None) -> _Seen | None:
    try:
        found = os.stat(path)
        stamp = (found.st_mtime_ns, found.st_ctime_ns, found.st_size)
        if known is not None and known.stamp == stamp:
            return known
        return _Seen(stamp, digest_bytes(Path(path).read_bytes()), time.time())
    except OSError:
        return None
