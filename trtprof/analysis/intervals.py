"""Which range encloses a call: an interval sweep, thread by thread.

A range encloses a call when it starts no later and ends no earlier, on the same thread. Of several, the innermost is
the one that started last; of those, the one that ends first; of those, the later one in the file.

With the ranges of a thread in order of start (the longer first where several start together), that is the last one up
to the call's start that ends late enough. Mostly it is the very last; where not, a tree of maxima over the ends finds
it, for all calls at once. Ranges may nest or cross: start/end ranges do, and so do the edges of push/pop ranges on a
clock that ticks in 32 ns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from trtprof.analysis.trace import Ints


class Intervals(NamedTuple):
    """Intervals of several threads, in order of start."""

    thread: Ints
    start: Ints
    end: Ints

    def where(self, chosen: Ints) -> Intervals:
        """Return some of the intervals, by index or mask."""
        return Intervals(self.thread[chosen], self.start[chosen], self.end[chosen])


def innermost(ranges: Intervals, calls: Intervals) -> Ints:
    """Return for each call the index of the innermost range that encloses it, -1 for none.

    Ranges of no length enclose nothing and must not be among them.
    """
    import numpy as np

    found = np.full(len(calls.start), -1, np.int64)
    for range_rows, call_rows in _by_thread(ranges.thread, calls.thread):
        order = _outer_first(ranges.start[range_rows], ranges.end[range_rows])
        rows = _Rows(range_rows, order)
        inner = _innermost_of_thread(
            rows.of(ranges.start), rows.of(ranges.end), calls.start[call_rows], calls.end[call_rows]
        )
        found[call_rows] = rows.places(inner)
    return found


class _Rows(NamedTuple):
    """Rows of one thread, and their order where it is another than that of the table."""

    rows: slice | Ints
    order: Ints | None

    def of(self, column: Ints) -> Ints:
        """Return the thread's part of a column, in order."""
        part: Ints = column[self.rows]
        return part if self.order is None else part[self.order]

    def places(self, inner: Ints) -> Ints:
        """Return places in the table for places in the order, -1 for -1."""
        import numpy as np

        if self.order is not None:
            inner = np.append(self.order, -1)[inner]
        if isinstance(self.rows, slice):
            return inner
        found: Ints = np.append(self.rows, -1)[inner]
        return found


def _by_thread(ranges: Ints, calls: Ints) -> Iterator[tuple[slice | Ints, slice | Ints]]:
    """Yield the rows of each thread that has both ranges and calls, both in the order of their table."""
    import numpy as np

    if len(ranges) == 0 or len(calls) == 0:
        return
    if ranges[0] == calls[0] and (ranges == ranges[0]).all() and (calls == calls[0]).all():
        yield slice(None), slice(None)
        return
    threads = np.intersect1d(np.unique(ranges), np.unique(calls))
    range_order, call_order = np.argsort(ranges, kind="stable"), np.argsort(calls, kind="stable")
    for thread in threads:
        yield _rows_of(thread, ranges, range_order), _rows_of(thread, calls, call_order)


def _rows_of(thread: Ints, threads: Ints, order: Ints) -> Ints:
    """Return the rows of one thread, given the order that sorts the threads."""
    import numpy as np

    first, last = np.searchsorted(threads, [thread, thread + 1], sorter=order)
    rows: Ints = order[first:last]
    return rows


def _outer_first(start: Ints, end: Ints) -> Ints | None:
    """Return the order in which ranges that start together have the longer first; ``None`` where they do already."""
    import numpy as np

    if not ((start[1:] == start[:-1]) & (end[1:] > end[:-1])).any():
        return None
    return np.lexsort((-end, start))


def _innermost_of_thread(start: Ints, end: Ints, call_start: Ints, call_end: Ints) -> Ints:
    """Return the innermost range of each call of one thread; ranges sorted with the outer first."""
    import numpy as np

    last = np.searchsorted(start, call_start, "right") - 1
    reach = np.append(np.maximum.accumulate(end), np.iinfo(np.int64).min)  # the place -1, no range, reaches nowhere
    last[reach[last] < call_end] = -1
    open_ = np.flatnonzero((last >= 0) & (end[last] < call_end))
    if len(open_):
        last[open_] = _Maxima(end).last_reaching(last[open_], call_end[open_])
    return last


class _Maxima:
    """A tree of maxima: a level has the larger of each two neighbours of the level below."""

    def __init__(self, values: Ints) -> None:
        import numpy as np

        self.levels = [values]
        while len(self.levels[-1]) > 1:
            below = self.levels[-1]
            pairs = np.maximum(below[: len(below) & ~1 : 2], below[1::2])
            self.levels.append(np.append(pairs, below[-1]) if len(below) & 1 else pairs)

    def last_reaching(self, place: Ints, value: Ints) -> Ints:
        """Return the last place up to each given one that holds at least the value; there must be one."""
        import numpy as np

        found, level_of = np.zeros(len(place), np.int64), np.zeros(len(place), np.int8)
        bound, left = place + 1, np.arange(len(place))
        for level, maxima in enumerate(self.levels):  # up: the largest blocks that end where the last one began
            odd = left[bound[left] & 1 == 1]
            hit = odd[maxima[bound[odd] - 1] >= value[odd]]
            found[hit], level_of[hit] = bound[hit] - 1, level
            bound[hit] = 0
            bound >>= 1
            left = left[bound[left] > 0]
        for level in range(len(self.levels) - 1, 0, -1):  # down: the right half where it reaches, else the left
            inside = np.flatnonzero(level_of >= level)
            right = 2 * found[inside] + 1
            below = self.levels[level - 1]
            exists = right < len(below)
            reaches = np.zeros(len(inside), bool)
            reaches[exists] = below[right[exists]] >= value[inside[exists]]
            found[inside] = np.where(reaches, right, right - 1)
        return found
