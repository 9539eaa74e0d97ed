"""When no kernel ran, and why: copies, waiting, other CUDA calls, the host's own work, launching, or queued work.

A gap ends with a kernel, and what the thread that launched this kernel did meanwhile is the cause. Where the launch
call had returned before the gap began, the GPU had the work and did not start it: a dependency, or the microsecond
between two kernels of one stream. Where it had not, the GPU had nothing to do: launch-bound, unless it was copying.

The parts of a gap add up to it. Copies on the GPU are counted first, since a host that waits for one is not the cause.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from trtprof.analysis.launches import calls_of
from trtprof.gpu_timeline import GapCause
from trtprof.model import Unknown

if TYPE_CHECKING:
    from trtprof.analysis.trace import Activities, Calls, GraphRun, Ints, Kernels

LONGEST: Final = 20
"""How many gaps are told one by one unless another number is asked for."""

_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without a kernel. ``cause`` took the longest part; ``call`` is the CUDA call the thread was in longest."""

    device: int
    start_ns: int
    duration_ns: int
    cause: GapCause
    next_kernel: str | None
    call: str | None


@dataclass(frozen=True, slots=True)
class CauseTotal:
    """Time without a kernel by cause: parts of gaps add up to ``total_ns``; ``gaps`` counts where it took most."""

    cause: GapCause
    gaps: int
    total_ns: int
    ratio: float


@dataclass(frozen=True, slots=True)
class DeviceTime:
    """One GPU from the start of its first kernel to the end of its last. ``ratio`` of a cause is of ``span_ns``."""

    device: int
    span_ns: int
    busy_ns: int
    causes: tuple[CauseTotal, ...]
    longest: tuple[Gap, ...]

    @property
    def idle_ns(self) -> int:
        """Time without a kernel."""
        return self.span_ns - self.busy_ns

    @property
    def launch_bound_ns(self) -> int:
        """Time in which the GPU had nothing to do because the host had not launched it yet."""
        return sum(total.total_ns for total in self.causes if total.cause.is_launch_bound)


def device_times(
    kernels: Kernels,
    calls: Calls | Unknown,
    call_of_kernel: Ints,
    *,
    activities: Activities | Unknown,
    runs: Sequence[GraphRun] = (),
    window_ns: tuple[int, int] | None = None,
    most: int = LONGEST,
) -> tuple[DeviceTime, ...]:
    """Return the gaps of every GPU that ran a kernel, in order of the GPU; a graph traced whole counts as a kernel.

    Args:
        kernels: the kernels of the trace.
        calls: its API calls; without them no gap has a cause on the host.
        call_of_kernel: the launch call of each kernel (:func:`trtprof.analysis.launches.launch_calls`).
        activities: copies and memsets; without them no gap has a copy for a cause.
        runs: launches of CUDA graphs that were traced as a whole.
        window_ns: look only at work that starts in this time, such as from the first inference to the last.
        most: how many gaps of a GPU are told one by one.
    """
    import numpy as np

    found = []
    devices = np.unique(np.concatenate([np.unique(kernels.device), [run.device for run in runs]]).astype(np.int64))
    copies = None if isinstance(activities, Unknown) else activities
    waits = None if isinstance(calls, Unknown) else _Waits.of(calls)
    for device in devices.tolist():
        work = _work(kernels, call_of_kernel, [run for run in runs if run.device == device], waits, device)
        if window_ns is not None:
            inside = (work.start >= window_ns[0]) & (work.start <= window_ns[1])
            work = _Work(*(column[inside] for column in work))
        if len(work.start):
            copied = None if copies is None else _coverage_on(copies, device)
            found.append(_device_time(device, work, kernels, waits, copied, most=most))
    return tuple(found)


class GapBlock(NamedTuple):
    """Gaps of one GPU in order of start, and how much of each goes to each cause."""

    start_ns: Ints
    end_ns: Ints
    parts_ns: dict[GapCause, Ints]


def gap_blocks(
    kernels: Kernels,
    calls: Calls | Unknown,
    call_of_kernel: Ints,
    device: int,
    *,
    activities: Activities | Unknown,
    runs: Sequence[GraphRun] = (),
) -> Iterator[GapBlock]:
    """Yield all gaps of a GPU, some at a time; arguments as of :func:`device_times`."""
    copies = None if isinstance(activities, Unknown) else _coverage_on(activities, device)
    waits = None if isinstance(calls, Unknown) else _Waits.of(calls)
    gaps = _gaps(_work(kernels, call_of_kernel, [run for run in runs if run.device == device], waits, device))
    for first in range(0, len(gaps.start), _BLOCK):
        block = gaps.some(first, first + _BLOCK)
        yield GapBlock(block.start, block.end, _parts(block, waits, copies))


class _Work(NamedTuple):
    """What ran on a GPU, in order of start: kernel or -1 for a whole graph, and the launch call or -1."""

    start: Ints
    end: Ints
    kernel: Ints
    call: Ints


