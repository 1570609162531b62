"""Pictures of an evaluation as PNG bytes, the same bytes for the same numbers."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from flows.metrics import Scores, Truth, reliability_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, ACCENT, MUTED = "#1b1f24", "#0b62d6", "#b8bec6"
SIDE_INCHES, DOTS_PER_INCH = 4.2, 110


def roc(truth: Truth, scores: Scores, *, title: str) -> bytes:
    """The share of hits against the share of false alarms, over all thresholds."""
    from sklearn.metrics import roc_curve

    alarms, hits, _ = roc_curve(truth, scores)
    figure = _square(title, "false alarms", "hits")
    axes = figure.axes[0]
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle="--", linewidth=1)
    axes.plot(alarms, hits, color=ACCENT, linewidth=1.8)
    return _png(figure)


def calibration(truth: Truth, scores: Scores, *, title: str) -> bytes:
    """What was seen against what was said; a calibrated model lies on the diagonal."""
    table = reliability_table(truth, scores)
    top = min(1.0, 1.15 * float(max(table["said"].max(), table["seen"].max())) + 0.01)
    figure = _square(title, "said (mean of a tenth of the rows)", "seen (share)")
    axes = figure.axes[0]
    axes.plot([0, top], [0, top], color=MUTED, linestyle="--", linewidth=1)
    axes.plot(table["said"], table["seen"], color=ACCENT, marker="o", linewidth=1.8)
    axes.set(xlim=(0, top), ylim=(0, top))
    return _png(figure)


def confusion(truth: Truth, scores: Scores, *, title: str) -> bytes:
    """How often each class was taken for each other one."""
    classes = scores.shape[1]
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (truth, scores.argmax(axis=1)), 1)
    figure = _square(title, "said", "seen")
    axes = figure.axes[0]
    axes.imshow(counts, cmap="Blues")
    for (row, column), count in np.ndenumerate(counts):
        shade = "white" if count > counts.max() / 2 else INK
        if count:
            axes.text(column, row, str(count), ha="center", va="center", color=shade, fontsize=7)
    axes.set(xticks=range(classes), yticks=range(classes))
    return _png(figure)


def _square(title: str, across: str, up: str) -> Figure:
    # A bare Figure draws with Agg and keeps no global state, so steps may draw in threads.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(SIDE_INCHES, SIDE_INCHES), dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, color=INK, fontsize=10)
    axes.set_xlabel(across, color=INK, fontsize=8)
    axes.set_ylabel(up, color=INK, fontsize=8)
    axes.tick_params(labelsize=7, color=MUTED)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
