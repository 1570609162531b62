"""Pictures of costs: the same bytes for the same numbers, as PNG or SVG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from versioning.errors import FormatError

if TYPE_CHECKING:
    from pathlib import Path

    from versioning.costs import Costs

INK, ACCENT, MUTED, ALARM = "#1b1f24", "#0b62d6", "#b8bec6", "#c22f2f"
INCHES, DOTS_PER_INCH = (8.4, 3.6), 110
BARS = 12
KINDS = ("png", "svg")
_UNITS = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def cost_picture(found: Costs, kind: str = "png") -> bytes:
    """What was held when, with the budget and the way there, and who holds it now.

    Args:
        found: The costs.
        kind: `png` or `svg`.

    Raises:
        FormatError: If matplotlib is not there, or `kind` is another one.
    """
    if kind not in KINDS:
        raise FormatError(f"pictures are written as .png or .svg, not as {kind!r}")
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise FormatError(
            "a picture needs matplotlib: pip install 'prefect-versioning[figures]'"
        ) from error
    # A fixed salt and text as shapes: SVG differs from run to run otherwise.
    with mpl.rc_context({"svg.hashsalt": "versioning", "svg.fonttype": "path"}):
        figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, layout="constrained")
        left, right = figure.subplots(1, 2)
        unit = _unit(max([amount for _, amount in found.history], default=0.0))
        _draw_history(left, found, unit)
        _draw_bars(right, found, unit)
        target = io.BytesIO()
        metadata = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
        figure.savefig(target, format=kind, metadata=metadata)
    return target.getvalue()


def write_picture(found: Costs, path: Path) -> None:
    """Write a picture of costs to a file, in a folder that need not be there.

    Its ending says which kind.
    """
    drawn = cost_picture(found, path.suffix.removeprefix(".").lower())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(drawn)


def _draw_history(axes: Any, found: Costs, unit: tuple[str, float]) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    moments = [moment for moment, _ in found.history]
    axes.fill_between(
        moments, [held / unit[1] for _, held in found.history], color=ACCENT, alpha=0.2
    )
    axes.plot(moments, [held / unit[1] for _, held in found.history], color=ACCENT, linewidth=1.8)
    for forecast in found.forecasts:
        if forecast.budget == "max_bytes":
            axes.axhline(forecast.most / unit[1], color=ALARM, linewidth=1)
        if forecast.budget == "max_bytes" and forecast.at is not None:
            line = [forecast.held / unit[1], max(forecast.most, forecast.held) / unit[1]]
            axes.plot([found.now, forecast.at], line, color=MUTED, linestyle="--")
    _dress(axes, f"held, {unit[0]}")
    locator = AutoDateLocator(maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set_ylim(bottom=0)
    # No further ahead than is known back.
    ahead = max((f.at for f in found.forecasts if f.at), default=found.now)
    known = found.now - moments[0]
    if known:
        axes.set_xlim(moments[0], min(ahead, found.now + known))


def _draw_bars(axes: Any, found: Costs, unit: tuple[str, float]) -> None:
    shown = found.rows[:BARS]
    places = range(len(shown))
    axes.barh(places, [row.held_bytes / unit[1] for row in shown], color=MUTED)
    axes.barh(places, [row.exclusive_bytes / unit[1] for row in shown], color=ACCENT)
    axes.set_yticks(places, [row.name[:24] for row in shown])
    axes.invert_yaxis()
    _dress(axes, f"by {found.by}, {unit[0]}; blue: held by nothing else")


def _dress(axes: Any, title: str) -> None:
    axes.set_title(title, color=INK, fontsize=9)
    axes.tick_params(labelsize=7, color=MUTED)
    axes.spines[["top", "right"]].set_visible(False)


def _unit(most: float) -> tuple[str, float]:
    return next((unit for unit in _UNITS if most >= unit[1]), ("bytes", 1.0))
