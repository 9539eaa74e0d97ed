"""Kernel time by NVTX range, inclusive and own."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from trtprof.analysis.launches import launch_calls
from trtprof.analysis.nvtx_time import RangeTime, range_times

from . import records


def times(kernel_rows, call_rows, range_rows) -> dict[tuple[str, str], RangeTime]:
    kernels, calls = records.kernels(kernel_rows), records.calls(call_rows)
    found = range_times(kernels, calls, records.ranges(range_rows), launch_calls(kernels, calls))
    return {(time.domain, time.name): time for time in found}


def test_inside_and_own() -> None:
    found = times(
        [("a", 100, 130, 1), ("b", 130, 135, 2), ("c", 140, 141, 3)],
        [("cudaLaunchKernel", 10, 12, 1), ("cuLaunchKernelEx", 22, 24, 2), ("cudaLaunchKernel", 60, 61, 3)],
        [("", "outer", 0, 50), ("TensorRT", "inner", 20, 30), ("", "empty", 31, 40)],
    )
    assert found == {
        ("", "outer"): RangeTime("", "outer", 1, 50, 2, 35, 1, 30),
        ("TensorRT", "inner"): RangeTime("TensorRT", "inner", 1, 10, 1, 5, 1, 5),
        ("", "empty"): RangeTime("", "empty", 1, 9, 0, 0, 0, 0),
    }


def test_kernels_of_one_graph_launch_count_at_its_call() -> None:
    found = times(
        [("a", 100, 130, 1), ("b", 130, 135, 1)], [("cudaGraphLaunch_v10000", 10, 12, 1)], [("", "step", 0, 50)]
    )
    assert (found["", "step"].launches, found["", "step"].kernel_ns) == (2, 35)


def test_numbers_behind_pytorch_operators_are_one_operator() -> None:
    found = times(
        [("a", 100, 130, 1), ("b", 130, 135, 2)],
        [("cudaLaunchKernel", 10, 12, 1), ("cudaLaunchKernel", 30, 32, 2)],
        [("", "aten::mm, op_id = 7", 5, 20), ("", "aten::mm, seq = 3, op_id = 8, sizes = [[2, 2]]", 25, 40)],
    )
    assert found == {("", "aten::mm"): RangeTime("", "aten::mm", 2, 30, 2, 35, 2, 35)}


gaps_and_lengths = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), max_size=12)
range_rows = st.lists(st.tuples(st.sampled_from("pqr"), st.integers(0, 30), st.integers(1, 20)), max_size=10)


@settings(max_examples=300, deadline=None)
@given(gaps_and_lengths, range_rows)
def test_against_two_loops(spaced: list[tuple[int, int]], named: list[tuple[str, int, int]]) -> None:
    call_rows, time = [], 0
    for number, (gap, length) in enumerate(spaced):
        time += gap
        call_rows.append(("cudaLaunchKernel", time, time + length, number))
        time += length
    kernel_rows = [("k", 100 + number, 101 + 2 * number, number) for number in range(len(call_rows))]
    rows = sorted((("", name, start, start + length) for name, start, length in named), key=lambda row: row[2])
    found = times(kernel_rows, call_rows, rows)
    for _, name, _, _ in rows:
        inside = [
            kernel[2] - kernel[1]
            for _, other, start, end in rows
            for call, kernel in zip(call_rows, kernel_rows, strict=True)
            if other == name and start <= call[1] and call[2] <= end
        ]
        assert (found["", name].launches, found["", name].kernel_ns) == (len(inside), sum(inside))
    assert sum(time.own_kernel_ns for time in found.values()) == sum(
        kernel[2] - kernel[1]
        for call, kernel in zip(call_rows, kernel_rows, strict=True)
        if any(start <= call[1] and call[2] <= end for _, _, start, end in rows)
    )
