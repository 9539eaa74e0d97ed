"""Reading the Q/DQ nodes of an ONNX model against NVIDIA's documented rules for placing them.

The rules are those of the TensorRT developer guide, "Working with Quantized Types" (Q/DQ placement recommendations and
Q/DQ limitations), and of the toolkits' own documentation; each function names its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from trtprof.graph.qdq_graph import CONVS, DEQUANTIZE, FUSED_AFTER, MATMULS, QUANTIZE, WEIGHTED, QdqGraph
from trtprof.graph.residual import residual_adds
from trtprof.graph.shapes import onnx_dtype
from trtprof.graph_facts import Fact, GraphFact, GraphFacts
from trtprof.model import DType
from trtprof.units import significant

if TYPE_CHECKING:
    import onnx

_ADDS: Final = frozenset({"Add", "Sum"})
"""A residual Add is the business of the rule on skip inputs."""
_ACTIVATIONS: Final = frozenset({
    "LeakyRelu", "PRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Swish", "Mish", "Elu", "Selu", "Celu", "Gelu", "Erf",
    "Tanh", "Softplus", "Softsign", "ThresholdedRelu", "Mul", "Div", "Abs", "Exp", "Pow", "Sqrt",
})  # fmt: skip
_OTHER_FLOAT: Final = frozenset({
    "Resize", "Upsample", "AveragePool", "GlobalAveragePool", "ReduceMean", "ReduceSum", "Softmax",
    "InstanceNormalization", "LayerNormalization", "GroupNormalization", "DepthToSpace", "Split", "Slice",
})  # fmt: skip
_TOUCHING: Final = frozenset({"Transpose", "Mul", "Div", "Cast", "Reshape"})
_LONGEST: Final = 8


def qdq_facts(model: onnx.ModelProto) -> GraphFacts:
    """Return what a model's Q/DQ nodes show, places in the order of the graph."""
    graph = QdqGraph(model)
    weighted = [node for node in model.graph.node if node.op_type in WEIGHTED]
    checks: tuple[Callable[[QdqGraph], Iterator[GraphFact]], ...] = (
        _skips, _concats, _consumers, _between, _pads, _batch_norms, _biases, _zero_points, _scale_shapes, _matmuls,
    )  # fmt: skip
    facts = [fact for check in checks for fact in check(graph)] if graph.has_qdq else []
    place = {node.name: index for index, node in enumerate(model.graph.node)}
    return GraphFacts(
        quantize_nodes=len(graph.of(QUANTIZE)),
        dequantize_nodes=len(graph.of(DEQUANTIZE)),
        weighted=len(weighted),
        quantised=sum(graph.is_quantised(node) for node in weighted),
        float_type=_float_type(model, weighted, graph),
        facts=tuple(sorted(facts, key=lambda item: (place.get(item.node, len(place)), item.fact.value))),
    )


def _skips(graph: QdqGraph) -> Iterator[GraphFact]:
    """Rule: quantise the residual input of an Add, so that it fuses into a convolution that writes INT8."""
    nodes = {node.name: node for node in graph.model.graph.node}
    for add in residual_adds(graph.model):
        node = nodes[add.node]
        mains = [main for name in node.input for main in graph.quantised_mains_behind(name)]
        branches = [add.shortcut] if add.shortcut is not None else [0, 1]
        if mains and not any(graph.reads_dequantised(node.input[branch]) for branch in branches):
            skip = node.input[branches[0]]
            said = "no input has Q/DQ" if add.shortcut is None else f"its skip input '{skip}' has no Q/DQ"
            yield GraphFact(Fact.SKIP_NOT_QUANTISED, node.name, said, tuple(main.name for main in mains))


