"""The float function behind a quantised graph: what it would compute if its Q/DQ pairs rounded nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trtprof.graph.qdq_graph import DEQUANTIZE, QUANTIZE, QdqGraph, without_unread

if TYPE_CHECKING:
    import onnx


def without_rounding(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy in which every DequantizeLinear of a QuantizeLinear gives what that one reads.

    Weights stored in eight bits stay what they are: nobody knows them better.
    """
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = QdqGraph(copy)
    sources: dict[str, str] = {}
    for node in graph.of(DEQUANTIZE):
        quantiser = graph.quantiser(node)
        if quantiser is not None:
            sources[node.output[0]] = sources.get(quantiser.input[0], quantiser.input[0])
    for node in copy.graph.node:
        for place, name in enumerate(node.input):
            if node.op_type != QUANTIZE and name in sources:
                node.input[place] = sources[name]
    outputs = {value.name for value in copy.graph.output}
    for node in graph.of(DEQUANTIZE):
        if node.output[0] in sources and node.output[0] in outputs:
            source = sources[node.output[0]]
            del node.input[:], node.attribute[:]
            node.op_type = "Identity"
            node.input.append(source)
    nodes = without_unread(list(copy.graph.node), outputs)
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy
