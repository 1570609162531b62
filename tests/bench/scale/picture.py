"""The picture of what was measured: seconds and memory by the number of versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

SHOWN = ("index", "plan", "expire", "sweep", "find -delete")
# The same numbers give the same bytes.
SALT = {"svg.hashsalt": "prefect-versioning", "svg.fonttype": "none"}


def draw(results: dict[str, dict[str, Any]], path: Path) -> None:
    """Write the picture to `path`, as SVG."""
    sizes = sorted(map(int, results))
    with mpl.rc_context(SALT):
        figure = Figure(figsize=(8, 3), layout="constrained")
        time, memory = figure.subplots(1, 2)
        for name in SHOWN:
            line = "--" if name == "find -delete" else "-"
            seconds = [results[str(size)][name]["seconds"] for size in sizes]
            time.plot(sizes, seconds, line, marker="o", markersize=3, label=name)
            if "mib" in results[str(sizes[0])][name]:
                mib = [results[str(size)][name]["mib"] for size in sizes]
                memory.plot(sizes, mib, marker="o", markersize=3, label=name)
        for axes, label in ((time, "seconds"), (memory, "peak memory, MiB")):
            axes.set(xscale="log", yscale="log", xlabel="versions", ylabel=label)
            axes.grid(alpha=0.3)
        time.legend(fontsize=7)
        figure.savefig(path, format="svg", metadata={"Date": None})
