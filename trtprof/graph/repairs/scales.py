"""Q106 and Q107: the scales that meet at a Concat, or on one tensor, become one, the largest of them.

Nothing is cut off that was not, and a value is rounded to the larger step. A Concat ties its inputs to its output, and
quantisers of one tensor belong together, so classes of scales may span several of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from trtprof.graph.qdq_graph import DEQUANTIZE, QUANTIZE, QdqGraph
from trtprof.graph.repairs.edit import Edit, Left, Ranges, Repair, Rounding, roundings_of
from trtprof.graph_facts import Fact, GraphFact

if TYPE_CHECKING:
    import onnx

_WIDEST: Final = 16.0
"""Ratio of the largest scale to the smallest above which a branch would lose more than four of its eight bits."""


def repair_concats(model: onnx.ModelProto, _: Ranges) -> tuple[list[Repair], list[Left]]:
    """Unify the scales at each Concat where they differ."""
    return _repair(model, "Q106", Fact.CONCAT_SCALES, _at_concat)


def repair_consumers(model: onnx.ModelProto, _: Ranges) -> tuple[list[Repair], list[Left]]:
    """Unify the scales of the quantisers of each tensor where they differ."""
    return _repair(model, "Q107", Fact.CONSUMER_SCALES, _on_tensor)


def _repair(
    model: onnx.ModelProto, code: str, fact: Fact, members: Callable[[QdqGraph, onnx.NodeProto], list[onnx.NodeProto]]
) -> tuple[list[Repair], list[Left]]:
    from trtprof.graph.qdq_facts import qdq_facts

    edit = Edit(model)
    places = _places(edit.graph, qdq_facts(model).of(fact))
    classes = _classes(edit.graph)
    made: list[Repair] = []
    left: list[Left] = []
    done: set[str] = set()
    for place in places:
        mine = members(edit.graph, place)
        group = next((item for item in classes if mine and mine[0].name in {node.name for node in item}), [])
        names = {node.name for node in group}
        if names & done:
            made.append(Repair(code, place.name, "its scales became one with those of its neighbours", exact=False))
            continue
        why = _why_not(edit, place, group)
        if why is not None:
            left.append(Left(code, place.name, why))
            continue
        done |= names
        made.append(_unify(edit, code, place, group))
    edit.finish()
    return made, left


def _places(graph: QdqGraph, facts: Iterable[GraphFact]) -> list[onnx.NodeProto]:
    nodes = {node.name: node for node in graph.model.graph.node}
    names = dict.fromkeys(item.node for item in facts)
    # A tensor that no node makes is an input of the model: its first quantiser stands for it.
    return [nodes[name] if name in nodes else graph.consumers[name][0] for name in names]


def _at_concat(graph: QdqGraph, concat: onnx.NodeProto) -> list[onnx.NodeProto]:
    """The quantisers of a Concat's inputs, and those behind it."""
    before = [graph.dequantiser(name) for name in concat.input]
    quantisers = [graph.quantiser(node) for node in before if node is not None]
    return [
        *(node for node in quantisers if node is not None),
        *(reader for reader in graph.next(concat) if reader.op_type == QUANTIZE),
    ]


def _on_tensor(graph: QdqGraph, source: onnx.NodeProto) -> list[onnx.NodeProto]:
    tensors = [source.input[0]] if source.op_type == QUANTIZE else list(source.output)
    return [node for name in tensors for node in graph.consumers.get(name, ()) if _reads(node, name)]


def _reads(node: onnx.NodeProto, tensor: str) -> bool:
    return bool(node.op_type == QUANTIZE and node.input[0] == tensor)


def _classes(graph: QdqGraph) -> list[list[onnx.NodeProto]]:
    """Return the quantisers of activations in classes that have to share a scale."""
    nodes = [node for node in graph.of(QUANTIZE) if node.input[0] not in graph.constants]
    parent = {node.name: node.name for node in nodes}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    groups = [_at_concat(graph, node) for node in graph.of("Concat")]
    groups += [[node for node in readers if _reads(node, name)] for name, readers in graph.consumers.items()]
    for group in groups:
        known = [node for node in group if node.name in parent]
        for node in known[1:]:
            parent[root(node.name)] = root(known[0].name)
    found: dict[str, list[onnx.NodeProto]] = {}
    for node in nodes:
        found.setdefault(root(node.name), []).append(node)
    return list(found.values())


def _why_not(edit: Edit, place: onnx.NodeProto, group: list[onnx.NodeProto]) -> str | None:
    graph = edit.graph
    if place.op_type == "Concat" and any(not graph.reads_dequantised(name) for name in place.input):
        missing = sum(not graph.reads_dequantised(name) for name in place.input)
        return f"{missing} of its inputs have no Q/DQ, whose scales are not known"
    if not group:
        return "its inputs are not quantised activations"
    scales = [graph.scale(node) for node in group]
    known = [scale for scale in scales if scale is not None]
    if len(known) < len(scales) or len({_type(graph, node) for node in group}) > 1:
        return "a scale is no constant of one value, or zero points differ"
    for node in group:
        readers = graph.next(node)
        if any(reader.op_type != DEQUANTIZE or graph.scale(reader) != graph.scale(node) for reader in readers):
            return f"'{node.name}' is not the half of a plain pair"
    if max(known) > _WIDEST * min(known):
        said = f"{min(known):.3g} to {max(known):.3g}"
        return f"its scales {said} are too far apart: the finer branch would lose more than 4 bits"
    return None


def _type(graph: QdqGraph, node: onnx.NodeProto) -> str:
    """The quantised type and zero point, as text to compare."""
    values = graph.array(node.input[2]) if len(node.input) > 2 else None
    return "" if values is None else f"{values.dtype}{values.reshape(-1)[:1]}"


def _unify(edit: Edit, code: str, place: onnx.NodeProto, group: list[onnx.NodeProto]) -> Repair:
    graph = edit.graph
    largest = max(group, key=lambda node: graph.scale(node) or 0.0)
    scale = graph.scale(largest) or 0.0
    values = graph.array(largest.input[1])
    assert values is not None
    name = edit.constant(f"{place.name}/scale", values.reshape(()))
    roundings: list[Rounding] = []
    old = sorted({graph.scale(node) or 0.0 for node in group})
    for node in group:
        before = graph.scale(node)
        if before == scale:
            continue
        roundings += roundings_of(graph, node, before, scale)
        for member in (node, *graph.next(node)):
            member.input[1] = name
            _scalar_zero(edit, member)
    said = ", ".join(f"{value:.3g}" for value in old[:-1])
    return Repair(code, place.name, f"scales {said} are {scale:.3g} now", exact=False, roundings=tuple(roundings))


def _scalar_zero(edit: Edit, node: onnx.NodeProto) -> None:
    """A zero point has the shape of its scale."""
    values = edit.graph.array(node.input[2]) if len(node.input) > 2 else None
    if values is not None and values.ndim:
        node.input[2] = edit.constant(f"{node.name}/zero_point", values.reshape(()))
