"""What the data says about how to quantise: spread of weights over channels, tails of activations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from trtprof.model import Notice
from trtprof.quantisation import Activation, Weight
from trtprof.units import plural, significant
from trtprof.variants.histogram import Histogram
from trtprof.variants.ranges import CalibrationMethod, range_of
from trtprof.variants.thresholds import threshold_noise

if TYPE_CHECKING:
    import numpy as np
    import onnx

    from trtprof.variants.layers import QuantisableLayer

    Array = np.ndarray[Any, Any]

METHODS: Final[tuple[CalibrationMethod, ...]] = ("minmax", "entropy", "percentile", "mse")
_WORTH_DB: Final = 3.0
"""Decibels from which advice is given: half the noise power."""
_LONG_TAIL: Final = 4.0
"""Largest value over the percentile's threshold: two bits of eight then serve a few values in ten thousand."""
_SHOWN: Final = 3


def activations(histograms: Mapping[str, Histogram], percentile: float) -> tuple[Activation, ...]:
    """Return what each method would make of each tensor, in the order of the histograms."""
    found = []
    for name, histogram in histograms.items():
        magnitudes = histogram.magnitudes
        amax: dict[str, float] = {method: range_of(name, histogram, method, percentile).amax for method in METHODS}
        sqnr: dict[str, float] = {}
        if magnitudes is not None and math.isfinite(histogram.observed):
            sqnr = {
                method: decibels(threshold_noise(magnitudes, histogram.edge, value)) for method, value in amax.items()
            }
        found.append(Activation(name, histogram.signed, histogram.edge, histogram.observed, amax, sqnr))
    return tuple(found)


def weights(model: onnx.ModelProto, layers: Sequence[QuantisableLayer], bins: int = 128) -> tuple[Weight, ...]:
    """Return each quantised weight once, in the order of the layers."""
    import numpy as np
    import onnx

    arrays = {tensor.name: tensor for tensor in model.graph.initializer}
    found: dict[str, Weight] = {}
    for layer in layers:
        for edge in layer.edges:
            if not edge.weight or edge.tensor in found:
                continue
            values = onnx.numpy_helper.to_array(arrays[edge.tensor]).astype(np.float64)
            flat = values.reshape(1, -1) if edge.axis is None else np.moveaxis(values, edge.axis, 0)
            flat = flat.reshape(flat.shape[0], -1)
            largest = np.abs(flat).max(axis=1, initial=0.0)
            top, middle = float(largest.max(initial=0.0)), float(np.median(largest))
            edges = np.histogram(flat, bins=bins, range=(-top, top) if top else (-1.0, 1.0))[0]
            found[edge.tensor] = Weight(
                layer.name,
                edge.tensor,
                flat.shape[0],
                top / middle if middle else math.inf if top else 1.0,
                decibels(_weight_noise(flat, np.full_like(largest, top))),
                None if edge.axis is None else decibels(_weight_noise(flat, largest)),
                edges,
                top or 1.0,
            )
    return tuple(found.values())


def _weight_noise(flat: Array, largest: Array) -> float:
    import numpy as np

    step = np.where(largest > 0, largest, 1.0)[:, np.newaxis] / 127
    signal = float((flat**2).sum())
    return float(((np.rint(flat / step) * step - flat) ** 2).sum()) / signal if signal else 0.0


def decibels(noise: float) -> float:
    """Return a noise-to-signal power ratio as SQNR in dB; infinite for no noise."""
    return math.inf if noise <= 0 else -10 * math.log10(noise)


def advice(
    found: Sequence[Activation], weighed: Sequence[Weight], *, method: str, per_channel: bool
) -> tuple[Notice, ...]:
    """Return what the numbers speak for and is not chosen, or that they speak for what is."""
    notices = [_weight_advice(weighed, per_channel), _tail_advice(found, method), _clip_advice(found, method)]
    return tuple(notice for notice in notices if notice is not None)


def _weight_advice(weighed: Sequence[Weight], per_channel: bool) -> Notice | None:
    gains = [
        (item.per_channel_db - item.per_tensor_db, item)
        for item in weighed
        if item.per_channel_db is not None and math.isfinite(item.per_channel_db)
    ]
    worth = sorted(((gain, item) for gain, item in gains if gain >= _WORTH_DB), key=lambda pair: -pair[0])
    if not worth:
        return None
    gain, item = worth[0]
    message = (
        f"{plural(len(worth), 'weight')} of {len(weighed)} lose {_WORTH_DB:g} dB or more with one scale for all "
        f"channels, '{item.node}' {gain:.1f} dB (its largest channel is ×{significant(item.spread)} the median one)"
    )
    return Notice(
        "weights-spread", message + (": per-channel is right" if per_channel else ": use --weights per-channel")
    )


def _tail_advice(found: Sequence[Activation], method: str) -> Notice | None:
    """A range that a few values stretch costs all others levels: what percentile or entropy would clip."""
    if method != "minmax":
        return None
    tails = sorted(((_tail(item), item) for item in found), key=lambda pair: -pair[0])
    worth = [(ratio, item) for ratio, item in tails if ratio >= _LONG_TAIL]
    if not worth:
        return None
    named = ", ".join(f"'{item.tensor}' ×{significant(ratio)}" for ratio, item in worth[:_SHOWN])
    message = (
        f"{plural(len(worth), 'activation')} of {len(found)} have a long tail, their largest value is far beyond what "
        f"nearly all others stay below ({named}): try --method entropy or percentile"
    )
    return Notice("long-tail", message)


def _clip_advice(found: Sequence[Activation], method: str) -> Notice | None:
    """By the histogram, noise of rounding and clipping together: another method where that is worth a change."""
    chosen = method.partition(" ")[0]
    gains: list[tuple[float, str, Activation]] = []
    for item in found:
        own = item.sqnr_db.get(chosen)
        if own is not None and math.isfinite(own):
            best = max(item.sqnr_db, key=lambda name: item.sqnr_db[name])
            if item.sqnr_db[best] - own >= _WORTH_DB:
                gains.append((item.sqnr_db[best] - own, best, item))
    if not gains:
        return None
    gain, best, worst = max(gains, key=lambda entry: entry[0])
    message = (
        f"{plural(len(gains), 'activation')} of {len(found)} lose {_WORTH_DB:g} dB or more with {chosen}, "
        f"'{worst.tensor}' {gain:.1f} dB against {best}: try --method {best}"
    )
    return Notice("clipped", message)


def _tail(item: Activation) -> float:
    threshold = item.amax.get("percentile", 0.0)
    return item.observed / threshold if threshold > 0 and math.isfinite(item.observed) else 0.0
