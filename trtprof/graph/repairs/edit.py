"""Changing a quantised graph in place: what repairs have in common.

Nodes need names of their own. Changes are collected and made by :meth:`Edit.finish`, so that the graph is walked as it
was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trtprof.graph.names import fresh_name
from trtprof.graph.qdq_graph import DEQUANTIZE, QUANTIZE, QdqGraph, read_inside, without_unread

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, Any]

Ranges = Mapping[str, float]
"""The largest magnitude of tensors, from data."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """A float tensor of the model as it was that is rounded to INT8 otherwise now, with the scales of both.

    ``before`` is ``None`` where it was not rounded.
    """

    tensor: str
    before: float | None
    after: float


@dataclass(frozen=True, slots=True)
class Repair:
    """A repair that was made: the rule's code, the node, and what was done in words.

    ``exact`` says that the model computes what it did, but for the order of float operations. Otherwise ``roundings``
    names what is rounded differently.
    """

    code: str
    node: str
    what: str
    exact: bool
    roundings: tuple[Rounding, ...] = ()


@dataclass(frozen=True, slots=True)
class Left:
    """A place that breaks a rule and was left as it is, and why."""

    code: str
    node: str
    why: str


def is_int8(graph: QdqGraph, quantiser: onnx.NodeProto) -> bool:
    """Return whether a quantiser writes INT8."""
    import numpy as np

    zero = graph.array(quantiser.input[2]) if len(quantiser.input) > 2 else None
    return zero is not None and zero.dtype == np.int8


def roundings_of(
    graph: QdqGraph, quantiser: onnx.NodeProto, before: float | None, after: float
) -> tuple[Rounding, ...]:
    """Return the changed rounding of what a quantiser reads; nothing for other types than INT8, which have no step."""
    return (Rounding(quantiser.input[0], before, after),) if is_int8(graph, quantiser) else ()


class Edit:
    """Changes of one model, made together at the end."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.graph = QdqGraph(model)
        graph = model.graph
        self._initializers = {tensor.name for tensor in graph.initializer}
        names = {name for node in graph.node for name in (node.name, *node.input, *node.output)}
        self._taken = names | self._initializers | {value.name for value in (*graph.input, *graph.output)}
        self._before: dict[str, list[onnx.NodeProto]] = {}
        self._removed: set[str] = set()
        self._stale: set[str] = set()
        self.outputs = {value.name for value in graph.output}
        # What nothing read before is none of a repair's business.
        self._unread = {name for node in graph.node for name in node.output if name not in self.graph.consumers}

    def fresh(self, name: str) -> str:
        """Return a name that nothing has."""
        return fresh_name(name, self._taken)

    def constant(self, name: str, values: Array) -> str:
        """Add an initialiser and return its name, numbered if it is taken."""
        from onnx import numpy_helper

        fresh = self.fresh(name)
        self.model.graph.initializer.append(numpy_helper.from_array(values, fresh))
        self._initializers.add(fresh)
        return fresh

    def replace_output(self, node: onnx.NodeProto, values: Array) -> None:
        """Let an initialiser take the place of a node and of its only output."""
        from onnx import numpy_helper

        self.model.graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
        self._initializers.add(node.output[0])
        self.remove(node)

    def shared(self, name: str) -> str:
        """Return an initialiser with the values of a constant: itself, or a copy where a node holds it.

        A node may come later in the graph than what is to read it.
        """
        if name in self._initializers:
            return name
        tensor = self.graph.constants[name]
        copy = self.model.graph.initializer.add()
        copy.CopyFrom(tensor)
        fresh = copy.name = self.fresh(f"{name}_copy")
        self._initializers.add(fresh)
        return fresh

    def put_pair(self, node: onnx.NodeProto, index: int, source: str, scale: str, zero: str | None) -> None:
        """Put a pair that quantises ``source`` on an input of a node; scale and zero point are initialisers."""
        from onnx import helper

        parameters = [scale] if zero is None else [scale, zero]
        stem = f"{node.name}/{index}"
        quantised, restored = self.fresh(f"{stem}/quantized"), self.fresh(f"{stem}/dequantized")
        pair = [
            helper.make_node(QUANTIZE, [source, *parameters], [quantised], self.fresh(f"{stem}/{QUANTIZE}")),
            helper.make_node(DEQUANTIZE, [quantised, *parameters], [restored], self.fresh(f"{stem}/{DEQUANTIZE}")),
        ]
        self._before.setdefault(node.name, []).extend(pair)
        node.input[index] = restored

    def set_input(self, node: onnx.NodeProto, index: int, name: str) -> None:
        """Let a node read another tensor; what it wrote may have another type now."""
        node.input[index] = name
        self._stale.update(node.output)

    def remove(self, node: onnx.NodeProto) -> None:
        """Take a node out."""
        self._removed.add(node.name)

    def finish(self) -> None:
        """Make the changes, and drop Q/DQ nodes, constants and shapes that nothing uses any more."""
        graph = self.model.graph
        nodes = [
            member
            for node in graph.node
            for member in (*self._before.get(node.name, ()), node)
            if member.name not in self._removed
        ]
        nodes = without_unread(nodes, self.outputs | self._unread)
        del graph.node[:]
        graph.node.extend(nodes)
        _drop_unused(graph, self._stale)


def _drop_unused(graph: onnx.GraphProto, stale: set[str]) -> None:
    nodes = list(graph.node)
    used = {name for node in nodes for name in node.input} | {value.name for value in graph.output}
    used |= read_inside(nodes)
    tensors = [tensor for tensor in graph.initializer if tensor.name in used]
    if len(tensors) != len(graph.initializer):
        del graph.initializer[:]
        graph.initializer.extend(tensors)
    makers = {name: node for node in nodes for name in node.output}
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    shapes = []
    for value in graph.value_info:
        if value.name in stale and value.name in makers and (elem := _pair_type(makers[value.name], types)) is not None:
            value.type.tensor_type.elem_type = elem
        elif value.name in stale or value.name not in makers:
            continue
        shapes.append(value)
    if len(shapes) != len(graph.value_info):
        del graph.value_info[:]
        graph.value_info.extend(shapes)


def _pair_type(node: onnx.NodeProto, types: Mapping[str, int]) -> int | None:
    """The type that a quantiser or its inverse writes: that of its zero point or its scale. Their shape is the input's.

    The repairs after this one look at shapes, so they are kept where they can be.
    """
    if node.op_type == QUANTIZE and len(node.input) > 2:
        return types.get(node.input[2])
    return types.get(node.input[1]) if node.op_type == DEQUANTIZE else None
