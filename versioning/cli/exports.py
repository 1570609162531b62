"""Versions in the forms that others read: `export` and `report`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from versioning.cli.output import PLAIN, Options, line, short
from versioning.errors import FormatError


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


def report(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    limit: int | None = None,
    options: Options = PLAIN,
) -> None:
    """One page about the repository for any browser; it needs no server and no network.

    Args:
        output: Folder to write `index.html` to.
        limit: At most so many versions, the newest; 2000 by default.
    """
    from versioning.report import LIMIT
    from versioning.report import report as page

    if limit is not None and limit < 1:
        raise FormatError(f"--limit {limit} shows nothing: give 1 or more")
    repository = options.open()
    shown = limit or LIMIT
    text = page(repository, repository.catalog, datetime.now(UTC), limit=shown)
    output.mkdir(parents=True, exist_ok=True)
    file = output / "index.html"
    file.write_text(text, "utf-8")
    total = repository.catalog.count()
    document = {"path": str(file), "versions": min(shown, total), "total": total}
    told = f"{document['versions']} of {total} versions are shown by {file}"
    options.answer(document, lambda: [line(told)])
