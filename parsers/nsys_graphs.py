"""CUDA graphs of an nsys export: nodes where they were traced one by one, launches where a graph was traced whole."""

from __future__ import annotations

from collections.abc import Sequence

from trtprof.model import Notice
from trtprof.parsers.nsys_database import NsysDatabase
from trtprof.parsers.nsys_nvtx import PROCESS_MASK
from trtprof.parsers.nsys_schema import (
    GRAPH_EVENTS,
    GRAPH_NODE_EVENTS,
    GRAPH_TRACE,
    VALID,
    GraphCreation,
    GraphNode,
    GraphRun,
)


def read_nodes(database: NsysDatabase) -> tuple[GraphNode, ...]:
    """Return the nodes in order of creation, from whichever table this version keeps them in.

    Until nsys 2023 they are in CUDA_GRAPH_EVENTS, which later holds graphs. A cloned node has two rows: its creation,
    and the node it is a clone of (nsys 2025.3, capture and instantiation of one graph).

    Raises:
        InputError: the table is damaged.
    """
    table = _node_table(database)
    if table is None:
        return ()
    rows = database.integers(
        table,
        f"SELECT start, globalTid, graphNodeId, originalGraphNodeId FROM {table} "
        "WHERE globalTid IS NOT NULL AND graphNodeId IS NOT NULL ORDER BY start, rowid",
    )
    return tuple(
        GraphNode(thread & PROCESS_MASK, node, original, start, thread) for start, thread, node, original in rows
    )


def has_nodes(database: NsysDatabase) -> bool:
    """Whether graphs were traced node by node: only then does a kernel's node id lead anywhere."""
    return _node_table(database) is not None


def _node_table(database: NsysDatabase) -> str | None:
    wanted = ("start", "globalTid", "graphNodeId", "originalGraphNodeId")
    return next((name for name in (GRAPH_NODE_EVENTS, GRAPH_EVENTS) if database.schema.has(name, *wanted)), None)


def read_runs(database: NsysDatabase) -> tuple[GraphRun, ...]:
    """Return launches of graphs traced whole (``--cuda-graph-trace=graph``, the default), in order of start.

    Raises:
        InputError: the table is damaged.
    """
    if not database.schema.has(GRAPH_TRACE, "start", "end", "graphId"):
        return ()
    columns = ", ".join(
        database.schema.column(GRAPH_TRACE, name) for name in ("deviceId", "globalPid", "correlationId")
    )
    rows = database.integers(
        GRAPH_TRACE,
        f'SELECT graphId, start, "end", {columns} FROM {GRAPH_TRACE} WHERE {VALID} AND graphId IS NOT NULL '
        "ORDER BY start, rowid",
    )
    return tuple(GraphRun(*row) for row in rows)


def whole_graph_notices(runs: Sequence[GraphRun]) -> tuple[Notice, ...]:
    """Return what a reader of kernel times must know where graphs were traced whole: their kernels are missing."""
    if not runs:
        return ()
    time = sum(run.end_ns - run.start_ns for run in runs)
    message = (
        f"{len(runs)} launches of CUDA graphs were traced as a whole: {time / 1e6:.3f} ms of GPU time in kernels that "
        "the export does not hold. Trace again with --cuda-graph-trace=node, or run without CUDA graphs"
    )
    return (Notice("cuda-graphs-traced-whole", message, GRAPH_TRACE),)


def read_creations(database: NsysDatabase) -> tuple[GraphCreation, ...]:
    """Return when graphs came to be, in order; known where graphs were traced whole.

    Raises:
        InputError: the table is damaged.
    """
    if not database.schema.has(GRAPH_EVENTS, "start", "globalTid", "graphId", "graphExecId"):
        return ()
    rows = database.integers(
        GRAPH_EVENTS,
        f"SELECT globalTid, graphId, start FROM {GRAPH_EVENTS} WHERE graphId IS NOT NULL AND graphExecId IS NULL "
        "AND globalTid IS NOT NULL ORDER BY start, rowid",
    )
    return tuple(GraphCreation(thread & PROCESS_MASK, graph, start, thread) for thread, graph, start in rows)
