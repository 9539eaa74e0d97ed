"""Whether latency comes back in a rhythm: a desktop that redraws, a timer, a fan controller, a swapping neighbour."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Final

from trtprof.board_run import Period
from trtprof.model import Unknown

_FEWEST: Final = 64
_LONGEST_LAG: Final = 4096
_STRONG: Final = 0.3
_STEADY_RATIO: Final = 0.005
"""Latencies that differ by less than this have no rhythm worth a word."""


def find_period(latency_ns: Sequence[float], start_ns: Sequence[float] = ()) -> Period | Unknown | None:
    """Return the rhythm of the latencies, ``None`` where they have none.

    It is the lag with the highest autocorrelation behind the first at which that falls to zero; ``start_ns``, where the
    iterations began, gives the pace, else their own times do.
    """
    count = len(latency_ns)
    if count < _FEWEST:
        return Unknown(f"{count} iterations are too few to see a rhythm in, {_FEWEST} are needed")
    # Ranks would hide how rare and high a spike is; cut at the 1st and 99.9th percentile one outlier cannot rule.
    mean = statistics.fmean(latency_ns)
    if mean <= 0 or statistics.pstdev(latency_ns) < _STEADY_RATIO * mean:
        return None
    correlation = _autocorrelation(latency_ns)
    first = next((lag for lag, value in enumerate(correlation) if value <= 0), None)
    if first is None or first >= len(correlation) - 1:
        return None
    best = max(range(max(first, 2), len(correlation)), key=lambda lag: correlation[lag], default=0)
    strength = correlation[best] if best else 0.0
    if strength < max(_STRONG, 4 / math.sqrt(count)):
        return None
    # Each multiple of a period is one too: take the shortest that is nearly as strong.
    shortest = next(
        lag
        for lag in range(max(first, 2), best + 1)
        if correlation[lag] >= 0.9 * strength and _is_peak(correlation, lag)
    )
    each_ns = (start_ns[-1] - start_ns[0]) / (count - 1) if len(start_ns) == count else mean
    return Period(shortest, shortest * each_ns, min(1.0, correlation[shortest]))


def _is_peak(values: Sequence[float], place: int) -> bool:
    after = values[place + 1] if place + 1 < len(values) else -math.inf
    return values[place] >= values[place - 1] and values[place] >= after


def _autocorrelation(values: Sequence[float]) -> list[float]:
    """Autocorrelation for lags up to a quarter of the values, 1 at lag 0, each lag by the number of its pairs."""
    import numpy as np

    series = np.asarray(values, dtype=float)
    low, high = np.percentile(series, (1, 99.9))
    series = np.clip(series, low, high)
    series = series - series.mean()
    count = len(series)
    size = 1 << (2 * count - 1).bit_length()
    spectrum = np.fft.rfft(series, size)
    sums = np.fft.irfft(spectrum * np.conj(spectrum), size)[: min(count // 4, _LONGEST_LAG) + 1]
    if sums[0] <= 0:
        return [0.0]
    pairs = count - np.arange(len(sums))
    return [float(value) for value in sums / sums[0] * count / pairs]
