"""Several figures over one time axis: a strip for each, one above the other, so that what happens at once is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from trtprof.dashboards.chart import checked, plot_text
from trtprof.dashboards.panel import Figure
from trtprof.dashboards.said import sans
from trtprof.dashboards.theme import LIGHT

_STRIP_PX: Final = 104
_AXIS_PX: Final = 64
_GAP: Final = 0.035
MOST_POINTS: Final = 1600


@dataclass(frozen=True, slots=True)
class Series:
    """One strip: what it shows with its unit, and its points; ``dots`` where they are single events and no curve."""

    label: str
    points: tuple[tuple[float, float], ...]
    dots: bool = False


def thinned(points: Sequence[tuple[float, float]], most: int = MOST_POINTS) -> tuple[tuple[float, float], ...]:
    """Return at most so many points: of each stretch the lowest and the highest, so that no spike is lost."""
    if len(points) <= most:
        return tuple(points)
    stretches = max(1, most // 2)
    kept: list[tuple[float, float]] = []
    for place in range(stretches):
        stretch = points[len(points) * place // stretches : len(points) * (place + 1) // stretches]
        if stretch:
            ends = {min(stretch, key=lambda point: point[1]), max(stretch, key=lambda point: point[1])}
            kept.extend(sorted(ends))
    return tuple(kept)


def strips(series: Sequence[Series], axis: str) -> Figure:
    """Return a chart of strips over one axis, first on top; there is at least one."""
    count = len(series)
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {
        "height": _AXIS_PX + _STRIP_PX * count,
        "margin": {"l": 8, "r": 16, "t": 12, "b": 48},
        "font": {"family": sans("'"), "size": 13, "color": LIGHT["ink"]},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "meta": {"ink": LIGHT["ink"], "page": LIGHT["page"]},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": LIGHT["soft"], "activecolor": LIGHT["ink"]},
        "showlegend": False,
        "dragmode": False,
        "hovermode": "x",
        "annotations": [],
        "xaxis": {
            "title": {"text": plot_text(axis)}, "gridcolor": LIGHT["line"], "zerolinecolor": LIGHT["soft"],
            "fixedrange": True, "anchor": _y(count - 1),
        },
    }  # fmt: skip
    height = (1 - _GAP * (count - 1)) / count
    for place, item in enumerate(series):
        top = 1 - place * (height + _GAP)
        data.append(_trace(item, place))
        layout[_y(place).replace("y", "yaxis", 1)] = {
            "domain": [max(0.0, top - height), max(0.0, top - height * 0.24)], "gridcolor": LIGHT["line"],
            "zeroline": False, "fixedrange": True, "nticks": 4, "automargin": True, "anchor": "x",
        }  # fmt: skip
        layout["annotations"].append(
            {"text": plot_text(item.label), "x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper",
             "yanchor": "top", "showarrow": False, "font": {"color": LIGHT["ink"], "size": 13}}
        )  # fmt: skip
    return checked(data, layout)


def _y(place: int) -> str:
    return "y" if place == 0 else f"y{place + 1}"


def _trace(item: Series, place: int) -> dict[str, Any]:
    points = thinned(item.points)
    style = (
        {"mode": "markers", "marker": {"color": LIGHT["t5"], "size": 3}}
        if item.dots
        else {"mode": "lines", "line": {"color": LIGHT["t5"], "width": 1.6}}
    )
    return {
        "type": "scatter",
        "name": plot_text(item.label),
        "x": [round(x, 5) for x, _ in points],
        "y": [round(y, 5) for _, y in points],
        "xaxis": "x",
        "yaxis": _y(place),
        "connectgaps": False,
        **style,
    }
