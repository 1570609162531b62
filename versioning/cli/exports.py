"""Versions in the forms that others read: `export` and `report`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import orjson
from cyclopts import Parameter

from versioning.cli.output import PLAIN, Options, line, short
from versioning.errors import FormatError

Format = Literal["card", "openlineage", "intoto", "mlbom", "prov"]


def export(
    version: str,
    /,
    *,
    as_: Annotated[Format, Parameter(name="--as")] = "card",
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    sign: Path | None = None,
    options: Options = PLAIN,
) -> None:
    """A version as a page for people, or where it comes from in the format of others.

    Args:
        version: Which one.
        as_: `card`, a page of Markdown: what it is, what it was made from, how good it is. As JSON
            `openlineage`, the event of its run; `intoto`, SLSA provenance; `mlbom`, a bill of
            materials of CycloneDX; `prov`, its lineage as W3C PROV.
        output: File to write; without it, the document is printed.
        sign: File with an ed25519 private key in PEM, for `intoto`: gives a signed DSSE envelope.
    """
    repository = options.open()
    found = repository.get(version)
    if as_ == "card":
        if sign is not None:
            raise FormatError("a card has no signature: sign the file, or choose --as intoto")
        text = repository.card(found)
    else:
        from versioning.integrations.provenance import export as document

        made = document(repository, found, as_, sign=sign)
        text = orjson.dumps(made, option=orjson.OPT_INDENT_2).decode() + "\n"
    if output is not None:
        output.write_text(text, "utf-8")
        facts = {"id": found.id, "as": as_, "path": str(output)}
        told = f"the {as_} of {short(found.id)} is at {output}"
        options.answer(facts | ({"text": text} if as_ == "card" else {}), lambda: [line(told)])
    elif options.json and as_ == "card":
        options.answer({"id": found.id, "as": as_, "text": text}, list)
    else:
        sys.stdout.write(text)


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
