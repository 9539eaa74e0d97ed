"""Explicit quantisation: Q/DQ pairs on the inputs of chosen nodes, in the one form TensorRT accepts.

Names and form are those of onnxruntime's ``quantize_static`` with ``ActivationSymmetric``, ``WeightSymmetric``,
``QuantizeBias=False``, ``AddQDQPairToWeight``, ``DedicatedQDQPair`` and no output quantisation; a test holds the two
against each other. It is not called because it quantises tensors, not edges: whatever else reads a quantised tensor
then reads the dequantised one too, which puts INT8 on the residual stream of every post-norm transformer, and on the
shortcut when only the other branch is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from trtprof.graph.names import fresh_name

if TYPE_CHECKING:
    import onnx


class QuantisedType(Enum):
    """What Q/DQ pairs store: ONNX's type number, and the largest number of the type that is used."""

    INT8 = (3, 127.0)
    FP8 = (17, 448.0)

    @property
    def element_type(self) -> int:
        """ONNX's number of the type (``TensorProto.INT8``, ``TensorProto.FLOAT8E4M3FN``)."""
        return self.value[0]

    @property
    def largest(self) -> float:
        """Largest magnitude used; INT8 leaves -128 out, to be symmetric."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Edge:
    """Input ``index`` of a node that gets Q/DQ; ``axis`` is the weight's channel axis, ``None`` for one scale."""

    node: str
    index: int
    tensor: str
    weight: bool
    axis: int | None = None


_DEAD_AMAX: Final = 1.0
_WEIGHTED: Final = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm"})


