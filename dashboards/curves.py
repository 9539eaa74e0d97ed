"""Charts of curves and points: histograms with thresholds, sensitivity along the depth, Pareto fronts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from trtprof.dashboards.chart import checked, framed, plot_text
from trtprof.dashboards.panel import Figure
from trtprof.dashboards.theme import LIGHT

_HEIGHT_PX = 340


@dataclass(frozen=True, slots=True)
class Curve:
    """A series: points joined or not, ``hovers`` under the pointer; ``low`` and ``high`` are error bars along x."""

    label: str
    colour: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    hovers: tuple[str, ...] = ()
    style: Literal["lines", "markers", "lines+markers", "area", "dash"] = "lines"
    symbol: str = "circle"
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


def curves(series: Sequence[Curve], x_axis: str, y_axis: str, *, log_y: bool = False, title: str = "") -> Figure:
    """Return a chart of the series over common axes."""
    layout = framed(
        {
            "height": _HEIGHT_PX,
            "margin": {"l": 64, "r": 16, "t": 40 if title else 12, "b": 96},
            "showlegend": True,
            "xaxis": _axis(x_axis),
            "yaxis": {**_axis(y_axis), "type": "log" if log_y else "linear"},
        }
    )
    if title:
        layout["title"] = {"text": plot_text(title), "x": 0, "xanchor": "left", "font": {"size": 13}}
    return checked([_trace(curve) for curve in series], layout)


def _axis(title: str) -> dict[str, Any]:
    return {
        "title": {"text": plot_text(title)},
        "gridcolor": LIGHT["line"],
        "zerolinecolor": LIGHT["line"],
        "fixedrange": True,
        "automargin": True,
    }


def _trace(curve: Curve) -> dict[str, Any]:
    area, dash = curve.style == "area", curve.style == "dash"
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines" if area or dash else curve.style,
        "name": plot_text(curve.label),
        "x": list(curve.x),
        "y": list(curve.y),
        "line": {"color": curve.colour, "width": 1.5, "dash": "dash" if dash else "solid"},
        "marker": {"color": curve.colour, "size": 8, "symbol": curve.symbol},
        "hoverinfo": "text" if curve.hovers else "name",
    }
    if area:
        trace |= {"fill": "tozeroy", "line": {"color": curve.colour, "width": 1, "shape": "hvh"}}
    if curve.hovers:
        trace["hovertext"] = [plot_text(text) for text in curve.hovers]
    if curve.low:
        trace["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": [high - x for x, high in zip(curve.x, curve.high, strict=True)],
            "arrayminus": [x - low for x, low in zip(curve.x, curve.low, strict=True)],
            "color": LIGHT["soft"],
            "thickness": 1,
            "width": 3,
        }
    return trace
