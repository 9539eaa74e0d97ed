"""Cutting a sub-network out of a graph, around named nodes or tensors, with the Q/DQ pairs that belong to it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trtprof.errors import InputError, UsageError
from trtprof.graph.qdq_graph import DEQUANTIZE, QUANTIZE, QdqGraph

if TYPE_CHECKING:
    import onnx

_FREE: Final = frozenset({QUANTIZE, DEQUANTIZE})
"""Nodes that belong to what they stand beside, and are no step away from it."""


class Region:
    """The nodes of a graph within some steps of named ones, and the tensors that cross its border."""

    def __init__(self, model: onnx.ModelProto, names: Sequence[str], around: int) -> None:
        """Find the region; each node needs a name of its own.

        Raises:
            UsageError: a name is neither a node nor a tensor of the model.
        """
        self._graph = QdqGraph(model)
        self._order = {node.name: place for place, node in enumerate(model.graph.node)}
        self._nodes = {node.name: node for node in model.graph.node}
        self._constant = self._constant_nodes()
        self._outputs = {value.name for value in model.graph.output}
        self.nodes = self._widened(self._named(names), around)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Tensors that the region reads and does not make, in the order they are read; constants are part of it."""
        made = {name for node in self._members() for name in node.output}
        read = dict.fromkeys(name for node in self._members() for name in node.input if name)
        return tuple(name for name in read if name not in made and not self._is_constant(name))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Tensors that the region makes and something else reads, or nothing does."""
        found = []
        for node in self._members():
            for name in node.output:
                readers = self._graph.consumers.get(name, [])
                outside = not readers or any(reader.name not in self.nodes for reader in readers)
                if name and (outside or name in self._outputs) and node.name not in self._constant:
                    found.append(name)
        return tuple(found)

    def _members(self) -> list[onnx.NodeProto]:
        return [self._nodes[name] for name in sorted(self.nodes, key=self._order.__getitem__)]

    def _is_constant(self, tensor: str) -> bool:
        node = self._graph.producer.get(tensor)
        return tensor in self._graph.constants or (node is not None and node.name in self._constant)

    def _constant_nodes(self) -> set[str]:
        """Nodes that no input of the model reaches: Q/DQ of weights, and what was not folded."""
        found: set[str] = set()
        for name, node in self._nodes.items():
            sources = [self._graph.producer.get(item) for item in node.input if item not in self._graph.constants]
            if all(source is not None and source.name in found for source in sources):
                found.add(name)
        return found

    def _named(self, names: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for name in names:
            if name in self._nodes:
                found.add(name)
            elif name in self._graph.producer:
                found.add(self._graph.producer[name].name)
            elif name in self._graph.consumers and name not in self._graph.constants:
                found |= {node.name for node in self._graph.consumers[name]}
            else:
                near = difflib.get_close_matches(name, [*self._nodes, *self._graph.producer], 1, 0.4)
                hint = f"did you mean '{near[0]}'?" if near else "trtprof lint and inspect print names of nodes"
                raise UsageError(f"the model has no node or tensor '{name}'", hint=hint)
        return found

    def _widened(self, start: set[str], around: int) -> set[str]:
        region = self._with_pairs(start)
        for _ in range(around):
            region = self._with_pairs({*region, *(other for name in region for other in self._neighbours(name))})
        return region

    def _with_pairs(self, region: set[str]) -> set[str]:
        """Take in the Q/DQ pairs at the border, and the constants behind the inputs."""
        found, waiting = set(region), list(region)
        while waiting:
            for other in self._neighbours(waiting.pop(), constants=True):
                if other not in found and (other in self._constant or self._nodes[other].op_type in _FREE):
                    found.add(other)
                    waiting.append(other)
        return found

    def _neighbours(self, name: str, *, constants: bool = False) -> list[str]:
        node = self._nodes[name]
        before = [self._graph.producer[item].name for item in node.input if item in self._graph.producer]
        before = [item for item in before if constants or item not in self._constant]
        if name in self._constant:
            return before
        return [*before, *(reader.name for reader in self._graph.next(node))]


def extract(model: onnx.ModelProto, region: Region, path: Path) -> onnx.ModelProto:
    """Return the region as a model of its own, its borders as inputs and outputs with the shapes they have.

    Raises:
        InputError: the shape or type of a tensor at the border is not known; ``path`` names the model.
    """
    from onnx.utils import Extractor

    known = {value.name for value in (*model.graph.input, *model.graph.value_info, *model.graph.output)}
    unknown = [name for name in (*region.inputs, *region.outputs) if name not in known]
    if unknown:
        raise InputError(
            f"the shape of tensor '{unknown[0]}' is not known", path=path, hint="give the shape of inputs with --shapes"
        )
    result = Extractor(model).extract_model(list(region.inputs), list(region.outputs))
    del result.opset_import[:]
    result.opset_import.extend(model.opset_import)
    result.ir_version = model.ir_version
    assert isinstance(result, type(model))
    return result
