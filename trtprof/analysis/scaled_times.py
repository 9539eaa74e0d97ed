"""Layer times made to add up to the engine's own latency: a profiler adds some microseconds to every layer.

Times lie on a grid of 1/1024 ns, modelled ones on one of 1 ns, on which sums are exact in whatever order.
"""

from __future__ import annotations

from dataclasses import replace

from trtprof.comparison import Built
from trtprof.model import Estimate, Provenance

_STEPS_PER_NS = 1024


def scaled(built: Built) -> Built | None:
    """Return the engine with its timed rows scaled to its median latency, ``DERIVED``; ``None`` without either."""
    rows = as_profiled(built).rows
    times = [row.time_ns for row in rows if isinstance(row.time_ns, float | int)]
    spent = sum(times)
    if built.latency is None or not spent or len(times) < len(rows):
        return None
    times = [_snap(time * built.latency.median_ns / spent) for time in times]
    # What rounding left over, far below a nanosecond, goes to the longest row: the sum is the latency.
    times[times.index(max(times))] += _snap(built.latency.median_ns) - sum(times)
    timed = tuple(replace(row, time_ns=time) for row, time in zip(rows, times, strict=True))
    return replace(built, rows=timed, provenance=Provenance.DERIVED)


def as_profiled(built: Built) -> Built:
    """Return the engine with the times it has.

    Rows that a profile leaves out ran in no time worth a line (NoOp, Constant) and are dropped.
    """
    rows = built.rows
    if built.engine.timings is not None:
        rows = tuple(row for row in rows if row.time_ns is not None)
    return replace(built, rows=tuple(replace(row, time_ns=_on_grid(row.time_ns)) for row in rows))


def _on_grid(time: Estimate | float | None) -> Estimate | float | None:
    if isinstance(time, Estimate):
        return Estimate(round(time.low), round(time.mid), round(time.high))
    return None if time is None else _snap(time)


def _snap(time_ns: float) -> float:
    return round(time_ns * _STEPS_PER_NS) / _STEPS_PER_NS
