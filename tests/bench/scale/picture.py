"""The picture of what was measured: seconds and memory by the number of versions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PHASES = ("index", "plan", "expire", "sweep")
# Drawn with the phases of a part: what they are compared with.
BESIDE = {"local": "find -delete", "s3": "DeleteObjects"}
PEERS = {"dvc": ("dvc gc", "x"), "joblib": ("joblib reduce_size", "+")}
TITLES = {"local": "a folder", "s3": "S3"}
# The same numbers give the same bytes.
SALT = {"svg.hashsalt": "prefect-versioning", "svg.fonttype": "none"}
Results = Mapping[str, Mapping[str, Mapping[str, Any]]]


def draw(results: Results, path: Path) -> None:
    """Write the picture to `path`, as SVG."""
    parts = [part for part in BESIDE if results.get(part)]
    with mpl.rc_context(SALT):
        figure = Figure(figsize=(10, 3), layout="constrained")
        *times, memory = figure.subplots(1, len(parts) + 1)
        for part, axes in zip(parts, times, strict=True):
            _draw_seconds(axes, results[part], BESIDE[part])
            if part == "local":
                if peers := results.get("peers"):
                    _draw_peers(axes, peers)
                _draw(memory, results[part], PHASES, "mib")
            axes.set(title=TITLES[part], xscale="log", yscale="log", xlabel="versions")
            axes.grid(alpha=0.3)
            axes.legend(fontsize=6)
        times[0].set(ylabel="seconds")
        memory.set(title="a folder", xscale="log", ylim=(0, None), xlabel="versions")
        memory.set(ylabel="peak memory, MiB")
        memory.grid(alpha=0.3)
        figure.savefig(path, format="svg", metadata={"Date": None})


def _draw_seconds(axes: Axes, sizes: Mapping[str, Mapping[str, Any]], beside: str) -> None:
    _draw(axes, sizes, PHASES, "seconds")
    _draw(axes, sizes, (beside,), "seconds", "--")


def _draw(
    axes: Axes,
    sizes: Mapping[str, Mapping[str, Any]],
    names: tuple[str, ...],
    fact: str,
    line: str = "-",
) -> None:
    for name in names:
        given = {int(n): found.get(name, {}) for n, found in sizes.items()}
        told = {n: found[fact] for n, found in given.items() if fact in found}
        axes.plot(list(told), list(told.values()), line, marker="o", markersize=3, label=name)


def _draw_peers(axes: Axes, sizes: Mapping[str, Mapping[str, Any]]) -> None:
    for peer, (label, marker) in PEERS.items():
        told = {int(n): found[peer]["seconds"] for n, found in sizes.items()}
        axes.plot(list(told), list(told.values()), marker, color="black", label=label)
