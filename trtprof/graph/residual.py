"""Which Adds of a graph are residual connections of convolutions, and which of their inputs is the shortcut.

TensorRT fuses ``Add`` into the convolution before it, and runs that in INT8 throughout only if the other input is INT8
too. In a transformer the Add carries the residual stream, whose outliers INT8 cannot hold: quantising it takes a ViT
from 84.5 % to 5 % top-1. So the two must be told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import onnx

_CONVS: Final = frozenset({"Conv", "ConvTranspose"})
_GEMMS: Final = frozenset({"MatMul", "Gemm"})
_LIGHT: Final = frozenset({
    # activations
    "Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Swish", "Mish", "Elu", "Selu", "Celu",
    "Gelu", "Erf", "Tanh", "Softplus", "Softsign", "ThresholdedRelu",
    # elementwise
    "Add", "Sub", "Mul", "Div", "Min", "Max", "Sum", "Pow", "Sqrt", "Exp", "Log", "Neg", "Abs", "Where",
    # normalisation
    "BatchNormalization", "InstanceNormalization", "GroupNormalization", "LayerNormalization", "LRN",
    # pooling
    "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool",
    # nothing at all, or another type
    "Identity", "Dropout", "Cast", "QuantizeLinear", "DequantizeLinear",
})  # fmt: skip
_LAYOUT: Final = frozenset({"Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Slice"})


@dataclass(frozen=True, slots=True)
class ResidualAdd:
    """A residual Add and the index (0 or 1) of its shortcut input, ``None`` where both branches are equally deep."""

    node: str
    shortcut: int | None


def residual_adds(model: onnx.ModelProto) -> tuple[ResidualAdd, ...]:
    """Return the residual Adds of the main graph, in its order.

    An Add is residual when

    1. both inputs are activations (neither is a constant) of one known shape: a bias or a broadcast is none;
    2. at least one input reaches back to a convolution through elementwise, activation, normalisation and pooling
       nodes alone: a patch embedding ends in a Reshape and does not count;
    3. neither branch comes from MatMul or Gemm alone, not looking past another such Add: that is a transformer's
       residual stream, also where the model begins with convolutions (ConvNeXt, hybrid ViTs).

    The shortcut is the input with fewer convolutions in series behind it: the identity, or its downsampling.
    """
    graph = _Walk(model)
    found = []
    for node in model.graph.node:
        if not graph.joins_activations(node):
            continue
        branches = [graph.branch_sources(name) for name in node.input]
        if any(branch and branch <= _GEMMS for branch in branches):
            continue
        if any(graph.reaches_conv(name) for name in node.input):
            left, right = (graph.conv_depth(name) for name in node.input)
            found.append(ResidualAdd(node.name, None if left == right else int(right < left)))
    return tuple(found)


class _Walk:
    """The main graph, walked backwards from a tensor."""

    def __init__(self, model: onnx.ModelProto) -> None:
        graph = model.graph
        self._producer = {name: node for node in graph.node for name in node.output if name}
        self._constants = {tensor.name for tensor in graph.initializer}
        self._shapes = {
            value.name: tuple(extent.dim_value for extent in value.type.tensor_type.shape.dim)
            for value in (*graph.input, *graph.value_info, *graph.output)
            if value.type.tensor_type.HasField("shape")
        }
        self._depths = self._conv_depths(graph.node)

    def joins_activations(self, node: onnx.NodeProto) -> bool:
        """Whether the node is an Add of two activations of one shape."""
        if node.op_type != "Add" or len(node.input) != 2 or node.input[0] == node.input[1]:
            return False
        if any(self._is_constant(name) for name in node.input):
            return False
        left, right = (self._shapes.get(name) for name in node.input)
        return left is not None and left == right and len(left) > 0

    def reaches_conv(self, tensor: str) -> bool:
        """Whether a convolution is behind the tensor with nothing but light nodes between."""
        return any(node.op_type in _CONVS for node in self._frontier(tensor, _LIGHT, through_joins=True))

    def branch_sources(self, tensor: str) -> frozenset[str]:
        """Types of the nodes that make this branch, up to where it left the stream it is added to."""
        nodes = self._frontier(tensor, _LIGHT | _LAYOUT, through_joins=False)
        return frozenset(node.op_type for node in nodes if node.op_type in _CONVS | _GEMMS)

    def conv_depth(self, tensor: str) -> int:
        """Return the largest number of convolutions in series behind the tensor."""
        return self._depths.get(tensor, 0)

    def _frontier(self, tensor: str, through: frozenset[str], *, through_joins: bool) -> Iterator[onnx.NodeProto]:
        """Yield the first nodes behind the tensor that are not walked through."""
        seen: set[str] = set()
        waiting = [tensor]
        while waiting:
            name = waiting.pop()
            node = self._producer.get(name)
            if node is None or name in seen:
                continue
            seen.add(name)
            if node.op_type not in through:
                yield node
            elif through_joins or not self.joins_activations(node):
                waiting.extend(source for source in node.input if source)

    def _is_constant(self, name: str) -> bool:
        node = self._producer.get(name)
        return name in self._constants or (node is not None and node.op_type == "Constant")

    @staticmethod
    def _conv_depths(nodes: Iterable[onnx.NodeProto]) -> dict[str, int]:
        depths: dict[str, int] = {}
        for node in nodes:
            depth = max((depths.get(name, 0) for name in node.input), default=0) + (node.op_type in _CONVS)
            depths.update(dict.fromkeys(node.output, depth))
        return depths
