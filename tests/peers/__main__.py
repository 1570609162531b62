"""`python -m tests.peers [SYSTEM ...]`: try the cases on other systems and on this library.

Installs each system in an environment of its own, below `.venv/peers`. A system that cannot be
installed is reported and left out; what is stored of systems that are not tried stays.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.peers import systems, tables
from tests.peers.case import Case
from tests.peers.cases import CASES
from tests.peers.trial import Run, System, outcome

CONSOLE = Console()
ALL = [case for cases in CASES.values() for case in cases]


def main() -> int:
    """Try what is asked for; 1 when a system could not be tried, 2 when there is none of a name."""
    asked = sys.argv[1:] or systems.names()
    if unknown := set(asked) - set(systems.names()):
        CONSOLE.print(f"no {', '.join(unknown)} here; there is {', '.join(systems.names())}")
        return 2
    with tempfile.TemporaryDirectory(prefix="peers-") as name, _truths(Path(name)) as truth:
        missing = [system for system in asked if not _is_tried(system, truth, Path(name))]
    CONSOLE.print(f"written: {tables.PAGE}", soft_wrap=True)
    return 1 if missing else 0


@contextmanager
def _truths(folder: Path) -> Iterator[Callable[[Case], tuple[Run, Run]]]:
    """What uncached calls return in each case."""
    known: dict[str, tuple[Run, Run]] = {}
    with System(Path(sys.executable), "plain", folder / "plain") as plain:

        def truth(case: Case) -> tuple[Run, Run]:
            if case.claim not in known:
                known[case.claim] = plain.answers(case)
            return known[case.claim]

        yield truth


def _is_tried(name: str, truth: Callable[[Case], tuple[Run, Run]], folder: Path) -> bool:
    try:
        result = tried(name, truth, folder)
    except (subprocess.CalledProcessError, RuntimeError) as error:
        said = getattr(error, "stderr", None) or error
        CONSOLE.print(f"[red]{name} is left out[/]: {said}", highlight=False)
        return False
    tables.write({**tables.read(), name: result})
    return True


def tried(name: str, truth: Callable[[Case], tuple[Run, Run]], folder: Path) -> dict[str, Any]:
    """A system through all cases."""
    with CONSOLE.status(f"installing {name} ..."):
        python = systems.python(name)
    outcomes = {}
    bar = Progress(
        TextColumn("{task.fields[system]:10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=CONSOLE,
    )
    with System(python, name, folder / name) as system, bar:
        task = bar.add_task("", total=len(ALL), system=name)
        for case in ALL:
            bar.update(task, description=case.claim)
            found = outcome(case, system.answers(case), truth(case))
            outcomes[case.claim] = [found.verdict, _plain(found.note, folder)]
            bar.advance(task)
        counts = Counter(verdict for verdict, _ in outcomes.values())
        bar.update(task, description=", ".join(f"{n} {what}" for what, n in counts.most_common()))
    said = systems.described(name)
    return {
        "title": said.title,
        "version": said.version,
        "configuration": said.configuration,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "outcomes": outcomes,
        "cases": {case.claim: case.digest() for case in ALL},
    }


def _plain(note: str, folder: Path) -> str:
    """A note in one line, without what differs from run to run."""
    line = note.partition("\n")[0].replace(str(folder), "")
    return re.sub(r" at 0x[0-9a-f]+", "", line)[:120]


if __name__ == "__main__":
    raise SystemExit(main())
