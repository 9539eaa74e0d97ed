"""Every row of every engine on its time axis, one strip an engine: what runs when, and where conversions stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trtprof.comparison import Built, Comparison, Row
from trtprof.dashboards.categories import CATEGORIES, CONVERT, QUANTISE, Category, category_of, mid_ns
from trtprof.dashboards.chart import bar_layout, checked, plot_text
from trtprof.dashboards.panel import Figure, Panel
from trtprof.dashboards.panels.rows import row_id
from trtprof.dashboards.said import about
from trtprof.dashboards.theme import LIGHT, category_colour
from trtprof.dashboards.words import paragraph, sentence, total_words
from trtprof.model import Provenance
from trtprof.units import NS_PER_MS, plural

MOST_BARS: Final = 400
"""Bars of one strip; a longer engine has its smallest neighbours of one category drawn as one."""
_TALL: Final = 0.5
_FLAT: Final = 0.34
_STANDS_OUT: Final = (QUANTISE, CONVERT)


@dataclass(frozen=True, slots=True)
class Bar:
    """A row, or a run of neighbours of one category, from ``start_ns`` on."""

    rows: tuple[Row, ...]
    category: Category
    start_ns: float
    time_ns: float


def panel(comparison: Comparison) -> Panel:
    """Return a strip for each engine, engines of one provenance in one chart."""
    engines = comparison.engines
    drawn = {place: bars for place, built in enumerate(engines) if (bars := strip(built))}
    merged = [
        about(engines[place].name, f"{sum(len(bar.rows) for bar in bars):,} rows in {len(bars)} bars")
        for place, bars in drawn.items()
        if any(len(bar.rows) > 1 for bar in bars)
    ]
    caveats = []
    if any(engines[place].provenance is Provenance.MODELLED for place in drawn):
        caveats.append("Bars of modelled engines are mid values of the model; no row was timed.")
    if merged:
        caveats.append(f"Neighbours of one category are drawn as one bar where there are many ({'; '.join(merged)}).")
    return Panel(
        id="order",
        title="What does each engine do, in order?",
        text=sentence(_words(place, built, drawn) for place, built in enumerate(engines))
        or "Found nothing: there is no engine.",
        how_to_read=(
            "time runs to the right, each bar is a row of the engine, its colour the category. Rows that only convert "
            "are taller and have an edge. Press a bar to select the layer in every table and chart of this page; the "
            "numbers are in the tables of rows."
            if drawn
            else ""
        ),
        caveat=paragraph(caveats),
        figures=tuple(figure for kind in Provenance if (figure := _figure(engines, drawn, kind)) is not None),
    )


def strip(built: Built) -> list[Bar]:
    """Return the bars of an engine in execution order; none where the time of a row is unknown."""
    times = [mid_ns(row.time_ns) for row in built.rows]
    known = [time for time in times if time is not None]
    if len(known) < len(times):
        return []
    bars: list[Bar] = []
    total = sum(known)
    small = total / MOST_BARS if len(known) > MOST_BARS else 0.0
    at = 0.0
    for row, time in zip(built.rows, known, strict=True):
        category = category_of(row)
        last = bars[-1] if bars else None
        if last and last.category is category and time < small and last.time_ns < small:
            bars[-1] = Bar((*last.rows, row), category, last.start_ns, last.time_ns + time)
        else:
            bars.append(Bar((row,), category, at, time))
        at += time
    return bars


def _words(place: int, built: Built, drawn: dict[int, list[Bar]]) -> str:
    if place not in drawn:
        return about(built.name, f"cannot tell, {'the time of a row is unknown' if built.rows else 'it has no rows'}")
    converting = sum(1 for row in built.rows if category_of(row) in _STANDS_OUT)
    text = f"{plural(len(built.rows), 'row')} in {total_words(built.total_ns, built.provenance)}"
    return about(built.name, f"{text}, {converting or 'none'} of them only to convert")


def _figure(engines: Sequence[Built], drawn: dict[int, list[Bar]], kind: Provenance) -> Figure | None:
    places = [place for place in drawn if engines[place].provenance is kind]
    if not places:
        return None
    traces = list(_traces(drawn, places))
    labels = [about(engines[place].name, total_words(engines[place].total_ns, kind)) for place in places]
    layout = bar_layout(labels, f"{kind.value}{' mid' if kind is Provenance.MODELLED else ''}, ms")
    return checked(traces, {**layout, "barmode": "overlay", "bargap": 0})


def _traces(drawn: dict[int, list[Bar]], places: list[int]) -> Iterator[dict[str, Any]]:
    for category in CATEGORIES:
        found = [(y, place, bar) for y, place in enumerate(places) for bar in drawn[place] if bar.category is category]
        if not found:
            continue
        tall = category in _STANDS_OUT
        yield {
            "type": "bar",
            "orientation": "h",
            "name": plot_text(category.short),
            "base": [_short(bar.start_ns) for _, _, bar in found],
            "x": [_short(bar.time_ns) for _, _, bar in found],
            "y": [y for y, _, _ in found],
            "width": _TALL if tall else _FLAT,
            "customdata": [_mark(place, bar) for _, place, bar in found],
            "hoverinfo": "text",
            "marker": {
                "color": category_colour(category.place),
                "line": {"color": LIGHT["ink"] if tall else LIGHT["page"], "width": 1 if tall else 0.3},
            },
        }


def _mark(place: int, bar: Bar) -> str:
    first = row_id(place, bar.rows[0])
    return first if len(bar.rows) == 1 else f"{first}-{bar.rows[-1].layer.index}"


def _short(time_ns: float) -> float:
    return round(time_ns / NS_PER_MS, 6)
