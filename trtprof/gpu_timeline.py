"""What the GPU did in one inference and over a whole traced run: kernels, and the times without one by cause.

Filled from a trace of Nsight Systems by :mod:`trtprof.analysis.timeline`. Every number is measured. Built from
``trtprof.model``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from trtprof.model import Unit


class GapCause(str, Enum):
    """What a gap, or a part of one, was spent on."""

    COPY = "copy"
    """The GPU copied or set memory and no kernel ran beside it, or the launching thread was in a call that copies."""
    SYNC = "sync"
    """The launching thread waited for the GPU in a synchronising call, so nothing was queued behind it."""
    CALL = "call"
    """The launching thread was in another CUDA call that takes long: allocation, loading a module, a graph."""
    HOST = "host"
    """The launching thread was in code of its own."""
    LAUNCH = "launch"
    """The launch call was under way, or had just returned."""
    QUEUED = "queued"
    """The launch call had returned before the gap: the kernel waited for others, or for its turn."""
    UNKNOWN = "unknown"
    """The trace holds no launch call of the kernel."""

    @property
    def is_launch_bound(self) -> bool:
        """Whether the GPU had nothing to do because the host had not launched it yet."""
        return self in {GapCause.SYNC, GapCause.CALL, GapCause.HOST, GapCause.LAUNCH}


@dataclass(frozen=True, slots=True)
class TracedKernel:
    """A kernel of the shown inference. ``start_ns`` counts from the inference's first kernel.

    ``layer`` is what the NVTX range of TensorRT around its launch is called, ``row`` the index of the engine's row of
    that name; ``None`` where the trace, or the engine's files, do not say. A CUDA graph that was traced as a whole
    stands as one kernel of unknown unit.
    """

    name: str
    start_ns: int
    duration_ns: int
    stream: int | None
    unit: Unit
    layer: str | None
    row: int | None


@dataclass(frozen=True, slots=True)
class TracedGap:
    """A time of the shown inference without a kernel: its main cause, and the CUDA call the host was in longest."""

    start_ns: int
    duration_ns: int
    cause: GapCause
    call: str | None


@dataclass(frozen=True, slots=True)
class RunBins:
    """A whole run in bins of ``bin_ns``, from its first kernel to its last.

    A bin has, for each unit and for each main cause of a gap, its share of the bin's time (0 to 1); they add up to 1.
    Where kernels run beside each other, their time is divided among their units. ``shown_ns`` is where the shown
    inference begins and ends.
    """

    bin_ns: float
    span_ns: int
    launches: int
    units: tuple[tuple[Unit, tuple[float, ...]], ...]
    gaps: tuple[tuple[GapCause, tuple[float, ...]], ...]
    shown_ns: tuple[int, int]


@dataclass(frozen=True, slots=True)
class EngineTimeline:
    """One engine's trace: a representative inference at kernel level, and the run it is from.

    ``shown`` is the number of that inference, from 1, among ``inferences`` in order of start: the one whose time on the
    GPU is nearest the median, the earlier of two. ``others`` more in the trace are of other engines, or of CUDA graphs
    that were traced as a whole. ``span_ns`` is from its first kernel's start to its last one's end,
    ``causes`` the parts of it in which no kernel ran. ``gaps`` are the longest of ``gap_count``.
    """

    trace: str
    device: str | None
    inferences: int
    others: int
    shown: int
    median_ns: float
    span_ns: int
    kernels: tuple[TracedKernel, ...]
    gaps: tuple[TracedGap, ...]
    gap_count: int
    causes: tuple[tuple[GapCause, int], ...]
    run: RunBins

    @property
    def idle_ns(self) -> int:
        """Time of the shown inference in which no kernel ran."""
        return sum(time for _, time in self.causes)

    @property
    def launch_bound_ns(self) -> int:
        """Time of the shown inference in which the GPU had nothing to do because the host had not launched it yet."""
        return sum(time for cause, time in self.causes if cause.is_launch_bound)

    @property
    def units(self) -> tuple[tuple[Unit, int], ...]:
        """Kernel time of the shown inference by unit, most first; kernels beside each other count each."""
        times: dict[Unit, int] = {}
        for kernel in self.kernels:
            times[kernel.unit] = times.get(kernel.unit, 0) + kernel.duration_ns
        return tuple(sorted(times.items(), key=lambda item: (-item[1], item[0].value)))
