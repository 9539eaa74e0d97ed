"""Where to clip a tensor: the threshold that each calibration method reads off a histogram.

Each histogram here is of magnitudes, over equal bins from 0 to ``edge``, but for onnxruntime's search, which tells
signs apart. What a threshold costs is :func:`threshold_noise`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_LEVELS: Final = 128
_LARGEST: Final = 127
_STRIDE: Final = 8
"""Bins between two thresholds tried: 0.4 % of the range, finer than the data decides, eight times faster than 1."""


def percentile_threshold(counts: Array, edge: float, percentile: float) -> float:
    """Return the magnitude below which ``percentile`` per cent of the counted values lie."""
    import numpy as np

    cumulated = np.cumsum(counts)
    index = int(np.searchsorted(cumulated, cumulated[-1] * percentile / 100))
    return edge * (min(index, counts.size - 1) + 1) / counts.size


def entropy_threshold(counts: Array, edge: float) -> float:
    """Return the threshold whose 128-level quantisation loses least information (Kullback-Leibler divergence).

    The algorithm is that of TensorRT's entropy calibrator (Migacz, "8-bit Inference with TensorRT", GTC 2017), with the
    first bin set to the second as NVIDIA's pytorch-quantization does: zeros of a ReLU are exact at any threshold and
    would decide alone.
    """
    import numpy as np

    bins = counts.astype(np.float64)
    bins[0] = bins[1]
    if bins.sum() == 0:
        return edge
    best, threshold = np.inf, edge
    for size in range(_LEVELS, bins.size + 1, _STRIDE):
        divergence = _divergence(bins, size)
        if divergence <= best:  # the last of equals clips least
            best, threshold = divergence, edge * size / bins.size
    return threshold


def _divergence(bins: Array, size: int) -> float:
    """KL divergence between the values clipped to ``size`` bins and the same spread evenly over 128 levels."""
    import numpy as np

    kept = bins[:size]
    filled = kept > 0
    if not filled.any():
        return float("inf")
    level = (np.arange(size) * _LEVELS) // size
    mass = np.bincount(level[filled], weights=kept[filled], minlength=_LEVELS)
    members = np.bincount(level[filled], minlength=_LEVELS)
    spread = np.where(filled, (mass / np.maximum(members, 1))[level], 0.0)
    clipped = kept.copy()
    clipped[-1] += bins[size:].sum()
    p, q = clipped / clipped.sum(), spread / spread.sum()
    present = p > 0
    if (q[present] == 0).any():
        return float("inf")
    return float((p[present] * np.log(p[present] / q[present])).sum())


def ort_entropy_threshold(signed: Array, edge: float) -> float:
    """Return the threshold that onnxruntime's entropy calibrator finds on the same histogram.

    ``signed`` has two rows, negative values and the others, each over equal bins of magnitude up to ``edge``. The
    search is that of ``HistogramCollector.get_entropy_threshold`` (1.31) with 128 levels for both signs together, in
    array operations: its merged bins are of a whole number of bins and the last takes what is left over, its spread
    counts are whole numbers, and empty bins are smoothed. A test holds the two against each other.
    """
    import numpy as np

    counts = np.concatenate([signed[0][::-1], signed[1]]).astype(np.int64)
    middle, size = counts.size // 2, counts.size
    best, threshold = math.inf, edge
    for half in range(_LEVELS // 2, middle + 1):
        start, end = middle - half, min(middle + half + 1, size)
        divergence = _ort_divergence(counts, start, end)
        if divergence < best:
            best = divergence
            threshold = max(half, end - middle) * edge / signed.shape[1]
    return min(threshold, edge)


def _ort_divergence(counts: Array, start: int, end: int) -> float:
    import numpy as np

    kept = counts[start:end]
    p = kept.copy()
    p[0] += counts[:start].sum()
    p[-1] += counts[end:].sum()
    width = kept.size // _LEVELS
    whole = width * _LEVELS
    mass = kept[:whole].reshape(_LEVELS, width).sum(axis=1)
    mass[-1] += kept[whole:].sum()
    filled = (p[:whole] != 0).reshape(_LEVELS, width).sum(axis=1)
    level = np.where(filled > 0, mass / np.maximum(filled, 1), 0.0).astype(np.int64)
    q = np.zeros(p.size, np.int64)
    q[:whole] = np.repeat(level, width)
    smooth_p, smooth_q = _smoothed(p), _smoothed(q)
    if smooth_p is None or smooth_q is None:
        return math.inf
    a, b = smooth_p / smooth_p.sum(), smooth_q / smooth_q.sum()
    return float((a * np.log(a / b)).sum())


def _smoothed(counts: Array, amount: float = 0.0001) -> Array | None:
    """Give empty bins a little and take it from the others; ``None`` where those have too little."""
    import numpy as np

    empty = counts == 0
    filled = counts.size - int(empty.sum())
    if not filled:
        return None
    taken = amount * float(counts.size - filled) / filled
    return None if taken >= 1.0 else np.where(empty, amount, counts - taken).astype(np.float32)


def mse_threshold(counts: Array, edge: float) -> float:
    """Return the threshold with the least mean squared error of rounding and clipping together."""
    import numpy as np

    sizes = range(_LEVELS // 2, counts.size + 1, _STRIDE)
    noises = [threshold_noise(counts, edge, edge * size / counts.size) for size in sizes]
    return edge * sizes[int(np.argmin(noises))] / counts.size if counts.any() else edge


def threshold_noise(counts: Array, edge: float, threshold: float) -> float:
    """Return the noise power over the signal power (0 and up) of INT8 with this threshold, by the histogram.

    A value inside is off by rounding, a value beyond by its distance to the threshold. Each bin stands for its middle,
    the lowest for 0 where it is the fullest: those are the zeros of a ReLU, which INT8 holds exactly.
    """
    import numpy as np

    middles = (np.arange(counts.size) + 0.5) * (edge / counts.size)
    if counts[0] == counts.max(initial=0):
        middles[0] = 0.0
    signal = float((counts * middles**2).sum())
    if signal == 0:
        return 0.0
    step = threshold / _LARGEST
    beyond = middles > threshold
    width = edge / counts.size
    # Bins narrower than a step cannot place their values in it, so the error is the mean over it; wider ones can.
    inside = step**2 / 12 if width <= step else (np.rint(middles / step) * step - middles) ** 2
    rounding = np.where(middles > 0, inside, 0.0)
    error = np.where(beyond, (middles - threshold) ** 2, rounding)
    return float((counts * error).sum()) / signal
