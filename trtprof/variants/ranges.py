"""Calibration: the largest magnitude each tensor is quantised to, found by running the FP32 model on data.

onnxruntime's own calibrators are not used: called through ``quantize_static`` its entropy method searches 128 bins for
128 levels, which leaves one candidate and is min-max under another name (1.31); it holds all activations of all
batches in memory; and it prints to stdout. The methods here are those of TensorRT's calibrators, one batch at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from trtprof.variants.calibration import CalibrationData
from trtprof.variants.session import open_session

if TYPE_CHECKING:
    import numpy as np

_BINS: Final = 2048
_LEVELS: Final = 128
_STRIDE: Final = 8
"""Bins between two thresholds tried: 0.4 % of the range, finer than the data decides, eight times faster than 1."""


CalibrationMethod = Literal["minmax", "entropy", "percentile"]
"""How a tensor's range is chosen from its values."""


@dataclass(frozen=True, slots=True)
class TensorRange:
    """The magnitude ``amax`` that a tensor's largest quantised value stands for, and how it came about.

    ``observed`` is the largest magnitude in the data; ``amax`` is less where a method clips outliers. Either is
    infinite where the data made the tensor NaN or infinite.
    """

    tensor: str
    amax: float
    observed: float


class RangeCache:
    """Ranges already found, so that variants of one model are calibrated once."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], dict[str, TensorRange]] = {}

    def of(
        self,
        base: Path,
        tensors: Sequence[str],
        data: CalibrationData,
        *,
        method: CalibrationMethod,
        percentile: float,
        threads: int,
    ) -> Mapping[str, TensorRange]:
        """Return the ranges of these tensors of the model in ``base``, running it only for those not yet known."""
        stat = base.stat()
        key = (str(base), stat.st_mtime_ns, stat.st_size, data.digest, method, percentile)
        known = self._known.setdefault(key, {})
        missing = [name for name in tensors if name not in known]
        if missing:
            known.update(find_ranges(base, missing, data, method=method, percentile=percentile, threads=threads))
        return {name: known[name] for name in tensors}


def find_ranges(
    base: Path,
    tensors: Sequence[str],
    data: CalibrationData,
    *,
    method: CalibrationMethod,
    percentile: float,
    threads: int,
) -> dict[str, TensorRange]:
    """Return the range of each float tensor of the model in ``base`` over all batches.

    Raises:
        onnxruntime's errors where it cannot run the model.
    """
    fed = set(next(data.batches(), {})) & set(tensors)
    wanted = [name for name in tensors if name not in fed]
    session = open_session(base, extra_outputs=wanted, threads=threads)
    collectors = {name: _Collector(histogram=method != "minmax") for name in tensors}
    for batch in data.batches():
        for name, value in zip(wanted, session.run(wanted, batch) if wanted else (), strict=True):
            collectors[name].add(value)
        for name in tensors:
            if name in fed:
                collectors[name].add(batch[name])
    return {name: collector.range_of(name, method, percentile) for name, collector in collectors.items()}


class _Collector:
    """The largest magnitude of one tensor and, where asked for, the histogram of its magnitudes.

    When a value exceeds the histogram, pairs of bins are merged until it fits, as TensorRT's calibrator does: the
    number of bins stays, and no batch is looked at twice.
    """

    def __init__(self, *, histogram: bool) -> None:
        self._wants_histogram = histogram
        self._counts: np.ndarray[Any, Any] | None = None
        self._edge = 0.0
        self._observed = 0.0

    def add(self, values: np.ndarray[Any, Any]) -> None:
        import numpy as np

        if values.size == 0:
            return
        low, high = float(values.min()), float(values.max())
        largest = max(abs(low), abs(high))
        if not np.isfinite(largest):
            self._observed = np.inf
        self._observed = max(self._observed, largest) if np.isfinite(self._observed) else np.inf
        if self._wants_histogram and np.isfinite(self._observed) and largest > 0:
            self._count(np.abs(values).ravel(), largest)

    def _count(self, magnitudes: np.ndarray[Any, Any], largest: float) -> None:
        import numpy as np

        if self._counts is None:
            self._counts, self._edge = np.zeros(_BINS, np.int64), largest
        while largest > self._edge:
            merged = self._counts.reshape(-1, 2).sum(axis=1)
            self._counts = np.concatenate([merged, np.zeros(_BINS - merged.size, np.int64)])
            self._edge *= 2
        self._counts += np.histogram(magnitudes, bins=_BINS, range=(0.0, self._edge))[0]

    def range_of(self, tensor: str, method: CalibrationMethod, percentile: float) -> TensorRange:
        import numpy as np

        amax = self._observed
        if self._counts is not None and np.isfinite(amax):
            if method == "percentile":
                amax = percentile_threshold(self._counts, self._edge, percentile)
            elif method == "entropy":
                amax = entropy_threshold(self._counts, self._edge)
        return TensorRange(tensor, min(amax, self._observed), self._observed)


def percentile_threshold(counts: np.ndarray[Any, Any], edge: float, percentile: float) -> float:
    """Return the magnitude below which ``percentile`` per cent of the counted values lie.

    ``counts`` is a histogram of magnitudes over equal bins from 0 to ``edge``.
    """
    import numpy as np

    cumulated = np.cumsum(counts)
    index = int(np.searchsorted(cumulated, cumulated[-1] * percentile / 100))
    return edge * (min(index, counts.size - 1) + 1) / counts.size


def entropy_threshold(counts: np.ndarray[Any, Any], edge: float) -> float:
    """Return the threshold whose 128-level quantisation loses least information (Kullback-Leibler divergence).

    The algorithm is that of TensorRT's entropy calibrator (Migacz, "8-bit Inference with TensorRT", GTC 2017), with the
    first bin set to the second as NVIDIA's pytorch-quantization does: zeros of a ReLU are exact at any threshold and
    would decide alone. ``counts`` is a histogram of magnitudes over equal bins from 0 to ``edge``.
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


def _divergence(bins: np.ndarray[Any, Any], size: int) -> float:
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
