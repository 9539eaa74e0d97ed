"""Which number formats a GPU multiplies in hardware, and with what: Tensor Cores, DP4A, CUDA cores, or nothing.

How fast each generation is, compute capability 5.0 on, is known to :mod:`trtprof.analysis.findings.hardware`; here is
what the slow ones do it with.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from trtprof.analysis.findings.hardware import Speed, speed_of
from trtprof.model import Device, Precision

_COLUMNS: Final = (Precision.TF32, Precision.FP16, Precision.BF16, Precision.INT8, Precision.FP8, Precision.FP4)
_OLDEST: Final = (5, 0)
_CRIPPLED_INT8: Final = (10, 3)
"""B300 multiplies INT8 at about a 24th of B200's rate; trtexec --best leaves INT8 out there."""


class Hardware(str, Enum):
    """What multiplies a type. ``CUDA cores`` do it at a gain over FP32; ``nothing`` means at no gain."""

    TENSOR_CORE = "Tensor Core"
    DP4A = "DP4A"
    CUDA_CORE = "CUDA cores"
    CRIPPLED = "crippled"
    NONE = "nothing"


def hardware_for(device: Device, precision: Precision) -> Hardware | None:
    """Return what multiplies a precision on a GPU, ``None`` for a GPU or precision that is not known.

    FP32 is multiplied by CUDA cores everywhere.
    """
    if precision is Precision.FP32:
        return Hardware.CUDA_CORE
    speed = speed_of(device, precision)
    if speed is None or device.compute_capability is None or device.compute_capability < _OLDEST:
        return None
    if speed is Speed.SLOW:
        if precision is not Precision.INT8:
            return Hardware.CUDA_CORE
        return Hardware.CRIPPLED if device.compute_capability == _CRIPPLED_INT8 else Hardware.DP4A
    return Hardware.TENSOR_CORE if speed is Speed.TENSOR_CORE else Hardware.NONE


def support_words(device: Device) -> str | None:
    """Return what a GPU multiplies with what, in words, ``None`` for a GPU that is not known."""
    found = {column: hardware_for(device, column) for column in _COLUMNS}
    if None in found.values():
        return None
    words = []
    for hardware in Hardware:
        names = [column.value.upper() for column in _COLUMNS if found[column] is hardware]
        if names:
            words.append(f"{', '.join(names)}: {hardware.value}")
    return "; ".join(words)


def slow_precisions(device: Device) -> tuple[Precision, ...]:
    """Return the precisions of FP16 and INT8 that cannot be faster than FP32 there."""
    slow = (Hardware.NONE, Hardware.CRIPPLED)
    return tuple(item for item in (Precision.FP16, Precision.INT8) if hardware_for(device, item) in slow)
