"""Encoder of matplotlib's figures: the drawing as SVG, with ids and date that do not vary."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

from versioning.encoding.registry import encodes

if TYPE_CHECKING:
    from versioning.encoding.encoder import Encoder


@encodes(Figure, tag="matplotlib.figure", family=True)
def _figure(value: Figure, to: Encoder) -> None:
    drawing = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "versioning"}):
        value.savefig(drawing, format="svg", metadata={"Date": None})
    to.data(drawing.getbuffer())
