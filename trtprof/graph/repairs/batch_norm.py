"""Q104: batch normalisation is folded into the quantised convolution before it.

Weights and their scales are multiplied by the same factor, channel by channel, so every quantised weight stays the
integer it was; a negative factor turns its sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trtprof.graph.batchnorm import norm_factor
from trtprof.graph.prepare import default_opset
from trtprof.graph.qdq_graph import DEQUANTIZE, QUANTIZE
from trtprof.graph.repairs.edit import Edit, Left, Ranges, Repair
from trtprof.graph.repairs.values import along, axis_of

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, Any]

_CODE: Final = "Q104"
_PER_CHANNEL_OPSET: Final = 13


def repair(model: onnx.ModelProto, _: Ranges) -> tuple[list[Repair], list[Left]]:
    """Fold each BatchNormalization that alone follows a quantised Conv; exact but for the rounding of products."""
    edit = Edit(model)
    made, left = [], []
    for norm in edit.graph.of("BatchNormalization"):
        conv = edit.graph.producer.get(norm.input[0])
        if conv is None or conv.op_type not in ("Conv", "ConvTranspose") or not edit.graph.is_quantised(conv):
            continue
        why = _why_not(edit, conv, norm)
        if why is not None:
            left.append(Left(_CODE, norm.name, why))
            continue
        _fold(edit, conv, norm)
        made.append(Repair(_CODE, norm.name, f"it is folded into '{conv.name}' and its weights' scales", exact=True))
    edit.finish()
    return made, left


def _why_not(edit: Edit, conv: onnx.NodeProto, norm: onnx.NodeProto) -> str | None:  # noqa: PLR0911 - one reason each
    import numpy as np

    graph = edit.graph
    dequantiser = graph.dequantiser(conv.input[1])
    assert dequantiser is not None
    quantiser = graph.quantiser(dequantiser)
    weights = graph.array((quantiser or dequantiser).input[0])
    pair = [node for node in (quantiser, dequantiser) if node is not None]
    if conv.op_type != "Conv":
        return "only Conv is folded, whose output channels are the first axis of its weights"
    if any(item.name == "training_mode" and item.i for item in norm.attribute) or len(norm.output) > 1:
        return "it is in training mode"
    if len(graph.next(conv)) != 1 or conv.output[0] in edit.outputs:
        return f"something else reads '{conv.name}' too"
    if len(graph.next(dequantiser)) != 1 or (quantiser is not None and len(graph.next(quantiser)) != 1):
        return f"something else reads the weights of '{conv.name}' too"
    bias = list(conv.input[2:3])
    if weights is None or any(graph.array(name) is None for name in (*norm.input[1:5], *bias) if name):
        return "weights, bias, or its own parameters are no constants"
    scales = [graph.array(node.input[1]) for node in pair]
    zeros = [graph.array(node.input[2]) for node in pair if len(node.input) > 2]
    if any(scale is None or (scale.size > 1 and axis_of(pair[0], weights.ndim) != 0) for scale in scales):
        return "the weights' scales are no constants along axis 0"
    if any(zero is None or bool((zero.astype(np.float32) != 0).any()) for zero in zeros):
        return "the weights have a zero point other than 0"
    if quantiser is None and weights.dtype != np.int8:
        return "the stored weights are not INT8"
    if _turns_lowest(edit, norm, pair, weights):
        return "a weight of -128 would have to change its sign, and there is no 128"
    if (default_opset(edit.model) or 0) < _PER_CHANNEL_OPSET:
        return f"scales for each channel need opset {_PER_CHANNEL_OPSET}"
    return None


def _turns_lowest(edit: Edit, norm: onnx.NodeProto, pair: list[onnx.NodeProto], weights: Array) -> bool:
    """Whether a weight quantised to INT8's lowest lies in a channel with a negative factor."""
    import numpy as np

    graph = edit.graph
    zero = graph.array(pair[0].input[2]) if len(pair[0].input) > 2 else None
    scale, gamma = graph.array(pair[0].input[1]), graph.array(norm.input[1])
    assert scale is not None and gamma is not None
    if zero is not None and zero.dtype != np.int8:
        return False
    levels = weights if weights.dtype == np.int8 else np.rint(weights / along(scale, pair[0], weights.ndim))
    return bool((levels.reshape(len(gamma), -1)[gamma < 0] <= np.iinfo(np.int8).min).any())


def _fold(edit: Edit, conv: onnx.NodeProto, norm: onnx.NodeProto) -> None:
    import numpy as np

    graph = edit.graph
    dequantiser = graph.dequantiser(conv.input[1])
    assert dequantiser is not None
    quantiser = graph.quantiser(dequantiser)
    gamma, beta, mean, variance = (_wide(graph.array(name)) for name in norm.input[1:5])
    factor = norm_factor(norm, gamma, variance)
    bias = _wide(graph.array(conv.input[2])) if len(conv.input) > 2 and conv.input[2] else np.zeros_like(mean)
    scale = graph.array(dequantiser.input[1])
    weights = graph.array((quantiser or dequantiser).input[0])
    assert scale is not None and weights is not None
    channels = [-1, *[1] * (weights.ndim - 1)]
    size = np.where(factor == 0, 1.0, np.abs(factor))
    if quantiser is not None:
        folded = (weights * factor.reshape(channels)).astype(weights.dtype)
    else:
        folded = (weights * np.sign(factor).astype(np.int8).reshape(channels)).astype(np.int8)
    wide = (np.broadcast_to(scale.astype(np.float64).reshape(-1), factor.shape) * size).astype(scale.dtype)
    stem = f"{conv.name}/folded"
    (quantiser or dequantiser).input[0] = edit.constant(f"{stem}_weight", folded)
    scales = edit.constant(f"{stem}_scale", wide)
    zero: str | None = None
    for node in (quantiser, dequantiser):
        if node is not None:
            zero = _parameters(edit, node, scales, stem, zero)
    inputs = [*conv.input[:2], edit.constant(f"{stem}_bias", ((bias - mean) * factor + beta).astype(scale.dtype))]
    del conv.input[:]
    conv.input.extend(inputs)
    conv.output[0] = norm.output[0]
    edit.remove(norm)


def _parameters(edit: Edit, node: onnx.NodeProto, scales: str, stem: str, zero: str | None) -> str | None:
    """Give a Q or DQ the scales, and a zero point for each; return the zero points' name."""
    import numpy as np
    from onnx import helper

    node.input[1] = scales
    if len(node.input) > 2:
        if zero is None:
            old = edit.graph.array(node.input[2])
            count = next(item for item in edit.model.graph.initializer if item.name == scales).dims[0]
            assert old is not None
            zero = edit.constant(f"{stem}_zero_point", np.zeros(count, old.dtype))
        node.input[2] = zero
    kept = [item for item in node.attribute if item.name != "axis"]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute("axis", 0)])
    assert node.op_type in (QUANTIZE, DEQUANTIZE)
    return zero


def _wide(values: Array | None) -> Array:
    import numpy as np

    assert values is not None
    return np.asarray(values, dtype=np.float64)
