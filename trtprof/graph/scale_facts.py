"""What the Q/DQ nodes of a model say of themselves: scales, axes, types, and the opset these need.

Facts for a linter, beyond those of :mod:`trtprof.graph.qdq_facts` that explain a built engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from trtprof.graph.prepare import default_opset
from trtprof.graph.qdq_graph import CONVS, DEQUANTIZE, QUANTIZE, QdqGraph
from trtprof.graph_facts import Fact, GraphFact
from trtprof.units import significant

if TYPE_CHECKING:
    import onnx

_INTEGER: Final = frozenset({
    "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear",
})  # fmt: skip
_FIRST_OPSET: Final = {
    "FLOAT8E4M3FN": 19, "FLOAT8E5M2": 19, "FLOAT8E4M3FNUZ": 19, "FLOAT8E5M2FNUZ": 19, "INT4": 21, "UINT4": 21,
    "FLOAT4E2M1": 23,
}  # fmt: skip
"""ONNX operator documentation, QuantizeLinear: the version that first has each quantised type."""
_PER_CHANNEL_OPSET: Final = 13
_HALF_SCALES_OPSET: Final = 19
_BLOCK_OPSET: Final = 21


def scale_facts(graph: QdqGraph) -> Iterator[GraphFact]:
    """Yield what is wrong with single Q/DQ nodes and pairs, and operators that hold their quantisation inside."""
    opset = default_opset(graph.model) or 0
    for node in graph.of(*_INTEGER):
        said = f"{node.op_type} holds its quantisation inside; TensorRT reads QuantizeLinear and DequantizeLinear"
        yield GraphFact(Fact.INTEGER_OPERATOR, node.name, said)
    for node in graph.of(QUANTIZE, DEQUANTIZE):
        yield from _values(graph, node)
        yield from _opsets(graph, node, opset)
    for node in graph.of(QUANTIZE):
        yield from _activation(graph, node)
    for node in graph.of(DEQUANTIZE):
        yield from _pairs(graph, node)
    for node in graph.of(*CONVS):
        yield from _weights(graph, node)
    yield from _dangling(graph)


def _values(graph: QdqGraph, node: onnx.NodeProto) -> Iterator[GraphFact]:
    """Rule: a scale is a positive constant of the build (TensorRT API, IQuantizeLayer)."""
    import numpy as np

    if node.input[1] not in graph.constants:
        yield GraphFact(Fact.SCALE_COMPUTED, node.name, f"its scale '{node.input[1]}' is computed, not a constant")
        return
    values = graph.array(node.input[1])
    if values is None:
        return
    wide = values.astype(np.float64).reshape(-1)
    wrong = wide[~(np.isfinite(wide) & (wide > 0))]
    if wrong.size:
        said = f"a scale of {significant(float(wrong[0]), 3)}" + (f", and {wrong.size - 1} more" * (wrong.size > 1))
        yield GraphFact(Fact.SCALE_VALUE, node.name, f"{said}; scales are positive and finite")


def _opsets(graph: QdqGraph, node: onnx.NodeProto, opset: int) -> Iterator[GraphFact]:
    """Rule: types, per-channel scales and blocks each came with a version of the operators."""
    import onnx

    needs: list[tuple[int, str]] = []
    scale = graph.constants.get(node.input[1])
    if scale is not None:
        if len(scale.dims) == 1 and scale.dims[0] > 1:
            needs.append((_PER_CHANNEL_OPSET, "a scale for each channel"))
        if scale.data_type in (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16):
            needs.append((_HALF_SCALES_OPSET, "a scale of 16 bits"))
        if len(scale.dims) > 1:
            needs.append((_BLOCK_OPSET, "a scale for each block"))
    typed = node.input[2] if len(node.input) > 2 else node.input[0]
    tensor = graph.constants.get(typed)
    if tensor is not None:
        kind = onnx.TensorProto.DataType.Name(tensor.data_type)
        needs.append((_FIRST_OPSET.get(kind, 0), kind))
    missing = [(version, what) for version, what in needs if version > opset]
    if missing:
        version, what = max(missing)
        yield GraphFact(Fact.OPSET, node.name, f"{what} needs opset {version}, the model has {opset}")


def _activation(graph: QdqGraph, node: onnx.NodeProto) -> Iterator[GraphFact]:
    """Rule: activations have one scale a tensor, weights may have one a channel."""
    scale = graph.constants.get(node.input[1])
    if node.input[0] not in graph.constants and scale is not None and list(scale.dims) not in ([], [1]):
        extents = "x".join(map(str, scale.dims))
        yield GraphFact(Fact.ACTIVATION_PER_CHANNEL, node.name, f"an activation with {extents} scales, it takes one")


def _pairs(graph: QdqGraph, node: onnx.NodeProto) -> Iterator[GraphFact]:
    """Rule: a pair stands for one type change and back, so both have one scale and zero point."""
    import numpy as np

    quantiser = graph.quantiser(node)
    if quantiser is None:
        return
    for place, what in ((1, "scale"), (2, "zero point")):
        names = [item.input[place] if len(item.input) > place else "" for item in (quantiser, node)]
        first, second = (graph.array(name) for name in names)
        if names[0] == names[1] or first is None or second is None:
            continue
        if not np.array_equal(first.reshape(-1), second.reshape(-1)):
            said = f"its {what} is not that of '{quantiser.name}'"
            yield GraphFact(Fact.PAIR_SCALES, node.name, said, (quantiser.name,))


def _weights(graph: QdqGraph, node: onnx.NodeProto) -> Iterator[GraphFact]:
    """Rule: weights of a convolution have one scale a channel, along axis 0."""
    dequantiser = graph.dequantiser(node.input[1]) if len(node.input) > 1 else None
    scale = graph.constants.get(dequantiser.input[1]) if dequantiser is not None else None
    if dequantiser is None or scale is None:
        return
    channels = 1
    for extent in scale.dims:
        channels *= extent
    axis = next((item.i for item in dequantiser.attribute if item.name == "axis"), 1)
    if channels > 1 and len(scale.dims) == 1 and axis != 0:
        said = f"the scales of its weights lie along axis {axis}, TensorRT takes axis 0"
        yield GraphFact(Fact.WEIGHT_AXIS, node.name, said, (dequantiser.name,))
    elif channels == 1:
        said = "its weights have one scale for all channels"
        yield GraphFact(Fact.WEIGHT_PER_TENSOR, node.name, said, (dequantiser.name,))


def _read_in_a_body(graph: QdqGraph) -> bool:
    """Whether a node has a body, which may read any tensor by name."""
    return any(item.HasField("g") or item.graphs for node in graph.model.graph.node for item in node.attribute)


def _dangling(graph: QdqGraph) -> Iterator[GraphFact]:
    """Rule: every Q has its DQ and the other way round; one alone becomes a layer of its own."""
    outputs = {value.name for value in graph.model.graph.output}
    for node in graph.of(QUANTIZE):
        readers = graph.next(node)
        others = [reader for reader in readers if reader.op_type != DEQUANTIZE]
        if node.output[0] in outputs:
            yield GraphFact(Fact.DANGLING, node.name, "its quantised output is an output of the model")
        elif not readers:
            yield GraphFact(Fact.DANGLING, node.name, "nothing reads it")
        elif others:
            said = f"{others[0].op_type} '{others[0].name}' reads it, not a DequantizeLinear"
            yield GraphFact(Fact.DANGLING, node.name, said, (others[0].name,))
    for node in graph.of(DEQUANTIZE):
        source = graph.producer.get(node.input[0])
        if not graph.next(node) and node.output[0] not in outputs and not _read_in_a_body(graph):
            yield GraphFact(Fact.DANGLING, node.name, "nothing reads it")
        elif source is not None and source.op_type not in (QUANTIZE, "Constant"):
            said = f"it reads {source.op_type} '{source.name}', not a QuantizeLinear"
            yield GraphFact(Fact.DANGLING, node.name, said, (source.name,))
