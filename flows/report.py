"""What a run shows on its page in Prefect: tables and pictures."""

from __future__ import annotations

import base64
import logging
import re
from typing import TYPE_CHECKING

from prefect.artifacts import (
    create_image_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

if TYPE_CHECKING:
    import pandas as pd


log = logging.getLogger(__name__)


def log_progress(step: str, done: int, of: int) -> None:
    """Log where something long begins and where it ends; what lies between is much."""
    if done == 0 < of:
        log.info("%s ...", step)
    elif done == of:
        log.info("%s: done", step)


def show_table(name: str, table: pd.DataFrame, *, about: str) -> None:
    """Show a table; every value as JSON or, failing that, as text."""
    rows = table.astype("object").where(table.notna(), None).to_dict("records")
    create_table_artifact(
        key=_key(name),
        table=[{str(key): row[key] for key in row} for row in rows],
        description=about,
    )


def show_picture(name: str, png: bytes, *, about: str) -> None:
    """Show a picture in text, which tells what it is about where it cannot be seen."""
    create_markdown_artifact(f"![{about}]({_address(png)})", key=_key(name), description=about)


def show_image(name: str, png: bytes, *, about: str) -> None:
    """Show a picture as an image, by which Prefect's graph and API know it."""
    create_image_artifact(image_url=_address(png), key=_key(name), description=about)


def _address(png: bytes) -> str:
    """The picture as its own address, so that no web server need hold it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
