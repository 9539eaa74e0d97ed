"""Small quantised ONNX graphs, written node by node."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Net:
    """A graph under construction; every method returns the name of what it made."""

    def __init__(self, channels: int = 8, extent: int = 16) -> None:
        self.shape = [1, channels, extent, extent]
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def node(self, operator: str, *inputs: str, name: str | None = None, **attributes: object) -> str:
        name = name or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [f"{name}:0"], name=name, **attributes))
        return f"{name}:0"

    def constant(self, name: str, array: np.ndarray) -> str:
        self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def qdq(self, tensor: str, scale: float = 0.1, zero: int = 0, *, dtype: type = np.int8, shape: tuple = ()) -> str:
        """Put QuantizeLinear and DequantizeLinear on a tensor."""
        name = f"{tensor}|{len(self.nodes)}"
        s = self.constant(f"{name}.s", np.full(shape, scale, np.float32))
        z = self.constant(f"{name}.z", np.full(shape, zero, dtype))
        return self.node("DequantizeLinear", self.node("QuantizeLinear", tensor, s, z), s, z)

    def conv(self, tensor: str, name: str | None = None, *, int32_bias: bool = False) -> str:
        """Append a quantised 1x1 convolution that keeps the shape; its input must be quantised by the caller."""
        name = name or f"Conv_{len(self.nodes)}"
        channels = self.shape[1]
        weight = self.constant(f"{name}.w", np.ones((channels, channels, 1, 1), np.float32))
        inputs = [tensor, self.qdq(weight)]
        if int32_bias:
            bias = self.constant(f"{name}.b", np.ones(channels, np.int32))
            scale = self.constant(f"{name}.bs", np.float32(0.01).reshape(()))
            inputs.append(self.node("DequantizeLinear", bias, scale))
        return self.node("Conv", *inputs, name=name)

    def model(self, *outputs: str) -> onnx.ModelProto:
        """Return the checked model with inferred shapes."""
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            list(self.constants.values()),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        return onnx.shape_inference.infer_shapes(model)
