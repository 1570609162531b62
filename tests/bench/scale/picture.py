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
            told = [size for size in sizes if "mib" in results[str(size)][name]]
            mib = [results[str(size)][name]["mib"] for size in told]
            memory.plot(told, mib, marker="o", markersize=3)
        time.set(xscale="log", yscale="log", xlabel="versions", ylabel="seconds")
        memory.set(xscale="log", ylim=(0, None), xlabel="versions", ylabel="peak memory, MiB")
        time.grid(alpha=0.3)
        memory.grid(alpha=0.3)
        time.legend(fontsize=7)
        figure.savefig(path, format="svg", metadata={"Date": None})
