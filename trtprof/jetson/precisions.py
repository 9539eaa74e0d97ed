"""Which number formats each generation of GPU multiplies in hardware, and with what.

From the support matrices of TensorRT 8.4 and TensorRT-RTX, and the throughput table of the CUDA programming guide:
compute capabilities 5.0 to 12.1. Pure data.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from trtprof.model import Precision


class Hardware(str, Enum):
    """What multiplies a type: Tensor Cores, the four-byte dot product, CUDA cores at a gain over FP32, or nothing."""

    TENSOR_CORE = "Tensor Core"
    DP4A = "DP4A"
    CUDA_CORE = "CUDA cores"
    SLOW = "crippled"
    NONE = "nothing"


_TC, _DP, _CC, _SLOW, _NO = (
    Hardware.TENSOR_CORE,
    Hardware.DP4A,
    Hardware.CUDA_CORE,
    Hardware.SLOW,
    Hardware.NONE,
)
_COLUMNS: Final = (Precision.TF32, Precision.FP16, Precision.BF16, Precision.INT8, Precision.FP8, Precision.FP4)
_TABLE: Final = {
    #         TF32 FP16 BF16 INT8 FP8  FP4
    (5, 0): (_NO, _NO, _NO, _NO, _NO, _NO),
    (5, 2): (_NO, _NO, _NO, _NO, _NO, _NO),
    (5, 3): (_NO, _CC, _NO, _NO, _NO, _NO),  # Nano, TX1: FP16 pairs at twice the rate of FP32
    (6, 0): (_NO, _CC, _NO, _NO, _NO, _NO),
    (6, 1): (_NO, _NO, _NO, _DP, _NO, _NO),  # FP16 at 1/64 of FP32
    (6, 2): (_NO, _CC, _NO, _NO, _NO, _NO),  # TX2
    (7, 0): (_NO, _TC, _NO, _DP, _NO, _NO),
    (7, 2): (_NO, _TC, _NO, _TC, _NO, _NO),  # Xavier
    (7, 5): (_NO, _TC, _NO, _TC, _NO, _NO),
    (8, 0): (_TC, _TC, _TC, _TC, _NO, _NO),
    (8, 6): (_TC, _TC, _TC, _TC, _NO, _NO),
    (8, 7): (_TC, _TC, _TC, _TC, _NO, _NO),  # Orin
    (8, 9): (_TC, _TC, _TC, _TC, _TC, _NO),
    (9, 0): (_TC, _TC, _TC, _TC, _TC, _NO),
    (10, 0): (_TC, _TC, _TC, _TC, _TC, _TC),
    (10, 3): (_TC, _TC, _TC, _SLOW, _TC, _TC),  # about 1/24 of 10.0's INT8; trtexec --best leaves INT8 out there
    (11, 0): (_TC, _TC, _TC, _TC, _TC, _TC),  # Thor
    (12, 0): (_TC, _TC, _TC, _TC, _TC, _TC),
    (12, 1): (_TC, _TC, _TC, _TC, _TC, _TC),
}  # fmt: skip


def hardware_for(capability: tuple[int, int], precision: Precision) -> Hardware | None:
    """Return what multiplies a precision on a GPU, ``None`` for a GPU or precision that the table does not have.

    FP32 is multiplied by CUDA cores everywhere.
    """
    if precision is Precision.FP32:
        return Hardware.CUDA_CORE
    row = _TABLE.get(capability)
    return row[_COLUMNS.index(precision)] if row is not None and precision in _COLUMNS else None


def support_words(capability: tuple[int, int]) -> str | None:
    """Return the row of a GPU in words, ``None`` for a GPU that is not in the table."""
    row = _TABLE.get(capability)
    if row is None:
        return None
    words = []
    for hardware in Hardware:
        names = [column.value.upper() for column, cell in zip(_COLUMNS, row, strict=True) if cell is hardware]
        if names:
            words.append(f"{', '.join(names)}: {hardware.value}")
    return "; ".join(words)


def slow_precisions(capability: tuple[int, int]) -> tuple[Precision, ...]:
    """Return the precisions of FP16 and INT8 that cannot be faster than FP32 there."""
    slow = (Hardware.NONE, Hardware.SLOW)
    return tuple(item for item in (Precision.FP16, Precision.INT8) if hardware_for(capability, item) in slow)
