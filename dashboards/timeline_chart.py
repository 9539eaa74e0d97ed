"""Charts of a trace: the kernels and gaps of one inference in lanes, and a whole run in bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from trtprof.dashboards.chart import bar_layout, checked, framed, plot_text
from trtprof.dashboards.panel import Figure
from trtprof.dashboards.said import Said, about, said
from trtprof.dashboards.theme import LIGHT
from trtprof.dashboards.words import UNITS, shorten, us
from trtprof.gpu_timeline import EngineTimeline, GapCause, RunBins, TracedGap, TracedKernel
from trtprof.model import Unit
from trtprof.units import NS_PER_MS, percent, plural, significant

MOST_BARS: Final = 1000
"""Kernels of an inference drawn one by one; in a longer one the short neighbours of a lane are drawn as one."""
_MOST_STREAMS: Final = 4
_NAME: Final = 72
_LANE_PX: Final = 54
_RUN_PX: Final = 250
SHADES: Final = {
    Unit.TENSOR_CORE: LIGHT["t5"], Unit.CUDA_CORE: LIGHT["t3"], Unit.NONE: LIGHT["t1"], Unit.DLA: LIGHT["t6"],
    Unit.UNKNOWN: LIGHT["t0"],
}  # fmt: skip
PATTERNS: Final = {
    GapCause.LAUNCH: "|", GapCause.HOST: "/", GapCause.SYNC: "x", GapCause.CALL: "\\", GapCause.COPY: "-",
    GapCause.QUEUED: ".", GapCause.UNKNOWN: "+",
}  # fmt: skip
"""What tells causes apart beside their names: a gap has no colour, for nothing ran."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A line of the chart: what one stream ran on one unit; of all streams where there are many."""

    stream: int | None
    unit: Unit


@dataclass(frozen=True, slots=True)
class Drawn:
    """A kernel, or a run of neighbours of one lane, from ``start_ns`` to ``end_ns``; ``busy_ns`` is what they ran."""

    kernels: tuple[TracedKernel, ...]
    start_ns: int
    end_ns: int
    busy_ns: int


def lanes_of(timeline: EngineTimeline) -> dict[Lane, list[TracedKernel]]:
    """Return the kernels of each lane, in order of stream and unit."""
    streams = {kernel.stream for kernel in timeline.kernels}
    apart = 1 < len(streams) <= _MOST_STREAMS
    found: dict[Lane, list[TracedKernel]] = {}
    for kernel in timeline.kernels:
        found.setdefault(Lane(kernel.stream if apart else None, kernel.unit), []).append(kernel)
    order = list(Unit)
    lanes = sorted(found, key=lambda lane: (-1 if lane.stream is None else lane.stream, order.index(lane.unit)))
    return {lane: found[lane] for lane in lanes}


def merged(kernels: Sequence[TracedKernel], smallest_ns: float) -> list[Drawn]:
    """Return the bars of a lane: neighbours that are short, and near each other, are one."""
    bars: list[Drawn] = []
    for kernel in kernels:
        end = kernel.start_ns + kernel.duration_ns
        last = bars[-1] if bars else None
        if (
            last is not None
            and kernel.duration_ns < smallest_ns
            and kernel.start_ns - last.end_ns < smallest_ns
            and end - last.start_ns < 2 * smallest_ns
        ):
            together = (*last.kernels, kernel)
            bars[-1] = Drawn(together, last.start_ns, max(end, last.end_ns), last.busy_ns + kernel.duration_ns)
        else:
            bars.append(Drawn((kernel,), kernel.start_ns, end, kernel.duration_ns))
    return bars


def smallest_ns(timeline: EngineTimeline) -> float:
    """Return the time below which neighbours are drawn as one; 0 where there is room for all."""
    return timeline.span_ns / MOST_BARS if len(timeline.kernels) > MOST_BARS else 0.0


