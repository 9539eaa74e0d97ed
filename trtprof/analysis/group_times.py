"""The same nodes in every engine, side by side: time of each node group and how much faster it became."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trtprof.comparison import Built, NodeGroup
from trtprof.model import Estimate


@dataclass(frozen=True, slots=True)
class GroupTime:
    """A node group's time in each engine, in ns and in their order; ``None`` where a row of it has no time."""

    nodes: tuple[str, ...]
    times_ns: tuple[float | None, ...]

    def ratio(self, reference: int, engine: int) -> float | None:
        """Return how many times faster the engine runs the group than the reference does."""
        before, after = self.times_ns[reference], self.times_ns[engine]
        return before / after if before is not None and after else None


def group_times(groups: Sequence[NodeGroup], engines: Sequence[Built]) -> tuple[GroupTime, ...]:
    """Return the groups with their times, the most expensive of any engine first; modelled times by their middle."""
    table = [GroupTime(group.nodes, tuple(_time(built, group.index) for built in engines)) for group in groups]
    return tuple(sorted(table, key=lambda item: (-max((t or 0.0 for t in item.times_ns), default=0.0), item.nodes)))


def _time(built: Built, group: int) -> float | None:
    total = 0.0
    for row in built.rows:
        if row.group == group:
            if row.time_ns is None:
                # A profile leaves out rows that ran in no time; without a profile nothing is known.
                if built.engine.timings is None:
                    return None
                continue
            total += row.time_ns.mid if isinstance(row.time_ns, Estimate) else row.time_ns
    return total
