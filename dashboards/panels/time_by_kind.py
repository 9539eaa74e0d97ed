"""Where the time of each engine goes, by category of row. Modelled and measured engines get charts of their own."""

from __future__ import annotations

from trtprof.comparison import Built, Comparison, Row
from trtprof.dashboards.categories import CATEGORIES, Category, add_times, category_of, mid_ns
from trtprof.dashboards.chart import Segment, Whisker, stacked_bars
from trtprof.dashboards.panel import Figure, Panel
from trtprof.dashboards.said import Said, about
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, number, time_cells, time_columns
from trtprof.dashboards.theme import category_colour
from trtprof.dashboards.words import sentence, total_words
from trtprof.model import Estimate, Provenance
from trtprof.units import NS_PER_MS

Times = dict[Category, "Estimate | float | None"]


def panel(comparison: Comparison) -> Panel:
    """Return the time of each engine by category, as bars and as a table."""
    engines = comparison.engines
    kinds = [kind for kind in Provenance if any(built.provenance is kind for built in engines)]
    modelled = Provenance.MODELLED in kinds
    return Panel(
        id="time-by-kind",
        title="Where does the time go?",
        text=sentence(_words(built) for built in engines) or "Found nothing: there is no engine.",
        how_to_read=(
            "each bar is an engine, each part the rows of one category, in the same order as in the table"
            + (
                "; the parts are the mid values of the model, the line under a bar is the range of its modelled total."
                if modelled
                else "."
            )
        ),
        caveat=(
            "modelled from bytes, operations and a launch cost per row; no kernel was timed. A part's own range is in "
            "the table."
            if modelled
            else ""
        ),
        html=draw_table(_table(engines, kinds)) if engines else None,
        figures=tuple(figure for kind in kinds if (figure := _figure(engines, kind)) is not None),
    )


def times_by_category(rows: tuple[Row, ...]) -> Times:
    """Return the time of each category that has rows; ``None`` where the time of one of its rows is unknown."""
    members: dict[Category, list[Row]] = {}
    for row in rows:
        members.setdefault(category_of(row), []).append(row)
    return {
        category: add_times(row.time_ns for row in members[category]) for category in CATEGORIES if category in members
    }


def _words(built: Built) -> str:
    times = {category: mid_ns(time) for category, time in times_by_category(built.rows).items()}
    known = {category: time for category, time in times.items() if time}
    text = total_words(built.total_ns, built.provenance)
    if not known or None in times.values():
        return about(built.name, text)
    largest = max(known, key=lambda category: known[category])
    return about(built.name, f"{text}, most of it {largest.label}")


def _figure(engines: tuple[Built, ...], kind: Provenance) -> Figure | None:
    """Return the chart of the engines of one provenance, without those that have a row of unknown time."""
    drawn = [
        (built, times)
        for built in engines
        if built.provenance is kind and None not in (times := times_by_category(built.rows)).values() and times
    ]
    if not drawn:
        return None
    present = [category for category in CATEGORIES if any(category in times for _, times in drawn)]
    segments = [_segment(category, [times for _, times in drawn], kind) for category in present]
    totals = [add_times(times.values()) for _, times in drawn]
    whiskers = [
        Whisker(total.low / NS_PER_MS, total.mid / NS_PER_MS, total.high / NS_PER_MS)
        for total in totals
        if isinstance(total, Estimate)
    ]
    bars = [about(built.name, total_words(total, kind)) for (built, _), total in zip(drawn, totals, strict=True)]
    axis = f"{kind.value}{' mid' if kind is Provenance.MODELLED else ''}, ms"
    return stacked_bars(bars, segments, axis, whiskers if len(whiskers) == len(bars) else ())


def _segment(category: Category, times: list[Times], kind: Provenance) -> Segment:
    values = [mid_ns(time.get(category)) or 0.0 for time in times]
    return Segment(
        label=category.short,
        colour=category_colour(category.place),
        values=tuple(value / NS_PER_MS for value in values),
        texts=tuple(category.short if category in time else "" for time in times),
        hovers=tuple(f"{category.label}: {total_words(time.get(category), kind)}" for time in times),
    )


def _table(engines: tuple[Built, ...], kinds: list[Provenance]) -> Table:
    columns = (
        Column("engine"),
        Column("category", wide=True),
        Column("rows", numeric=True),
        *time_columns(kinds, "ms"),
    )
    rows = tuple(line for built in engines for line in _lines(built, kinds))
    label = " and ".join(kind.value for kind in kinds)
    return Table("kinds", f"time by category ({label})", columns, rows)


def _lines(built: Built, kinds: list[Provenance]) -> list[TableRow]:
    counts: dict[Category, int] = {}
    for row in built.rows:
        counts[category_of(row)] = counts.get(category_of(row), 0) + 1
    lines = [
        TableRow(
            (
                Cell(Said(built.name)),
                Cell(category.label, category=category.place),
                number(counts[category], f"{counts[category]:,}"),
                *time_cells(time, built.provenance, kinds, "ms"),
            )
        )
        for category, time in times_by_category(built.rows).items()
    ]
    total = time_cells(built.total_ns, built.provenance, kinds, "ms")
    return [
        *lines,
        TableRow((Cell(Said(built.name)), Cell("all rows"), number(len(built.rows), f"{len(built.rows):,}"), *total)),
    ]
