"""The report: one page that shows a repository to whoever has a browser, without any server.

The page holds its data, its script and the library that draws (plotly.js), and asks for nothing
else: its own policy forbids it to.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import orjson

from versioning.errors import FormatError
from versioning.evaluations import STEP, evaluated
from versioning.names import named
from versioning.standing import standings
from versioning.status import LIVE

if TYPE_CHECKING:
    from datetime import datetime

    from versioning.catalog import Catalog
    from versioning.repository import Repository
    from versioning.rows import Row

LIMIT = 2000


def report(repository: Repository, catalog: Catalog, now: datetime, *, limit: int = LIMIT) -> str:
    """The page, as HTML.

    Args:
        repository: What it shows.
        catalog: Its index.
        now: When it is made, timezone-aware.
        limit: At most so many versions, the newest.

    Raises:
        FormatError: If plotly is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise FormatError(
            "the report is drawn by plotly, which is not here: pip install "
            "'prefect-versioning[report]'"
        ) from error
    data = orjson.dumps(facts(repository, catalog, now, limit=limit)).decode()
    page = resources.files("versioning").joinpath("report.html").read_text("utf-8")
    # No text of the data can end the script that it stands in.
    data = data.replace("<", "\\u003c")
    head, data_mark, rest = page.partition("/*data*/")
    middle, library_mark, tail = rest.partition("/*plotly*/")
    assert data_mark
    assert library_mark
    return f"{head}{data}{middle}{get_plotlyjs()}{tail}"


def facts(
    repository: Repository, catalog: Catalog, now: datetime, *, limit: int = LIMIT
) -> dict[str, Any]:
    """What the page shows, as JSON-like values."""
    rows = catalog.versions(limit=limit)
    blobs = catalog.blobs(row.id for row in rows)
    status = standings(repository, [row.id for row in rows], blobs)
    inputs = catalog.reading(row.id for row in rows)
    names = named(repository)
    judged = [found for row in rows if row.step == STEP and (found := evaluated(repository, row))]
    return {
        "url": repository.url,
        "made": now.isoformat(),
        "total": catalog.count(),
        "versions": [
            {
                **_version(row),
                "status": status.get(row.id, LIVE),
                "names": names.get(row.id, []),
                "inputs": inputs.get(row.id, []),
                "blobs": blobs.get(row.id, []),
            }
            for row in rows
        ],
        "evaluations": [
            {
                "model": model,
                "created": found.created.isoformat(),
                "metrics": dict(found.metrics),
                "gates": found.told(),
                "passed": found.is_passed,
            }
            for model, found in judged
        ],
    }


def _version(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "step": row.step,
        "flow": row.flow,
        "created": row.created.isoformat(),
        "size": row.size_bytes,
        "seconds": row.seconds,
        "digest": row.digest,
    }
