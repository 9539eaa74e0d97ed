"""Is the latency steady: every timed inference of an engine in order, and how often each time came up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import Any, Final

from trtprof.comparison import Built, Comparison
from trtprof.dashboards.chart import checked, framed, plot_text
from trtprof.dashboards.panel import Figure, Panel
from trtprof.dashboards.said import Said, about
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, number
from trtprof.dashboards.theme import LIGHT
from trtprof.dashboards.words import sentence
from trtprof.units import NS_PER_MS, ms, percent, plural

MOST_POINTS: Final = 600
"""Points of one engine; more inferences are drawn as the median of each run of neighbours."""
_BINS: Final = 40
_HEIGHT: Final = 240
_STEADY_RATIO: Final = 0.001


def panel(comparison: Comparison) -> Panel:
    """Return a chart for each engine with single inferences, and the percentiles of all."""
    engines = [built for built in comparison.engines if len(times_of(built)) > 1]
    cut = [f"{built.name}: {len(times_of(built)):,}" for built in engines if len(times_of(built)) > MOST_POINTS]
    drifts = [_words(built) for built in engines]
    rest = [built.name for built in comparison.engines if built not in engines]
    if rest and engines:
        drifts.append(about(", ".join(rest), "cannot tell, no single inference was timed"))
    return Panel(
        id="iterations",
        title="Is the latency steady?",
        text=sentence(drifts) or "Cannot tell: the files hold no times of single inferences.",
        how_to_read=(
            "on the left each point is one inference in the order they ran; lines are the median and p99. On the right "
            "the same times, by how often each came up. The axis does not start at 0. A drift, steps or two heaps mean "
            "that clocks, heat or another program were at work, and no average is the whole story."
            if engines
            else ""
        ),
        caveat=(
            f"a point is the median of a run of inferences, because there are many ({'; '.join(cut)}); the histogram "
            "and the table count each."
            if cut
            else ""
        ),
        html=draw_table(_table(engines)) if engines else None,
        figures=tuple(_figure(built) for built in engines),
    )


def times_of(built: Built) -> tuple[float, ...]:
    """Return the times of single inferences in ns: of the GPU where it was timed, else with transfers."""
    inference = built.engine.inference
    return () if inference is None else inference.compute_ns or inference.latency_ns


def drift_ratio(times: Sequence[float]) -> float:
    """Return how much slower the median of the last quarter is than that of the first, as a ratio."""
    quarter = max(1, len(times) // 4)
    first = median(times[:quarter])
    return median(times[-quarter:]) / first - 1 if first else 0.0


def signed_percent(ratio: float) -> str:
    """Return a ratio as percent with its sign and without the unit; what rounds to 0 has no sign."""
    text = f"{ratio * 100:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The value that so many do not exceed, as the tiles count it."""
    return ordered[min(len(ordered), math.ceil(share * len(ordered))) - 1]


def _words(built: Built) -> str:
    times = times_of(built)
    drift = drift_ratio(times)
    text = f"{plural(len(times), 'inference')}, median {ms(median(times))} ms, "
    if abs(drift) < _STEADY_RATIO:
        return about(built.name, text + "the last quarter as fast as the first")
    change = f"{percent(abs(drift), 1)} {'slower' if drift > 0 else 'faster'}"
    return about(built.name, f"{text}the last quarter {change} than the first")


