"""Times without a kernel and their causes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trtprof.analysis.gaps import DeviceTime, device_times
from trtprof.analysis.launches import launch_calls
from trtprof.gpu_timeline import GapCause
from trtprof.model import Unknown
from trtprof.parsers.nsys_schema import GraphRun

from . import records

LAUNCH = "cudaLaunchKernel_v7000"


def times(kernel_rows, call_rows, copy_rows=(), **options) -> DeviceTime:
    kernels, calls = records.kernels(kernel_rows), records.calls(call_rows)
    (found,) = device_times(
        kernels, calls, launch_calls(kernels, calls), activities=records.copies(copy_rows), **options
    )
    return found


def parts(found: DeviceTime) -> dict[str, int]:
    return {total.cause.value: total.total_ns for total in found.causes}


def test_queued_work_is_not_launch_bound() -> None:
    found = times([("a", 100, 200, 1), ("b", 203, 300, 2)], [(LAUNCH, 10, 20, 1), (LAUNCH, 30, 40, 2)])
    assert parts(found) == {"queued": 3}
    just = times([("a", 100, 200, 1), ("b", 203, 300, 2)], [(LAUNCH, 10, 20, 1), (LAUNCH, 190, 200, 2)])
    assert parts(just) == {"queued": 3}
    assert (found.span_ns, found.busy_ns, found.idle_ns, found.launch_bound_ns) == (200, 197, 3, 0)


def test_a_host_that_launches_late() -> None:
    found = times([("a", 100, 200, 1), ("b", 260, 300, 2)], [(LAUNCH, 10, 20, 1), (LAUNCH, 240, 250, 2)])
    assert parts(found) == {"host": 40, "launch": 20}
    assert found.longest[0].cause is GapCause.HOST
    assert (found.longest[0].next_kernel, found.longest[0].call) == ("b", LAUNCH)


def test_a_host_that_waits() -> None:
    calls = [(LAUNCH, 10, 20, 1), ("cudaStreamSynchronize_v3020", 30, 240, 2), (LAUNCH, 245, 250, 3)]
    found = times([("a", 100, 200, 1), ("b", 255, 300, 3)], calls)
    assert parts(found) == {"sync": 40, "host": 5, "launch": 10}
    assert found.launch_bound_ns == 55
    assert (found.longest[0].cause, found.longest[0].call) == (GapCause.SYNC, "cudaStreamSynchronize_v3020")


def test_copies_on_the_gpu_come_before_the_wait_for_them() -> None:
    calls = [(LAUNCH, 10, 20, 1), ("cudaMemcpy_v3020", 190, 260, 2), (LAUNCH, 265, 270, 3)]
    found = times([("a", 100, 200, 1), ("b", 275, 300, 3)], calls, [(205, 245), (240, 255)])
    # The GPU copies for 50 of the gap's 75 ns. The host was in the copying call for 60, of which 10 are left over.
    assert parts(found) == {"copy": 60, "host": 5, "launch": 10}
    assert found.launch_bound_ns == 15


def test_copies_beside_a_kernel_are_no_gap() -> None:
    found = times([("a", 100, 200, 1), ("b", 200, 300, 2)], [(LAUNCH, 1, 2, 1), (LAUNCH, 3, 4, 2)], [(150, 250)])
    assert parts(found) == {}
    assert found.idle_ns == 0


def test_copies_that_overlap_count_once() -> None:
    calls = [(LAUNCH, 10, 20, 1), (LAUNCH, 21, 22, 2)]
    found = times([("a", 100, 200, 1), ("b", 300, 310, 2)], calls, [(205, 245), (210, 220), (230, 250), (260, 270)])
    assert parts(found) == {"copy": 55, "queued": 45}


def test_another_call_that_takes_long() -> None:
    calls = [(LAUNCH, 10, 20, 1), ("cudaMalloc_v3020", 30, 250, 2), (LAUNCH, 250, 255, 3)]
    found = times([("a", 100, 200, 1), ("b", 260, 300, 3)], calls)
    assert parts(found) == {"call": 50, "launch": 10}
    assert found.longest[0].call == "cudaMalloc_v3020"


def test_what_another_thread_does_is_no_cause() -> None:
    kernels = records.kernels([("a", 100, 200, 1), ("b", 260, 300, 2)])
    calls = records.calls(
        [(LAUNCH, 10, 20, 1), ("cudaStreamSynchronize_v3020", 30, 240, 9), (LAUNCH, 250, 255, 2)],
        thread=[records.THREAD, records.THREAD + 1, records.THREAD],
    )
    (found,) = device_times(kernels, calls, launch_calls(kernels, calls), activities=records.copies([]))
    assert parts(found) == {"host": 50, "launch": 10}


def test_a_launch_the_trace_lacks() -> None:
    assert parts(times([("a", 100, 200, 1), ("b", 260, 300, 2)], [(LAUNCH, 10, 20, 1)])) == {"unknown": 60}


def test_without_any_call() -> None:
    kernels = records.kernels([("a", 100, 200, 1), ("b", 260, 300, 2)])
    none = records.column([-1, -1])
    (found,) = device_times(kernels, Unknown("no calls"), none, activities=Unknown("no copies"))
    assert parts(found) == {"unknown": 60}


def test_kernels_that_overlap_leave_no_gap() -> None:
    found = times(
        [("a", 100, 400, 1), ("b", 150, 200, 2), ("c", 410, 420, 3)],
        [(LAUNCH, 1, 2, 1), (LAUNCH, 3, 4, 2), (LAUNCH, 5, 6, 3)],
    )
    assert (found.busy_ns, parts(found)) == (310, {"queued": 10})


def test_two_gpus_are_apart() -> None:
    kernels = records.kernels(
        [("a", 0, 10, 1), ("b", 5, 11, 2), ("b", 16, 20, 4), ("a", 30, 40, 3)], device=[0, 1, 1, 0]
    )
    calls = records.calls([(LAUNCH, -9, -8, 1), (LAUNCH, -7, -6, 2), (LAUNCH, -5, -4, 3), (LAUNCH, -3, -2, 4)])
    found = device_times(kernels, calls, launch_calls(kernels, calls), activities=records.copies([(12, 15)]))
    assert [(one.device, one.span_ns, one.idle_ns) for one in found] == [(0, 40, 20), (1, 15, 5)]
    assert [parts(one) for one in found] == [{"copy": 3, "queued": 17}, {"queued": 5}]


def test_a_graph_traced_whole_is_work() -> None:
    run = GraphRun(1, 220, 250, 0, records.PROCESS, 5)
    found = times(
        [("a", 100, 200, 1), ("b", 260, 300, 2)],
        [(LAUNCH, 1, 2, 1), ("cudaGraphLaunch_v10000", 205, 210, 5), (LAUNCH, 215, 216, 2)],
        runs=[run],
    )
    assert parts(found) == {"launch": 15, "host": 5, "queued": 10}
    assert found.longest[0].next_kernel is None


def test_only_a_window() -> None:
    rows = [("load", 0, 10, 1), ("a", 1_000, 1_100, 2), ("b", 1_105, 1_200, 3)]
    calls = [(LAUNCH, -5, -4, 1), (LAUNCH, 990, 991, 2), (LAUNCH, 992, 993, 3)]
    assert times(rows, calls).idle_ns == 995
    assert times(rows, calls, window_ns=(1_000, 1_200)).idle_ns == 5


@pytest.mark.parametrize("cause", GapCause)
def test_launch_bound_means_that_nothing_was_launched(cause: GapCause) -> None:
    bound = {GapCause.SYNC, GapCause.CALL, GapCause.HOST, GapCause.LAUNCH}
    assert cause.is_launch_bound == (cause in bound)


spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), min_size=1, max_size=10)
apis = st.sampled_from([LAUNCH, "cudaStreamSynchronize_v3020", "cudaMemcpyAsync_v3020", "cudaMalloc_v3020"])


@settings(max_examples=300, deadline=None)
@given(spans, st.lists(st.tuples(apis, st.integers(-5, 60), st.integers(0, 9)), max_size=12), spans)
def test_parts_add_up_and_idle_time_is_what_no_kernel_covers(kernel_spans, call_rows, copy_spans) -> None:
    kernels = sorted((start, start + length) for start, length in kernel_spans)
    calls = sorted((start, start + length, api) for api, start, length in call_rows)
    rows = [("k", start, end, number) for number, (start, end) in enumerate(kernels)]
    call_list = [(api, start, end, number) for number, (start, end, api) in enumerate(calls)]
    copies = sorted((start, start + length) for start, length in copy_spans)
    found = times(rows, call_list, copies)
    first, last = kernels[0][0], max(end for _, end in kernels)
    covered = sum(any(start <= tick < end for start, end in kernels) for tick in range(first, last))
    assert (found.span_ns, found.busy_ns) == (last - first, covered)
    assert sum(total.total_ns for total in found.causes) == found.idle_ns
    assert all(total.total_ns > 0 for total in found.causes)
    copied = sum(
        not any(start <= tick < end for start, end in kernels) and any(start <= tick < end for start, end in copies)
        for tick in range(first, last)
    )
    called = any("Memcpy" in api for api, _, _ in call_rows)
    assert parts(found).get("copy", 0) >= copied if called else parts(found).get("copy", 0) == copied
