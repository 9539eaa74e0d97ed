"""Category, layer, kernel: where the time of each engine is, from the whole to the single kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from trtprof.comparison import Built, Comparison, Row
from trtprof.dashboards.categories import CATEGORIES, Category, add_times, category_of, mid_ns
from trtprof.dashboards.chart import checked, framed, plot_text
from trtprof.dashboards.drawing import draw
from trtprof.dashboards.panel import Figure, Panel
from trtprof.dashboards.panels.rows import row_id, shown_rows
from trtprof.dashboards.said import Said, about, said
from trtprof.dashboards.table import (
    Cell,
    Column,
    Table,
    TableRow,
    draw_table,
    names,
    number,
    time_cells,
    time_columns,
)
from trtprof.dashboards.theme import LIGHT, category_colour
from trtprof.dashboards.words import UNITS, paragraph, sentence, shorten
from trtprof.model import Estimate, Provenance, Unit
from trtprof.units import ABSENT, NS_PER_US, percent, plural

MOST_LAYERS: Final = 80
"""Layers of one engine drawn apart, the costliest; the others of a category are one part."""
PAGE_KERNELS: Final = 200
OPEN_KERNELS: Final = 20
_LINKS: Final = 12
_NAMES: Final = 3
_NAME: Final = 44
_HEIGHT: Final = 420


def panel(comparison: Comparison) -> Panel:
    """Return an icicle for each engine whose rows all have a time."""
    engines = [(place, built) for place, built in enumerate(comparison.engines) if _known(built)]
    cut = [built.name for _, built in engines if len(built.rows) > MOST_LAYERS]
    caveats = []
    if any(built.provenance is Provenance.MODELLED for _, built in engines):
        caveats.append("modelled engines are drawn with mid values.")
    if cut:
        caveats.append(f"only the {MOST_LAYERS} costliest rows stand apart ({', '.join(cut)}).")
    return Panel(
        id="inside",
        title="Which kernels is the time in?",
        text=sentence(_words(built) for _, built in engines) or "Cannot tell: the time of a row is unknown.",
        how_to_read=(
            "the left column is the engine, then come categories, rows and the kernels that run them, each as tall as "
            "its time. Press a part to see it alone, and its left neighbour to come back."
            if engines
            else ""
        ),
        caveat=paragraph(caveats),
        html=Markup("").join(
            draw_table(table) for place, built in enumerate(comparison.engines) if (table := _table(place, built))
        ),
        figures=tuple(_figure(place, built) for place, built in engines),
    )


def _known(built: Built) -> bool:
    return bool(built.rows) and all(mid_ns(row.time_ns) is not None for row in built.rows)


def kernel_of(row: Row) -> str | None:
    """Return the name of the kernel that runs a row, ``None`` where the engine does not say."""
    return row.kernel.name if row.kernel is not None else row.layer.tactic


def _words(built: Built) -> str:
    times: dict[str, float] = {}
    unnamed = 0
    for row in built.rows:
        kernel = kernel_of(row)
        unnamed += kernel is None
        if kernel is not None:
            times[kernel] = times.get(kernel, 0.0) + (mid_ns(row.time_ns) or 0.0)
    if not times:
        return about(built.name, "cannot tell, no row names its kernel")
    total = sum(mid_ns(row.time_ns) or 0.0 for row in built.rows)
    name = max(times, key=lambda kernel: (times[kernel], kernel))
    share = percent(times[name] / total) if total else ""
    rest = f", {plural(unnamed, 'row')} without a kernel's name" if unnamed else ""
    return about(built.name, f"{plural(len(times), 'kernel')}, most time in {shorten(name, 64)} ({share}){rest}")


@dataclass(slots=True)
class _Kernel:
    """One kernel of an engine and the rows it runs."""

    unit: str
    operation: str | None
    rows: list[Row]


def _table(place: int, built: Built) -> Table | None:
    """Return the kernels of an engine, costliest first, with their layers and ONNX nodes; none where none is named."""
    kernels: dict[str, _Kernel] = {}
    for row in built.rows:
        name = kernel_of(row)
        if name is not None:
            unit = UNITS[row.kernel.unit if row.kernel else Unit.UNKNOWN]
            operation = row.kernel.operation if row.kernel else None
            kernels.setdefault(name, _Kernel(unit, operation, [])).rows.append(row)
    if not kernels:
        return None
    times = {name: add_times(row.time_ns for row in kernel.rows) for name, kernel in kernels.items()}
    ordered = sorted(kernels, key=lambda name: (times[name] is None, -(mid_ns(times[name]) or 0.0), name))
    links = shown_rows(place, built)
    columns = (
        Column("rows"),
        Column("kernel", wide=True),
        Column("runs on"),
        Column("operation"),
        Column("count", numeric=True),
        *time_columns([built.provenance], "µs"),
        Column("layers", wide=True),
        Column("ONNX nodes", wide=True),
    )
    lines = tuple(
        _line(name, kernels[name], times[name], links, built.provenance, minor=rank >= OPEN_KERNELS)
        for rank, name in enumerate(ordered[:PAGE_KERNELS])
    )
    cut = f", the costliest {PAGE_KERNELS} of {len(ordered):,}" if len(ordered) > PAGE_KERNELS else ""
    toggle = f"only the {OPEN_KERNELS} costliest" if len(lines) > OPEN_KERNELS else ""
    return Table(f"kernels-{place}", about(built.name, f"kernels{cut}"), columns, lines, toggle=toggle)


def _line(
    name: str,
    kernel: _Kernel,
    time: Estimate | float | None,
    links: Mapping[int, str],
    provenance: Provenance,
    *,
    minor: bool,
) -> TableRow:
    numbers = [(row.layer.index, links.get(row.layer.index)) for row in kernel.rows]
    return TableRow(
        (
            Cell(draw("row_links.html", rows=numbers[:_LINKS], more=max(0, len(numbers) - _LINKS))),
            names([name]),
            Cell(kernel.unit),
            Cell(kernel.operation or ABSENT),
            number(len(numbers), str(len(numbers))),
            *time_cells(time, provenance, [provenance], "µs"),
            _some([row.layer.name for row in kernel.rows]),
            _some(list(dict.fromkeys(node for row in kernel.rows for node in row.nodes))),
        ),
        minor=minor,
    )


def _some(items: Sequence[str]) -> Cell:
    """The first names and how many more; all of them stand with the rows."""
    more = len(items) - _NAMES
    return names(items if more <= 0 else [*items[:_NAMES], said(f"and {more} more")])


class _Tree:
    """The parts of an icicle; a value for each, so that a parent is exactly the sum of its children."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, str, str, float, str, str]] = []

    def add(self, key: str, parent: str, label: str, value_ns: float, *, colour: str, mark: str = "") -> None:
        value = round(value_ns / NS_PER_US, 4)
        self.parts.append((key, parent, plot_text(label), value, colour, mark))

    def trace(self) -> dict[str, Any]:
        keys, parents, labels, values, colours, marks = (list(column) for column in zip(*self.parts, strict=True))
        return {
            "type": "icicle",
            "ids": keys, "parents": parents, "labels": labels, "values": values, "customdata": marks,
            "branchvalues": "remainder", "tiling": {"orientation": "h"},
            "sort": False, "pathbar": {"visible": False},
            "textinfo": "label", "leaf": {"opacity": 1},
            "hovertemplate": "%{label}<br>%{value:.4~g} µs, %{percentRoot:.1%}<extra></extra>",
            "marker": {"colors": colours, "line": {"color": LIGHT["page"], "width": 1}},
        }  # fmt: skip


