"""Folding batch normalisation into the convolution before it: exact in real arithmetic, an FP32 rounding apart here."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, Any]

_EPSILON_DEFAULT = 1e-5


def fold_batch_norms(model: onnx.ModelProto) -> int:
    """Fold each inference-mode BatchNormalization that alone follows a Conv or ConvTranspose; return how many.

    The convolution keeps its name and takes over the normalisation's output tensor.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    producers = {name: node for node in graph.node for name in node.output}
    uses = Counter(name for node in graph.node for name in node.input)
    uses.update(value.name for value in graph.output)
    folded: list[onnx.NodeProto] = []
    for norm in graph.node:
        conv = producers.get(norm.input[0]) if norm.op_type == "BatchNormalization" else None
        if conv is None or not _foldable(conv, norm, constants, uses):
            continue
        _fold(graph, conv, norm, constants)
        producers[conv.output[0]] = conv
        folded.append(norm)
    for norm in folded:
        graph.node.remove(norm)
    if folded:
        _drop_unused(graph)
    return len(folded)


def norm_factor(norm: onnx.NodeProto, scale: Array, variance: Array) -> Array:
    """Return what an inference-mode BatchNormalization multiplies each channel by."""
    import numpy as np

    epsilon = next((a.f for a in norm.attribute if a.name == "epsilon"), _EPSILON_DEFAULT)
    return np.asarray(scale / np.sqrt(variance + epsilon))


def _foldable(
    conv: onnx.NodeProto, norm: onnx.NodeProto, constants: dict[str, onnx.TensorProto], uses: Counter[str]
) -> bool:
    """Only where nobody else reads the convolution, its parameters or weights, so that nothing else changes."""
    training = any(attribute.name == "training_mode" and attribute.i for attribute in norm.attribute)
    parameters = [*norm.input[1:5], *conv.input[1:]]
    return (
        conv.op_type in ("Conv", "ConvTranspose")
        and not training
        and len([name for name in norm.output if name]) == 1
        and uses[conv.output[0]] == 1
        and all(name in constants for name in parameters)
        and uses[conv.input[1]] == 1
    )


def _fold(
    graph: onnx.GraphProto, conv: onnx.NodeProto, norm: onnx.NodeProto, constants: dict[str, onnx.TensorProto]
) -> None:
    import numpy as np
    from onnx import numpy_helper

    def array(name: str) -> np.ndarray[Any, Any]:
        return np.asarray(numpy_helper.to_array(constants[name]), dtype=np.float64)

    scale, shift, mean, variance = (array(name) for name in norm.input[1:5])
    factor = norm_factor(norm, scale, variance)
    bias = array(conv.input[2]) if len(conv.input) > 2 and conv.input[2] else np.zeros_like(mean)
    new_bias = (bias - mean) * factor + shift
    weight = numpy_helper.to_array(constants[conv.input[1]])
    dtype = weight.dtype
    factor = factor.astype(dtype)  # one rounding more, and half the time on a model of 100 MB
    if conv.op_type == "Conv":
        weight = weight * factor.reshape(-1, *[1] * (weight.ndim - 1))
    else:  # [Cin, Cout/groups, …]: output channels of group g belong to its block of input channels
        groups = next((a.i for a in conv.attribute if a.name == "group"), 1)
        blocks = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
        weight = (blocks * factor.reshape(groups, 1, -1, *[1] * (weight.ndim - 2))).reshape(weight.shape)

    constants[conv.input[1]].CopyFrom(numpy_helper.from_array(weight, conv.input[1]))
    bias_name = f"{conv.input[1]}.folded_bias"
    graph.initializer.append(numpy_helper.from_array(new_bias.astype(dtype), bias_name))
    constants[bias_name] = graph.initializer[-1]
    inputs = [conv.input[0], conv.input[1], bias_name]
    del conv.input[:]
    conv.input.extend(inputs)
    conv.output[0] = norm.output[0]


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in used or _in_subgraph(graph)]
    if len(kept) != len(graph.initializer):
        del graph.initializer[:]
        graph.initializer.extend(kept)


def _in_subgraph(graph: onnx.GraphProto) -> bool:
    """Whether any node has a body that may read outer tensors by name; then nothing is dropped."""
    return any(attribute.HasField("g") for node in graph.node for attribute in node.attribute)
