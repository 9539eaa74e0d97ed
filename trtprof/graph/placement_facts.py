"""Where Q/DQ nodes stand, beyond what explains a built engine: facts for a linter.

The rules are those of the TensorRT developer guide, "Working with Quantized Types", numbered there as recommendations;
each function names its own.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import TYPE_CHECKING, Final

from trtprof.graph.qdq_graph import CONVS, DEQUANTIZE, QUANTIZE, WEIGHTED, QdqGraph
from trtprof.graph.residual import residual_adds
from trtprof.graph_facts import Fact, GraphFact

if TYPE_CHECKING:
    import onnx

_ALIGNMENT: Final = 4
_BEHIND: Final = frozenset({"Add", "Sum", "Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSwish", "PRelu"})
"""What TensorRT fuses into a convolution, if nothing stands between."""
_ONNX_DOMAINS: Final = ("", "ai.onnx")


def placement_facts(graph: QdqGraph) -> Iterator[GraphFact]:
    """Yield the places where Q/DQ nodes are missing, superfluous or in the way."""
    nodes = {node.name: node for node in graph.model.graph.node}
    adds = [item for item in residual_adds(graph.model) if item.shortcut is not None]
    skips = {(item.node, nodes[item.node].input[item.shortcut or 0]) for item in adds}
    for node in graph.of(*WEIGHTED):
        yield from _operands(graph, node)
        yield from _output(graph, node, skips)
    for node in graph.of(*CONVS):
        yield from _groups(graph, node)
    yield from _casts(graph)
    yield from _plugins(graph)


def _operands(graph: QdqGraph, node: onnx.NodeProto) -> Iterator[GraphFact]:
    """Rule (recommendation 1): quantise all inputs of weighted operations."""
    dequantised = [graph.reads_dequantised(name) for name in node.input[:2]]
    if not any(dequantised):
        yield GraphFact(Fact.LEFT_IN_FLOAT, node.name, f"{node.op_type} has no Q/DQ")
    elif not all(dequantised) and node.op_type in CONVS:
        missing = "weights" if dequantised[0] else "input"
        yield GraphFact(Fact.ONE_QUANTISED_OPERAND, node.name, f"its {missing} have no Q/DQ, so it computes in float")


def _output(graph: QdqGraph, node: onnx.NodeProto, skips: Container[tuple[str, str]]) -> Iterator[GraphFact]:
    """Rule (recommendation 2): no Q/DQ between a weighted operation and the Add or activation it would fuse with.

    The skip input of a residual Add is quantised by another rule, also behind a convolution that samples down.
    """
    for quantiser in graph.next(node):
        if quantiser.op_type != QUANTIZE:
            continue
        for dequantiser in graph.next(quantiser):
            restored = dequantiser.output[0]
            readers = [item for item in graph.next(dequantiser) if item.op_type in _BEHIND]
            behind = [item for item in readers if (item.name, restored) not in skips]
            if dequantiser.op_type == DEQUANTIZE and behind:
                said = f"'{quantiser.name}' stands between it and {behind[0].op_type} '{behind[0].name}'"
                yield GraphFact(Fact.OUTPUT_QUANTISED, node.name, said, (quantiser.name, dequantiser.name))


def _groups(graph: QdqGraph, node: onnx.NodeProto) -> Iterator[GraphFact]:
    """Rule: INT8 groups hold a multiple of 4 channels (TensorRT API, IConvolutionLayer::setNbGroups)."""
    groups = next((item.i for item in node.attribute if item.name == "group"), 1)
    dims = _weight_dims(graph, node.input[1]) if len(node.input) > 1 else None
    if groups == 1 or dims is None or not graph.is_quantised(node):
        return
    per_group = (dims[1], dims[0] // groups) if node.op_type == "Conv" else (dims[0] // groups, dims[1])
    if per_group[0] == 1:  # depthwise has kernels of its own
        return
    if any(channels % _ALIGNMENT for channels in per_group):
        said = f"{groups} groups of {per_group[0]} input and {per_group[1]} output channels"
        yield GraphFact(Fact.GROUP_ALIGNMENT, node.name, f"{said}, INT8 needs multiples of {_ALIGNMENT}")


def _weight_dims(graph: QdqGraph, tensor: str) -> list[int] | None:
    """The dims of the constant behind a weight's Q/DQ."""
    for _ in range(3):
        if tensor in graph.constants:
            return list(graph.constants[tensor].dims)
        node = graph.producer.get(tensor)
        if node is None or node.op_type not in (QUANTIZE, DEQUANTIZE):
            return None
        tensor = node.input[0]
    return None


def _casts(graph: QdqGraph) -> Iterator[GraphFact]:
    """Rule: no Cast beside Q/DQ; scales of 16 bits say the type (NVIDIA/Model-Optimizer#1289)."""
    for node in graph.of("Cast"):
        after = [reader for reader in graph.next(node) if reader.op_type == QUANTIZE]
        before = graph.dequantiser(node.input[0])
        weighted = [reader for reader in graph.next(node) if reader.op_type in WEIGHTED]
        if after and node.input[0] in graph.producer:  # a model's input may have to be cast
            yield GraphFact(Fact.CAST_BESIDE, node.name, f"it feeds '{after[0].name}'", (after[0].name,))
        elif before is not None and weighted:
            said = f"it stands between '{before.name}' and '{weighted[0].name}'"
            yield GraphFact(Fact.CAST_BESIDE, node.name, said, (before.name, weighted[0].name))


def _plugins(graph: QdqGraph) -> Iterator[GraphFact]:
    """Rule: a plugin that computes in INT8 takes Q/DQ inside itself, as scales; around it they are layers."""
    for node in graph.model.graph.node:
        if node.domain in _ONNX_DOMAINS or not any(graph.reads_dequantised(name) for name in node.input):
            continue
        if any(reader.op_type == QUANTIZE for reader in graph.next(node)):
            yield GraphFact(Fact.PLUGIN, node.name, f"{node.domain}.{node.op_type} stands between DQ and Q")
