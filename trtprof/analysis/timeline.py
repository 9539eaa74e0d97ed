"""The GPU's own timeline of an engine: the inference nearest the median at kernel level, and the whole run in bins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from trtprof.analysis.attribution import Attribution, attribute
from trtprof.analysis.cuda_graphs import hidden_graphs
from trtprof.analysis.gaps import GapBlock, device_times, gap_blocks
from trtprof.analysis.iterations import Iteration, inferences, spread
from trtprof.gpu_timeline import EngineTimeline, GapCause, RunBins, TracedGap, TracedKernel
from trtprof.kernels import classify_all
from trtprof.model import Unit, Unknown

if TYPE_CHECKING:
    from trtprof.analysis.trace import (
        Activities,
        Calls,
        GraphCreation,
        GraphNode,
        GraphRun,
        Ints,
        Kernels,
        Ranges,
    )

MOST_BINS: Final = 400
"""Bins of a run: more than a chart has room for."""
MOST_KERNELS: Final = 20_000
"""Kernels of an inference that are told one by one; a longer one cannot be read as bars anyway."""
MOST_GAPS: Final = 300
_PROFILE: Final = " [profile "
"""How TensorRT ends the name of a layer of an engine with several optimisation profiles."""


@dataclass(frozen=True)
class TraceParts:
    """What of a trace the timeline is made of; :class:`Unknown` where the trace does not hold it."""

    name: str
    kernels: Kernels
    calls: Calls | Unknown
    ranges: Ranges | Unknown
    activities: Activities | Unknown
    graph_nodes: Sequence[GraphNode] = ()
    graph_runs: Sequence[GraphRun] = ()
    graph_creations: Sequence[GraphCreation] = ()
    gpus: Mapping[int, str] | None = None


def engine_timeline(trace: TraceParts, rows: Mapping[str, int]) -> EngineTimeline | Unknown:
    """Return the timeline of a trace, its kernels tied to an engine's rows by the names of layers.

    Args:
        trace: what was traced.
        rows: the index of each row of the engine by the name of its layer.
    """
    kernels, calls, ranges = trace.kernels, trace.calls, trace.ranges
    if len(kernels) == 0 and not trace.graph_runs:
        return Unknown("the trace holds no kernel")
    attribution = attribute(kernels, calls, ranges, trace.graph_nodes)
    if isinstance(attribution, Unknown) or isinstance(calls, Unknown) or isinstance(ranges, Unknown):
        reason = next(part for part in (calls, ranges, attribution) if isinstance(part, Unknown))
        return Unknown(f"no inference can be told in the trace: {reason.reason}")
    hidden = hidden_graphs(trace.graph_runs, trace.graph_creations, calls)
    found = inferences(kernels, calls, ranges, attribution, hidden=hidden, runs=trace.graph_runs)
    if isinstance(found, Unknown):
        return found
    row_of_kernel = _rows_of_kernels(ranges, attribution, rows)
    own = _of_engine(found, kernels.start_ns[row_of_kernel >= 0])
    place = nearest_median(own)
    shown = own[place]
    if shown.launches is not None and shown.launches > MOST_KERNELS:
        return Unknown(f"an inference of {shown.launches:,} kernels, more than the {MOST_KERNELS:,} that are told")
    device = _device(trace, shown)
    gap_time = next(
        item
        for item in device_times(
            kernels, calls, attribution.call, activities=trace.activities, runs=trace.graph_runs,
            window_ns=(shown.gpu_start_ns, shown.gpu_end_ns), most=MOST_GAPS,
        )
        if item.device == device
    )  # fmt: skip
    median = spread(item.gpu_ns for item in own)
    assert median is not None
    gaps = gap_blocks(kernels, calls, attribution.call, device, activities=trace.activities, runs=trace.graph_runs)
    return EngineTimeline(
        trace=trace.name,
        device=(trace.gpus or {}).get(device),
        inferences=len(own),
        others=len(found) - len(own),
        shown=place + 1,
        median_ns=median.median_ns,
        span_ns=shown.gpu_ns,
        kernels=_kernels(trace, attribution.layer, shown, device, row_of_kernel),
        gaps=tuple(
            sorted(
                (
                    TracedGap(gap.start_ns - shown.gpu_start_ns, gap.duration_ns, gap.cause, gap.call)
                    for gap in gap_time.longest
                ),
                key=lambda gap: gap.start_ns,
            )
        ),
        gap_count=sum(total.gaps for total in gap_time.causes),
        causes=tuple((total.cause, total.total_ns) for total in gap_time.causes),
        run=_bins(trace, device, gaps, shown),
    )


def nearest_median(found: Sequence[Iteration]) -> int:
    """Return the place of the inference whose time on the GPU is nearest the median, the earlier of equal ones."""
    median = spread(item.gpu_ns for item in found)
    assert median is not None
    return min(range(len(found)), key=lambda place: (abs(found[place].gpu_ns - median.median_ns), place))


def _device(trace: TraceParts, shown: Iteration) -> int:
    """Return the GPU of the inference: that of the work it starts with."""
    import numpy as np

    at = np.flatnonzero(trace.kernels.start_ns == shown.gpu_start_ns)
    if len(at):
        return int(trace.kernels.device[at[0]])
    return next(run.device for run in trace.graph_runs if run.start_ns == shown.gpu_start_ns)


def _rows_of_kernels(ranges: Ranges, attribution: Attribution, rows: Mapping[str, int]) -> Ints:
    """Return for each kernel the index of the engine's row its layer is, -1 for none."""
    import numpy as np

    row_of_name = np.array([_row(name, rows) for name in ranges.names] + [-1], np.int64)
    found: Ints = row_of_name[np.append(ranges.name, -1)[attribution.layer]]
    found[attribution.layer < 0] = -1
    return found


