"""The sweep against the definition, written out as two loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trtprof.analysis import intervals
from trtprof.analysis.intervals import Intervals, innermost

Row = tuple[int, int, int]  # thread, start, end


def oracle(ranges: list[Row], calls: list[Row]) -> list[int]:
    found = []
    for thread, start, end in calls:
        best = -1
        for place, (other, opened, closed) in enumerate(ranges):
            if other != thread or opened > start or closed < end:
                continue
            if best < 0 or (opened, -closed, place) > (ranges[best][1], -ranges[best][2], best):
                best = place
        found.append(best)
    return found


def intervals_of(rows: list[Row]) -> Intervals:
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    return Intervals(columns[0], columns[1], columns[2])


def swept(ranges: list[Row], calls: list[Row]) -> list[int]:
    return innermost(intervals_of(ranges), intervals_of(calls)).tolist()


def by_start(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row[1])


small = st.integers(0, 12)
any_ranges = st.lists(st.tuples(st.integers(1, 3), small, st.integers(1, 6)), max_size=14).map(
    lambda rows: by_start([(thread, start, start + length) for thread, start, length in rows])
)
any_calls = st.lists(st.tuples(st.integers(1, 3), small, st.integers(0, 4)), max_size=14).map(
    lambda rows: by_start([(thread, start, start + length) for thread, start, length in rows])
)


@st.composite
def nested_ranges(draw: st.DrawFn) -> list[Row]:
    """Ranges pushed and popped like a stack, several threads, ties of all kinds."""
    rows: list[Row] = []
    for thread in range(1, draw(st.integers(1, 3)) + 1):
        time, stack = 0, []
        for _ in range(draw(st.integers(0, 14))):
            time += draw(st.integers(0, 2))
            if stack and draw(st.booleans()):
                start = stack.pop()
                if time > start:
                    rows.append((thread, start, time))
            else:
                stack.append(time)
        for start in reversed(stack):
            time += draw(st.integers(1, 2))
            rows.append((thread, start, time))
    return by_start(rows)


@settings(max_examples=400, deadline=None)
@given(any_ranges, any_calls)
def test_ranges_that_cross(ranges: list[Row], calls: list[Row]) -> None:
    assert swept(ranges, calls) == oracle(ranges, calls)


@settings(max_examples=400, deadline=None)
@given(nested_ranges(), any_calls)
def test_ranges_that_nest(ranges: list[Row], calls: list[Row]) -> None:
    assert swept(ranges, calls) == oracle(ranges, calls)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.data())
def test_the_last_place_that_reaches(values: list[int], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(values) - 1))
    value = data.draw(st.integers(0, max(values[: place + 1])))
    found = intervals._Maxima(np.array(values)).last_reaching(np.array([place]), np.array([value]))
    assert found.tolist() == [max(at for at in range(place + 1) if values[at] >= value)]


@pytest.mark.parametrize("count", [1, 2_000])
def test_depth_does_not_matter(count: int) -> None:
    ranges = [(1, place, 10 * count - place) for place in range(count)]
    assert swept(ranges, [(1, count, count + 1), (1, 10 * count, 10 * count)]) == [count - 1, 0]
