"""Where each layer ran, on the GPU or on the DLA, and where data crossed between them."""

from __future__ import annotations

from trtprof.board_run import DlaHop, DlaPlacement
from trtprof.board_words import dla_words
from trtprof.comparison import Built, Comparison
from trtprof.dashboards.chart import Segment, stacked_bars
from trtprof.dashboards.panel import Figure, Panel
from trtprof.dashboards.panels.rows import row_id
from trtprof.dashboards.said import Said, about
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, kib, names, number
from trtprof.dashboards.theme import LIGHT
from trtprof.dashboards.words import sentence, us, us_range
from trtprof.model import Unknown
from trtprof.units import ABSENT, plural

_LAYERS = (
    Column("row"),
    Column("engine"),
    Column("layer", wide=True),
    Column("ran on"),
    Column("time µs, measured", numeric=True),
    Column("why not on the DLA", wide=True),
)
_HOPS = (
    Column("engine"),
    Column("direction"),
    Column("after", wide=True),
    Column("before", wide=True),
    Column("rows that convert", numeric=True),
    Column("tensor KiB", numeric=True),
    Column("cost µs, modelled", numeric=True),
)


def panel(comparison: Comparison) -> Panel:
    """Return where the layers of each engine ran that was built for a DLA."""
    from markupsafe import Markup

    placed = [(built, built.dla) for built in comparison.engines if built.dla is not None]
    layers = [
        line
        for place, built in enumerate(comparison.engines)
        if built.dla is not None
        for line in _layer_lines(place, built, built.dla)
    ]
    hops = [_hop_line(built.name, hop) for built, dla in placed for hop in _hops(dla)]
    tables = [Table("placement-layers", "where each layer ran", _LAYERS, tuple(layers))]
    tables += [Table("placement-hops", "hops between GPU and DLA", _HOPS, tuple(hops))] if hops else []
    figure = _figure(placed)
    return Panel(
        id="placement",
        title="Where did each layer run?",
        text=sentence(about(built.name, dla_words(dla)) for built, dla in placed)
        or "Found nothing: no engine was built for a DLA.",
        how_to_read=(
            "each bar is an engine, its parts the layers on each of the two. A hop is a place where data goes from one "
            "to the other: the GPU reformats it, and both wait. Press a line of the first table to select its layer "
            "everywhere."
        ),
        caveat=(
            "the cost of a hop is modelled: at least a kernel and a wait, at most what a hop cost in NVIDIA's own DLA "
            "tutorial on AGX Orin, layers between included."
        ),
        html=Markup("").join(draw_table(table) for table in tables),
        figures=(figure,) if figure else (),
    )


def _hops(dla: DlaPlacement) -> tuple[DlaHop, ...]:
    return () if isinstance(dla.hops, Unknown) else dla.hops


def _figure(placed: list[tuple[Built, DlaPlacement]]) -> Figure | None:
    if not placed:
        return None
    on_dla, on_gpu = (
        [len(layers) for layers in side]
        for side in zip(*((d.dla_layers, d.gpu_layers) for _, d in placed), strict=True)
    )
    bars = [about(built.name, plural(len(_hops(dla)), "hop")) for built, dla in placed]
    parts = (("on the DLA", LIGHT["t5"], on_dla), ("on the GPU", LIGHT["t2"], on_gpu))
    segments = [
        Segment(label, colour, tuple(map(float, counts)), tuple(label if count else "" for count in counts),
                tuple(f"{plural(count, 'layer')} {label}" for count in counts))
        for label, colour, counts in parts
    ]  # fmt: skip
    return stacked_bars(bars, segments, "layers, counted")


def _layer_lines(place: int, built: Built, dla: DlaPlacement) -> list[TableRow]:
    times = {row.layer.name: row.time_ns for row in built.rows if isinstance(row.time_ns, float | int)}
    rows = {row.layer.name: row for row in reversed(built.rows)}
    reasons = dict(dla.refusals)
    order = {row.layer.name: index for index, row in enumerate(built.rows)}
    where = [(name, "DLA") for name in dla.dla_layers] + [(name, "GPU") for name in dla.gpu_layers]
    where.sort(key=lambda item: order.get(item[0], len(order)))
    return [
        TableRow(
            (
                Cell(str(rows[name].layer.index) if name in rows else ABSENT),
                Cell(Said(built.name)),
                names([name]),
                Cell(unit),
                number(times.get(name), us(times[name]) if name in times else ""),
                Cell(_reason(name, unit, reasons)),
            ),
            layer=row_id(place, rows[name]) if name in rows else None,
        )
        for name, unit in where
    ]


def _reason(name: str, unit: str, reasons: dict[str, str | None]) -> str:
    """What TensorRT says of a layer that the DLA refused; a fused row holds the names of several."""
    if unit == "DLA":
        return ""
    found = [reason or "not supported" for layer, reason in reasons.items() if layer and layer in name]
    return "; ".join(dict.fromkeys(found))


def _hop_line(engine: str, hop: DlaHop) -> TableRow:
    return TableRow(
        (
            Cell(Said(engine)),
            Cell("GPU to DLA" if hop.to_dla else "DLA to GPU"),
            names([hop.before]),
            names([hop.after]),
            number(len(hop.conversions), str(len(hop.conversions))),
            kib(hop.bytes_moved),
            Cell(us_range(hop.cost_ns), sort=hop.cost_ns.mid),
        )
    )
