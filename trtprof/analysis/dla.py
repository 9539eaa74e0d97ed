"""What runs on the DLA, which rows only hand tensors to it and back, and what a crossing may cost."""

from __future__ import annotations

import re
from typing import Final

from trtprof.model import Estimate, Layer, LayerKind

TRANSFER: Final = re.compile(r"\b(?:to|from) nvm\b|\bdata copy finish\b|\bfinish$|\breformatter \d+$")
"""Rows that TensorRT 7 and 8 list around a DLA group: copies to its memory, waits for it, conversions. The time of
``from nvm`` is the wait for the DLA itself: 7.69 of 7.82 ms on one engine (NVIDIA/TensorRT#3143)."""
HOP_LOW_NS: Final = 10_000.0
"""One reformat kernel and a synchronisation of the two engines, each some microseconds."""
HOP_HIGH_NS: Final = 288_000.0
"""NVIDIA's DLA tutorial on AGX Orin, batch 32: 3.27 ms with five DLA groups, 1.54 ms with two. Six crossings less saved
1.73 ms, the layers between them included, so that a crossing cost no more than a sixth of it."""
SLOW_BYTES_PER_S: Final = 60e9
FAST_BYTES_PER_S: Final = 200e9
"""What Orin boards read and write a second, Orin Nano to AGX Orin: a reformat reads and writes the tensor once."""


def is_dla(layer: Layer, listed: frozenset[str]) -> bool:
    """Return whether a row runs on the DLA: by its type, or because the build log lists it there."""
    return layer.kind is LayerKind.DLA or (layer.type or "").upper() == "DLA" or layer.name in listed


def hop_cost(bytes_moved: int | None) -> Estimate:
    """Return the modelled cost of a hop in ns: a kernel, a wait, and the tensor read and written once."""
    moved = 2 * (bytes_moved or 0)
    low = HOP_LOW_NS + moved / FAST_BYTES_PER_S * 1e9
    high = HOP_HIGH_NS + moved / SLOW_BYTES_PER_S * 1e9
    return Estimate(low, (low * high) ** 0.5, high)
