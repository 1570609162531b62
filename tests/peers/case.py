"""A case: one question to a system that caches, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from textwrap import dedent
from typing import Literal

from versioning.digest import digest_bytes

# Every project has these; the arguments of a case are read in the names of `proj/values.py`.
COMMON = {
    "pyproject.toml": "",
    "proj/__init__.py": "",
    "proj/values.py": "",
}


@dataclass(frozen=True)
class Case:
    """A project, what happens between two runs of its step, and what is right in the second.

    The step is called twice, in two processes with different hash seeds. What an uncached call
    returns is the right answer; the case says whether giving it needs the body.

    Attributes:
        claim: What is asked, unique among all cases.
        files: The project, by path; a name without a folder lies in the package `proj`.
        expected: What the second run should do.
        leaf: What a person would say has changed; asked of this library where it is not empty.
        edit: A file, the text in it that is replaced, and by what; nothing when None.
        calls: The arguments of both runs, as they stand between the parentheses; then those of the
            call whose value is swapped in, if there is one.
        steps: The functions of the first run, each called with what the one before returned.
        later: Those of the second run, when they are others.
        keep_times: Whether the edited file keeps its modification time.
        moved: Whether the second run is in another checkout of the project.
        damage: What happens to the stored value between the runs.
        kill: When the process of the first run is killed.
        processes: How many processes make the second run at once.
        xfail: Why this library does not yet do what is right.
    """

    claim: str
    files: dict[str, str]
    expected: Literal["rerun", "reuse"]
    leaf: str = ""
    edit: tuple[str, str, str] | None = None
    calls: tuple[str, ...] = ("3", "3")
    steps: tuple[str, ...] = ("steps:step",)
    later: tuple[str, ...] = ()
    keep_times: bool = False
    moved: bool = False
    damage: Literal["", "flip", "truncate", "swap", "delete"] = ""
    kill: Literal["", "running", "storing"] = ""
    processes: int = 1
    xfail: str = ""

    def project(self) -> dict[str, str]:
        """The files of the project by their paths below its root."""
        return COMMON | {_placed(name): dedent(text) for name, text in self.files.items()}

    def digest(self) -> str:
        """Digest of all that a system is put to; what was measured of a case counts for that."""
        asked = {**asdict(self), "leaf": "", "xfail": "", "claim": ""}
        return digest_bytes(repr(sorted(asked.items())).encode())[:16]

    def edited(self) -> dict[str, str]:
        """The one file that is edited, with its new text."""
        if self.edit is None:
            return {}
        name, old, new = self.edit
        text = self.project()[_placed(name)]
        assert old in text, f"{old!r} is not in {name}"
        return {_placed(name): text.replace(old, new)}


def _placed(name: str) -> str:
    return name if "/" in name else f"proj/{name}"
