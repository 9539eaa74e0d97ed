"""Kernel time by NVTX range, whatever program it is: all that was launched inside, and what no inner range claims.

Kernels of a CUDA graph count where the graph was launched; :mod:`trtprof.analysis.layer_time` follows them to where
they were captured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trtprof.analysis.grouping import group, pair, unpair
from trtprof.analysis.intervals import Intervals, innermost

if TYPE_CHECKING:
    from trtprof.analysis.trace import Calls, Ints, Kernels, Ranges


_NUMBERED: Final = re.compile(r", (?:seq|op_id|sizes|input_op_ids|sequence_nr) = .*", re.DOTALL)
"""What ``torch.autograd.profiler.emit_nvtx`` puts behind an operator's name."""


@dataclass(frozen=True, slots=True)
class RangeTime:
    """All ranges of one name and domain. ``own_*`` leaves out what ranges inside them launched.

    Numbers that PyTorch puts behind the name of an operator (``aten::mm, op_id = 7``) are left out of the name.
    ``host_ns`` is the time between opening and closing; a range inside another of its name counts in both.
    """

    domain: str
    name: str
    ranges: int
    host_ns: int
    launches: int
    kernel_ns: int
    own_launches: int
    own_kernel_ns: int


def range_times(kernels: Kernels, calls: Calls, ranges: Ranges, call_of_kernel: Ints) -> tuple[RangeTime, ...]:
    """Return the time of every range, most kernel time first."""
    import numpy as np

    duration = kernels.end_ns - kernels.start_ns
    launched = np.flatnonzero(call_of_kernel >= 0)
    counts = np.bincount(call_of_kernel[launched], minlength=len(calls))
    times = np.bincount(call_of_kernel[launched], duration[launched], minlength=len(calls)).astype(np.int64)
    used = np.flatnonzero(counts)
    launching = Intervals(calls.thread, calls.start_ns, calls.end_ns).where(used)
    intervals = Intervals(ranges.thread, ranges.start_ns, ranges.end_ns)
    inner = innermost(intervals, launching)
    inside_counts, inside_times = _inside(intervals, launching, counts[used], times[used])
    labels, label = _labels(ranges)
    groups = group(pair(ranges.domain, label, len(labels)))
    domain, name = unpair(groups.keys, len(labels))
    owned = inner >= 0
    own_group = groups.index[inner[owned]]
    size = len(groups.keys)
    columns = (
        domain, name, groups.count(), groups.sum(intervals.end - intervals.start), groups.sum(inside_counts),
        groups.sum(inside_times), np.bincount(own_group, counts[used][owned], size).astype(np.int64),
        np.bincount(own_group, times[used][owned], size).astype(np.int64),
    )  # fmt: skip
    found = [
        RangeTime(ranges.domains[where], labels[text] if text >= 0 else "", *figures)
        for where, text, *figures in zip(*(column.tolist() for column in columns), strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (-one.kernel_ns, -one.host_ns, one.domain, one.name)))


def _labels(ranges: Ranges) -> tuple[list[str], Ints]:
    """Return the names without what numbers one occurrence, and each range's place among them."""
    import numpy as np

    places: dict[str, int] = {}
    lookup = [places.setdefault(_NUMBERED.sub("", name), len(places)) for name in ranges.names]
    return list(places), np.array([*lookup, -1], np.int64)[ranges.name]


def _inside(ranges: Intervals, calls: Intervals, counts: Ints, times: Ints) -> tuple[Ints, Ints]:
    """Return launches and kernel time of the calls inside each range.

    Calls of one thread follow each other, so the ones inside a range are neighbours and a difference of running sums
    gives both; of calls inside calls, the outer one decides.
    """
    import numpy as np

    inside_counts, inside_times = np.zeros(len(ranges.start), np.int64), np.zeros(len(ranges.start), np.int64)
    for thread in np.intersect1d(ranges.thread, calls.thread):
        rows, own = np.flatnonzero(ranges.thread == thread), np.flatnonzero(calls.thread == thread)
        first = np.searchsorted(calls.start[own], ranges.start[rows], "left")
        returned = np.maximum.accumulate(calls.end[own])
        last = np.maximum(first, np.searchsorted(returned, ranges.end[rows], "right"))
        for sums, values in ((inside_counts, counts), (inside_times, times)):
            running = np.concatenate(([0], np.cumsum(values[own])))
            sums[rows] = running[last] - running[first]
    return inside_counts, inside_times
