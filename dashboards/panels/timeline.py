"""What the GPU does in one inference, kernel by kernel, and where it waits; and the run that inference is from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from markupsafe import Markup

from trtprof.comparison import Built, Comparison
from trtprof.dashboards.panel import Panel
from trtprof.dashboards.panels.rows import shown_rows
from trtprof.dashboards.said import Said, about, mark, said
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, names, number
from trtprof.dashboards.timeline_chart import bin_words, inference_figure, run_figure, smallest_ns
from trtprof.dashboards.words import UNITS, paragraph, sentence, us
from trtprof.gpu_timeline import EngineTimeline, GapCause, TracedGap, TracedKernel
from trtprof.model import Unknown
from trtprof.units import ms, percent, plural

PAGE_KERNELS: Final = 150
"""Kernels of an inference that the table carries, the longest."""
OPEN_KERNELS: Final = 20
PAGE_GAPS: Final = 20
CAUSES: Final = {
    GapCause.LAUNCH: "the launch call was under way or had just returned",
    GapCause.HOST: "the launching thread was in code of its own",
    GapCause.SYNC: "it waited for the GPU in a synchronising call",
    GapCause.CALL: "it was in another CUDA call that takes long",
    GapCause.COPY: "the GPU copied or set memory",
    GapCause.QUEUED: "the kernel had been launched and waited for others, or for its turn",
    GapCause.UNKNOWN: "the trace holds no launch call",
}
_KERNELS: Final = (
    Column("start µs, measured", numeric=True),
    Column("µs, measured", numeric=True),
    Column("runs on"),
    Column("stream"),
    Column("row"),
    Column("layer", wide=True),
    Column("kernel", wide=True),
)
_GAPS: Final = (
    Column("engine"),
    Column("start µs, measured", numeric=True),
    Column("µs, measured", numeric=True),
    Column("main cause"),
    Column("the host was longest in"),
)
Traced = tuple[int, Built, EngineTimeline]


def panel(comparison: Comparison) -> Panel:
    """Return an inference and the run for each engine that was traced."""
    traced: list[Traced] = [
        (place, built, built.timeline)
        for place, built in enumerate(comparison.engines)
        if isinstance(built.timeline, EngineTimeline)
    ]
    return Panel(
        id="timeline",
        title="What does the GPU do in one inference, and when does it wait?",
        text=_text(comparison),
        how_to_read=_how_to_read(traced),
        caveat=_caveat(traced),
        html=Markup("").join(_tables(traced)),
        figures=tuple(
            figure
            for place, built, timeline in traced
            for figure in (inference_figure(built.name, place, timeline), run_figure(built.name, timeline))
        ),
    )


def _text(comparison: Comparison) -> str:
    reasons = [built.timeline.reason for built in comparison.engines if isinstance(built.timeline, Unknown)]
    if not comparison.engines:
        return "Found nothing: there is no engine."
    if len(reasons) == len(comparison.engines) and len(set(reasons)) == 1:
        return (
            f"Cannot tell, because {reasons[0]}. trtprof compare --nsys traces an engine as it "
            "measures it; an export of nsys in the directory of an engine's files is read as well."
        )
    return sentence(_words(built) for built in comparison.engines)


def _words(built: Built) -> str:
    timeline = built.timeline
    if isinstance(timeline, Unknown):
        return about(built.name, f"cannot tell, because {timeline.reason}")
    units = ", ".join(f"{UNITS[unit]} {ms(time)} ms" for unit, time in timeline.units)
    waits = ", ".join(f"{cause.value} {ms(time)} ms" for cause, time in timeline.causes if time)
    idle = timeline.idle_ns / timeline.span_ns if timeline.span_ns else None
    return about(
        built.name,
        f"{ms(timeline.span_ns)} ms from first to last of {plural(len(timeline.kernels), 'kernel')} "
        f"({units}), {percent(idle, 1)} of it without a kernel{f' ({waits})' if waits else ''}",
    )


def _how_to_read(traced: list[Traced]) -> str:
    if not traced:
        return ""
    causes = dict.fromkeys(cause for _, _, timeline in traced for cause, time in timeline.causes if time)
    causes |= dict.fromkeys(cause for _, _, timeline in traced for cause, _ in timeline.run.gaps)
    why = "; ".join(f"{cause.value}: {CAUSES[cause]}" for cause in CAUSES if cause in causes)
    return paragraph(
        [
            "two charts for each engine. The first is one inference: time runs to the right, each bar is a kernel, its "
            "line says what it runs on, and the last line has the times in which none ran. Press a kernel to select "
            "its layer everywhere. The second is the whole run, where the frame is that inference: how much of each "
            "bin's time went to what.",
            f"No kernel runs because of … {why}." if why else "",
        ]
    )


def _caveat(traced: list[Traced]) -> str:
    lines = []
    for _, built, timeline in traced:
        others = f"; {timeline.others:,} more are whole CUDA graphs or of other engines" if timeline.others else ""
        parts = [
            f"inference {timeline.shown:,} of {timeline.inferences:,} in {timeline.trace} is shown, the nearest to "
            f"their median of {ms(timeline.median_ns)} ms{others}",
            f"the run of {timeline.run.launches:,} launches is binned, {bin_words(timeline.run)} a bin",
        ]
        least = smallest_ns(timeline)
        if least:
            parts.append(f"neighbours shorter than {us(least)} µs are drawn as one")
        if timeline.gap_count > len(timeline.gaps):
            parts.append(f"the longest {len(timeline.gaps)} of {timeline.gap_count:,} gaps are drawn")
        loose = sum(kernel.row is None for kernel in timeline.kernels)
        if loose:
            parts.append(f"{plural(loose, 'kernel')} could not be tied to a row")
        lines.append(about(built.name, Said(mark(", ").join(map(said, parts)) + mark("."))))
    tracing = (
        "Tracing slows the host, so the times between kernels are longer than in the timed runs." if traced else ""
    )
    return paragraph([*lines, tracing])


def _tables(traced: list[Traced]) -> Iterator[Markup]:
    for place, built, timeline in traced:
        longest = sorted(timeline.kernels, key=lambda kernel: (-kernel.duration_ns, kernel.start_ns))[:PAGE_KERNELS]
        cut = (
            f", the longest {PAGE_KERNELS} of {len(timeline.kernels):,}" if len(timeline.kernels) > PAGE_KERNELS else ""
        )
        links = shown_rows(place, built)
        shown = {id(kernel) for kernel in longest[:OPEN_KERNELS]}
        lines = tuple(
            _kernel(place, kernel, links, minor=id(kernel) not in shown)
            for kernel in sorted(longest, key=lambda kernel: kernel.start_ns)
        )
        caption = about(built.name, f"kernels of the inference{cut}")
        toggle = f"only the {OPEN_KERNELS} longest" if len(lines) > OPEN_KERNELS else ""
        yield draw_table(Table(f"timeline-{place}", caption, _KERNELS, lines, toggle=toggle))
    gaps = tuple(_gap(built, gap) for _, built, timeline in traced for gap in _longest(timeline))
    if gaps:
        yield draw_table(
            Table("timeline-gaps", f"times without a kernel, the longest {PAGE_GAPS} of each", _GAPS, gaps)
        )


def _longest(timeline: EngineTimeline) -> list[TracedGap]:
    return sorted(timeline.gaps, key=lambda gap: (-gap.duration_ns, gap.start_ns))[:PAGE_GAPS]


def _kernel(place: int, kernel: TracedKernel, links: Mapping[int, str], *, minor: bool) -> TableRow:
    href = links.get(kernel.row) if kernel.row is not None else None
    return TableRow(
        (
            number(kernel.start_ns, us(kernel.start_ns)),
            number(kernel.duration_ns, us(kernel.duration_ns)),
            Cell(UNITS[kernel.unit]),
            Cell() if kernel.stream is None else Cell(str(kernel.stream)),
            Cell() if kernel.row is None else Cell(str(kernel.row), href=href),
            names([kernel.layer]),
            names([kernel.name]),
        ),
        layer=None if kernel.row is None else f"e{place}r{kernel.row}",
        minor=minor,
    )


def _gap(built: Built, gap: TracedGap) -> TableRow:
    return TableRow(
        (
            Cell(Said(built.name)),
            number(gap.start_ns, us(gap.start_ns)),
            number(gap.duration_ns, us(gap.duration_ns)),
            Cell(gap.cause.value),
            Cell() if gap.call is None else names([gap.call]),
        )
    )