def weighted_edges(model: onnx.ModelProto) -> tuple[Edge, ...]:
    """Return the inputs of Conv, ConvTranspose, MatMul and Gemm that are quantised, node by node; never a bias.

    Weights are quantised per channel: axis 0 of Conv and ConvTranspose, the column axis of a matrix.
    A node is left out whole where an input is no FP32 tensor, or a convolution's weight is no constant.
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    types = element_types(model)
    edges: list[Edge] = []
    for node in model.graph.node:
        if node.op_type not in _WEIGHTED or node.domain not in ("", "ai.onnx"):
            continue
        tensors = list(node.input[:2])
        floats = all(types.get(name) == 1 for name in tensors)
        constants = [name in weights for name in tensors]
        if not floats or all(constants) or ("Conv" in node.op_type and constants != [False, True]):
            continue
        for index, name in enumerate(tensors):
            axis = _channel_axis(node, index, len(weights[name].dims)) if constants[index] else None
            edges.append(Edge(node.name, index, name, constants[index], axis))
    return tuple(edges)


def _channel_axis(node: onnx.NodeProto, index: int, rank: int) -> int | None:
    """Axis of a weight's scales; ``None`` where TensorRT takes one scale only (left operand, batched matrices).

    ConvTranspose is axis 0, its input channels: TensorRT's kernels are those of Conv turned round, and scales along the
    output channels gave wrong results (NVIDIA/TensorRT#1694, #2380).
    """
    if "Conv" in node.op_type:
        return 0
    if index == 0 or rank != 2:
        return None
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return 0 if transposed else 1


def element_types(model: onnx.ModelProto) -> dict[str, int]:
    """Return the ONNX element type of every tensor that the model declares one for."""
    graph = model.graph
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.value_info, *graph.output)}
    types.update({tensor.name: tensor.data_type for tensor in graph.initializer})
    return types


def insert_qdq(
    model: onnx.ModelProto,
    edges: Sequence[Edge],
    amax: Mapping[str, float],
    kind: QuantisedType,
    *,
    per_channel: bool = True,
) -> None:
    """Put a Q/DQ pair on each edge, in place; ``amax`` gives the magnitude of every activation among them.

    Each node has pairs of its own, as TensorRT wants them; pairs on one tensor share scale and zero point, and a weight
    that several nodes read is dequantised once. Activation scales are scalars, weight scales vectors along ``axis``
    unless ``per_channel`` is false; all are positive: a channel of zeros is scaled as for ±1.
    """
    inserter = _Inserter(model, kind, per_channel)
    users = Counter(edge.tensor for edge in edges)
    seen: Counter[str] = Counter()
    for edge in edges:
        seen[edge.tensor] += 1
        numbered = not edge.weight and users[edge.tensor] > 1
        inserter.insert(edge, amax.get(edge.tensor), f"_{seen[edge.tensor]}" if numbered else "")
    inserter.finish()


class _Inserter:
    """Builds the pairs of one model; nothing is changed but the inputs of nodes until :meth:`finish`."""

    def __init__(self, model: onnx.ModelProto, kind: QuantisedType, per_channel: bool) -> None:
        graph = model.graph
        self._graph = graph
        self._kind = kind
        self._per_channel = per_channel
        self._nodes = {node.name: node for node in graph.node}
        self._weights = {tensor.name: tensor for tensor in graph.initializer}
        self._taken = {name for node in graph.node for name in (*node.output, node.name)} | set(self._weights)
        self._before: dict[str, list[onnx.NodeProto]] = {}
        self._constants: list[onnx.TensorProto] = []
        self._parameters: dict[tuple[str, int | None], tuple[str, str]] = {}
        self._dequantised: dict[tuple[str, int | None], str] = {}

    def insert(self, edge: Edge, amax: float | None, suffix: str) -> None:
        """Put a pair on the edge, its names ending in ``suffix``."""
        import onnx

        node = self._nodes[edge.node]
        axis = edge.axis if self._per_channel else None
        key = (edge.tensor, axis)
        if edge.weight and key in self._dequantised:
            node.input[edge.index] = self._dequantised[key]
            return
        if key not in self._parameters:
            self._parameters[key] = self._add_parameters(edge, axis, amax)
        scale, zero = self._parameters[key]
        stem = edge.tensor
        quantised = fresh_name(f"{stem}_QuantizeLinear_Output{suffix}", self._taken)
        restored = fresh_name(f"{stem}_DequantizeLinear_Output{suffix}", self._taken)
        attributes = {} if axis is None else {"axis": axis}
        pair = [
            onnx.helper.make_node(
                operator, [source, scale, zero], [target], fresh_name(f"{stem}_{operator}{suffix}", self._taken)
            )
            for operator, source, target in (
                ("QuantizeLinear", stem, quantised),
                ("DequantizeLinear", quantised, restored),
            )
        ]
        for member in pair:
            member.attribute.extend(onnx.helper.make_attribute(name, value) for name, value in attributes.items())
        self._before.setdefault(edge.node, []).extend(pair)
        self._dequantised[key] = restored
        node.input[edge.index] = restored

    def finish(self) -> None:
        """Add what was built to the graph, each pair right before the node it feeds."""
        nodes = [member for node in self._graph.node for member in (*self._before.get(node.name, ()), node)]
        del self._graph.node[:]
        self._graph.node.extend(nodes)
        self._graph.initializer.extend(self._constants)

    def _add_parameters(self, edge: Edge, axis: int | None, amax: float | None) -> tuple[str, str]:
        """Add scale and zero point and return their names."""
        import numpy as np
        import onnx

        if edge.weight:
            values = np.abs(onnx.numpy_helper.to_array(self._weights[edge.tensor]))
            others = tuple(index for index in range(values.ndim) if index != axis)
            magnitude = values.max(axis=others if axis is not None else None, initial=0.0)
        else:
            magnitude = np.asarray(_DEAD_AMAX if amax is None else amax)
        magnitude = np.where(magnitude > 0, magnitude, _DEAD_AMAX)
        scale = np.maximum(magnitude / self._kind.largest, np.finfo(np.float32).tiny).astype(np.float32)
        names = fresh_name(f"{edge.tensor}_scale", self._taken), fresh_name(f"{edge.tensor}_zero_point", self._taken)
        zeros = onnx.helper.make_tensor(names[1], self._kind.element_type, scale.shape, bytes(scale.size), raw=True)
        self._constants += [onnx.numpy_helper.from_array(scale, names[0]), zeros]
        return names