def _figure(place: int, built: Built) -> Figure:
    shown = {id(row) for row in sorted(built.rows, key=lambda row: -(mid_ns(row.time_ns) or 0.0))[:MOST_LAYERS]}
    tree = _Tree()
    tree.add("all", "", Said(built.name), 0.0, colour=LIGHT["t0"])
    for category in CATEGORIES:
        rows = [row for row in built.rows if category_of(row) is category]
        if rows:
            _category(tree, place, category, rows, shown)
    kind = f"{built.provenance.value}{' mid' if built.provenance is Provenance.MODELLED else ''}"
    title = about(built.name, kind, ", ")
    layout = {
        "height": _HEIGHT,
        "margin": {"l": 0, "r": 0, "t": 32, "b": 8},
        "title": {"text": plot_text(title), "x": 0, "xref": "paper", "font": {"size": 14}},
        "uniformtext": {"minsize": 10, "mode": "hide"},
    }
    return checked([tree.trace()], framed(layout))


def _category(tree: _Tree, place: int, category: Category, rows: Sequence[Row], shown: set[int]) -> None:
    key, colour = f"c{category.place}", category_colour(category.place)
    tree.add(key, "all", category.short, 0.0, colour=colour)
    rest = [row for row in rows if id(row) not in shown]
    for row in rows:
        if id(row) not in shown:
            continue
        mark, kernel, time = row_id(place, row), kernel_of(row), mid_ns(row.time_ns) or 0.0
        label = Said(f"{row.layer.index} {shorten((row.nodes or (row.layer.name,))[0], _NAME)}")
        tree.add(mark, key, label, 0.0 if kernel else time, colour=colour, mark=mark)
        if kernel:
            tree.add(f"{mark}k", mark, Said(shorten(kernel, _NAME + 20)), time, colour=LIGHT["t1"], mark=mark)
    if rest:
        tree.add(
            f"{key}rest", key, f"{len(rest)} smaller", sum(mid_ns(row.time_ns) or 0.0 for row in rest), colour=colour
        )
