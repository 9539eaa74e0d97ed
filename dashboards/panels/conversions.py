"""Rows that only change type or layout: what each costs, what stands at its ends, and why it is there."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from trtprof.comparison import Built, Comparison, Conversion
from trtprof.dashboards.categories import add_times, mid_ns
from trtprof.dashboards.panel import Panel
from trtprof.dashboards.panels.rows import shown_rows
from trtprof.dashboards.said import Said, about, mark, said
from trtprof.dashboards.table import (
    Cell,
    Column,
    Table,
    TableRow,
    draw_table,
    kib,
    names,
    time_cells,
    time_columns,
)
from trtprof.dashboards.words import dtype_word, layout_word, paragraph, sentence, total_words
from trtprof.model import DType, Layout, Provenance
from trtprof.units import plural

PAGE_ROWS: Final = 300
"""Conversions of one engine that the page carries, the costliest."""
_REMOVABLE = {True: "yes", False: "no", None: "cannot tell"}


def panel(comparison: Comparison) -> Panel:
    """Return every conversion of every engine."""
    engines = comparison.engines
    found = any(built.conversions for built in engines)
    return Panel(
        id="conversions",
        title="Which rows only convert?",
        text=sentence(found_words(built) for built in engines) or "Found nothing: there is no engine.",
        how_to_read=(
            "each line is a row of an engine that only changes the type or the layout of a tensor, in execution order; "
            "“before” and “after” are what it stands between."
        ),
        caveat=paragraph(["“removable” is said only where the reason decides it.", _cut(engines)]) if found else "",
        html=draw_table(_table(engines)) if found else Markup(""),
    )


def carried(built: Built) -> list[Conversion]:
    """Return the conversions that the page carries, in execution order."""
    items = sorted(built.conversions, key=lambda item: -(mid_ns(item.time_ns) or 0.0))[:PAGE_ROWS]
    return sorted(items, key=lambda item: item.row)


def _cut(engines: tuple[Built, ...]) -> str:
    cut = [f"{built.name} has {len(built.conversions):,}" for built in engines if len(built.conversions) > PAGE_ROWS]
    return (
        f"The page carries the {PAGE_ROWS} costliest of an engine ({'; '.join(cut)}); --format json has all."
        if cut
        else ""
    )


def found_words(built: Built) -> str:
    """Return how many conversions an engine has and what they take, or that nothing was found."""
    if not built.conversions:
        return about(built.name, "found nothing, no row only converts")
    time = add_times(item.time_ns for item in built.conversions)
    return about(built.name, f"{plural(len(built.conversions), 'row')}, {total_words(time, built.provenance)}")


def _table(engines: tuple[Built, ...]) -> Table:
    kinds = [kind for kind in Provenance if any(built.provenance is kind for built in engines)]
    columns = (
        Column("row"),
        Column("engine"),
        Column("what"),
        Column("from"),
        Column("to"),
        Column("moved, KiB", numeric=True),
        *time_columns(kinds, "µs"),
        Column("why it is there", wide=True),
        Column("removable"),
        Column("before", wide=True),
        Column("after", wide=True),
        Column("layer", wide=True),
    )
    lines = []
    for place, built in enumerate(engines):
        links = shown_rows(place, built)
        lines += [_line(place, item, built, kinds, links.get(item.row)) for item in carried(built)]
    return Table("conversions-table", "rows that only convert", columns, tuple(lines))


def _line(place: int, item: Conversion, built: Built, kinds: list[Provenance], link: str | None) -> TableRow:
    return TableRow(
        (
            Cell(str(item.row), href=link),
            Cell(Said(built.name)),
            Cell(Said(mark(", ").join(map(said, item.what)))),
            _end(item.from_dtype, item.from_layout),
            _end(item.to_dtype, item.to_layout),
            kib(item.bytes_moved),
            *time_cells(item.time_ns, built.provenance, kinds, "µs"),
            Cell(item.reason),
            Cell(_REMOVABLE[item.removable]),
            names([_between(item.before)]),
            names([_between(item.after)]),
            names([item.layer]),
        ),
        layer=None if link else f"e{place}r{item.row}",
    )


def _end(dtype: DType | None, layout: Layout | None) -> Cell:
    return Cell(Said(f"{said(dtype_word(dtype))}, {said(layout_word(layout))}"))


def _between(name: str | None) -> str | None:
    """What stands at an end of a conversion: a name, and only an end of the engine has a word of ours before it."""
    return said(name) if name is not None and name.startswith(("engine input ", "engine output ")) else name
