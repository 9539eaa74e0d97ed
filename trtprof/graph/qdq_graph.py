"""The main graph of a quantised ONNX model with its edges, and what is quantised in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import onnx

QUANTIZE: Final = "QuantizeLinear"
DEQUANTIZE: Final = "DequantizeLinear"
CONVS: Final = frozenset({"Conv", "ConvTranspose"})
MATMULS: Final = frozenset({"MatMul", "Gemm"})
WEIGHTED: Final = CONVS | MATMULS
FUSED_AFTER: Final = frozenset({"Relu", "Clip", "Add", "Sum", "MaxPool", "Flatten", "Reshape", "Squeeze", "Identity"})
"""What TensorRT takes into a quantised convolution, or moves Q/DQ across; the rest needs Q/DQ of its own."""


class QdqGraph:
    """The main graph with its edges, and what is quantised in it."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.producer = {name: node for node in model.graph.node for name in node.output if name}
        self.consumers: dict[str, list[onnx.NodeProto]] = {}
        for node in model.graph.node:
            for name in dict.fromkeys(node.input):
                self.consumers.setdefault(name, []).append(node)
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant":
                value = next((item.t for item in node.attribute if item.name == "value"), None)
                if value is not None:
                    self.constants[node.output[0]] = value
        self.has_qdq = any(node.op_type in (QUANTIZE, DEQUANTIZE) for node in model.graph.node)

    def of(self, *operators: str) -> list[onnx.NodeProto]:
        """Return the nodes of some operators, in the order of the graph."""
        return [node for node in self.model.graph.node if node.op_type in operators]

    def reads_dequantised(self, tensor: str) -> bool:
        """Return whether a DequantizeLinear makes the tensor."""
        return self.dequantiser(tensor) is not None

    def dequantiser(self, tensor: str) -> onnx.NodeProto | None:
        """Return the DequantizeLinear that makes a tensor, ``None`` where something else does."""
        node = self.producer.get(tensor)
        return node if node is not None and node.op_type == DEQUANTIZE else None

    def quantiser(self, dequantiser: onnx.NodeProto) -> onnx.NodeProto | None:
        """Return the QuantizeLinear a DequantizeLinear reads, ``None`` where it reads a constant or something else."""
        node = self.producer.get(dequantiser.input[0])
        return node if node is not None and node.op_type == QUANTIZE else None

    def is_quantised(self, node: onnx.NodeProto) -> bool:
        """Return whether activations and weights of a node both come from DequantizeLinear."""
        return len(node.input) > 1 and all(self.reads_dequantised(name) for name in node.input[:2])

    def next(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """Return the nodes that read what a node writes."""
        return [reader for name in node.output for reader in self.consumers.get(name, ())]

    def array(self, name: str) -> np.ndarray[Any, Any] | None:
        """Return the values of a constant, ``None`` for what is computed or lies outside the file."""
        from onnx import numpy_helper

        tensor = self.constants.get(name)
        return None if tensor is None or tensor.data_location == tensor.EXTERNAL else numpy_helper.to_array(tensor)

    def scale(self, quantiser: onnx.NodeProto) -> float | None:
        """Return the scale of a per-tensor Q, ``None`` where it is none or not constant."""
        values = self.array(quantiser.input[1])
        return float(values.reshape(-1)[0]) if values is not None and values.size == 1 else None

    def quantised_mains_behind(self, tensor: str) -> list[onnx.NodeProto]:
        """Return the quantised convs and gemms that a tensor comes from, through what TensorRT fuses with them."""
        found: list[onnx.NodeProto] = []
        waiting, seen = [tensor], set()
        while waiting:
            node = self.producer.get(waiting.pop())
            if node is None or id(node) in seen:
                continue
            seen.add(id(node))
            if self.is_quantised(node) and node.op_type in WEIGHTED:
                found.append(node)
            elif node.op_type in FUSED_AFTER:
                waiting.extend(node.input)
        return found


def without_unread(nodes: list[onnx.NodeProto], outputs: set[str]) -> list[onnx.NodeProto]:
    """Return the nodes without Q/DQ and Constant nodes whose output nothing reads."""
    while True:
        read = {name for node in nodes for name in node.input} | outputs | read_inside(nodes)
        kept = [
            node
            for node in nodes
            if node.op_type not in (QUANTIZE, DEQUANTIZE, "Constant") or any(name in read for name in node.output)
        ]
        if len(kept) == len(nodes):
            return kept
        nodes = kept


def read_inside(nodes: list[onnx.NodeProto]) -> set[str]:
    """Return the tensors that bodies of nodes (If, Loop) read."""
    found: set[str] = set()
    for node in nodes:
        for attribute in node.attribute:
            for body in [attribute.g] if attribute.HasField("g") else list(attribute.graphs):
                inner = list(body.node)
                found |= {name for item in inner for name in item.input} | {value.name for value in body.output}
                found |= read_inside(inner)
    return found
