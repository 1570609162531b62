"""What commands share: options, one way to answer people and programs, numbers for people."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from cyclopts import Parameter

from versioning.api import Repository
from versioning.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.console import RenderableType
    from rich.table import Table

SHORT = 12
# A pipe has no width; what is cut off there is lost.
PIPE_WIDTH = 240
_AGO = re.compile(r"(\d+)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


Flag = Annotated[bool, Parameter(negative="", show_default=False)]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Options:
    """What every command takes.

    Attributes:
        repository: Folder or URL of the repository; the one that the settings name by default.
        json: Write one JSON document, and nothing else, to stdout.
    """

    repository: str | None = None
    json: Flag = False

    def open(self, *, write: bool = False) -> Repository:
        """The repository, which must exist already.

        Raises:
            NotFoundError: If there is none; nothing is created.
        """
        found = Repository.open(self.repository, read_only=True)
        return Repository.open(found.url, settings=found.settings) if write else found

    def answer(self, document: object, render: Callable[[], Iterable[RenderableType]]) -> None:
        """Write `document` as JSON, or what `render` gives for people."""
        if self.json:
            data = orjson.dumps(document, default=str, option=orjson.OPT_INDENT_2)
            sys.stdout.buffer.write(data + b"\n")
            return
        from rich.console import Console
        from rich.text import Text

        console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
        # Rich would end the process with 1, which means that the answer is no.
        console.on_broken_pipe = _stop  # type: ignore[method-assign]
        for part in render():
            console.print(part, soft_wrap=isinstance(part, Text))


PLAIN = Options()


def _stop() -> None:
    raise BrokenPipeError


def table(*columns: str, title: str | None = None, right: Iterable[str] = ()) -> Table:
    """An empty table; `right` names the columns that are aligned to the right."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def add(to: Table, *cells: object) -> None:
    """Add a row whose cells are shown as they are."""
    to.add_row(*(line(cell) for cell in cells))


def line(*parts: object) -> RenderableType:
    """Text shown as it is: what others wrote is never markup, nor an escape sequence."""
    from rich.text import Text

    text = " ".join("-" if part is None else str(part) for part in parts)
    return Text("".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text))


def moment(when: datetime, now: datetime) -> str:
    """A moment for people: how long ago, and the local date when that is a day or more."""
    age = (now - when).total_seconds()
    if 0 <= age < 60:
        return f"{age:.0f} s ago"
    if 0 <= age < 3600:
        return f"{age // 60:.0f} min ago"
    if 0 <= age < 24 * 3600:
        return f"{age // 3600:.0f} h ago"
    return f"{when.astimezone():%Y-%m-%d %H:%M}"


def parse_moment(text: str, now: datetime) -> datetime:
    """The moment that `text` means: `36h`, `7d` or `2w` before `now`, or an ISO date or time.

    Raises:
        FormatError: If it is neither; a time without zone is local.
    """
    try:
        if found := _AGO.fullmatch(text.strip()):
            return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise FormatError(
            f"{text!r} is no moment: write 36h, 7d, 2w, 2026-01-31 or 2026-01-31T18:00"
        ) from error


def short(text: str | None) -> str:
    """The beginning of an id or digest, long enough for people."""
    return (text or "-")[:SHORT]


def pairs(facts: dict[str, Any]) -> Table:
    """Facts by name, one below the other."""
    from rich.table import Table

    made = Table.grid(padding=(0, 2))
    for name, fact in facts.items():
        add(made, name, fact)
    return made
