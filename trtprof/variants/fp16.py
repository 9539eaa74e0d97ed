"""The FP16 and BF16 variants: the whole model in half precision between FP32 inputs and outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from trtprof.graph.onnx_file import load_onnx, save_onnx
from trtprof.model import DType, Notice, Unknown
from trtprof.variants.half import convert_to_half
from trtprof.variants.opset import default_opset, raise_opset

BF16_OPSET: Final = 22
"""First opset in which every convolution and activation takes BF16."""
_WEIGHTED: Final = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm"})


def to_half(base: Path, out: Path, dtype: DType) -> tuple[Notice, ...] | Unknown:
    """Write the model in ``base`` as FP16 or BF16 to ``out`` and return what the user must know, or why it cannot be.

    BF16 needs opset 22; where the model cannot be raised to it and a convolution or matrix product would stay FP32,
    there is no BF16 variant worth the name.

    Raises:
        InputError: ``base`` is no usable ONNX model.
        BuildError: ``out`` cannot be written.
    """
    model = load_onnx(base)
    if dtype is DType.BF16:
        model = raise_opset(model, BF16_OPSET) or model
    result = convert_to_half(model, dtype)
    lost = sorted(result.kept_operators & _WEIGHTED)
    if lost:
        return Unknown(
            f"{dtype.value.upper()} {', '.join(lost)} needs opset {BF16_OPSET}, and opset {default_opset(model)} "
            "of the model cannot be raised to it"
        )
    save_onnx(model, out)
    return result.notices
