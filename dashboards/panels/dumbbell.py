"""The same ONNX nodes at each precision: which layers got faster, and which did not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trtprof.comparison import Built, Comparison, NodeGroup, Row
from trtprof.dashboards.categories import add_times, mid_ns
from trtprof.dashboards.chart import checked, framed, plot_text
from trtprof.dashboards.panel import Figure, Panel
from trtprof.dashboards.said import Said, about, said
from trtprof.dashboards.table import Column, Table, TableRow, draw_table, names, number, time_cells, time_columns
from trtprof.dashboards.theme import LIGHT, dtype_colour
from trtprof.dashboards.words import sentence, shorten, us, wanted_operand
from trtprof.model import Estimate, Provenance
from trtprof.units import NS_PER_US, plural, significant

DRAWN: Final = 24
LISTED: Final = 60
_SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "pentagon")
_NAME: Final = 44
_STEP_PX: Final = 34
_EDGE_PX: Final = 110

Times = tuple["Estimate | float | None", ...]


@dataclass(frozen=True, slots=True)
class GroupTimes:
    """The time of a node group in each engine; ``None`` where an engine has no row of its own for it."""

    group: NodeGroup
    times: Times
    costliest: tuple[int | None, ...]
    """The row of each engine that stands for the group where one layer is selected."""


def panel(comparison: Comparison) -> Panel:
    """Return the costliest node groups with their time in each engine."""
    engines = comparison.engines
    kinds = {built.provenance for built in engines}
    groups = times_of(comparison) if len(engines) > 1 and len(kinds) == 1 else []
    kind = engines[0].provenance if groups else Provenance.MEASURED
    if groups:
        text = sentence(_words(groups, engines, place) for place in range(1, len(engines)))
    elif len(kinds) > 1:
        text = "Cannot tell: measured and modelled times are not held against each other."
    else:
        text = "Found nothing: there are no node groups of known time in two engines."
    return Panel(
        id="layer-speedup",
        title="Which layers got faster, and which did not?",
        text=text,
        how_to_read=(
            "each line is a set of ONNX nodes, each mark its time at one precision, costliest first. A mark further to "
            f"the left is faster; where the marks of {engines[0].name} and the others lie together, the lower "
            "precision gave nothing. Rows that only convert are counted in the group they serve where they have one."
            if groups
            else ""
        ),
        caveat=(
            "mid values of the model; ranges are in the table."
            if groups and kind is Provenance.MODELLED
            else "times of layers as profiled, each with some microseconds of the profiler's own."
            if groups
            else ""
        ),
        html=draw_table(_table(groups, engines, kind)) if groups else None,
        figures=(_figure(groups[:DRAWN], engines, kind),) if groups else (),
    )


def times_of(comparison: Comparison) -> list[GroupTimes]:
    """Return the groups with a known time in the first engine and in another, costliest first."""
    rows = [{row.layer.index: row for row in built.rows} for built in comparison.engines]
    found = []
    for group in comparison.groups:
        times = tuple(
            add_times(own[index].time_ns for index in indices) if indices else None
            for own, indices in zip(rows, group.rows, strict=True)
        )
        if mid_ns(times[0]) and any(mid_ns(time) for time in times[1:]):
            costliest = tuple(_costliest(own, indices) for own, indices in zip(rows, group.rows, strict=True))
            found.append(GroupTimes(group, times, costliest))
    return sorted(found, key=lambda item: (-(mid_ns(item.times[0]) or 0.0), item.group.index))


def _costliest(rows: Mapping[int, Row], indices: tuple[int, ...]) -> int | None:
    return max(indices, key=lambda index: (mid_ns(rows[index].time_ns) or 0.0, -index), default=None)


def _ratio(item: GroupTimes, place: int) -> float | None:
    before, after = mid_ns(item.times[0]), mid_ns(item.times[place])
    return before / after if before and after else None


def _words(groups: Sequence[GroupTimes], engines: Sequence[Built], place: int) -> str:
    ratios = [(ratio, item) for item in groups if (ratio := _ratio(item, place)) is not None]
    if not ratios:
        return about(engines[place].name, "no group of known time")
    slower = sum(1 for ratio, _ in ratios if ratio < 1)
    least, worst = min(ratios, key=lambda pair: (pair[0], pair[1].group.index))
    most = max(ratio for ratio, _ in ratios)
    where, first = shorten(worst.group.nodes[0], _NAME), engines[0].name
    return about(
        f"{engines[place].name} {said('against')} {first}",
        f"{plural(len(ratios), 'group')}, from ×{significant(least, 2)} (at {where}) to ×{significant(most, 2)}, "
        f"{slower} slower than {first}",
    )


def _figure(groups: Sequence[GroupTimes], engines: Sequence[Built], kind: Provenance) -> Figure:
    data: list[dict[str, Any]] = [_line(groups)]
    data += [_marks(groups, built, place) for place, built in enumerate(engines)]
    return checked(data, _layout(groups, kind))


def _line(groups: Sequence[GroupTimes]) -> dict[str, Any]:
    """One trace for all lines, broken by gaps."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for place, item in enumerate(groups):
        known = [value / NS_PER_US for time in item.times if (value := mid_ns(time)) is not None]
        xs += [_short(min(known)), _short(max(known)), None]
        ys += [place, place, None]
    line = {"color": LIGHT["soft"], "width": 2}
    return {
        "type": "scatter",
        "mode": "lines",
        "x": xs,
        "y": ys,
        "hoverinfo": "skip",
        "showlegend": False,
        "line": line,
    }


