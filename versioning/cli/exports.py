"""Versions in the forms that others read: `export`."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import Annotated, Literal

from cyclopts import Parameter

from versioning.cli.output import PLAIN, Options, line, short


def export(
    version: str,
    /,
    *,
    as_: Annotated[Literal["card"], Parameter(name="--as")] = "card",
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    options: Options = PLAIN,
) -> None:
    """A version as a page for people: what it is, what it was made from, how good it is.

    Args:
        version: Which one.
        as_: `card`, a page of Markdown.
        output: File to write; without it, the page is printed.
    """
    repository = options.open()
    found = repository.get(version)
    text = repository.card(found)
    document = {"id": found.id, "as": as_, "text": text}
    if output is not None:
        output.write_text(text, "utf-8")
        document["path"] = str(output)
        options.answer(document, lambda: [line(f"the {as_} of {short(found.id)} is at {output}")])
        return
    if not options.json:
        sys.stdout.write(text)
        return
    options.answer(document, list)
