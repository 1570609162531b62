"""Who asked: the function of the project on whose behalf something is read.

The stack is read from the read outward. Whoever runs steps (Prefect, this library) reads for
itself; a module that is being imported reads what its constants hold, and those are keyed; what
logging and tracebacks look at changes no result.
"""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING

from versioning.code.places import is_first_party, is_runner, module_name

if TYPE_CHECKING:
    from types import FrameType

# Between a call of the project's and what it reads, these say nothing about who wants it.
_PLUMBING = frozenset({"os", "io", "pathlib", "codecs", "collections.abc", "gzip"})
_BYSTANDERS = frozenset({"linecache", "traceback", "warnings", "logging", "tracemalloc", "pdb"})
_IMPORT = "importlib._bootstrap"
_OURS = __name__.rpartition(".")[0]


def asker(frame: FrameType | None = None) -> tuple[str, int] | None:
    """The nearest function of the project above `frame`, and how far above it is.

    Args:
        frame: Where to begin; here when None.

    Returns:
        `module:function`; and 0 when it asked by itself, 1 when through the standard library, 2
        when a library was in between. None when it was not the project that asked.
    """
    frame, distance = frame or inspect.currentframe(), 0
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module == _IMPORT or module.partition(".")[0] in _BYSTANDERS:
            return None
        if is_runner(module):
            if not module.startswith(_OURS):
                return None
        elif is_first_party(module, frame.f_code.co_filename):
            return None if _is_importing(frame) else (_name(module, frame), distance)
        else:
            distance = max(distance, _distance(module, frame.f_code.co_name))
        frame = frame.f_back
    return None


def _distance(module: str, function: str) -> int:
    if module in _PLUMBING or function == "expandvars":
        return 0
    return 1 if module.partition(".")[0] in sys.stdlib_module_names else 2


def _is_importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported between the body and `frame`."""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module == _IMPORT:
            return True
        if is_runner(module):
            return False
        frame = frame.f_back
    return False


def _name(module: str, frame: FrameType) -> str:
    code = frame.f_code
    return f"{module_name(module, code.co_filename)}:{code.co_qualname}"
