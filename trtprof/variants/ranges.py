"""Calibration: the largest magnitude each tensor is quantised to, found by running the FP32 model on data.

onnxruntime's own calibrators are not used: called through ``quantize_static`` its entropy method searches 128 bins for
128 levels, which leaves one candidate and is min-max under another name (1.31); it holds all activations of all
batches in memory; and it prints to stdout. The methods here are those of TensorRT's calibrators, one batch at a time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trtprof.variants.calibration import CalibrationData
from trtprof.variants.histogram import Histogram
from trtprof.variants.session import open_session
from trtprof.variants.thresholds import entropy_threshold, mse_threshold, ort_entropy_threshold, percentile_threshold

CalibrationMethod = Literal["minmax", "entropy", "percentile", "mse", "entropy-ort"]
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
    histograms = collect(base, tensors, data, counted=method != "minmax", threads=threads)
    return {name: range_of(name, histogram, method, percentile) for name, histogram in histograms.items()}


def collect(
    base: Path, tensors: Sequence[str], data: CalibrationData, *, counted: bool = True, threads: int
) -> dict[str, Histogram]:
    """Return the histogram of each float tensor of the model in ``base`` over all batches.

    Raises:
        onnxruntime's errors where it cannot run the model.
    """
    fed = set(next(data.batches(), {})) & set(tensors)
    wanted = [name for name in tensors if name not in fed]
    session = open_session(base, extra_outputs=wanted, threads=threads)
    histograms = {name: Histogram(counted=counted) for name in tensors}
    for batch in data.batches():
        for name, value in zip(wanted, session.run(wanted, batch) if wanted else (), strict=True):
            histograms[name].add(value)
        for name in tensors:
            if name in fed:
                histograms[name].add(batch[name])
    return histograms


def range_of(tensor: str, histogram: Histogram, method: CalibrationMethod, percentile: float) -> TensorRange:
    """Return what a method makes of a tensor's histogram; its largest magnitude where there is nothing to choose by."""
    amax = histogram.observed
    magnitudes, signed = histogram.magnitudes, histogram.signed
    if magnitudes is not None and signed is not None and math.isfinite(amax):
        if method == "percentile":
            amax = percentile_threshold(magnitudes, histogram.edge, percentile)
        elif method == "entropy":
            amax = entropy_threshold(magnitudes, histogram.edge)
        elif method == "entropy-ort":
            amax = ort_entropy_threshold(signed, histogram.edge)
        elif method == "mse":
            amax = mse_threshold(magnitudes, histogram.edge)
    return TensorRange(tensor, min(amax, histogram.observed), histogram.observed)