def _marks(groups: Sequence[GroupTimes], built: Built, place: int) -> dict[str, Any]:
    known = [(y, item, value) for y, item in enumerate(groups) if (value := mid_ns(item.times[place])) is not None]
    ratios = [_ratio(item, place) for _, item, _ in known]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": plot_text(Said(built.name)),
        "x": [_short(value / NS_PER_US) for _, _, value in known],
        "y": [y for y, _, _ in known],
        "customdata": [f"e{place}r{item.costliest[place]}" for _, item, _ in known],
        "hovertext": [
            plot_text(
                about(built.name, Said(f"{us(value)} µs" + (f", ×{significant(ratio, 3)}" if place and ratio else "")))
            )
            for (_, _, value), ratio in zip(known, ratios, strict=True)
        ],
        "hoverinfo": "text",
        "marker": {
            "symbol": _SYMBOLS[place % len(_SYMBOLS)],
            "size": 11,
            "color": dtype_colour(wanted_operand(built.precision)),
            "line": {"color": LIGHT["ink"], "width": 1},
        },
    }


def _layout(groups: Sequence[GroupTimes], kind: Provenance) -> dict[str, Any]:
    axis = {"gridcolor": LIGHT["line"], "fixedrange": True, "automargin": True, "zeroline": False}
    return framed(
        {
            "height": _EDGE_PX + _STEP_PX * len(groups),
            "margin": {"l": 8, "r": 16, "t": 8, "b": 64},
            "hovermode": "closest",
            "xaxis": {**axis, "type": "log", "tickvals": _ticks(groups),
                      "title": {"text": plot_text(f"{_axis(kind)}, µs, log scale")}},
            "yaxis": {"range": [len(groups) - 0.4, -0.8], "visible": False, "fixedrange": True},
            "annotations": [
                {"text": plot_text(Said(_label(item))), "x": 0, "xref": "paper", "xanchor": "left", "y": y - 0.16,
                 "yref": "y", "yanchor": "bottom", "showarrow": False, "align": "left",
                 "font": {"color": LIGHT["soft"], "size": 12}}
                for y, item in enumerate(groups)
            ],
        }
    )  # fmt: skip


def _ticks(groups: Sequence[GroupTimes]) -> list[float]:
    """Return 1, 2 and 5 of each power of ten that the times reach: Plotly's own leave out the zeros."""
    times = [value / NS_PER_US for item in groups for time in item.times if (value := mid_ns(time))]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    return [digit * 10.0**power for power in range(low, high + 1) for digit in (1, 2, 5)]


def _label(item: GroupTimes) -> str:
    nodes = item.group.nodes
    more = f" + {len(nodes) - 1}" if len(nodes) > 1 else ""
    return shorten(nodes[0], _NAME) + more


def _axis(kind: Provenance) -> str:
    return f"{kind.value} mid" if kind is Provenance.MODELLED else kind.value


def _short(value: float) -> float:
    return float(significant(value, 5))


def _table(groups: Sequence[GroupTimes], engines: Sequence[Built], kind: Provenance) -> Table:
    columns = [Column("ONNX nodes", wide=True)]
    for place, built in enumerate(engines):
        columns += [Column(about(built.name, part.label, ", "), numeric=True) for part in time_columns([kind], "µs")]
        if place:
            columns.append(Column(Said(f"{built.name}, ×"), numeric=True))
    lines: list[TableRow] = []
    for item in groups[:LISTED]:
        cells = [names(item.group.nodes)]
        for place in range(len(engines)):
            cells += time_cells(item.times[place], kind, [kind], "µs")
            if place:
                ratio = _ratio(item, place)
                cells.append(number(ratio, significant(ratio or 0.0, 3)))
        lines.append(TableRow(tuple(cells), minor=len(lines) >= DRAWN, group=item.group.index))
    part = f"the {LISTED} costliest of {len(groups):,}" if len(groups) > LISTED else "costliest first"
    caption = f"time of each node group, {part} ({kind.value}; × is how much faster than {engines[0].name})"
    toggle = f"only the {DRAWN} costliest" if len(lines) > DRAWN else ""
    return Table("layer-speedup-table", caption, tuple(columns), tuple(lines), toggle=toggle)
