"""What a disk can be asked for beyond files: to begin writing before somebody waits for it."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

# SYNC_FILE_RANGE_WRITE of sync_file_range(2): start writing what is dirty, and do not wait.
_WRITE = 2


def write_back(fd: int) -> None:
    """Let the disk begin to write what was written to a file, so that its `fsync` is short.

    Nothing depends on it: where the system has no such call, or refuses, `fsync` does it all.
    """
    _sync_file_range()(fd, 0, 0, _WRITE)


@cache
def _sync_file_range() -> Any:
    function = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if function is None:
        return lambda *_: None
    function.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return function
