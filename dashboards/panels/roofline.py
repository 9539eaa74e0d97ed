"""Each layer under its GPU's roof, the ones furthest from it, and whether INT8 helped where the roof says it should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from markupsafe import Markup

from trtprof.bounds import Bound, EngineRoofline, GroupSpeedup, RowRoof, SpeedupCheck
from trtprof.comparison import Built, Comparison
from trtprof.dashboards.chart import plot_text
from trtprof.dashboards.panel import Figure, Panel
from trtprof.dashboards.panels.rows import row_id
from trtprof.dashboards.roof_chart import roof_chart
from trtprof.dashboards.said import Said, about, said
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, names, number
from trtprof.dashboards.words import cannot_tell, sentence, shorten, us
from trtprof.model import Unknown
from trtprof.units import ms, percent, plural, significant

_FURTHEST: Final = 10
_GROUPS: Final = 20
_LABEL: Final = 40


def panel(comparison: Comparison) -> Panel:
    """Return a chart for each engine, its ten rows with most time above their roof, and expected against got."""
    engines = {built.name: (place, built) for place, built in enumerate(comparison.engines)}
    items = [item for item in comparison.rooflines if item.engine in engines]
    sources = dict.fromkeys(item.roofs.source for item in items if not isinstance(item.roofs, Unknown))
    parts = [f"Roofs: {source}" for source in sources]
    parts += [engine_words(item) for item in items if not isinstance(item.roofs, Unknown)]
    parts += _without_roofs(items)
    parts += [check.sentence for check in comparison.speedups]
    return Panel(
        id="roofline",
        title="How far is each layer from what the GPU could do?",
        text=sentence(parts) or "Found nothing: no engine was held against a roof.",
        how_to_read=(
            "the roof of a row is the longer of its operations at the GPU's peak for the type it multiplies in and "
            "its bytes at the memory bandwidth; no kernel reaches it quite. In the chart a conv or gemm row is a "
            "point, and the further below its line, the more time it leaves. A row is bound by launch where it takes "
            "about as long as the engine's quickest row, whatever its work. Expected is the ratio of the roofs."
            if sources
            else ""
        ),
        caveat=(
            "bytes are the least traffic: each tensor and the weights once. What stays in a cache can put a row above "
            "its roof; a kernel that reads twice looks worse than it is. Rows that multiply nothing are held against "
            "memory alone and are in the table only."
            if sources
            else ""
        ),
        html=Markup("").join(_tables(comparison, items, engines)),
        figures=tuple(figure for item in items if (figure := _figure(item, *engines[item.engine])) is not None),
    )


def _without_roofs(items: Sequence[EngineRoofline]) -> Iterator[str]:
    """Say why engines have no roofs, once for those with the same reason."""
    why: dict[Unknown, list[str]] = {}
    for item in items:
        if isinstance(item.roofs, Unknown):
            why.setdefault(item.roofs, []).append(item.engine)
    for unknown, names_ in why.items():
        yield about(", ".join(names_), cannot_tell(unknown))


def engine_words(item: EngineRoofline) -> str:
    """Return in words what bounds the rows of an engine with roofs, and where most time is above them."""
    bounds = Counter(row.bound for row in item.rows if isinstance(row.bound, Bound))
    known = _furthest(item)
    text = ", ".join(f"{plural(bounds[kind], 'row')} bound by {kind.value}" for kind in Bound if bounds[kind])
    if known:
        total = ms(sum(row.at_stake_ns or 0.0 for row in known))
        text += f", {total} ms above the roof, most of it in row {known[0].row} ({ms(known[0].at_stake_ns)} ms)"
    for reason, count in Counter(row.bound.reason for row in item.rows if isinstance(row.bound, Unknown)).items():
        text += f", no roof for {plural(count, 'row')}: {reason}"
    return about(item.engine, text)


def _furthest(item: EngineRoofline) -> list[RowRoof]:
    known = [row for row in item.rows if row.at_stake_ns is not None]
    return sorted(known, key=lambda row: (-(row.at_stake_ns or 0.0), row.row))


def _figure(item: EngineRoofline, place: int, built: Built) -> Figure | None:
    if isinstance(item.roofs, Unknown):
        return None
    labels = {row.layer.index: shorten((row.nodes or (row.layer.name,))[0], _LABEL) for row in built.rows}
    figure = roof_chart(item.roofs, item.rows, labels, place)
    if figure is not None:
        figure["layout"]["title"] = {
            "text": plot_text(Said(item.engine)),
            "x": 0,
            "xref": "paper",
            "font": {"size": 14},
        }
        figure["layout"]["margin"] = {**figure["layout"]["margin"], "t": 36}
    return figure


def _tables(
    comparison: Comparison, items: list[EngineRoofline], engines: dict[str, tuple[int, Built]]
) -> Iterator[Markup]:
    for item in items:
        place, built = engines[item.engine]
        if rows := _furthest(item)[:_FURTHEST]:
            yield draw_table(_row_table(place, built, item, rows))
    for place, check in enumerate(comparison.speedups):
        if check.groups:
            yield draw_table(_group_table(place, check))


def _row_table(place: int, built: Built, item: EngineRoofline, rows: list[RowRoof]) -> Table:
    columns = (
        Column("row"), Column("layer", wide=True), Column("multiplies in"), Column("operations a byte", numeric=True),
        Column("bound by"), Column("derived, µs", numeric=True), Column("roof, µs", numeric=True),
        Column("of the roof, %", numeric=True), Column("above the roof, µs", numeric=True),
    )  # fmt: skip
    by_index = {row.layer.index: row for row in built.rows}
    lines = tuple(
        TableRow(
            (
                Cell(str(row.row), href=row_id(place, by_index[row.row])),
                names([by_index[row.row].layer.name]),
                Cell(row.math.value.upper()) if row.math else Cell(),
                number(row.intensity, significant(row.intensity or 0.0, 3)),
                Cell(row.bound.value) if isinstance(row.bound, Bound) else Cell(),
                number(row.time_ns, us(row.time_ns or 0.0)),
                number(row.roof_ns, us(row.roof_ns or 0.0)),
                number(row.roof_ratio, percent(row.roof_ratio).removesuffix(" %")),
                number(row.at_stake_ns, us(row.at_stake_ns or 0.0)),
            )
        )
        for row in rows
    )
    caption = about(item.engine, f"the {plural(len(lines), 'row')} with most time above the roof (derived)")
    return Table(f"roofline-{place}", caption, columns, lines, tools=False)


def _group_table(place: int, check: SpeedupCheck) -> Table:
    """The groups furthest below what the roofs let expect, first."""
    ordered = sorted(check.groups, key=lambda group: (_reached(group), group.group))
    columns = (
        Column("ONNX nodes", wide=True), Column("weights over input", numeric=True),
        Column("expected, ×", numeric=True), Column("got by conv and gemm, ×", numeric=True),
        Column("got with conversions, ×", numeric=True),
    )  # fmt: skip
    rows = tuple(
        TableRow(
            (
                names(group.nodes),
                _ratio(group.weights_over_input_ratio),
                _ratio(group.expected_ratio),
                _ratio(group.got_math_ratio),
                _ratio(group.got_ratio),
            ),
            group=group.group,
        )
        for group in ordered[:_GROUPS]
    )
    part = f"the {len(rows)} of {len(ordered):,} furthest below" if len(rows) < len(ordered) else "furthest below first"
    pair = f"{check.engine} {said('against')} {check.reference}"
    caption = about(pair, f"speed-up expected by the roofs and got, {part} (derived)")
    return Table(f"speedup-{place}", caption, columns, rows)


def _reached(group: GroupSpeedup) -> float:
    if group.expected_ratio is None or group.got_ratio is None:
        return float("inf")
    return group.got_ratio / group.expected_ratio


def _ratio(value: float | None) -> Cell:
    return number(value, significant(value or 0.0, 3))
