"""Everything the documented Q/DQ rules say of a model: the facts that explain engines, and those for a linter alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trtprof.graph.placement_facts import placement_facts
from trtprof.graph.qdq_facts import qdq_facts
from trtprof.graph.qdq_graph import QdqGraph
from trtprof.graph.scale_facts import scale_facts
from trtprof.graph_facts import GraphFacts

if TYPE_CHECKING:
    import onnx


def lint_facts(model: onnx.ModelProto) -> GraphFacts:
    """Return the facts of :func:`~trtprof.graph.qdq_facts.qdq_facts` with the linter's own, in the order of the graph.

    Each node of the main graph needs a name of its own. Without Q/DQ nodes only integer operators are looked for.
    """
    known = qdq_facts(model)
    graph = QdqGraph(model)
    more = [*scale_facts(graph), *(placement_facts(graph) if graph.has_qdq else ())]
    place = {node.name: index for index, node in enumerate(model.graph.node)}
    facts = sorted((*known.facts, *more), key=lambda item: (place.get(item.node, len(place)), item.fact.value))
    return replace(known, facts=tuple(facts))
