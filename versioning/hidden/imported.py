"""Files that modules of the project open while they are imported, before any body runs.

No key needs them, as the constants that came of them are keyed; a rerun imports the modules again.
"""

from __future__ import annotations

import inspect
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from versioning.code.places import is_first_party, is_runner
from versioning.hidden import paths

if TYPE_CHECKING:
    from types import FrameType

MOST = 1000
# Whoever opens more files than this reads data, which bodies do and steps are given.
MOST_LOOKS = 20_000
_CODE = (".py", ".pyc", ".pyi", ".so", ".pth")
_opened: dict[str, None] = {}
_looks = iter(range(MOST_LOOKS))


def opened_by_modules() -> tuple[str, ...]:
    """The files, absolute, in the order in which they were opened."""
    return tuple(_opened)


def note(path: Any, _mode: Any = None, flags: Any = os.O_RDONLY) -> None:
    """Remember a file that is about to be opened, if a module of the project wants to read it."""
    if not isinstance(path, str | os.PathLike) or flags & os.O_ACCMODE == os.O_WRONLY:
        return
    text = os.fspath(path)
    if not isinstance(text, str) or text.endswith(_CODE) or "/site-packages/" in text:
        return
    with suppress(Exception):  # what looks on may not stop what it looks at
        if len(_opened) >= MOST or next(_looks, None) is None:
            return
        if _is_for_module(inspect.currentframe()):
            full = paths.absolute(text)
            if not paths.is_of_python(full):
                _opened[full] = None


def _is_for_module(frame: FrameType | None) -> bool:
    """Whether the nearest code of the project runs as a module is imported, or is a script's.

    What steps and flows read reaches bodies as parameters, or is noticed in them.
    """
    is_ours = False
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if is_ours and name == "importlib._bootstrap":
            return True
        if is_runner(name) and not name.startswith(__name__.rpartition(".")[0]):
            return False
        is_ours = is_ours or is_first_party(name, frame.f_code.co_filename)
        frame = frame.f_back
    return is_ours
