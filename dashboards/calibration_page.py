"""The page of a calibration: every tensor's histogram with the threshold of each method, every weight's spread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from trtprof.dashboards.curves import Curve, curves
from trtprof.dashboards.page import assemble
from trtprof.dashboards.panel import Figure, Panel
from trtprof.dashboards.said import Said, about, said
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, names, number
from trtprof.dashboards.theme import LIGHT
from trtprof.dashboards.words import paragraph
from trtprof.model import Notice
from trtprof.quantisation import Activation, Weight
from trtprof.units import decibel, plural, significant

_CHARTS: Final = 24
_POINTS: Final = 128
_COLOURS: Final = {"minmax": "c6", "entropy": "c0", "percentile": "c1", "mse": "c2"}


def render_calibration(  # noqa: PLR0917 - the page's parts, in its order
    model: str,
    subtitle: str,
    method: str,
    activations: Sequence[Activation],
    weights: Sequence[Weight],
    notices: Sequence[Notice],
) -> str:
    """Return the page as HTML to be written as UTF-8; the same records give the same bytes."""
    panels = [_advice(notices), _activations(activations, method), _weights(weights)]
    return assemble(model, "calibrated for INT8", subtitle, panels)


def _advice(notices: Sequence[Notice]) -> Panel:
    text = paragraph(f"{notice.message}." for notice in notices)
    return Panel(
        id="advice",
        title="What does the data advise?",
        text=text or "Found nothing: neither weights nor activations speak for another setting.",
        how_to_read="a setting is advised where it takes 3 dB or more of quantisation noise off a tensor, half of it.",
    )


def _activations(found: Sequence[Activation], method: str) -> Panel:
    shown = sorted(found, key=_gain, reverse=True)[:_CHARTS]
    lines = tuple(
        TableRow(
            (
                names([item.tensor]),
                number(item.observed, significant(item.observed, 4)),
                *(_threshold(item, name) for name in _COLOURS),
                *(number(item.sqnr_db.get(name), decibel(item.sqnr_db.get(name))) for name in _COLOURS),
            )
        )
        for item in found
    )
    columns = (
        Column("tensor", wide=True),
        Column("largest value, measured", numeric=True),
        *(Column(about(name, "threshold", ", "), numeric=True) for name in _COLOURS),
        *(Column(about(name, "SQNR by histogram", ", "), numeric=True) for name in _COLOURS),
    )
    answer = (
        f"{plural(len(found), 'tensor')} with {method}; the charts are the {len(shown)} where the choice matters most."
    )
    return Panel(
        id="activations",
        title="Where is each activation clipped?",
        text=answer if found else "Cannot tell: the ranges came from a table, no data was looked at.",
        how_to_read=(
            "the area counts values on a logarithmic scale. A dashed line is the largest magnitude that INT8 holds "
            "with a method; what lies beyond is clipped, and a line far beyond the area wastes levels. SQNR is "
            "computed from the histogram: rounding and clipping of this tensor alone."
        ),
        html=draw_table(Table("activations-table", "thresholds of each activation", columns, lines)) if found else None,
        figures=tuple(_histogram(item) for item in shown),
    )


def _gain(item: Activation) -> float:
    values = [value for value in item.sqnr_db.values() if math.isfinite(value)]
    return max(values) - min(values) if values else 0.0


def _threshold(item: Activation, method: str) -> Cell:
    value = item.amax.get(method)
    return number(value, "" if value is None else significant(value, 4))


def _histogram(item: Activation) -> Figure:
    if item.counts is None:
        return curves([], Said(item.tensor), "values")
    negative, positive = (row.reshape(_POINTS, -1).sum(axis=1) for row in item.counts)
    width = item.edge / _POINTS
    points = [((place + 0.5) * width, int(count)) for place, count in enumerate(positive)]
    if negative.any():
        points = [(-(place + 0.5) * width, int(count)) for place, count in enumerate(negative)][::-1] + points
    top = max(count for _, count in points)
    series = [_area(points)]
    for name, colour in _COLOURS.items():
        value = item.amax[name]
        label = f"{name} {significant(value, 3)} ({said(decibel(item.sqnr_db.get(name)))})"
        series.append(Curve(Said(label), LIGHT[colour], (value, value), (0.5, float(top)), style="dash"))
    return curves(series, "value", "values (log)", log_y=True, title=Said(item.tensor))


def _area(points: Sequence[tuple[float, int]]) -> Curve:
    # A logarithm has no 0: an empty bin is drawn at the foot of the chart.
    x, y = tuple(point[0] for point in points), tuple(max(0.5, float(point[1])) for point in points)
    return Curve("values", LIGHT["t3"], x, y, style="area")


def _weights(found: Sequence[Weight]) -> Panel:
    shown = sorted(found, key=lambda item: (item.per_channel_db or 0.0) - item.per_tensor_db, reverse=True)[:_CHARTS]
    lines = tuple(
        TableRow(
            (
                names([item.node]),
                number(item.channels, f"{item.channels:,}"),
                number(item.spread, f"×{significant(item.spread)}"),
                number(item.per_tensor_db, decibel(item.per_tensor_db)),
                number(item.per_channel_db, decibel(item.per_channel_db)),
            )
        )
        for item in found
    )
    columns = (
        Column("layer", wide=True),
        Column("channels", numeric=True),
        Column("largest channel over median", numeric=True),
        Column("per-tensor SQNR", numeric=True),
        Column("per-channel SQNR", numeric=True),
    )
    figures = tuple(_weight_histogram(item) for item in shown)
    return Panel(
        id="weights",
        title="How much do the channels of each weight differ?",
        text=f"{plural(len(found), 'weight')}; charts for the {len(shown)} that gain most from one scale a channel.",
        how_to_read="SQNR is computed on the weights themselves, rounded with one scale or with one a channel.",
        html=draw_table(Table("weights-table", "spread of each weight", columns, lines)),
        figures=figures,
    )


def _weight_histogram(item: Weight) -> Figure:
    bins = len(item.counts)
    width = 2 * item.edge / bins
    points = [(-item.edge + (place + 0.5) * width, int(count)) for place, count in enumerate(item.counts)]
    per_channel = decibel(item.per_channel_db)
    title = about(item.node, f"per-tensor {decibel(item.per_tensor_db)}, per-channel {per_channel}")
    return curves([_area(points)], "weight", "values (log)", log_y=True, title=title)
