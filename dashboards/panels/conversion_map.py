"""From which type and layout to which: where the time of conversions goes, as a map for each engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from trtprof.comparison import Built, Comparison, Conversion
from trtprof.dashboards.categories import add_times, mid_ns
from trtprof.dashboards.chart import checked, framed, plot_text
from trtprof.dashboards.panel import Figure, Panel
from trtprof.dashboards.said import Said, about, said
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, number, time_cells, time_columns
from trtprof.dashboards.theme import LIGHT
from trtprof.dashboards.words import dtype_word, layout_word, sentence, us
from trtprof.model import DType, Estimate, Layout, Provenance
from trtprof.units import ABSENT, NS_PER_US, plural

Ends = tuple[str, str]
Sums = dict[Ends, list[Conversion]]
_LEAST_CELLS: Final = 2
"""A map of one cell says less than its line of the table."""
_SHADES: Final = ("t0", "t1", "t2", "t3", "t4", "t5")
_CELL_PX: Final = 44
_EDGE_PX: Final = 150


def panel(comparison: Comparison) -> Panel:
    """Return a map and the sums for the engines that have rows that only convert."""
    engines = [built for built in comparison.engines if built.conversions]
    return Panel(
        id="conversion-map",
        title="From what to what do they convert?",
        text=sentence(_words(built) for built in comparison.engines) or "Found nothing: there is no engine.",
        how_to_read=(
            "a map stands for each engine that converts in more than one way: a line is what a row reads, a column "
            "what it writes; a darker cell (lighter in the dark) takes more time, and the number in it is its time in "
            "µs."
            if engines
            else ""
        ),
        caveat=(
            "modelled engines show mid values; the table has ranges."
            if any(built.provenance is Provenance.MODELLED for built in engines)
            else ""
        ),
        html=draw_table(_table(engines)) if engines else None,
        figures=tuple(figure for built in engines if (figure := _figure(built)) is not None),
    )


def end_word(dtype: DType | None, layout: Layout | None) -> str:
    """Return a type and a layout in short: ``INT8 NHWC``."""
    place = ABSENT if layout is None else layout.word if layout is not Layout.UNKNOWN else layout_word(layout)
    return Said(f"{said(dtype_word(dtype))} {place}" if place != ABSENT else said(dtype_word(dtype)))


def sums_of(built: Built) -> Sums:
    """Return the conversions of an engine by what they read and write, most time first."""
    sums: Sums = {}
    for item in built.conversions:
        ends = end_word(item.from_dtype, item.from_layout), end_word(item.to_dtype, item.to_layout)
        sums.setdefault(ends, []).append(item)
    return dict(sorted(sums.items(), key=lambda entry: (-(mid_ns(_time(entry[1])) or 0.0), entry[0])))


def _time(items: Sequence[Conversion]) -> Estimate | float | None:
    return add_times(item.time_ns for item in items)


def _words(built: Built) -> str:
    sums = sums_of(built)
    if not sums:
        return about(built.name, "found nothing")
    (source, result), items = next(iter(sums.items()))
    time = mid_ns(_time(items))
    took = "of unknown time" if time is None else f"{us(time)} µs"
    kind = f" {built.provenance.value}" if built.provenance is Provenance.MODELLED else ""
    return about(built.name, f"most from {source} to {result}, {plural(len(items), 'row')}, {took}{kind}")


def _figure(built: Built) -> Figure | None:
    times = {ends: time for ends, items in sums_of(built).items() if (time := mid_ns(_time(items))) is not None}
    if len(times) < _LEAST_CELLS:
        return None
    sources = list(dict.fromkeys(source for source, _ in times))
    results = list(dict.fromkeys(result for _, result in times))
    most = max(times.values()) or 1.0
    grid = [[times.get((source, result)) for result in results] for source in sources]
    trace: dict[str, Any] = {
        "type": "heatmap",
        "x": [plot_text(word) for word in results],
        "y": [plot_text(word) for word in sources],
        "z": [[None if time is None else round(time / NS_PER_US, 4) for time in line] for line in grid],
        "colorscale": [[place / (len(_SHADES) - 1), LIGHT[shade]] for place, shade in enumerate(_SHADES)],
        "zmin": 0,
        "zmax": round(most / NS_PER_US, 4),
        "showscale": False,
        "xgap": 3,
        "ygap": 3,
        "hovertemplate": "%{y} → %{x}: %{z:.4~g} µs<extra></extra>",
    }
    notes = [
        {"x": column, "y": line, "text": us(time), "showarrow": False,
         "font": {"size": 13, "color": LIGHT["page"] if time / most > 0.55 else LIGHT["ink"]}}
        for line, row in enumerate(grid) for column, time in enumerate(row) if time is not None
    ]  # fmt: skip
    return checked([trace], _layout(built, len(sources), notes))


def _layout(built: Built, lines: int, notes: list[dict[str, Any]]) -> dict[str, Any]:
    mid = " mid" if built.provenance is Provenance.MODELLED else ""
    axis = {"type": "category", "fixedrange": True, "automargin": True, "showgrid": False, "zeroline": False}
    title = plot_text(about(built.name, f"from (line) to (column), {built.provenance.value}{mid}, µs"))
    return framed(
        {
            "height": _EDGE_PX + _CELL_PX * lines,
            "margin": {"l": 8, "r": 16, "t": 34, "b": 8},
            "title": {"text": title, "x": 0, "xref": "paper", "font": {"size": 14}},
            "xaxis": {**axis, "title": {"text": plot_text("to")}},
            "yaxis": {**axis, "autorange": "reversed"},
            "annotations": notes,
        }
    )


def _table(engines: Sequence[Built]) -> Table:
    kinds = [kind for kind in Provenance if any(built.provenance is kind for built in engines)]
    columns = (
        Column("engine"), Column("from"), Column("to"), Column("rows", numeric=True), *time_columns(kinds, "µs")
    )  # fmt: skip
    lines = tuple(
        TableRow(
            (
                Cell(Said(built.name)),
                Cell(source),
                Cell(result),
                number(len(items), f"{len(items):,}"),
                *time_cells(_time(items), built.provenance, kinds, "µs"),
            )
        )
        for built in engines
        for (source, result), items in sums_of(built).items()
    )
    return Table("conversion-map-table", "conversions by what they read and write", columns, lines, tools=False)