def inference_figure(name: str, place: int, timeline: EngineTimeline) -> Figure:
    """Return the shown inference: a lane for each unit, and one for the times without a kernel."""
    lanes = lanes_of(timeline)
    least = smallest_ns(timeline)
    labels = [_lane_label(lane, kernels) for lane, kernels in lanes.items()]
    traces = [_lane(place, y, lane, merged(kernels, least)) for y, (lane, kernels) in enumerate(lanes.items())]
    traces += [
        _gap_trace(len(lanes), cause, [gap for gap in timeline.gaps if gap.cause is cause])
        for cause in PATTERNS
        if any(gap.cause is cause for gap in timeline.gaps)
    ]
    if timeline.gaps:
        causes = ", ".join(f"{cause.value} {_ms(time)}" for cause, time in timeline.causes[:2] if time)
        labels.append(f"no kernel: {_ms(timeline.idle_ns)} ms, most of it {causes}")
    layout = bar_layout(labels, "ms from its first kernel, measured")
    title = about(name, f"inference {timeline.shown:,} of {timeline.inferences:,}")
    return checked(
        traces,
        {
            **layout,
            "title": {"text": plot_text(title), "x": 0, "xref": "paper", "font": {"size": 14}},
            "margin": {"l": 8, "r": 16, "t": 34, "b": 48},
            "barmode": "overlay",
            "showlegend": False,
            "height": 130 + _LANE_PX * len(labels),
            "xaxis": {**layout["xaxis"], "range": [0, timeline.span_ns / NS_PER_MS]},
        },
    )


def _lane_label(lane: Lane, kernels: Sequence[TracedKernel]) -> str:
    stream = "" if lane.stream is None else f"stream {lane.stream}, "
    total = sum(kernel.duration_ns for kernel in kernels)
    return f"{stream}{UNITS[lane.unit]}: {plural(len(kernels), 'kernel')}, {_ms(total)} ms"


def _lane(place: int, y: int, lane: Lane, bars: Sequence[Drawn]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": plot_text(UNITS[lane.unit]),
        "base": [_short(bar.start_ns) for bar in bars],
        "x": [_short(bar.end_ns - bar.start_ns) for bar in bars],
        "y": [y] * len(bars),
        "width": 0.4,
        "customdata": [_mark(place, bar) for bar in bars],
        "meta": _meta([_said(bar) for bar in bars]),
        "hoverinfo": "text",
        "marker": {"color": SHADES[lane.unit], "line": {"color": LIGHT["soft"], "width": 0.4}},
    }


def _mark(place: int, bar: Drawn) -> str:
    rows = {kernel.row for kernel in bar.kernels}
    row = next(iter(rows))
    return f"e{place}r{row}" if len(rows) == 1 and row is not None else ""


def _said(bar: Drawn) -> str:
    return Said(shorten(bar.kernels[0].name, _NAME)) if len(bar.kernels) == 1 else f"{len(bar.kernels)} short kernels"


def _gap_trace(y: int, cause: GapCause, gaps: Sequence[TracedGap]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": plot_text(cause.value),
        "base": [_short(gap.start_ns) for gap in gaps],
        "x": [_short(gap.duration_ns) for gap in gaps],
        "y": [y] * len(gaps),
        "width": 0.4,
        "text": [plot_text(cause.value)] * len(gaps),
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "customdata": [""] * len(gaps),
        "meta": _meta([f"no kernel: {cause.value}{_host(gap)}" for gap in gaps]),
        "hoverinfo": "text",
        "marker": {
            "color": LIGHT["page"],
            "pattern": {"shape": PATTERNS[cause], "fgcolor": LIGHT["t3"], "bgcolor": LIGHT["page"], "size": 6,
                        "solidity": 0.2},
            "line": {"color": LIGHT["soft"], "width": 1},
        },
    }  # fmt: skip


def _host(gap: TracedGap) -> str:
    return f", the host longest in {gap.call}" if gap.call else ""


