"""The page of a plan: the Pareto front of accuracy kept and time saved, and the layers of the chosen point."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trtprof.dashboards.curves import Curve, curves
from trtprof.dashboards.page import assemble
from trtprof.dashboards.panel import Figure, Panel
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, names, number
from trtprof.dashboards.theme import LIGHT
from trtprof.quantisation import Plan, PlanPoint, Sensitivity
from trtprof.units import decibel, plural


def render_plan(model: str, plan: Plan, sensitivity: Sensitivity, words: str) -> str:
    """Return the page as HTML to be written as UTF-8; ``words`` is the choice in a sentence."""
    subtitle = (
        f"accuracy of each layer alone, measured by onnxruntime over {plural(sensitivity.samples, 'sample')}; times of "
        f"{plan.float_engine} and {plan.int8_engine} ({plan.provenance.value}); conversions {plan.conversion}"
    )
    return assemble(model, "in mixed precision", subtitle, [_front(plan, words), _layers(plan, sensitivity)])


def _front(plan: Plan, words: str) -> Panel:
    modelled = _is_range(plan.points)
    kind = plan.provenance.value
    columns = (
        Column("INT8 layers", numeric=True),
        Column("regions", numeric=True),
        Column("conversions", numeric=True),
        Column(f"saved, ms, middle ({kind})" if modelled else f"saved, ms ({kind})", numeric=True),
        *((Column(f"saved, ms, range ({kind})", numeric=True),) if modelled else ()),
        Column("SQNR by added noise, derived", numeric=True),
        Column("what it is"),
    )
    lines = [_line(point, plan, modelled) for point in plan.points]
    if plan.whole not in plan.points:
        lines.append(_line(plan.whole, plan, modelled))
    return Panel(
        id="front",
        title="What does each decibel cost in milliseconds?",
        text=words,
        how_to_read=(
            "each point is a choice of INT8 layers that no other on the front beats in both. Right is faster, up is "
            "more accurate. Conversions between INT8 regions and float are paid for, so scattered layers do not pay."
        ),
        caveat="noises are added up as if they were independent; the written model's own SQNR decides.",
        html=draw_table(Table("front-table", "points of the front", columns, tuple(lines))),
        figures=(_chart(plan),),
    )


def _is_range(points: Sequence[PlanPoint]) -> bool:
    return any(point.saving_ns[0] != point.saving_ns[2] for point in points)


def _line(point: PlanPoint, plan: Plan, modelled: bool) -> TableRow:
    low, mid, high = (value / 1e6 for value in point.saving_ns)
    role = "chosen" if point == plan.choice else "all layers" if point == plan.whole else ""
    return TableRow(
        (
            number(len(point.layers), f"{len(point.layers):,}"),
            number(point.regions, f"{point.regions:,}"),
            number(point.conversions, f"{point.conversions:,}"),
            number(mid, f"{mid:.3f}"),
            *((Cell(f"{low:.3f} to {high:.3f}", sort=high),) if modelled else ()),
            number(point.sqnr_db, decibel(point.sqnr_db)),
            Cell(role),
        )
    )


def _chart(plan: Plan) -> Figure:
    series = [
        _curve("Pareto front", plan.points, "c0", "circle", joined=True),
        _curve("chosen", [plan.choice], "c1", "diamond", joined=False),
    ]
    if plan.whole not in plan.points:
        series.append(_curve("all layers", [plan.whole], "c6", "square", joined=False))
    axis = f"saved against {plan.float_engine}, ms ({plan.provenance.value})"
    return curves([curve for curve in series if curve.x], axis, "SQNR by added noise, dB")


def _curve(label: str, points: Sequence[PlanPoint], colour: str, symbol: str, *, joined: bool) -> Curve:
    finite = [point for point in points if math.isfinite(point.sqnr_db)]
    return Curve(
        label,
        LIGHT[colour],
        tuple(point.saving_ns[1] / 1e6 for point in finite),
        tuple(point.sqnr_db for point in finite),
        tuple(f"{plural(len(point.layers), 'layer')}, {decibel(point.sqnr_db)}" for point in finite),
        "lines+markers" if joined else "markers",
        symbol,
        tuple(point.saving_ns[0] / 1e6 for point in finite) if _is_range(finite) else (),
        tuple(point.saving_ns[2] / 1e6 for point in finite) if _is_range(finite) else (),
    )


def _layers(plan: Plan, sensitivity: Sensitivity) -> Panel:
    chosen = set(plan.choice.layers)
    rows = tuple(
        TableRow(
            (
                names([row.layer]),
                Cell("INT8" if set(row.layers) <= chosen or row.layer in chosen else "float"),
                number(row.sqnr_db, decibel(row.sqnr_db)),
            )
        )
        for row in sensitivity.rows
    )
    columns = (Column("layer", wide=True), Column("plan"), Column("SQNR alone, measured", numeric=True))
    return Panel(
        id="layers",
        title="Which layers run in INT8?",
        text=f"{len(chosen)} of {sum(len(row.layers) for row in sensitivity.rows)} do.",
        html=draw_table(Table("layers-table", "layers of the chosen plan", columns, rows)),
    )