def _row(layer: str, rows: Mapping[str, int]) -> int:
    found = rows.get(layer)
    return rows.get(layer.partition(_PROFILE)[0], -1) if found is None else found


def _of_engine(found: Sequence[Iteration], starts: Ints) -> list[Iteration]:
    """Return the inferences that ran a row of the engine; where none did, those with kernels, else all.

    A program may run several engines, and a CUDA graph may be traced without its kernels. ``starts`` are those of the
    engine's own kernels, in order.
    """
    import numpy as np

    first = np.searchsorted(starts, [item.gpu_start_ns for item in found], "left")
    last = np.searchsorted(starts, [item.gpu_end_ns for item in found], "left")
    own = [item for item, low, high in zip(found, first.tolist(), last.tolist(), strict=True) if low < high]
    return own or [item for item in found if item.launches is not None] or list(found)


def _kernels(
    trace: TraceParts, layer_of_kernel: Ints, shown: Iteration, device: int, row_of_kernel: Ints
) -> tuple[TracedKernel, ...]:
    """Return what ran on the GPU during the inference, in order of start."""
    import numpy as np

    kernels, ranges = trace.kernels, trace.ranges
    assert not isinstance(ranges, Unknown)
    inside = np.flatnonzero(
        (kernels.start_ns >= shown.gpu_start_ns) & (kernels.start_ns < shown.gpu_end_ns) & (kernels.device == device)
    )
    columns = (kernels.name, kernels.start_ns, kernels.end_ns, kernels.stream, layer_of_kernel, row_of_kernel)
    lines = list(zip(*(column[inside].tolist() for column in columns), strict=True))
    classes = classify_all(kernels.names[line[0]] for line in lines)
    found = [
        TracedKernel(
            kernels.names[name],
            start - shown.gpu_start_ns,
            end - start,
            None if stream < 0 else stream,
            classes[kernels.names[name]].unit,
            ranges.names[int(ranges.name[layer])] if layer >= 0 else None,
            None if row < 0 else row,
        )
        for name, start, end, stream, layer, row in lines
    ]
    for run in trace.graph_runs:
        if run.device == device and shown.gpu_start_ns <= run.start_ns < shown.gpu_end_ns:
            name, start = f"CUDA graph {run.graph}, traced as a whole", run.start_ns - shown.gpu_start_ns
            found.append(TracedKernel(name, start, run.end_ns - run.start_ns, None, Unit.UNKNOWN, None, None))
    return tuple(sorted(found, key=lambda kernel: (kernel.start_ns, kernel.duration_ns, kernel.name)))


