"""What a quantised convolution loses by writing float, and by not being fused with the pooling behind it."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.flow import QUANTISED, is_float, result_of
from trtprof.analysis.findings.rule import NONE, Share, Subject, row_ns
from trtprof.comparison import Row
from trtprof.model import Unit

POOL_FUSED: Final = Share(0.5, 0.9, 1.0)
"""A pooling that fuses into the convolution before it goes whole; one that only turns INT8 moves half or a quarter."""
_UNKNOWN_EPILOGUE: Final = Share(0.0, 0.05, 0.2)
"""Without a twin of the same shape: published pairs show 0 to 20 % for a half-precision epilogue."""
_CUDA_CORE_FLOOR: Final = 0.75
"""Of the time of an INT8 convolution on CUDA cores, what a Tensor Core kernel may save at most without a sibling."""


def epilogue_share(subject: Subject, row: Row) -> Share:
    """Return the share of a quantised conv's time that writing a quantised type instead of float would save.

    The measure is the fastest twin in the same engine: same input and output extents, kernel and groups, quantised in
    and out. On CUDA cores, where the float result is what keeps it there, the 16-bit engine's time for the same nodes
    is the other measure.
    """
    time = row_ns(row)
    if time is None or not time or not is_float(result_of(row)):
        return NONE
    if row.kernel is not None and row.kernel.unit is Unit.CUDA_CORE:
        return cuda_core_share(subject, row, time)
    twins = [row_ns(other) for other in subject.rows if _is_twin(row, other)]
    best = min((twin for twin in twins if twin), default=None)
    if best is None:
        return _UNKNOWN_EPILOGUE
    gain = max(0.0, 1.0 - best / time)
    return Share(0.5 * gain, gain, gain + (1.0 - gain) * 0.1)


def cuda_core_share(subject: Subject, row: Row, time: float) -> Share:
    """Return the share of a time on CUDA cores that a Tensor Core kernel would save, 16-bit sibling or not."""
    if not time:
        return NONE
    half = [row_ns(other) for other in subject.sibling_rows(row, subject.half) if other.has_matmul]
    known = [value for value in half if value]
    if not known:
        return Share(0.0, 0.4, _CUDA_CORE_FLOOR)
    low = max(0.0, 1.0 - min(known) / time)
    # INT8 Tensor Cores have twice the rate of FP16's and half the bytes to move.
    high = max(low, 1.0 - min(known) / 2 / time)
    return Share(low, (low + high) / 2, high)


def _is_twin(row: Row, other: Row) -> bool:
    """Whether another row is the same convolution but for its epilogue, quantised in and out."""
    result = result_of(other)
    if other.layer.index == row.layer.index or not other.has_matmul or result is None:
        return False
    if other.operand is not row.operand or result.dtype not in QUANTISED:
        return False
    return shape_of(other) == shape_of(row) and shape_of(row) is not None


def shape_of(row: Row) -> tuple[object, ...] | None:
    """Return what decides a convolution's work: extents in and out, kernel, stride, groups; ``None`` if unknown."""
    source = row.layer.inputs[0] if row.layer.inputs else None
    result = result_of(row)
    if source is None or result is None or source.dims is None or result.dims is None:
        return None
    given = row.layer.parameters
    return source.dims, result.dims, str(given.get("Kernel")), str(given.get("Stride")), given.get("Groups")
