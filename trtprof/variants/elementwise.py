"""Q/DQ on what computes between quantised layers: activations, element-wise operations, average pooling, resizing.

TensorRT's guide asks for Q/DQ on the inputs of layers that Q/DQ does not commute with, where accuracy allows; without
it they run in float, with a quantise behind them. Which they are is read off the facts that ``trtprof lint`` reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from trtprof.graph.qdq_facts import qdq_facts
from trtprof.graph_facts import Fact
from trtprof.variants.qdq import Edge, QuantisedType, element_types, insert_qdq

if TYPE_CHECKING:
    import onnx

_FACTS: Final = (Fact.FLOAT_BETWEEN, Fact.FLOAT_OPERATION, Fact.FLOAT_CONSUMER)
_FLOAT: Final = 1
"""TensorProto.FLOAT, the type of calibrated tensors."""
_ROUNDS: Final = 8
"""Quantising one operation may leave the next one in float; the longest chain seen took three rounds."""
_NO_ACTIVATION: Final = frozenset({"QuantizeLinear", "DequantizeLinear", "Shape", "Constant"})


def elementwise_edges(model: onnx.ModelProto, edges: Sequence[Edge]) -> tuple[Edge, ...]:
    """Return the further inputs that get Q/DQ so that nothing between the quantised layers computes in float.

    ``edges`` are those of the layers themselves. The model is not changed.
    """
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {name for node in graph.node if node.op_type == "Constant" for name in node.output}
    floats = {name for name, kind in element_types(model).items() if kind == _FLOAT}
    nodes = {node.name: node for node in graph.node}
    found: dict[tuple[str, int], Edge] = {}
    for _ in range(_ROUNDS):
        named = _in_float(model, (*edges, *found.values()))
        fresh = {
            (name, index): Edge(name, index, tensor, weight=False)
            for name in named
            if name in nodes and nodes[name].op_type not in _NO_ACTIVATION
            for index, tensor in enumerate(nodes[name].input)
            if tensor in floats - constants and (name, index) not in found
        }
        if not fresh:
            break
        found.update(fresh)
    taken = {(edge.node, edge.index) for edge in edges}
    return tuple(edge for key, edge in found.items() if key not in taken)


def _in_float(model: onnx.ModelProto, edges: Sequence[Edge]) -> list[str]:
    """Return the nodes that would compute in float with Q/DQ on these edges."""
    import onnx

    trial = onnx.ModelProto()
    trial.CopyFrom(model)
    insert_qdq(trial, edges, {edge.tensor: 1.0 for edge in edges}, QuantisedType.INT8)
    named: dict[str, None] = {}
    for item in qdq_facts(trial).of(*_FACTS):
        named.update(dict.fromkeys(item.others if item.fact is Fact.FLOAT_CONSUMER else (item.node,)))
    return list(named)