def _concats(graph: QdqGraph) -> Iterator[GraphFact]:
    """Rule: the inputs of a Concat share one scale, so that they may lie in one INT8 buffer.

    Q/DQ behind a Concat alone keeps the rule: TensorRT moves the one quantise before it, with one scale for all.
    """
    for node in graph.of("Concat"):
        dequantised = [source for name in node.input if (source := graph.dequantiser(name)) is not None]
        quantised = [reader for reader in graph.next(node) if reader.op_type == QUANTIZE]
        if not dequantised:
            continue
        scales = {scale for item in (*dequantised, *quantised) if (scale := graph.scale(item)) is not None}
        missing = [name for name in node.input if graph.dequantiser(name) is None]
        if len(scales) > 1:
            said = ", ".join(significant(value, 3) for value in sorted(scales)[:_LONGEST])
            yield GraphFact(Fact.CONCAT_SCALES, node.name, f"scales {said} meet", _names((*dequantised, *quantised)))
        elif any(graph.quantised_mains_behind(name) for name in missing):
            said = f"{len(missing)} of {len(node.input)} inputs have no Q/DQ"
            yield GraphFact(Fact.CONCAT_SCALES, node.name, said, tuple(missing))


def _consumers(graph: QdqGraph) -> Iterator[GraphFact]:
    """Rule: all consumers of a tensor quantise it alike; otherwise it is written once for each."""
    for name, readers in graph.consumers.items():
        quantisers = [node for node in readers if node.op_type == QUANTIZE and node.input[0] == name]
        if not quantisers:
            continue
        scales = {scale for node in quantisers if (scale := graph.scale(node)) is not None}
        source = graph.producer.get(name)
        label = source.name if source is not None else name
        if len(scales) > 1:
            said = ", ".join(significant(value, 3) for value in sorted(scales)[:_LONGEST])
            yield GraphFact(
                Fact.CONSUMER_SCALES, label, f"'{name}' is quantised with scales {said}", _names(quantisers)
            )
        others = [node for node in readers if node.op_type != QUANTIZE and node.op_type not in _ADDS]
        if others and source is not None and graph.quantised_mains_behind(name):
            yield GraphFact(Fact.FLOAT_CONSUMER, label, f"'{name}' is also read in float", _names(others))


def _between(graph: QdqGraph) -> Iterator[GraphFact]:
    """Rule: an operation that does not commute with Q/DQ needs Q/DQ on its inputs and behind it."""
    for node in graph.of(*_ACTIVATIONS, *_OTHER_FLOAT):
        kind = Fact.FLOAT_BETWEEN if node.op_type in _ACTIVATIONS else Fact.FLOAT_OPERATION
        if node.op_type == "Mul" and any(name in graph.constants for name in node.input):
            continue
        mains = [main for name in node.input for main in graph.quantised_mains_behind(name)]
        if mains and any(_reaches_quantise(graph, reader) for reader in graph.next(node)):
            said = f"{node.op_type} reads the float output of '{mains[0].name}'"
            yield GraphFact(kind, node.name, said, _names(mains))


def _reaches_quantise(graph: QdqGraph, node: onnx.NodeProto, steps: int = 4) -> bool:
    if node.op_type == QUANTIZE:
        return True
    if steps == 0 or node.op_type not in FUSED_AFTER | _ACTIVATIONS | _OTHER_FLOAT:
        return False
    return any(_reaches_quantise(graph, reader, steps - 1) for reader in graph.next(node))


def _pads(graph: QdqGraph) -> Iterator[GraphFact]:
    """Rule: no Q/DQ between Pad and Conv, or the padding is not fused (NVIDIA/TensorRT#2592)."""
    for node in graph.of("Pad"):
        for quantiser in graph.next(node):
            if quantiser.op_type != QUANTIZE:
                continue
            for dequantiser in graph.next(quantiser):
                convs = [reader for reader in graph.next(dequantiser) if reader.op_type in CONVS]
                if dequantiser.op_type == DEQUANTIZE and convs:
                    said = f"'{quantiser.name}' and '{dequantiser.name}' lie between it and '{convs[0].name}'"
                    yield GraphFact(Fact.PAD_BETWEEN, node.name, said, _names(convs))


def _batch_norms(graph: QdqGraph) -> Iterator[GraphFact]:
    """Rule: fold batch normalisation before quantising; behind a quantised convolution it stays a layer of its own."""
    for node in graph.of("BatchNormalization"):
        source = graph.producer.get(node.input[0])
        if source is not None and source.op_type in CONVS and graph.is_quantised(source):
            yield GraphFact(Fact.BATCH_NORM, node.name, f"it follows the quantised '{source.name}'", (source.name,))


def _biases(graph: QdqGraph) -> Iterator[GraphFact]:
    """Rule: a bias stays float; TensorRT's parser refuses a DequantizeLinear of INT32."""
    import onnx

    for node in graph.of(DEQUANTIZE):
        tensor = graph.constants.get(node.input[0])
        if tensor is not None and tensor.data_type == onnx.TensorProto.INT32:
            readers = graph.next(node)
            said = f"an INT32 bias of {tensor.dims[0] if tensor.dims else 1} values goes through DequantizeLinear"
            yield GraphFact(Fact.INT32_BIAS, readers[0].name if readers else node.name, said, (node.name,))


def _zero_points(graph: QdqGraph) -> Iterator[GraphFact]:
    """Rule: TensorRT quantises symmetrically: INT8 with a zero point of 0."""
    import onnx

    for node in graph.of(QUANTIZE, DEQUANTIZE):
        name = node.input[2] if len(node.input) > 2 else ""
        tensor = graph.constants.get(name)
        quantiser = graph.quantiser(node) if node.op_type == DEQUANTIZE else None
        told = quantiser is not None and list(quantiser.input[2:3]) == [name]
        if tensor is None or tensor.data_type == onnx.TensorProto.INT32 or told:
            continue
        values = graph.array(name)
        if tensor.data_type == onnx.TensorProto.UINT8:
            yield GraphFact(Fact.ZERO_POINT, node.name, "its type is UINT8, TensorRT has INT8")
        elif values is not None and values.size and bool((values.astype("float32") != 0).any()):
            yield GraphFact(Fact.ZERO_POINT, node.name, f"its zero point is {values.reshape(-1)[0]}, TensorRT needs 0")


def _scale_shapes(graph: QdqGraph) -> Iterator[GraphFact]:
    """Rule: an activation's scale is a scalar; with shape [1] a real build left every convolution in float."""
    for node in graph.of(QUANTIZE):
        tensor = graph.constants.get(node.input[1])
        if node.input[0] not in graph.constants and tensor is not None and list(tensor.dims) == [1]:
            yield GraphFact(Fact.SCALE_SHAPE, node.name, "its scale has the shape [1], a scalar has none")


def _matmuls(graph: QdqGraph) -> Iterator[GraphFact]:
    """Rule: Q/DQ on both operands of a matrix product, right before it."""
    for node in graph.of(*MATMULS):
        inputs = [name for name in node.input[:2] if name]
        direct = [graph.reads_dequantised(name) for name in inputs]
        between = [source for name in inputs if (source := _touched(graph, name)) is not None]
        if between:
            said = f"{between[0].op_type} '{between[0].name}' lies between DequantizeLinear and it"
            yield GraphFact(Fact.BETWEEN_DQ_AND_MATMUL, node.name, said, _names(between))
        elif any(direct) and not all(direct):
            missing = inputs[direct.index(False)]
            said = f"only one operand is quantised, '{missing}' is not"
            yield GraphFact(Fact.ONE_QUANTISED_MATMUL_INPUT, node.name, said, (missing,))


def _touched(graph: QdqGraph, tensor: str) -> onnx.NodeProto | None:
    """Return the node that stands between a DQ and the operand, where one does."""
    node = graph.producer.get(tensor)
    if node is None or node.op_type not in _TOUCHING:
        return None
    return node if any(graph.reads_dequantised(name) for name in node.input) else None


def _float_type(model: onnx.ModelProto, weighted: Iterable[onnx.NodeProto], graph: QdqGraph) -> DType | None:
    """The type of the scales: DequantizeLinear gives what its scale is; without Q/DQ the type of the weights."""
    for node in graph.of(DEQUANTIZE):
        tensor = graph.constants.get(node.input[1])
        if tensor is not None:
            return onnx_dtype(tensor.data_type)
    for node in weighted:
        tensor = graph.constants.get(node.input[1]) if len(node.input) > 1 else None
        if tensor is not None:
            return onnx_dtype(tensor.data_type)
    return onnx_dtype(model.graph.input[0].type.tensor_type.elem_type) if model.graph.input else None


def _names(nodes: Iterable[onnx.NodeProto]) -> tuple[str, ...]:
    return tuple(node.name for node in nodes)
