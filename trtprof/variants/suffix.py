"""The part of a model behind some of its nodes, to run again without what comes before.

Quantising one layer changes nothing in front of it. Whatever the rest reads from there was computed once, by a run of
the whole model, and is fed to the part as inputs: that halves the work, and no prefix is ever run twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Suffix:
    """The nodes that depend on ``start``: what they read from before them, and the model's outputs among theirs."""

    start: tuple[str, ...]
    nodes: frozenset[str]
    reads: tuple[str, ...]
    outputs: tuple[str, ...]


class Graph:
    """Who reads what in a model's main graph, to find many suffixes of it."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self._constants = {tensor.name for tensor in model.graph.initializer}
        self._outputs = tuple(value.name for value in model.graph.output)
        self._reads = {node.name: tuple(dict.fromkeys(_names_read(node))) for node in model.graph.node}

    def suffix(self, start: Sequence[str]) -> Suffix:
        """Return the part that begins with the nodes named ``start``."""
        chosen = set(start)
        inside: set[str] = set()
        made: set[str] = set()
        reads: dict[str, None] = {}
        for node in self.model.graph.node:
            if node.name in chosen or any(name in made for name in self._reads[node.name]):
                inside.add(node.name)
                reads.update(
                    dict.fromkeys(
                        name for name in self._reads[node.name] if name not in made and name not in self._constants
                    )
                )
                made.update(name for name in node.output if name)
        outputs = tuple(name for name in self._outputs if name in made)
        return Suffix(tuple(start), frozenset(inside), tuple(reads), outputs)

    def extract(
        self, suffix: Suffix, values: Mapping[str, Array], change: Callable[[onnx.ModelProto], None] | None = None
    ) -> onnx.ModelProto:
        """Return the suffix as a model of its own, with inputs of the types and shapes of ``values``, then changed."""
        import onnx

        graph = self.model.graph
        nodes = [node for node in graph.node if node.name in suffix.nodes]
        needed = {name for node in nodes for name in self._reads[node.name]}
        inputs = [
            onnx.helper.make_tensor_value_info(
                name, onnx.helper.np_dtype_to_tensor_dtype(values[name].dtype), values[name].shape
            )
            for name in suffix.reads
        ]
        part = onnx.helper.make_model(
            onnx.helper.make_graph(
                nodes,
                graph.name or "suffix",
                inputs,
                [value for value in graph.output if value.name in suffix.outputs],
                [tensor for tensor in graph.initializer if tensor.name in needed],
            ),
            opset_imports=self.model.opset_import,
            ir_version=self.model.ir_version,
            functions=self.model.functions,
        )
        if change is not None:
            change(part)
        return part


def _names_read(node: onnx.NodeProto) -> Iterable[str]:
    """Return the tensors a node reads, those that its subgraphs take from outside among them."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            made = {name for inner in graph.node for name in inner.output}
            made |= {tensor.name for tensor in graph.initializer} | {value.name for value in graph.input}
            for inner in graph.node:
                yield from (name for name in _names_read(inner) if name not in made)
            yield from (value.name for value in graph.output if value.name not in made)