def _bins(trace: TraceParts, device: int, gaps: Iterable[GapBlock], shown: Iteration) -> RunBins:
    """Return the run of one GPU in bins whose shares add up to 1."""
    import numpy as np

    start, end, unit = _work(trace, device)
    first, last = int(start.min()), int(end.max())
    edges = np.linspace(0.0, last - first, min(MOST_BINS, max(1, last - first)) + 1)
    width = float(edges[1] - edges[0])
    idle = {cause: np.zeros(len(edges) - 1) for cause in GapCause}
    for block in gaps:
        length = (block.end_ns - block.start_ns).astype(np.float64)
        for cause, part in block.parts_ns.items():
            if part.any():
                idle[cause] += _time_in(block.start_ns - first, block.end_ns - first, edges, part / length) / width
    busy = {
        kind: _time_in(start[of_it] - first, end[of_it] - first, edges) / width
        for place, kind in enumerate(Unit)
        if (of_it := unit == place).any()
    }
    room = np.clip(1.0 - sum(idle.values(), np.zeros(len(edges) - 1)), 0.0, 1.0)
    total = sum(busy.values(), np.zeros(len(edges) - 1))
    scale = np.divide(room, total, out=np.zeros_like(total), where=total > 0)
    return RunBins(
        bin_ns=width,
        span_ns=last - first,
        launches=len(start),
        units=tuple((kind, _shares(part * scale)) for kind, part in busy.items()),
        gaps=tuple((cause, _shares(part)) for cause, part in idle.items() if part.any()),
        shown_ns=(shown.gpu_start_ns - first, shown.gpu_end_ns - first),
    )


def _shares(part: Any) -> tuple[float, ...]:
    shares: list[float] = part.round(3).tolist()
    return tuple(shares)


def _work(trace: TraceParts, device: int) -> tuple[Ints, Ints, Ints]:
    """Return start, end and the place of its unit of all that ran on a GPU."""
    import numpy as np

    kernels = trace.kernels
    own = kernels.device == device
    classes = classify_all(kernels.names)
    order = list(Unit)
    of_name = np.array([order.index(classes[name].unit) for name in kernels.names] or [0])
    runs = [run for run in trace.graph_runs if run.device == device]
    return (
        np.concatenate([kernels.start_ns[own], np.array([run.start_ns for run in runs], np.int64)]),
        np.concatenate([kernels.end_ns[own], np.array([run.end_ns for run in runs], np.int64)]),
        np.concatenate([of_name[kernels.name[own]], np.full(len(runs), order.index(Unit.UNKNOWN))]),
    )


def _time_in(start: Ints, end: Ints, edges: Any, weight: Any = None) -> Any:
    """Return how much of the intervals, which may overlap, lies between each two edges; each counts by its weight."""
    import numpy as np

    before = np.zeros(len(edges))
    for sign, times in ((1.0, start), (-1.0, end)):
        order = np.argsort(times, kind="stable")
        each = np.ones(len(times)) if weight is None else weight[order]
        place = np.searchsorted(times[order], edges, "right")
        counts, sums = (np.concatenate(([0.0], np.cumsum(part))) for part in (each, each * times[order]))
        before += sign * (counts[place] * edges - sums[place])
    return np.diff(before)