def _meta(said: Sequence[str]) -> dict[str, list[Any]]:
    """What is said of each bar beside its time and its layer, which the page's script knows; each text once."""
    texts = {text: place for place, text in enumerate(dict.fromkeys(said))}
    return {"names": [plot_text(text) for text in texts], "name": [texts[text] for text in said]}


def run_figure(name: str, timeline: EngineTimeline) -> Figure:
    """Return the whole run: for each bin, how much of its time each unit and each cause of a gap took."""
    run = timeline.run
    count = len((run.units or run.gaps)[0][1])
    width = _short(run.bin_ns)
    order = list(Unit)
    units = sorted(run.units, key=lambda item: order.index(item[0]))
    traces = [_area(UNITS[unit], width, shares, {"fillcolor": SHADES[unit]}) for unit, shares in units]
    traces += [_area(f"no kernel: {cause.value}", width, shares, _hatched(cause)) for cause, shares in run.gaps]
    axis = {"gridcolor": LIGHT["line"], "fixedrange": True, "automargin": True, "zeroline": False}
    title = about(name, f"the whole run, {count:,} bins of {bin_words(run)}")
    return checked(
        traces,
        framed(
            {
                "height": _RUN_PX + 22 * ((len(traces) + 3) // 4),
                "margin": {"l": 8, "r": 16, "t": 34, "b": 60},
                "title": {"text": plot_text(title), "x": 0, "xref": "paper", "font": {"size": 14}},
                "hovermode": "closest",
                "xaxis": {**axis, "title": {"text": plot_text("ms from the run's first kernel, measured")},
                          "range": [0, width * count]},
                "yaxis": {**axis, "range": [0, 1], "tickformat": ".0%", "nticks": 5},
                "shapes": [_shown(run)],
                "annotations": [_shown_label(run, timeline.shown)],
            }
        ),
    )  # fmt: skip


def bin_words(run: RunBins) -> str:
    """Return the width of a bin with its unit."""
    return f"{significant(run.bin_ns / NS_PER_MS, 3)} ms" if run.bin_ns >= NS_PER_MS else f"{us(run.bin_ns)} µs"


def _area(label: str, width: float, shares: Sequence[float], fill: dict[str, Any]) -> dict[str, Any]:
    mean = sum(shares) / len(shares)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": plot_text(Said(f"{said(label)} {percent(mean, 1)}")),
        "x0": 0,
        "dx": width,
        "y": [*shares, shares[-1]],
        "stackgroup": "time",
        "hoverinfo": "name",
        "hoveron": "fills",
        "line": {"width": 0.5, "shape": "hv", "color": LIGHT["soft"]},
        **fill,
    }


def _hatched(cause: GapCause) -> dict[str, Any]:
    return {
        "fillcolor": LIGHT["page"],
        "fillpattern": {"shape": PATTERNS[cause], "fgcolor": LIGHT["t3"], "bgcolor": LIGHT["page"], "size": 6,
                        "solidity": 0.2},
    }  # fmt: skip


def _shown(run: RunBins) -> dict[str, Any]:
    start, end = (time / NS_PER_MS for time in run.shown_ns)
    return {
        "type": "rect", "x0": start, "x1": end, "y0": 0, "y1": 1, "yref": "paper",
        "line": {"color": LIGHT["ink"], "width": 1.5}, "fillcolor": "rgba(0,0,0,0)",
    }  # fmt: skip


def _shown_label(run: RunBins, shown: int) -> dict[str, Any]:
    middle = sum(run.shown_ns) / 2 / NS_PER_MS
    side = "left" if middle < run.span_ns / NS_PER_MS / 2 else "right"
    return {
        "text": plot_text(f"inference {shown:,}"), "x": middle, "y": 1, "yref": "paper", "yanchor": "bottom",
        "xanchor": side, "showarrow": False, "font": {"color": LIGHT["ink"], "size": 12},
    }  # fmt: skip


def _short(time_ns: float) -> float:
    return round(time_ns / NS_PER_MS, 5)


def _ms(time_ns: float) -> str:
    return significant(time_ns / NS_PER_MS, 3)
