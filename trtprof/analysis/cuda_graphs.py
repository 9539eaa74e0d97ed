"""CUDA graphs: from a kernel of a replay back to the capture, and what a trace of whole graphs hides.

NVTX ranges are open while a graph is captured, not while it is replayed. nsys records when each node of a graph came
to be, and which node of the captured graph a node of the executable one is a clone of; the creation of that first node
lies inside the range of the layer that was captured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from trtprof.analysis.intervals import Intervals
from trtprof.model import Unknown

if TYPE_CHECKING:
    from trtprof.analysis.trace import Calls, GraphCreation, GraphNode, GraphRun, Ints, Kernels


_BEGIN: Final = 1
_END: Final = 2
_LAUNCH: Final = 3


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
    rows = np.flatnonzero(kernels.graph_node >= 0)
    if len(rows) == 0:
        return Captured(places, np.broadcast_to(np.int32(-1), len(kernels)))
    moment = np.full(len(kernels), -1, np.int32)
    pairs = np.stack([kernels.process[rows], kernels.graph_node[rows]])
    distinct, inverse = np.unique(pairs, axis=1, return_inverse=True)
    known = np.array([index.get((int(pid), int(node)), -1) for pid, node in distinct.T], np.int32)
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
    runs: Sequence[GraphRun], creations: Sequence[GraphCreation], calls: Calls | Unknown
) -> tuple[HiddenGraph, ...]:
    """Return the graphs whose kernels the trace hides, the longest first."""
    by_graph: dict[tuple[int, int], list[GraphRun]] = {}
    for run in runs:
        by_graph.setdefault((run.process, run.graph), []).append(run)
    born: dict[tuple[int, int], GraphCreation] = {}
    for creation in creations:
        born.setdefault((creation.process, creation.graph), creation)
    captured = None if isinstance(calls, Unknown) or not by_graph else _CaptureCalls.of(calls)
    found = [
        HiddenGraph(
            graph, process, len(same), sum(run.end_ns - run.start_ns for run in same),
            None if captured is None or (process, graph) not in born else captured.around(born[process, graph]),
        )
        for (process, graph), same in by_graph.items()
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda hidden: (-hidden.total_ns, hidden.process, hidden.graph)))


class _CaptureCalls(NamedTuple):
    """The calls that begin a capture, end one, or launch a kernel: their indices, and what they are."""

    calls: Calls
    rows: Ints
    kind: Ints

    @staticmethod
    def of(calls: Calls) -> _CaptureCalls:
        """Return them for all threads."""
        import numpy as np

        kinds = np.array([_kind(api) for api in calls.apis] or [0])[calls.api]
        rows = np.flatnonzero(kinds)
        return _CaptureCalls(calls, rows, kinds[rows])

    def around(self, creation: GraphCreation) -> tuple[int, ...] | None:
        """Return the launch calls between begin and end of the capture that made a graph, on its thread.

        ``None`` where the graph was not captured, or its capture is not in the trace.
        """
        import numpy as np

        own = np.flatnonzero(self.calls.thread[self.rows] == creation.thread)
        kind, start = self.kind[own], self.calls.start_ns[self.rows[own]]
        begun = np.flatnonzero((kind == _BEGIN) & (start <= creation.start_ns))
        ended = np.flatnonzero((kind == _END) & (start >= creation.start_ns))
        if len(begun) == 0 or len(ended) == 0:
            return None
        inside = slice(int(begun[-1]) + 1, int(ended[0]))
        if (kind[inside] == _END).any():  # that capture ended before the graph came to be
            return None
        launching = own[inside][kind[inside] == _LAUNCH]
        return tuple(self.rows[launching].tolist())


def _kind(api: str) -> int:
    """Return what a function is to a capture, 0 for nothing."""
    if "BeginCapture" in api:
        return _BEGIN
    if "EndCapture" in api:
        return _END
    return _LAUNCH if "Launch" in api and "Graph" not in api else 0
