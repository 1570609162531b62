"""What bodies ran, across threads and processes: each appends a line to a file."""

from __future__ import annotations

import os
from pathlib import Path

# Read once a process: a body that asked for it would read what its key cannot see.
PLACE = os.environ.get("RAN", "")


def note(line: str) -> None:
    """Write down that a body ran; `O_APPEND` keeps the lines of several processes whole."""
    with open(PLACE, "a") as file:
        file.write(line + "\n")


class Journal:
    """Reads what `note` wrote."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self) -> list[str]:
        """What ran since the last call."""
        if not self.path.exists():
            return []
        lines = self.path.read_text().split()
        self.path.unlink()
        return lines
