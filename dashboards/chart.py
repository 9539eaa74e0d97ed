"""Charts: bars with a line of text above each, built through Plotly's own checks and shipped as plain data."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trtprof.dashboards.drawing import visible
from trtprof.dashboards.panel import Figure
from trtprof.dashboards.said import said, sans
from trtprof.dashboards.theme import LIGHT

_BAR_PX = 92
_STEP_PX = 56
_AXIS_PX = 96


@dataclass(frozen=True, slots=True)
class Segment:
    """One colour of a stacked bar chart: a value for each bar, 0 where the bar has none of it.

    ``texts`` stand in the bar where they fit, ``hovers`` say more under the pointer.
    """

    label: str
    colour: str
    values: tuple[float, ...]
    texts: tuple[str, ...]
    hovers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Whisker:
    """The range of a bar's total, drawn under it."""

    low: float
    mid: float
    high: float


def stacked_bars(
    bars: Sequence[str], segments: Sequence[Segment], axis: str, whiskers: Sequence[Whisker] = ()
) -> Figure:
    """Return a horizontal stacked bar chart; ``bars`` are the lines of text above the bars, first on top.

    Text stands above each bar and not beside it, so that the chart can be read on a narrow screen.
    """
    places = list(range(len(bars)))
    data: list[dict[str, Any]] = [_bar(segment, places) for segment in segments]
    if whiskers:
        data.append(_whiskers(whiskers, places))
    return checked(data, bar_layout(bars, axis))


@dataclass(frozen=True, slots=True)
class Step:
    """A bar of a waterfall, from where the one before it ended to where it ends; a whole starts at 0."""

    label: str
    start: float
    end: float
    colour: str
    hover: str


def waterfall(steps: Sequence[Step], axis: str, whiskers: Sequence[Whisker] = ()) -> Figure:
    """Return a horizontal waterfall, first step on top, each label above its bar, a line from bar to bar.

    ``whiskers`` are the ranges of the first and of the last bar.
    """
    data: list[dict[str, Any]] = [_step(step, place) for place, step in enumerate(steps)]
    if whiskers:
        data.append(_whiskers(whiskers, [0, len(steps) - 1]))
    layout = {**bar_layout([step.label for step in steps], axis), "showlegend": False, "barmode": "overlay"}
    layout["height"] = _AXIS_PX + _STEP_PX * len(steps)
    layout["shapes"] = [
        {"type": "line", "x0": step.end, "x1": step.end, "y0": place + 0.18, "y1": place + 0.82, "layer": "below",
         "line": {"color": LIGHT["soft"], "width": 1, "dash": "dot"}}
        for place, step in enumerate(steps[:-1])
    ]  # fmt: skip
    return checked(data, layout)


def _step(step: Step, place: int) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": plot_text(step.label),
        "base": [min(step.start, step.end)],
        "x": [abs(step.end - step.start)],
        "y": [place],
        "width": 0.36,
        "hovertext": [plot_text(step.hover)],
        "hoverinfo": "text",
        "marker": {"color": step.colour, "line": {"color": LIGHT["page"], "width": 0}},
    }


def plot_text(text: str) -> str:
    """Return text for a chart in the reader's language, where Plotly would read tags and entities."""
    return html.escape(visible(said(text)), quote=False)


def _bar(segment: Segment, places: list[int]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": plot_text(segment.label),
        "x": list(segment.values),
        "y": places,
        "width": 0.36,
        "text": [plot_text(text) for text in segment.texts],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "hovertext": [plot_text(text) for text in segment.hovers],
        "hoverinfo": "text",
        "marker": {"color": segment.colour, "line": {"color": LIGHT["page"], "width": 1.5}},
    }


def _whiskers(whiskers: Sequence[Whisker], places: Sequence[int]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": plot_text("range of the modelled total, ◆ mid"),
        "x": [whisker.mid for whisker in whiskers],
        "y": [place + 0.3 for place in places],
        "hoverinfo": "skip",
        "marker": {"color": LIGHT["ink"], "symbol": "diamond", "size": 8},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [whisker.high - whisker.mid for whisker in whiskers],
            "arrayminus": [whisker.mid - whisker.low for whisker in whiskers],
            "color": LIGHT["ink"],
            "thickness": 1.5,
            "width": 5,
        },
    }


def framed(layout: dict[str, Any]) -> dict[str, Any]:
    """Return a layout with what every chart of the page has: font, colours that follow the theme, legend below."""
    return {
        "meta": {"ink": LIGHT["ink"], "page": LIGHT["page"]},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": LIGHT["soft"], "activecolor": LIGHT["ink"]},
        "font": {"family": sans("'"), "size": 13, "color": LIGHT["ink"]},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "dragmode": False,
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.02, "yref": "container", "yanchor": "bottom",
                   "traceorder": "normal"},
        **layout,
    }  # fmt: skip


def bar_layout(bars: Sequence[str], axis: str) -> dict[str, Any]:
    """Return the layout of horizontal bars, each under its line of text, first on top."""
    layout = {
        "barmode": "stack",
        "uniformtext": {"minsize": 11, "mode": "hide"},
        "height": _AXIS_PX + _BAR_PX * len(bars),
        "margin": {"l": 8, "r": 16, "t": 8, "b": 48},
        "xaxis": {"title": {"text": plot_text(axis)}, "rangemode": "tozero", "gridcolor": LIGHT["line"],
                  "zerolinecolor": LIGHT["soft"], "fixedrange": True, "automargin": True},
        "yaxis": {"range": [len(bars) - 0.4, -0.7], "visible": False, "fixedrange": True},
        "annotations": [
            {"text": plot_text(text), "x": 0, "xref": "paper", "xanchor": "left", "y": place - 0.24, "yref": "y",
             "yanchor": "bottom", "showarrow": False, "align": "left", "font": {"color": LIGHT["ink"], "size": 13}}
            for place, text in enumerate(bars)
        ],
    }  # fmt: skip
    return framed(layout)


def checked(data: list[dict[str, Any]], layout: dict[str, Any]) -> Figure:
    """Return the figure after Plotly checked every property, without the template, which costs 6 KB a figure."""
    import plotly.graph_objects as go

    figure = go.Figure(data=data, layout={**layout, "template": "none"}).to_plotly_json()
    figure["layout"].pop("template", None)
    return {"data": [dict(trace) for trace in figure["data"]], "layout": dict(figure["layout"])}
