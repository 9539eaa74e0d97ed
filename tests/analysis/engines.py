"""Small engines written by hand: a conv, an Add and a Relu, cut into kernels in different ways."""

from __future__ import annotations

from trtprof.model import (
    DType,
    Engine,
    Graph,
    GraphNode,
    IoMode,
    IoTensor,
    Layer,
    LayerKind,
    Layout,
    Precision,
    Tensor,
    TensorFormat,
)

NHWC = TensorFormat(Layout.CHANNEL_LAST)
LINEAR = TensorFormat(Layout.LINEAR)

GRAPH = Graph(
    nodes=(
        GraphNode("conv1", "Conv", ("x", "w1"), ("a",), ((1, 64, 56, 56),), 1_000_000),
        GraphNode("relu1", "Relu", ("a",), ("b",), ((1, 64, 56, 56),), None),
        GraphNode("conv2", "Conv", ("b", "w2"), ("c",), ((1, 64, 56, 56),), 2_000_000),
        GraphNode("add", "Add", ("c", "b"), ("d",), ((1, 64, 56, 56),), None),
        GraphNode("relu2", "Relu", ("d",), ("y",), ((1, 64, 56, 56),), None),
        GraphNode("turn", "Transpose", ("y",), ("z",), ((1, 56, 56, 64),), None),
    ),
    inputs=("x",),
    outputs=("z",),
    opset=19,
)


def tensor(name: str, dtype: DType, layout: TensorFormat = NHWC, channels: int = 64) -> Tensor:
    return Tensor(name, (1, channels, 56, 56), dtype, layout)


def layer(index: int, name: str, kind: LayerKind, type_: str, inputs, outputs, nodes) -> Layer:
    return Layer(index, name, kind, type_, tuple(inputs), tuple(outputs), onnx_nodes=tuple(nodes))


def io(dtype: DType) -> tuple[IoTensor, ...]:
    return (
        IoTensor(tensor("x", DType.FP32, LINEAR, 3), IoMode.INPUT),
        IoTensor(tensor("z", dtype, LINEAR), IoMode.OUTPUT),
    )


def fused(dtype: DType = DType.FP16) -> Engine:
    """Conv and what follows it in one kernel, as a float engine runs it."""
    layers = (
        layer(0, "__myl_CastConc_myl0_0", LayerKind.CAST, "kgen", [tensor("x", DType.FP32, LINEAR, 3)],
              [tensor("x4", dtype, NHWC, 4)], ["x_cast", "conv1", "relu1"]),
        layer(1, "conv1_myl0_1", LayerKind.COMPUTE, "correlation", [tensor("x4", dtype, NHWC, 4)],
              [tensor("b", dtype)], ["conv1", "relu1"]),
        layer(2, "conv2_myl0_2", LayerKind.COMPUTE, "correlation", [tensor("b", dtype), tensor("b", dtype)],
              [tensor("y", dtype)], ["conv2", "relu2", "add"]),
        layer(3, "__myl_Tran_myl0_3", LayerKind.REFORMAT, "kgen", [tensor("y", dtype)],
              [tensor("z", dtype, LINEAR)], ["turn"]),
    )  # fmt: skip
    return Engine("fp16", Precision.FP16, layers, io(dtype))


def split() -> Engine:
    """The same in INT8 as TensorRT-RTX cuts it: epilogues in kernels of their own."""
    i8, f32 = DType.INT8, DType.FP32
    layers = (
        layer(0, "__myl_MulMinMaxRounCastConc_myl0_0", LayerKind.QUANTIZE, "kgen",
              [tensor("x", f32, LINEAR, 3)], [tensor("xq", i8, NHWC, 4)], ["x_QuantizeLinear", "conv1"]),
        layer(1, "conv1_myl0_1", LayerKind.COMPUTE, "correlation", [tensor("xq", i8, NHWC, 4)],
              [tensor("a", f32)], ["conv1", "x_DequantizeLinear"]),
        layer(2, "__myl_MulAddReluMulMinMaxRounCast_myl0_2", LayerKind.COMPUTE, "kgen", [tensor("a", f32)],
              [tensor("bq", i8)], ["conv1", "b_QuantizeLinear", "relu1"]),
        layer(3, "conv2_myl0_3", LayerKind.COMPUTE, "correlation", [tensor("bq", i8)], [tensor("c", f32)],
              ["conv2", "b_DequantizeLinear"]),
        layer(4, "__myl_CastMulAddRelu_myl0_4", LayerKind.COMPUTE, "kgen", [tensor("bq", i8), tensor("c", f32)],
              [tensor("y", f32)], ["conv2", "add", "relu2"]),
        layer(5, "__myl_Tran_myl0_5", LayerKind.REFORMAT, "kgen", [tensor("y", f32)],
              [tensor("z", f32, LINEAR)], ["turn"]),
    )  # fmt: skip
    return Engine("int8", Precision.INT8, layers, io(f32))


ADDED = {
    "x_cast": "Cast", "x_QuantizeLinear": "QuantizeLinear", "b_QuantizeLinear": "QuantizeLinear",
    "x_DequantizeLinear": "DequantizeLinear", "b_DequantizeLinear": "DequantizeLinear",
}  # fmt: skip
