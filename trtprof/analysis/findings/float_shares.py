"""What 16 bits save of a row that works in FP32 in a quantised engine."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.asked import types_of
from trtprof.analysis.findings.flow import QUANTISED
from trtprof.analysis.findings.rule import Share, Subject
from trtprof.analysis.findings.sibling_times import half_share
from trtprof.comparison import Row
from trtprof.model import LayerKind

_FLOAT: Final = Share(0.2, 0.5, 0.65)
"""Half the bytes; at the top what published FP32 and FP16 engines of one network differ by (3.0x on an RTX 3090)."""
_MATMUL_BEFORE_TF32: Final = Share(0.4, 0.65, 0.85)
"""Before compute capability 8.0 an FP32 product runs on CUDA cores, an FP16 one on Tensor Cores at 8 times the rate."""
_OPAQUE: Final = Share(0.0, 0.4, 0.65)
"""A region that shows only FP32 at its ends may run in another type inside."""
_CONVERSION: Final = Share(0.2, 0.4, 0.5)
"""FP32 with INT8 moves five bytes a value, FP16 with INT8 three."""
_EPILOGUE: Final = Share(0.0, 0.1, 0.25)
"""A quantised convolution that writes FP32: half the bytes it writes."""


def float_share(subject: Subject, row: Row) -> Share:
    """Return the share of an FP32 row's time that 16 bits save: as the sibling measures it, else modelled."""
    if row.kind.is_conversion:
        return _CONVERSION
    if types_of(row) & QUANTISED:
        return _EPILOGUE
    if row.kind is LayerKind.FOREIGN:
        return half_share(subject, row) or _OPAQUE
    device = subject.built.engine.device
    capability = device.compute_capability if device else None
    modelled = _MATMUL_BEFORE_TF32 if row.has_matmul and capability is not None and capability < (8, 0) else _FLOAT
    return half_share(subject, row) or modelled
