"""What a GPU multiplies fast, by its compute capability."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from trtprof.model import Device, Precision

Capability = tuple[int, int]


class Speed(str, Enum):
    """How a GPU multiplies a type: on Tensor Cores, slower (CUDA cores, or throttled), or not at all."""

    TENSOR_CORE = "tensor-core"
    SLOW = "slow"
    NONE = "none"


_FIRST: Final[dict[Precision, Capability]] = {
    Precision.FP16: (7, 0),
    Precision.INT8: (7, 2),
    Precision.TF32: (8, 0),
    Precision.BF16: (8, 0),
    Precision.FP8: (8, 9),
    Precision.FP4: (10, 0),
}
"""First compute capability with Tensor Cores for a type (CUDA C++ programming guide, TensorRT support matrix)."""
_SLOW: Final[dict[Precision, frozenset[Capability]]] = {
    Precision.INT8: frozenset({(6, 1), (7, 0), (10, 3)}),
    Precision.FP16: frozenset({(5, 3), (6, 0), (6, 2)}),
}
"""dp4a on CUDA cores; FP16 at twice the FP32 rate on CUDA cores; 10.3 has a 24th of 10.0's INT8 rate."""
_WITHOUT_TENSOR_CORES: Final = re.compile(
    r"GTX 16\d\d|Quadro T\d{3,4}\b|\bT(?:400|500|550|600|1000|1200)\b|\bMX(?:450|550)\b", re.IGNORECASE
)
"""Turing without Tensor Cores (TU116, TU117) has compute capability 7.5 like the others; only the name tells."""


def speed_of(device: Device | None, precision: Precision) -> Speed | None:
    """Return how a GPU multiplies a type, ``None`` where the GPU or the type is not known."""
    if device is None or device.compute_capability is None or precision not in _FIRST:
        return None
    capability = device.compute_capability
    if lacks_tensor_cores(device) and precision in _SLOW:
        return Speed.SLOW
    if capability in _SLOW.get(precision, ()):
        return Speed.SLOW
    return Speed.TENSOR_CORE if capability >= _FIRST[precision] else Speed.NONE


def lacks_tensor_cores(device: Device) -> bool:
    """Whether it is a Turing part without Tensor Cores, by its family's name."""
    return device.compute_capability == (7, 5) and _WITHOUT_TENSOR_CORES.search(device.name) is not None
