"""Aligning engines through ONNX nodes: the same work, however each engine cut it into kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trtprof.comparison import NodeGroup, Row
from trtprof.model import Graph

Rows = tuple[Row, ...]


def align(engines: Sequence[Rows], graph: Graph) -> tuple[tuple[NodeGroup, ...], tuple[Rows, ...]]:
    """Return the node groups, in graph order, and the engines' rows with their group filled in.

    A group is the smallest set of nodes that no engine's row crosses, so the times of its rows may be compared without
    splitting any. Rows without a node (a transpose, a cast) join the group that reads them, else the one that feeds
    them; rows that touch no group keep ``None``.
    """
    parent = {node.name: node.name for node in graph.nodes}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    seen: set[str] = set()
    for row in (row for rows in engines for row in rows):
        seen.update(row.nodes)
        for name in row.nodes[1:]:
            parent[root(name)] = root(row.nodes[0])

    members: dict[str, list[str]] = {}
    for node in graph.nodes:
        if node.name in seen:
            members.setdefault(root(node.name), []).append(node.name)
    index_of = {top: index for index, top in enumerate(members)}
    placed = tuple(_place(rows, {name: index_of[root(name)] for name in seen}) for rows in engines)
    groups = tuple(
        NodeGroup(
            index=index_of[top],
            nodes=tuple(names),
            rows=tuple(tuple(row.layer.index for row in rows if row.group == index_of[top]) for rows in placed),
        )
        for top, names in members.items()
    )
    return groups, placed


def _place(rows: Rows, group_of: dict[str, int]) -> Rows:
    groups: list[int | None] = [group_of[row.nodes[0]] if row.nodes else None for row in rows]
    readers: dict[str, list[int]] = {}
    writer: dict[str, int] = {}
    for position, row in enumerate(rows):
        for tensor in row.layer.inputs or ():
            readers.setdefault(tensor.name, []).append(position)
        for tensor in row.layer.outputs or ():
            writer[tensor.name] = position
    # Backwards, so that a chain of conversions finds the group behind its last link.
    for position in reversed(range(len(rows))):
        if groups[position] is None:
            after = (p for t in rows[position].layer.outputs or () for p in readers.get(t.name, ()) if p > position)
            groups[position] = next((groups[p] for p in after if groups[p] is not None), None)
    for position in range(len(rows)):
        if groups[position] is None:
            before = (writer[t.name] for t in rows[position].layer.inputs or () if t.name in writer)
            groups[position] = next((groups[p] for p in before if p < position and groups[p] is not None), None)
    return tuple(replace(row, group=group) for row, group in zip(rows, groups, strict=True))
