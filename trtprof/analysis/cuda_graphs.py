"""CUDA graphs: from a kernel of a replay back to the capture, and what a trace of whole graphs hides.

NVTX ranges are open while a graph is captured, not while it is replayed. nsys records when each node of a graph came
to be, and which node of the captured graph a node of the executable one is a clone of; the creation of that first node
lies inside the range of the layer that was captured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trtprof.analysis.intervals import Intervals

if TYPE_CHECKING:
    from trtprof.analysis.trace import Calls, GraphCreation, GraphNode, GraphRun, Ints, Kernels


@dataclass(frozen=True, slots=True)
class Captured:
    """Where the nodes of a trace's kernels were captured. ``moment`` holds a place of no length in ``places``."""

    places: Intervals
    moment: Ints
    """For each kernel the index of its capture among the places, -1 for no graph node or an unknown capture."""


def captures(kernels: Kernels, nodes: Iterable[GraphNode]) -> Captured:
    """Return when and on which thread the node of each kernel was captured."""
    import numpy as np

    roots = _roots(nodes)
    index = {key: number for number, key in enumerate(roots)}
    places = Intervals(
        np.array([thread for thread, _ in roots.values()], np.int64),
        np.array([start for _, start in roots.values()], np.int64),
        np.array([start for _, start in roots.values()], np.int64),
    )
    moment = np.full(len(kernels), -1, np.int64)
    rows = np.flatnonzero(kernels.graph_node >= 0)
    if len(rows):
        pairs = np.stack([kernels.process[rows], kernels.graph_node[rows]])
        distinct, inverse = np.unique(pairs, axis=1, return_inverse=True)
        known = np.array([index.get((int(pid), int(node)), -1) for pid, node in distinct.T], np.int64)
        moment[rows] = known[inverse.ravel()]
    return Captured(places, moment)


def _roots(nodes: Iterable[GraphNode]) -> dict[tuple[int, int], tuple[int, int]]:
    """Return the thread and time of the first ancestor's creation, by process and node."""
    created: dict[tuple[int, int], tuple[int, int]] = {}
    cloned: dict[tuple[int, int], int] = {}
    for node in nodes:
        key = node.process, node.node
        if node.original is None:
            created.setdefault(key, (node.thread, node.start_ns))
        else:
            cloned.setdefault(key, node.original)
    roots: dict[tuple[int, int], tuple[int, int]] = {}
    for key in dict.fromkeys([*created, *cloned]):
        seen = {key}
        root = key
        while root in cloned and (above := (root[0], cloned[root])) not in seen:
            seen.add(above)
            root = above
        if root in created:
            roots[key] = created[root]
    return roots


@dataclass(frozen=True, slots=True)
class HiddenGraph:
    """A CUDA graph that was traced as a whole: its kernels ran, and the trace does not hold them.

    ``total_ns`` is the time of its launches on the GPU. ``captured_calls`` are the launch calls made while it was
    captured, by index; ``None`` where the capture is not in the trace.
    """

    graph: int
    process: int
    launches: int
    total_ns: int
    captured_calls: tuple[int, ...] | None


def hidden_graphs(
    runs: Sequence[GraphRun], creations: Sequence[GraphCreation], calls: Calls | None
) -> tuple[HiddenGraph, ...]:
    """Return the graphs whose kernels the trace hides, the longest first."""
    by_graph: dict[tuple[int, int], list[GraphRun]] = {}
    for run in runs:
        by_graph.setdefault((run.process, run.graph), []).append(run)
    born: dict[tuple[int, int], GraphCreation] = {}
    for creation in creations:
        born.setdefault((creation.process, creation.graph), creation)
    found = [
        HiddenGraph(
            graph, process, len(same), sum(run.end_ns - run.start_ns for run in same),
            _captured_calls(born[process, graph], calls) if calls is not None and (process, graph) in born else None,
        )
        for (process, graph), same in by_graph.items()
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda hidden: (-hidden.total_ns, hidden.process, hidden.graph)))


def _captured_calls(creation: GraphCreation, calls: Calls) -> tuple[int, ...] | None:
    """Return the launch calls between the begin and the end of the capture that made a graph, on its thread.

    ``None`` where the graph was not captured, or its capture is not in the trace.
    """
    import numpy as np

    begins = [place for place, api in enumerate(calls.apis) if "BeginCapture" in api]
    ends = [place for place, api in enumerate(calls.apis) if "EndCapture" in api]
    launching = [place for place, api in enumerate(calls.apis) if "Launch" in api and "Graph" not in api]
    own = np.flatnonzero(calls.thread == creation.thread)
    begun = own[np.isin(calls.api[own], begins) & (calls.start_ns[own] <= creation.start_ns)]
    ended = own[np.isin(calls.api[own], ends) & (calls.start_ns[own] >= creation.start_ns)]
    if len(begun) == 0 or len(ended) == 0:
        return None
    first, last = int(begun[-1]), int(ended[0])
    closed = own[np.isin(calls.api[own], ends) & (own > first) & (own < last)]
    if len(closed):
        return None
    inside = own[(own > first) & (own < last)]
    return tuple(inside[np.isin(calls.api[inside], launching)].tolist())
