"""The repairs, in the order they are made: each finds the graph as the ones before it left it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from trtprof.graph.repairs import batch_norm, int32_bias, pad, residual, scale_shape, scales, zero_point
from trtprof.graph.repairs.edit import Left, Ranges, Repair

if TYPE_CHECKING:
    import onnx

Made = tuple[list[Repair], list[Left]]

REPAIRS: Final[tuple[tuple[str, Callable[[onnx.ModelProto, Ranges], Made]], ...]] = (
    ("Q111", int32_bias.repair),
    ("Q112", zero_point.repair),
    ("Q113", scale_shape.repair),
    ("Q104", batch_norm.repair),
    ("Q103", pad.repair),
    ("Q106", scales.repair_concats),
    ("Q107", scales.repair_consumers),
    ("Q101", residual.repair),
)
"""A bias must be float before a normalisation is folded, and a scale settled before a skip input shares it."""


def repair(model: onnx.ModelProto, ranges: Ranges, codes: Callable[[str], bool] = lambda _: True) -> Made:
    """Repair the model in place by the rules that ``codes`` takes; return what was made and what was left.

    Each node needs a name of its own, and tensors their shapes. ``ranges`` has the largest magnitude of tensors that a
    repair needs a new scale for.
    """
    made: list[Repair] = []
    left: list[Left] = []
    for code, function in REPAIRS:
        if codes(code):
            some, rest = function(model, ranges)
            made += some
            left += rest
    return made, left