class _Gaps(NamedTuple):
    """Times without a kernel, and the work that ends each."""

    start: Ints
    end: Ints
    kernel: Ints
    call: Ints

    def some(self, first: int, last: int) -> _Gaps:
        """Return those from the first up to and without the last."""
        return _Gaps(*(column[first:last] for column in self))


class _Coverage(NamedTuple):
    """A union of intervals that can tell how much of a time it covers."""

    start: Ints
    length: Ints
    before: Ints

    @staticmethod
    def of(start: Ints, end: Ints) -> _Coverage:
        """Return the union of intervals sorted by start."""
        import numpy as np

        if len(start) == 0:
            return _Coverage(start, start, np.zeros(1, np.int64))
        reach = np.maximum.accumulate(end)
        fresh = np.concatenate(([True], start[1:] > reach[:-1]))
        last = np.append(np.flatnonzero(fresh)[1:], len(start)) - 1
        length = reach[last] - start[fresh]
        return _Coverage(start[fresh], length, np.concatenate(([0], np.cumsum(length))))

    def until(self, time: Ints) -> Ints:
        """Return how much lies before each time."""
        import numpy as np

        if len(self.start) == 0:
            return np.zeros(len(time), np.int64)
        place = np.searchsorted(self.start, time, "right") - 1
        inside = np.minimum(time - self.start[place], self.length[place])
        covered: Ints = np.where(place < 0, 0, self.before[place] + inside)
        return covered

    def between(self, start: Ints, end: Ints) -> Ints:
        """Return how much lies in each time from start to end."""
        return self.until(end) - self.until(start)


class _Waits(NamedTuple):
    """The calls of each thread by what they mean for a gap, launches aside."""

    calls: Calls
    by_cause: dict[GapCause, dict[int, _Coverage]]

    @staticmethod
    def of(calls: Calls) -> _Waits:
        """Return them for all threads."""
        import numpy as np

        causes = list(GapCause)
        kinds = np.array([causes.index(_cause_of(api)) for api in calls.apis] or [0])[calls.api]
        by_cause: dict[GapCause, dict[int, _Coverage]] = {}
        for cause in (GapCause.SYNC, GapCause.COPY, GapCause.CALL):
            of_kind = np.flatnonzero(kinds == causes.index(cause))
            threads = calls.thread[of_kind]
            by_cause[cause] = {
                thread: _Coverage.of(
                    calls.start_ns[of_kind[threads == thread]], calls.end_ns[of_kind[threads == thread]]
                )
                for thread in np.unique(threads).tolist()
            }
        return _Waits(calls, by_cause)

    def between(self, cause: GapCause, thread: int, start: Ints, end: Ints) -> Ints:
        """Return how much of each time from start to end a thread spent in calls of a kind."""
        coverage = self.by_cause[cause].get(thread)
        none: Ints = end - end
        return none if coverage is None else coverage.between(start, end)


def _cause_of(api: str) -> GapCause:
    """Return what it means for a gap that the launching thread was in this function."""
    if "Launch" in api:
        return GapCause.LAUNCH
    if "Synchronize" in api:
        return GapCause.SYNC
    return GapCause.COPY if "Memcpy" in api or "Memset" in api else GapCause.CALL


def _work(kernels: Kernels, call_of_kernel: Ints, runs: list[GraphRun], waits: _Waits | None, device: int) -> _Work:
    """Return kernels and whole graphs of one GPU, in order of start."""
    import numpy as np

    own = np.flatnonzero(kernels.device == device)
    if not runs:
        return _Work(kernels.start_ns[own], kernels.end_ns[own], own, call_of_kernel[own])
    ids = np.array([(run.start_ns, run.end_ns, run.process, run.correlation) for run in runs], np.int64).T
    none = np.full(len(runs), -1)
    graph_calls = none if waits is None else calls_of(ids[2], ids[3], waits.calls)
    start = np.concatenate([kernels.start_ns[own], ids[0]])
    order = np.argsort(start, kind="stable")
    return _Work(
        start[order],
        np.concatenate([kernels.end_ns[own], ids[1]])[order],
        np.concatenate([own, none])[order],
        np.concatenate([call_of_kernel[own], graph_calls])[order],
    )


def _gaps(work: _Work) -> _Gaps:
    """Return the times between the end of all that ran so far and the start of the next."""
    import numpy as np

    reach = np.maximum.accumulate(work.end)
    after = np.flatnonzero(work.start[1:] > reach[:-1]) + 1
    return _Gaps(reach[after - 1], work.start[after], work.kernel[after], work.call[after])


def _coverage_on(activities: Activities, device: int) -> _Coverage:
    own = activities.device == device
    return _Coverage.of(activities.start_ns[own], activities.end_ns[own])


