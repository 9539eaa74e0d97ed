"""A graph for engines that come without their ONNX model: nodes by name, and one name for the same node in all engines.

Two exports of one network rarely number their nodes alike once one of them has Q/DQ, so names alone would pair
strangers. Nodes are paired in execution order: convolutions and matrix products by operator and shape, what lies
between two of them by operator.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import pairwise

from trtprof.analysis.convolution import convolution_of
from trtprof.analysis.layer_names import named_nodes, operator_of, torch_operator_of
from trtprof.analysis.main_nodes import Key, Node, paired_mains
from trtprof.analysis.rows import MATMUL_OPS, is_matmul_type
from trtprof.model import Engine, Graph, GraphNode, Layer

_SAME_EXPORT = 0.9
"""Share of multiplying nodes that must carry the same name and shape for names to be trusted."""


def unify(engines: Sequence[Engine]) -> tuple[Graph, tuple[Engine, ...]]:
    """Return one graph and the engines with their layers' nodes named as in it; the first engine gives the names."""
    listed = [_nodes(engine) for engine in engines]
    graph: dict[str, Node] = {node.name: node for node in listed[0]} if listed else {}
    result = []
    for place, (engine, nodes) in enumerate(zip(engines, listed, strict=True)):
        names = {node.name: node.name for node in nodes} if place == 0 else _pair(listed[0], nodes, engine.name)
        for node in nodes:
            graph.setdefault(names[node.name], replace(node, name=names[node.name]))
        result.append(_renamed(engine, names))
    ordered = tuple(GraphNode(node.name, node.op_type, (), ()) for node in graph.values())
    return Graph(ordered, (), ()), tuple(result)


def layer_nodes(layer: Layer) -> tuple[str, ...]:
    """Return the ONNX nodes of a layer, from its Metadata or, where there is none, from its name."""
    return layer.onnx_nodes or named_nodes(layer.name)


def _nodes(engine: Engine) -> list[Node]:
    found: dict[str, Node] = {}
    depths = _depths(engine.layers)
    for layer in engine.layers:
        names = layer_nodes(layer)
        operators = [operator_of(name) for name in names]
        if is_matmul_type(layer.type) and names and not MATMUL_OPS & set(operators):
            operators[0] = "Conv" if "conv" in (layer.type or "").lower() else "MatMul"
        for name, operator in zip(names, operators, strict=True):
            key: Key = (
                (operator or name, *_shape(layer))
                if operator in MATMUL_OPS
                else (operator or torch_operator_of(name) or name,)
            )
            if name not in found or (found[name].key[1:] == () and len(key) > 1):
                found[name] = Node(name, operator or "?", key, depths[layer.index])
    return list(found.values())


def _depths(layers: Sequence[Layer]) -> dict[int, int | None]:
    """Return the longest chain of multiplying layers up to each layer, by layer index."""
    of_tensor: dict[str, int] = {}
    depths: dict[int, int | None] = {}
    for layer in layers:
        if layer.inputs is None:
            depths[layer.index] = None
            continue
        multiplies = is_matmul_type(layer.type) or any(operator_of(name) in MATMUL_OPS for name in layer_nodes(layer))
        before = [of_tensor.get(tensor.name, 0) for tensor in layer.inputs] or [0]
        step = int(multiplies and not layer.kind.is_conversion)
        # The first input is the one that is multiplied; a residual behind it depends on who adds it.
        depths[layer.index] = before[0] + step
        of_tensor.update({tensor.name: max(before) + step for tensor in layer.outputs or ()})
    return depths


def _shape(layer: Layer) -> Key:
    """What a convolution keeps in every precision: filters, kernel and input extents without channel padding."""
    given = convolution_of(layer)
    extents = layer.inputs[0].dims[2:] if layer.inputs and layer.inputs[0].dims else ()
    return (given.out_maps, given.kernel, given.groups, extents) if given else (None, None, None, extents)


def _pair(reference: list[Node], nodes: list[Node], engine: str) -> dict[str, str]:
    known = {node.name: node for node in reference}
    mains = [node for node in nodes if node.multiplies]
    same = [node for node in mains if node.name in known and known[node.name].key == node.key]
    if mains and len(same) >= _SAME_EXPORT * len(mains):
        return {node.name: node.name for node in nodes}
    anchors = paired_mains([node for node in reference if node.multiplies], mains)
    names = {after.name: before.name for before, after in anchors}
    for left, right in _between(reference, nodes, anchors):
        for before, after in _matches(left, right):
            names.setdefault(after.name, before.name)
    for node in nodes:
        names.setdefault(node.name, node.name if node.name not in known else f"{node.name} ({engine})")
    return names


def _matches(left: Sequence[Node], right: Sequence[Node]) -> list[tuple[Node, Node]]:
    matcher = SequenceMatcher(None, [node.key for node in left], [node.key for node in right], autojunk=False)
    return [
        (left[block.a + offset], right[block.b + offset])
        for block in matcher.get_matching_blocks()
        for offset in range(block.size)
    ]


def _between(
    left: list[Node], right: list[Node], anchors: list[tuple[Node, Node]]
) -> list[tuple[list[Node], list[Node]]]:
    """Return what lies between consecutive anchors on both sides, multiplying nodes left out."""
    places = sorted((left.index(a), right.index(b)) for a, b in anchors)
    edges = [(-1, -1), *_rising(places), (len(left), len(right))]
    return [
        (
            [node for node in left[a + 1 : c] if not node.multiplies],
            [node for node in right[b + 1 : d] if not node.multiplies],
        )
        for (a, b), (c, d) in pairwise(edges)
    ]


def _rising(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest run of anchors that both engines have in one order: branches may be run in any."""
    ends: list[int] = []
    last: list[int] = []
    came_from: list[int | None] = []
    for place, (_, second) in enumerate(places):
        length = bisect_left(ends, second)
        came_from.append(last[length - 1] if length else None)
        ends[length:] = [second] if length == len(ends) else [second, *ends[length + 1 :]]
        last[length:] = [place] if length == len(last) else [place, *last[length + 1 :]]
    found: list[tuple[int, int]] = []
    step = last[-1] if last else None
    while step is not None:
        found.append(places[step])
        step = came_from[step]
    return found[::-1]


def _renamed(engine: Engine, names: dict[str, str]) -> Engine:
    layers = tuple(
        replace(layer, onnx_nodes=tuple(dict.fromkeys(names[name] for name in layer_nodes(layer))))
        for layer in engine.layers
    )
    return replace(engine, layers=layers)
