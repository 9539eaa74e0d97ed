"""What a cure would save: shares of rows become a range of the engine's own latency.

A layer profiler adds some microseconds to every layer, so layer times sum to more than the latency. Two readings of
that excess bound the truth: it is spread in proportion to time, or it is one constant a layer. On the published pairs
of a broken and a mended engine the measured gain lay between or near the two (TREx ResNet-18 on A100, 0.337 ms).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trtprof.analysis.findings.rule import Share
from trtprof.comparison import Built, Row
from trtprof.model import Estimate, Provenance, Unknown

_WHOLE = 0.9
"""A row of which at least this share goes takes the profiler's cost for one layer with it."""
NO_TIMES = "no layer times: give the profile of the same engine (trtexec --exportProfile)"


@dataclass(frozen=True, slots=True)
class Scale:
    """How profiled layer times relate to the engine's latency.

    ``factor`` is latency over the sum of layer times, ``overhead_ns`` the excess a layer; 1 and 0 where no latency was
    measured, and then ``basis`` says that savings are in profiled time.
    """

    factor: float
    overhead_ns: float
    reference_ns: float | None
    basis: str


def scale_of(built: Built) -> Scale:
    """Return how an engine's layer times relate to its latency."""
    times = [_middle(row.time_ns) for row in built.rows if row.time_ns is not None]
    spent = sum(times)
    if built.provenance is Provenance.MODELLED:
        return Scale(1.0, 0.0, spent or None, "modelled times")
    if built.latency is None or not spent:
        reference = built.latency.median_ns if built.latency else (spent or None)
        return Scale(1.0, 0.0, reference, "layer times as profiled: no latency was measured to scale them to")
    latency = built.latency.median_ns
    excess = max(0.0, spent - latency)
    basis = f"layer times scaled to the {built.latency.what} median of {latency / 1e6:.3f} ms"
    return Scale(min(1.0, latency / spent), excess / len(times), latency, basis)


def saving_of(rows: Mapping[int, Row], shares: Mapping[int, Share], scale: Scale) -> Estimate | Unknown:
    """Return what goes when these shares of rows go, in ns of the engine's latency."""
    parts = []
    whole = 0
    for index, share in shares.items():
        time = rows[index].time_ns
        if time is None:
            continue
        parts.append(share.of(time))
        whole += share.mid >= _WHOLE
    if not parts:
        return Unknown(NO_TIMES if shares else "it names no layer whose time would change")
    raw = Estimate.total(parts)
    constant = scale.overhead_ns * whole
    ends = [
        (value * scale.factor, max(0.0, value - constant)) if constant else (value * scale.factor,) * 2
        for value in (raw.low, raw.mid, raw.high)
    ]
    low, high = min(ends[0]), max(ends[2])
    return Estimate(low, min(max(sum(ends[1]) / 2, low), high), high)


def _middle(time: Estimate | float | None) -> float:
    return time.mid if isinstance(time, Estimate) else float(time or 0.0)
