"""Inferences one by one: kernel time, time on the GPU from first to last kernel, time of the enqueuing call.

An inference is a range ``ExecutionContext::enqueue`` (or ``execute``) of TensorRT, a replay of a CUDA graph that was
captured in one, or any NVTX range the caller names.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from trtprof.analysis.attribution import Attribution, execution_ranges
from trtprof.analysis.cuda_graphs import HiddenGraph
from trtprof.analysis.grouping import group
from trtprof.analysis.intervals import Intervals, innermost
from trtprof.analysis.launches import calls_of
from trtprof.model import Unknown

if TYPE_CHECKING:
    from trtprof.analysis.trace import Calls, GraphRun, Ints, Kernels, Ranges


class IterationKind(str, Enum):
    """How an inference came to run: launched kernel by kernel, or as a CUDA graph whose kernels were traced or not."""

    RANGE = "range"
    REPLAY = "replay"
    WHOLE_GRAPH = "whole_graph"


@dataclass(frozen=True, slots=True)
class Iteration:
    """One inference. ``launches`` and ``kernel_ns`` are ``None`` where a graph was traced as a whole.

    ``host_ns`` is the time of the range or of the graph's launch call; ``None`` where that call is not in the trace.
    """

    kind: IterationKind
    gpu_start_ns: int
    gpu_end_ns: int
    host_ns: int | None
    launches: int | None
    kernel_ns: int | None

    @property
    def gpu_ns(self) -> int:
        """Time from the start of the first kernel to the end of the last, gaps included."""
        return self.gpu_end_ns - self.gpu_start_ns


@dataclass(frozen=True, slots=True)
class Spread:
    """How a time varies; ``stdev_ns`` is of the sample, ``None`` for a single value."""

    count: int
    mean_ns: float
    median_ns: float
    min_ns: int
    max_ns: int
    stdev_ns: float | None


def spread(values: Iterable[int | None]) -> Spread | None:
    """Return the spread of the values that are known, ``None`` where none is."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    deviation = statistics.stdev(known) if len(known) > 1 else None
    return Spread(len(known), statistics.fmean(known), statistics.median(known), known[0], known[-1], deviation)


def inferences(
    kernels: Kernels,
    calls: Calls,
    ranges: Ranges,
    attribution: Attribution,
    *,
    hidden: Iterable[HiddenGraph] = (),
    runs: Sequence[GraphRun] = (),
) -> tuple[Iteration, ...] | Unknown:
    """Return the inferences of TensorRT in order of their start on the GPU; one that launched nothing is left out."""
    by_range = _iterations(kernels, attribution.execution, _lengths(ranges), IterationKind.RANGE)
    replays = _iterations(kernels, attribution.replay, _lengths(calls), IterationKind.REPLAY)
    whole = _whole_graphs(calls, ranges, hidden, runs)
    found = (*by_range, *replays, *whole)
    if not found:
        return Unknown("no range ExecutionContext::enqueue or ::execute launched a kernel: name the range to go by")
    return tuple(sorted(found, key=lambda one: (one.gpu_start_ns, one.gpu_end_ns, one.kind.value)))


def named_iterations(
    kernels: Kernels, calls: Calls, ranges: Ranges, call_of_kernel: Ints, name: str
) -> tuple[Iteration, ...] | Unknown:
    """Return one iteration for each NVTX range of a name, in any domain, in order of start on the GPU."""
    import numpy as np

    places = [place for place, text in enumerate(ranges.names) if text == name]
    chosen = np.flatnonzero(np.isin(ranges.name, places))
    if not places or len(chosen) == 0:
        return Unknown(f"no NVTX range is called {name!r}")
    rows = Intervals(ranges.thread, ranges.start_ns, ranges.end_ns).where(chosen)
    of_call = innermost(rows, Intervals(calls.thread, calls.start_ns, calls.end_ns))
    of_kernel = np.append(np.append(chosen, -1)[of_call], -1)[call_of_kernel]
    found = _iterations(kernels, of_kernel, _lengths(ranges), IterationKind.RANGE)
    if not found:
        return Unknown(f"no kernel was launched inside the NVTX ranges called {name!r}")
    return tuple(sorted(found, key=lambda one: (one.gpu_start_ns, one.gpu_end_ns)))


def _lengths(rows: Ranges | Calls) -> Ints:
    return rows.end_ns - rows.start_ns


def _iterations(kernels: Kernels, occasion: Ints, host: Ints, kind: IterationKind) -> list[Iteration]:
    """Return one iteration for each occasion that kernels name, -1 aside; ``host`` has the length of each."""
    import numpy as np

    rows = np.flatnonzero(occasion >= 0)
    groups = group(occasion[rows])
    start, end = kernels.start_ns[rows], kernels.end_ns[rows]
    columns = (
        groups.first(start), groups.last(end), host[groups.keys], groups.count(), groups.sum(end - start),
    )  # fmt: skip
    return [Iteration(kind, *figures) for figures in zip(*(column.tolist() for column in columns), strict=True)]


def _whole_graphs(
    calls: Calls, ranges: Ranges, hidden: Iterable[HiddenGraph], runs: Sequence[GraphRun]
) -> list[Iteration]:
    """Return an iteration for each launch of a graph that was captured inside an inference and traced as a whole."""
    import numpy as np

    executions = Intervals(ranges.thread, ranges.start_ns, ranges.end_ns).where(execution_ranges(ranges))
    wanted = set()
    for graph in hidden:
        captured = Intervals(calls.thread, calls.start_ns, calls.end_ns).where(
            np.array(graph.captured_calls or (), np.int64)
        )
        if (innermost(executions, captured) >= 0).any():
            wanted.add((graph.process, graph.graph))
    held = [run for run in runs if (run.process, run.graph) in wanted]
    call = calls_of(
        np.array([run.process for run in held], np.int64), np.array([run.correlation for run in held], np.int64), calls
    )
    host = [int(calls.end_ns[place] - calls.start_ns[place]) if place >= 0 else None for place in call.tolist()]
    return [
        Iteration(IterationKind.WHOLE_GRAPH, run.start_ns, run.end_ns, length, None, None)
        for run, length in zip(held, host, strict=True)
    ]