def _parts(gaps: _Gaps, waits: _Waits | None, copies: _Coverage | None) -> dict[GapCause, Ints]:
    """Return how much of each gap goes to each cause."""
    import numpy as np

    length = gaps.end - gaps.start
    none = np.zeros(len(length), np.int64)
    parts = dict.fromkeys(GapCause, none)
    parts[GapCause.COPY] = none if copies is None else copies.between(gaps.start, gaps.end)
    rest = length - parts[GapCause.COPY]
    known = gaps.call >= 0
    if waits is None or not known.any():
        return parts | {GapCause.UNKNOWN: rest}
    queued = known & (waits.calls.end_ns[gaps.call] <= gaps.start)
    parts |= {GapCause.UNKNOWN: np.where(known, 0, rest), GapCause.QUEUED: np.where(queued, rest, 0)}
    rest = np.where(known & ~queued, rest, 0)
    for cause, wanted in _host_parts(gaps, waits).items():
        taken = np.minimum(wanted, rest)
        parts[cause] = parts[cause] + taken
        rest = rest - taken
    return parts


def _host_parts(gaps: _Gaps, waits: _Waits) -> dict[GapCause, Ints]:
    """Return what the launching thread did in each gap, launching first and waiting last."""
    import numpy as np

    called = np.clip(waits.calls.start_ns[gaps.call], gaps.start, gaps.end)
    spent = {cause: np.zeros(len(called), np.int64) for cause in (GapCause.CALL, GapCause.COPY, GapCause.SYNC)}
    thread = waits.calls.thread[gaps.call]
    for number in np.unique(thread).tolist():
        own = thread == number
        for cause, times in spent.items():
            times[own] = waits.between(cause, number, gaps.start[own], called[own])
    host = np.maximum(called - gaps.start - sum(spent.values()), 0)
    return {GapCause.LAUNCH: gaps.end - called, GapCause.HOST: host, **spent}


def _device_time(
    device: int, work: _Work, kernels: Kernels, waits: _Waits | None, copies: _Coverage | None, *, most: int
) -> DeviceTime:
    """Return the gaps of one GPU, added up by cause a block at a time: parts of ten million gaps are large."""
    import numpy as np

    gaps = _gaps(work)
    counts, sums = dict.fromkeys(GapCause, 0), dict.fromkeys(GapCause, 0)
    for first in range(0, len(gaps.start), _BLOCK):
        parts = _parts(gaps.some(first, first + _BLOCK), waits, copies)
        main, most_ns = np.zeros(len(parts[GapCause.COPY]), np.int8), np.zeros(len(parts[GapCause.COPY]), np.int64)
        for place, (cause, part) in enumerate(parts.items()):
            sums[cause] += int(part.sum())
            main[part > most_ns] = place
            most_ns = np.maximum(most_ns, part)
        for cause, count in zip(parts, np.bincount(main, minlength=len(parts)).tolist(), strict=True):
            counts[cause] += count
    span = int(work.end.max() - work.start[0])
    totals = [CauseTotal(cause, counts[cause], total, total / span) for cause, total in sums.items() if total]
    ordered = tuple(sorted(totals, key=lambda total: (-total.total_ns, total.cause.value)))
    longest = tuple(_gap(device, gaps.some(place, place + 1), kernels, waits, copies) for place in _longest(gaps, most))
    return DeviceTime(device, span, span - sum(sums.values()), ordered, longest)


def _longest(gaps: _Gaps, most: int) -> list[int]:
    """Return the longest gaps, so many at most, the earlier of equal ones first."""
    import numpy as np

    length = gaps.end - gaps.start
    if len(length) > most:
        least = np.partition(length, -most)[-most]
        chosen = np.flatnonzero(length >= least)
    else:
        chosen = np.arange(len(length))
    order = np.argsort(-length[chosen], kind="stable")[:most]
    found: list[int] = chosen[order].tolist()
    return found


def _gap(device: int, gap: _Gaps, kernels: Kernels, waits: _Waits | None, copies: _Coverage | None) -> Gap:
    """Return a gap, given as the only one of its kind, with what is known of it."""
    start, end = int(gap.start[0]), int(gap.end[0])
    kernel, call = int(gap.kernel[0]), int(gap.call[0])
    parts = _parts(gap, waits, copies)
    return Gap(
        device,
        start,
        end - start,
        max(parts, key=lambda cause: int(parts[cause][0])),
        kernels.names[kernels.name[kernel]] if kernel >= 0 else None,
        None if waits is None or call < 0 else _longest_call(waits.calls, call, start, end),
    )


def _longest_call(calls: Any, launch: int, start: int, end: int) -> str | None:
    """Return the function the launching thread was in longest between start and end."""
    import numpy as np

    own = np.flatnonzero((calls.thread == calls.thread[launch]) & (calls.end_ns > start) & (calls.start_ns < end))
    if len(own) == 0:
        return None
    overlap = np.minimum(calls.end_ns[own], end) - np.maximum(calls.start_ns[own], start)
    return str(calls.apis[calls.api[own[overlap.argmax()]]])
