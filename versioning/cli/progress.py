"""What is shown while much is done: a line on stderr, for people who watch."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from versioning.shards import in_silence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from versioning.shards import Progress


@contextmanager
def shown(*, unless: bool) -> Iterator[Progress]:
    """Progress to tell of; nobody sees it where stderr is no terminal, or `unless` is set."""
    if unless or not sys.stderr.isatty():
        yield in_silence
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, progress.TaskID] = {}

        def tell(step: str, done: int, of: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=of)
            bars.update(tasks[step], completed=done)

        yield tell
