"""Kernels to their launch calls."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trtprof.analysis.launches import launch_calls

from . import records

OTHER = records.THREAD + (7 << 24)


def found(kernel_ids: list[int], call_ids: list[int], spread: int = 1) -> list[int]:
    kernels = records.kernels([("k", place, place + 1, number * spread) for place, number in enumerate(kernel_ids)])
    calls = records.calls(
        [("cudaLaunchKernel", place, place + 1, number * spread) for place, number in enumerate(call_ids)]
    )
    return launch_calls(kernels, calls).tolist()


@pytest.mark.parametrize("spread", [1, 1_000_000])
def test_the_first_of_equal_ids(spread: int) -> None:
    assert found([5, 7, 5, 6], [9, 5, 7, 5], spread) == [1, 2, 1, -1]


@pytest.mark.parametrize("spread", [1, 1_000_000])
def test_absent_ids_never_meet(spread: int) -> None:
    assert found([-1, 3], [-1, 3], spread) == [-1, 1]


def test_no_call_at_all() -> None:
    assert found([1, 2], []) == [-1, -1]


ids = st.lists(st.integers(-1, 12), max_size=12)


@settings(max_examples=200, deadline=None)
@given(ids, ids, st.sampled_from([1, 5_000]))
def test_against_two_loops(kernel_ids: list[int], call_ids: list[int], spread: int) -> None:
    assert found(kernel_ids, call_ids, spread) == [
        call_ids.index(number) if number >= 0 and number in call_ids else -1 for number in kernel_ids
    ]


def test_a_kernel_that_names_no_process_is_of_any() -> None:
    kernels = records.kernels([("k", 0, 1, 4)])
    kernels.process[:] = -1
    calls = records.calls(
        [("cudaLaunchKernel", 0, 1, 3), ("cudaLaunchKernel", 2, 3, 4)], thread=[records.THREAD, OTHER]
    )
    assert launch_calls(kernels, calls).tolist() == [1]
