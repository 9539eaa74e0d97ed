"""The rows of each engine, costliest first, as tables to sort, filter and copy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup

from trtprof.comparison import Built, Comparison, Row
from trtprof.dashboards.categories import category_of, mid_ns
from trtprof.dashboards.panel import Panel
from trtprof.dashboards.said import about
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, kib, names, time_cells, time_columns
from trtprof.dashboards.words import sentence, total_words, types_word
from trtprof.units import plural

OPEN_ROWS: Final = 20
PAGE_ROWS: Final = 300
"""Rows of one engine that the page carries: that of a longer engine must stay fluid."""


def panel(comparison: Comparison) -> Panel:
    """Return a table for each engine."""
    engines = comparison.engines
    cut = [f"{built.name} has {len(built.rows):,}" for built in engines if len(built.rows) > PAGE_ROWS]
    return Panel(
        id="rows",
        title="Which rows cost most?",
        text=sentence(_words(built) for built in engines) or "Found nothing: there is no engine.",
        how_to_read=(
            f"a row is one step of an engine, costliest first. The {OPEN_ROWS} costliest are shown; the switch shows "
            "the rest and the filter looks through all of them. Press a header to sort. “epilogue of” names the conv "
            "or gemm whose epilogue the row is, where another engine runs both in one kernel."
        ),
        caveat=(
            f"the page carries the {PAGE_ROWS} costliest rows of an engine ({'; '.join(cut)}); --format csv has all."
            if cut
            else ""
        ),
        html=Markup("").join(draw_table(_table(place, built)) for place, built in enumerate(engines)),
    )


def costliest(built: Built) -> list[Row]:
    """Return the rows of an engine that the page carries: by time, unknown last, then in execution order."""
    return sorted(built.rows, key=_cost)[:PAGE_ROWS]


def shown_rows(place: int, built: Built) -> Mapping[int, str]:
    """Return the element id of each row the page carries, by the row's index; ``place`` is the engine's."""
    return {row.layer.index: row_id(place, row) for row in costliest(built)}


def row_id(place: int, row: Row) -> str:
    """Return the element id of a row: free of names, which may hold anything."""
    return f"e{place}r{row.layer.index}"


def _cost(row: Row) -> tuple[bool, float, int]:
    time = mid_ns(row.time_ns)
    return time is None, -(time or 0.0), row.layer.index


def _words(built: Built) -> str:
    if not built.rows:
        return about(built.name, "no rows")
    first = costliest(built)[0]
    text = plural(len(built.rows), "row")
    if first.time_ns is None:
        return about(built.name, f"{text}, their times unknown")
    found = f"the costliest is {category_of(first).short} row {first.layer.index} with {_time(first, built)}"
    return about(built.name, f"{text}, {found}")


def _time(row: Row, built: Built) -> str:
    return total_words(row.time_ns, built.provenance)


def _table(place: int, built: Built) -> Table:
    rows = costliest(built)
    columns = (
        Column("row"),
        Column("layer", wide=True),
        Column("category"),
        Column("types"),
        *time_columns([built.provenance], "µs"),
        Column("read, KiB", numeric=True),
        Column("written, KiB", numeric=True),
        Column("weights, KiB", numeric=True),
        Column("ONNX nodes", wide=True),
        Column("epilogue of", wide=True),
    )
    lines = tuple(_line(place, rank, row, built) for rank, row in enumerate(rows))
    toggle = f"only the {OPEN_ROWS} costliest" if len(rows) > OPEN_ROWS else ""
    return Table(
        f"rows-{place}", about(built.name, f"rows, times {built.provenance.value}"), columns, lines, toggle=toggle
    )


def _line(place: int, rank: int, row: Row, built: Built) -> TableRow:
    category = category_of(row)
    return TableRow(
        (
            Cell(str(row.layer.index)),
            names([row.layer.name]),
            Cell(category.short, category=category.place),
            Cell(types_word(row.operand, row.result)),
            *time_cells(row.time_ns, built.provenance, [built.provenance], "µs"),
            kib(row.read_bytes),
            kib(row.written_bytes),
            kib(row.constant_bytes),
            names(row.nodes),
            names([row.epilogue_of]),
        ),
        id=row_id(place, row),
        minor=rank >= OPEN_ROWS,
    )
