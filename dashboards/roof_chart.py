"""The roofline as a chart: operations a second over operations a byte, both on log scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from trtprof.bounds import Bound, Roofs, RowRoof
from trtprof.dashboards.categories import CONV
from trtprof.dashboards.chart import checked, framed, plot_text
from trtprof.dashboards.panel import Figure
from trtprof.dashboards.said import about
from trtprof.dashboards.theme import LIGHT, category_colour
from trtprof.dashboards.words import us
from trtprof.model import DType
from trtprof.units import percent, significant

_SYMBOLS: Final = {Bound.COMPUTE: "circle", Bound.MEMORY: "square-open", Bound.LAUNCH: "x-thin-open"}
_DASHES: Final = ("solid", "dash", "dot", "dashdot")
_MOST: Final = 150
"""Points of one chart, the longest rows first: a page holds some hundred layers an engine."""


def roof_chart(roofs: Roofs, rows: Sequence[RowRoof], labels: dict[int, str], place: int) -> Figure | None:
    """Return the chart of the rows that have operations, bytes and a time; ``None`` where there is no such row.

    ``labels`` are the rows' names, ``place`` is the engine's. A row is a point, its symbol says what bounds it; the
    roof of each type that the rows multiply in is a line with a knee.
    """
    points = [row for row in rows if row.intensity and row.flops and row.time_ns and isinstance(row.bound, Bound)]
    if not points:
        return None
    shown = sorted(points, key=lambda row: (-(row.time_ns or 0.0), row.row))[:_MOST]
    reach = [row.intensity for row in shown if row.intensity]
    low, high = min(reach) / 2, max(reach) * 2
    types = sorted({row.math for row in shown if row.math}, key=lambda kind: kind.value)
    roof_lines = [_roof(roofs, kind, low, high, _DASHES[place % 4]) for place, kind in enumerate(types)]
    traces = [*roof_lines, *(trace for kind in Bound if (trace := _points(kind, shown, labels, place)))]
    return checked(traces, _layout())


def _roof(roofs: Roofs, kind: DType, low: float, high: float, dash: str) -> dict[str, Any]:
    rate = roofs.rate(kind) or 0.0
    knee = rate / roofs.memory_bytes_per_s
    places = sorted({low, min(max(knee, low), high), high})
    return {
        "type": "scatter",
        "mode": "lines",
        "name": plot_text(f"roof of {kind.value.upper()}"),
        "x": [_short(place) for place in places],
        "y": [_short(min(rate, roofs.memory_bytes_per_s * place) / 1e12) for place in places],
        "hoverinfo": "name",
        "line": {"color": LIGHT["soft"], "width": 1.5, "dash": dash},
    }


def _points(kind: Bound, rows: Sequence[RowRoof], labels: dict[int, str], place: int) -> dict[str, Any] | None:
    own = [row for row in rows if row.bound is kind]
    if not own:
        return None
    return {
        "type": "scatter",
        "mode": "markers",
        "name": plot_text(f"bound by {kind.value}"),
        "x": [_short(row.intensity or 0.0) for row in own],
        "y": [_short((row.flops or 0) / (row.time_ns or 1.0) / 1e3) for row in own],
        "hovertext": [_hover(row, labels[row.row]) for row in own],
        "hoverinfo": "text",
        "customdata": [f"e{place}r{row.row}" for row in own],
        "marker": {
            "color": category_colour(CONV.place), "symbol": _SYMBOLS[kind], "size": 9,
            "line": {"color": category_colour(CONV.place), "width": 1.5},
        },
    }  # fmt: skip


def _hover(row: RowRoof, label: str) -> str:
    math = row.math.value.upper() if row.math else ""
    said = f"{math}, {us(row.time_ns or 0.0)} µs, {percent(row.roof_ratio)} of its roof"
    return plot_text(about(f"{row.row} {label}", said))


def _short(value: float) -> float:
    return float(significant(value, 4))


def _layout() -> dict[str, Any]:
    axis = {"type": "log", "gridcolor": LIGHT["line"], "fixedrange": True, "automargin": True, "dtick": 1}
    return framed(
        {
            "height": 420,
            "margin": {"l": 8, "r": 16, "t": 8, "b": 96},
            "hovermode": "closest",
            "xaxis": {**axis, "title": {"text": plot_text("operations a byte of least traffic")}},
            "yaxis": {**axis, "title": {"text": plot_text("10¹² operations a second, derived")}},
        }
    )
