"""The page of a sensitivity: which layers cost accuracy, and where they lie."""

from __future__ import annotations

import math

from trtprof.dashboards.curves import Curve, curves
from trtprof.dashboards.page import assemble
from trtprof.dashboards.panel import Figure, Panel
from trtprof.dashboards.said import Said, about, mark, said
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, names, number
from trtprof.dashboards.theme import LIGHT
from trtprof.dashboards.words import paragraph
from trtprof.quantisation import LayerSensitivity, Sensitivity
from trtprof.units import decibel, percent, plural

_WORDS = {"alone": "quantised alone", "leave-one-out": "left in float, all others quantised"}


def render_sensitivity(model: str, found: Sensitivity, depth: str) -> str:
    """Return the page as HTML to be written as UTF-8; ``depth`` says where sensitive layers lie."""
    subtitle = (
        f"each layer {_WORDS[found.mode]}; measured by onnxruntime on the CPU over {plural(found.samples, 'sample')} "
        f"({found.data}), ranges by {found.method}"
    )
    return assemble(model, "layer by layer in INT8", subtitle, [_ranking(found), _depth(found, depth)])


def ranked(found: Sensitivity) -> list[LayerSensitivity]:
    """Return the rows with what matters most first: least SQNR alone, most gained by leaving it out."""
    sign = 1 if found.mode == "alone" else -1
    return sorted(found.rows, key=lambda row: (-math.inf if row.sqnr_db is None else sign * row.sqnr_db, row.place))


def _ranking(found: Sensitivity) -> Panel:
    rows = ranked(found)
    worst = ", ".join(f"{row.layer} ({said(decibel(row.sqnr_db))})" for row in rows[:3])
    whole = f"With all layers quantised it is {decibel(found.whole_db)}."
    table = Table(
        "ranking-table",
        f"layers, each {_WORDS[found.mode]}",
        (
            Column("rank", numeric=True),
            Column("layer", wide=True),
            Column("operators"),
            Column("SQNR, measured", numeric=True),
            Column("cosine, measured", numeric=True),
            Column("top-1 agreement, measured", numeric=True),
            *((Column("your metric, measured", numeric=True),) if _has_metric(found) else ()),
        ),
        tuple(TableRow(_cells(place, row, found)) for place, row in enumerate(rows, 1)),
    )
    return Panel(
        id="ranking",
        title="Which layers cost accuracy?",
        text=paragraph([f"Of {plural(len(rows), 'layer')} these matter most: {worst}.", whole]),
        how_to_read=(
            "SQNR is the signal-to-quantisation-noise ratio of the worst output against the float model; 6 dB more is "
            "half the error. Alone, a low one is a sensitive layer; left out, a high one is."
        ),
        caveat="the calibration data is random: this ranks noise." if found.synthetic else "",
        html=draw_table(table),
    )


def _cells(place: int, row: LayerSensitivity, found: Sensitivity) -> tuple[Cell, ...]:
    return (
        Cell(str(place), sort=float(place)),
        names([row.layer]),
        Cell(Said(", ".join(dict.fromkeys(row.operators)))),
        number(row.sqnr_db, decibel(row.sqnr_db)),
        number(row.cosine, "" if row.cosine is None else f"{row.cosine:.6f}"),
        number(row.top1_agreement, percent(row.top1_agreement, 1)),
        *((number(row.metric, "" if row.metric is None else f"{row.metric:.6g}"),) if _has_metric(found) else ()),
    )


def _has_metric(found: Sensitivity) -> bool:
    return any(row.metric is not None for row in found.rows)


def _depth(found: Sensitivity, depth: str) -> Panel:
    words = said(depth)
    return Panel(
        id="depth",
        title="Do the sensitive layers lie near input and output?",
        text=Said(f"{words[:1].upper()}{words[1:]}{mark('.')}"),
        how_to_read="a point a layer, from input to output; where layers are quantised alone, low is sensitive.",
        figures=(_chart(found),),
    )


def _chart(found: Sensitivity) -> Figure:
    series = []
    for label, add, colour, symbol in (("convolutions and matrix products", False, "c0", "circle"),
                                       ("residual Adds", True, "c1", "diamond")):  # fmt: skip
        rows = [
            row
            for row in found.rows
            if (set(row.operators) == {"Add"}) == add and row.sqnr_db is not None and math.isfinite(row.sqnr_db)
        ]
        if rows:
            x, y = tuple(row.place for row in rows), tuple(row.sqnr_db or 0.0 for row in rows)
            hovers = tuple(about(row.layer, decibel(row.sqnr_db)) for row in rows)
            series.append(Curve(label, LIGHT[colour], x, y, hovers, "markers", symbol))
    return curves(series, "place, from input (0) to output (1)", "SQNR, dB")
