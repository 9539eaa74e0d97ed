"""Minimum cuts: the cheapest way to split things in two where neighbours that part cost something (Dinic)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

_NEVER: Final = float("inf")
_ENOUGH: Final = 1e-9


class Network:
    """A flow network: ``source`` and ``sink`` are nodes 0 and 1, others are added; capacities are at least 0."""

    def __init__(self) -> None:
        self._edges: list[list[int]] = [[], []]
        self._to: list[int] = []
        self._room: list[float] = []

    def node(self) -> int:
        """Add a node and return its number."""
        self._edges.append([])
        return len(self._edges) - 1

    def edge(self, start: int, end: int, capacity: float = _NEVER) -> None:
        """Add an edge, whose capacity is paid where ``start`` is on the source's side and ``end`` on the sink's."""
        for here, there, room in ((start, end, capacity), (end, start, 0.0)):
            self._edges[here].append(len(self._to))
            self._to.append(there)
            self._room.append(room)

    def source_side(self) -> frozenset[int]:
        """Return the nodes on the source's side of a cheapest cut, the fewest of all such cuts. Uses up the network."""
        while (levels := self._levels())[1] >= 0:
            places = [0] * len(self._edges)
            while self._push(levels, places):
                pass
        return frozenset(node for node, level in enumerate(self._levels()) if level >= 0)

    def _levels(self) -> list[int]:
        """Return each node's distance from the source over edges with room, -1 out of reach."""
        levels = [-1] * len(self._edges)
        levels[0] = 0
        waiting = deque([0])
        while waiting:
            node = waiting.popleft()
            for edge in self._edges[node]:
                if self._room[edge] > _ENOUGH and levels[self._to[edge]] < 0:
                    levels[self._to[edge]] = levels[node] + 1
                    waiting.append(self._to[edge])
        return levels

    def _push(self, levels: Sequence[int], places: list[int]) -> bool:
        """Send flow along one shortest path; false where there is none left."""
        path: list[int] = []
        node = 0
        while node != 1:
            while places[node] < len(self._edges[node]):
                edge = self._edges[node][places[node]]
                if self._room[edge] > _ENOUGH and levels[self._to[edge]] == levels[node] + 1:
                    break
                places[node] += 1
            else:
                if not path:
                    return False
                node = self._to[path.pop() ^ 1]
                places[node] += 1
                continue
            path.append(edge)
            node = self._to[edge]
        amount = min(self._room[edge] for edge in path)
        for edge in path:
            self._room[edge] -= amount
            self._room[edge ^ 1] += amount
        return True
