"""What iterations say of an engine as a whole: the middle, the tail, the spread."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trtprof.comparison import Latency
from trtprof.engine_facts import PerformanceSummary
from trtprof.model import Engine

BUILD_NOISE_RATIO = 0.04
"""Two builds of one network differ by about this much; public threads report 2 to 8 % (NVIDIA/TensorRT#1071, #3316)."""


def latency_of(engine: Engine) -> Latency | None:
    """Return the statistics of an engine's iterations: GPU time where it was measured, else latency with transfers.

    Without iterations the summary in trtexec's log answers.
    """
    inference = engine.inference
    if inference is None:
        return _summarised(engine.facts.summary) if engine.facts else None
    what, times = ("GPU compute", inference.compute_ns) if inference.compute_ns else ("latency", inference.latency_ns)
    return _statistics(what, times) if times else None


def _summarised(summary: PerformanceSummary | None) -> Latency | None:
    """The log gives no deviation, only a warning with it where it is large; so the spread stays unknown."""
    if summary is None:
        return None
    for what, spread in (("GPU compute", summary.compute), ("latency", summary.latency)):
        if spread is None or spread.median_ns is None:
            continue
        percentiles = dict(spread.percentiles)
        middle = spread.median_ns
        return Latency(
            what=what,
            iterations=None,
            min_ns=middle if spread.min_ns is None else spread.min_ns,
            median_ns=middle,
            p90_ns=percentiles.get(90.0),
            p99_ns=percentiles.get(99.0),
            max_ns=middle if spread.max_ns is None else spread.max_ns,
            mean_ns=middle if spread.mean_ns is None else spread.mean_ns,
            spread_ratio=None,
        )
    return None


def _statistics(what: str, times: Sequence[float]) -> Latency:
    ordered = sorted(times)
    mean = math.fsum(ordered) / len(ordered)
    variance = math.fsum((time - mean) ** 2 for time in ordered) / len(ordered)
    return Latency(
        what=what,
        iterations=len(ordered),
        min_ns=ordered[0],
        median_ns=_percentile(ordered, 50),
        p90_ns=_percentile(ordered, 90),
        p99_ns=_percentile(ordered, 99),
        max_ns=ordered[-1],
        mean_ns=mean,
        spread_ratio=math.sqrt(variance) / mean if mean else None,
    )


def _percentile(ordered: Sequence[float], percent: float) -> float:
    """The middle is interpolated as trtexec's median is; the others are the value that so many do not exceed."""
    count = len(ordered)
    if percent == 50:
        return (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    return ordered[min(count - 1, math.ceil(percent / 100 * count) - 1)]
