"""FP32 constants as FP16 or BF16 tensors, without making a finite number infinite or a nonzero one zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trtprof.model import DType

if TYPE_CHECKING:
    import numpy as np
    import onnx

ELEMENT_TYPE: Final = {DType.FP16: 10, DType.BF16: 16}
"""ONNX's numbers of the types (``TensorProto.FLOAT16``, ``TensorProto.BFLOAT16``)."""
LARGEST: Final = {DType.FP16: 65504.0, DType.BF16: 3.3895313892515355e38}


def round_tensor(tensor: onnx.TensorProto, dtype: DType) -> tuple[onnx.TensorProto, bool]:
    """Return an FP32 tensor in FP16 or BF16 under the same name, and whether a finite number had to be clamped."""
    import onnx

    values = onnx.numpy_helper.to_array(tensor)
    rounded = onnx.TensorProto()
    rounded.name = tensor.name
    rounded.doc_string = tensor.doc_string
    rounded.dims.extend(tensor.dims)
    rounded.data_type = ELEMENT_TYPE[dtype]
    data, clamped = round_values(values, dtype)
    rounded.raw_data = data.astype("<u2", copy=False).tobytes()
    return rounded, clamped


def round_values(values: np.ndarray[Any, Any], dtype: DType) -> tuple[np.ndarray[Any, Any], bool]:
    """Return the bit patterns (uint16) of the nearest numbers, ties to even, and whether one had to be clamped.

    NaN, infinities and zeros stay what they are. Finite numbers that would round to infinity become the largest finite
    number, nonzero ones that would round to 0 the smallest subnormal.
    """
    import numpy as np

    values = np.asarray(values, np.float32)
    bits = _fp16_bits(values) if dtype is DType.FP16 else _bf16_bits(values)
    infinite, largest = (0x7C00, 0x7BFF) if dtype is DType.FP16 else (0x7F80, 0x7F7F)
    sign, magnitude = bits & np.uint16(0x8000), bits & np.uint16(0x7FFF)
    beyond = (magnitude == infinite) & np.isfinite(values)
    below = (magnitude == 0) & (values != 0)
    bits = np.where(beyond, sign | np.uint16(largest), np.where(below, sign | np.uint16(1), bits))
    return bits, bool(beyond.any())


def _fp16_bits(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    with np.errstate(over="ignore", under="ignore"):
        return values.astype(np.float16).view(np.uint16)


def _bf16_bits(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """BF16 is the upper half of FP32; adding half of what is cut off, less one where it stays even, rounds it."""
    import numpy as np

    bits = values.view(np.uint32)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    rounded = ((bits + np.uint32(0x7FFF) + odd) >> np.uint32(16)).astype(np.uint16)
    return np.where(np.isnan(values), np.uint16(0x7FC0), rounded)