def thinned(times: Sequence[float]) -> list[tuple[float, float]]:
    """Return (number of the inference, time), at most :data:`MOST_POINTS`: medians of runs where there are more."""
    step = -(-len(times) // MOST_POINTS)
    runs = [times[at : at + step] for at in range(0, len(times), step)]
    return [(place * step + (len(run) - 1) / 2 + 1, median(run)) for place, run in enumerate(runs)]


def binned(times: Sequence[float]) -> list[tuple[float, float, int]]:
    """Return (low, high, count) of equal bins over the range of the times; one bin where all are the same."""
    low, high = min(times), max(times)
    width = (high - low) / _BINS
    if not width:
        return [(low, high, len(times))]
    counts = [0] * _BINS
    for time in times:
        counts[min(_BINS - 1, int((time - low) / width))] += 1
    return [(low + place * width, low + (place + 1) * width, count) for place, count in enumerate(counts)]


def _figure(built: Built) -> Figure:
    times = times_of(built)
    ordered = sorted(times)
    points, bins = thinned(times), binned(times)
    lines = (("median", median(times), "solid"), ("p99", _quantile(ordered, 0.99), "dot"))
    data: list[dict[str, Any]] = [
        {
            "type": "scatter", "mode": "markers", "name": plot_text("inference"), "showlegend": False,
            "x": [x for x, _ in points], "y": [_ms(time) for _, time in points],
            "hovertext": [plot_text(f"inference {x:g}: {ms(time)} ms") for x, time in points], "hoverinfo": "text",
            "marker": {"color": LIGHT["t4"], "size": 4},
        },
        {
            "type": "bar", "orientation": "h", "name": plot_text("how often"), "showlegend": False, "xaxis": "x2",
            "y": [_ms((low + high) / 2) for low, high, _ in bins], "x": [count for _, _, count in bins],
            "hovertext": [plot_text(f"{ms(low)} to {ms(high)} ms: {count:,}") for low, high, count in bins],
            "hoverinfo": "text", "marker": {"color": LIGHT["t4"], "line": {"color": LIGHT["page"], "width": 0.5}},
        },
    ]  # fmt: skip
    if bins[0][0] < bins[0][1]:
        data[1]["width"] = _ms(bins[0][1] - bins[0][0])
    return checked(data, _layout(built, lines))


def _layout(built: Built, lines: Sequence[tuple[str, float, str]]) -> dict[str, Any]:
    axis = {"gridcolor": LIGHT["line"], "fixedrange": True, "automargin": True, "zeroline": False}
    return framed(
        {
            "height": _HEIGHT,
            "margin": {"l": 8, "r": 16, "t": 34, "b": 44},
            "title": {"text": plot_text(about(built.name, f"{_what(built)}, measured, ms")), "x": 0, "xref": "paper",
                      "font": {"size": 14}},
            "hovermode": "closest",
            "xaxis": {**axis, "title": {"text": plot_text("inference")}, "domain": [0, 0.68]},
            "xaxis2": {**axis, "title": {"text": plot_text("how often")}, "domain": [0.72, 1], "anchor": "y",
                       "nticks": 4},
            "yaxis": {**axis, "tickformat": ".4~g"},
            "shapes": [
                {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": _ms(at), "y1": _ms(at),
                 "line": {"color": LIGHT["ink"], "width": 1.2, "dash": dash}}
                for _, at, dash in lines
            ],
            "annotations": [
                {"text": plot_text(f"{name} {ms(at)}"), "xref": "paper", "x": 1, "xanchor": "right", "y": _ms(at),
                 "showarrow": False, "yanchor": "bottom", "bgcolor": LIGHT["page"],
                 "font": {"color": LIGHT["ink"], "size": 12}}
                for name, at, _ in lines
            ],
        }
    )  # fmt: skip


def _what(built: Built) -> str:
    inference = built.engine.inference
    return "GPU compute" if inference is not None and inference.compute_ns else "latency"


def _ms(time_ns: float) -> float:
    return round(time_ns / NS_PER_MS, 6)


def _table(engines: Sequence[Built]) -> Table:
    shares = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
    columns = (
        Column("engine"),
        Column("inferences", numeric=True),
        Column("shortest, measured, ms", numeric=True),
        *(Column(f"{name}, measured, ms", numeric=True) for name, _ in shares),
        Column("longest, measured, ms", numeric=True),
        Column("last quarter against the first, %", numeric=True),
    )
    lines = []
    for built in engines:
        times = sorted(times_of(built))
        drift = drift_ratio(times_of(built))
        values = [times[0], median(times), *(_quantile(times, share) for _, share in shares[1:]), times[-1]]
        lines.append(
            TableRow(
                (
                    Cell(Said(built.name)),
                    number(len(times), f"{len(times):,}"),
                    *(number(value, ms(value)) for value in values),
                    number(drift, signed_percent(drift)),
                )
            )
        )
    return Table("iterations-table", "times of single inferences, measured", columns, tuple(lines), tools=False)
