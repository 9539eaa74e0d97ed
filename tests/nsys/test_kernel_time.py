"""Kernel time by unit, type and operation, and the share of eligible time on Tensor Cores."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trtprof.analysis.kernel_time import (
    KernelRow,
    LaunchTotal,
    TensorCoreTime,
    TimeShare,
    by_operation,
    by_type,
    by_unit,
    kernel_rows,
    tensor_core_time,
    totals_of,
    totals_of_columns,
)
from trtprof.model import DType, KernelClass, KernelLaunch, KernelRole, Unit, Unknown

from . import records


def kernel_class(name: str, unit: Unit, operation: str | None, operand: DType | None = None, **other) -> KernelClass:
    return replace(
        KernelClass(name, "test", unit, operation, operand, None, None, None, None, KernelRole.MAIN, 0.9, ""), **other
    )


CLASSES = {
    one.name: one
    for one in (
        kernel_class("conv", Unit.TENSOR_CORE, "convolution", DType.INT8, mma=DType.INT8),
        kernel_class("sgemm", Unit.CUDA_CORE, "gemm", DType.FP32),
        kernel_class("maybe", Unit.UNKNOWN, "gemm", DType.FP16),
        kernel_class("splitk", Unit.NONE, "split_k_reduction", role=KernelRole.HELPER),
        kernel_class("helper", Unit.NONE, "gemm", role=KernelRole.HELPER),
        kernel_class("relu", Unit.CUDA_CORE, "elementwise", DType.FP16),
        kernel_class("gemv", Unit.CUDA_CORE, "gemv", DType.FP16),
        kernel_class("depthwise", Unit.CUDA_CORE, "depthwise_convolution", DType.FP16),
        kernel_class("dgemm", Unit.CUDA_CORE, "gemm", DType.FP64),
        kernel_class("odd", Unit.TENSOR_CORE, None, DType.FP16, mma=DType.FP16),
        kernel_class("tf32", Unit.TENSOR_CORE, "gemm", DType.FP32, mma=DType.TF32),
        kernel_class("x", Unit.UNKNOWN, None),
    )
}


def rows(**totals: int) -> tuple[KernelRow, ...]:
    return kernel_rows([LaunchTotal(name, 0, 2, total, 1, total) for name, total in totals.items()], CLASSES)


def test_rows_are_merged_over_devices_longest_first() -> None:
    found = kernel_rows(
        [LaunchTotal("a", 0, 1, 30, 30, 30), LaunchTotal("b", 0, 2, 60, 20, 40), LaunchTotal("a", 1, 3, 30, 5, 15),
         LaunchTotal("c", 0, 1, 0, None, None)],
        {},
    )  # fmt: skip
    assert found == (
        KernelRow("a", None, 4, 60, 5, 30, 0.5),
        KernelRow("b", None, 2, 60, 20, 40, 0.5),
        KernelRow("c", None, 1, 0, None, None, 0.0),
    )
    assert [row.mean_ns for row in found] == [15, 30, 0]


def test_shares() -> None:
    found = rows(conv=500, sgemm=300, relu=100, x=100)
    assert by_unit(found) == (
        TimeShare("tensor_core", 1, 2, 500, 0.5),
        TimeShare("cuda_core", 2, 4, 400, 0.4),
        TimeShare("unknown", 1, 2, 100, 0.1),
    )
    assert [(share.key, share.total_ns) for share in by_type(found)] == [
        ("int8", 500), ("fp32", 300), ("fp16", 100), ("unknown", 100),
    ]  # fmt: skip
    assert [share.key for share in by_type(rows(tf32=1))] == ["tf32"]
    assert [share.key for share in by_operation(found)] == ["convolution", "gemm", "elementwise", "unknown"]


def test_only_matrix_products_are_eligible() -> None:
    found = tensor_core_time(rows(conv=500, sgemm=300, relu=9, gemv=9, depthwise=9, splitk=9, helper=9))
    assert found == TensorCoreTime(800, 500, 0, 0, 845)
    assert found.cuda_core_ns == 300
    assert found.ratio == (0.625, 0.625)


def test_what_names_leave_open_is_a_range() -> None:
    found = tensor_core_time(rows(conv=500, sgemm=250, maybe=250, x=50))
    assert found == TensorCoreTime(1000, 500, 250, 50, 1050)
    assert found.ratio == (0.5, 0.75)
    assert found.cuda_core_ns == 250


def test_what_ran_there_was_eligible() -> None:
    assert tensor_core_time(rows(odd=10)) == TensorCoreTime(10, 10, 0, 0, 10)


@pytest.mark.parametrize(("capability", "eligible"), [((8, 0), 10), ((9, 0), 10), ((8, 9), 0), (None, 0)])
def test_fp64_is_eligible_only_where_tensor_cores_take_it(capability: tuple[int, int] | None, eligible: int) -> None:
    found = tensor_core_time(rows(dgemm=10), capability)
    assert isinstance(found, TensorCoreTime)
    assert found.eligible_ns == eligible


def test_a_gpu_without_tensor_cores() -> None:
    assert tensor_core_time(rows(sgemm=1), (6, 1)) == Unknown("a GPU of compute capability 6.1 has no Tensor Cores")


def test_nothing_eligible_has_no_ratio() -> None:
    found = tensor_core_time(rows(relu=5))
    assert isinstance(found, TensorCoreTime)
    assert found.ratio is None
    assert tensor_core_time(()) == TensorCoreTime(0, 0, 0, 0, 0)


def test_a_kernel_without_a_class_is_unclassified() -> None:
    assert tensor_core_time(rows(nobody=7)) == TensorCoreTime(0, 0, 0, 7, 7)


launches = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50), st.integers(0, 9), st.integers(0, 2)))


@given(launches)
def test_records_and_columns_give_the_same_totals(found: list[tuple[str, int, int, int]]) -> None:
    found = sorted(found, key=lambda row: row[1])
    one_by_one = totals_of(KernelLaunch(name, start, length, device) for name, start, length, device in found)
    columns = records.kernels(
        [(name, start, start + length, -1) for name, start, length, _ in found], device=[row[3] for row in found]
    )
    assert one_by_one == totals_of_columns(columns)
    assert sum(total.total_ns for total in one_by_one) == sum(row[2] for row in found)


@given(launches, st.randoms())
def test_the_order_of_launches_changes_nothing(found: list[tuple[str, int, int, int]], random) -> None:
    made = [KernelLaunch(name, start, length, device) for name, start, length, device in found]
    shuffled = list(made)
    random.shuffle(shuffled)
    assert totals_of(made) == totals_of(shuffled)
    assert kernel_rows(totals_of(made), CLASSES) == kernel_rows(totals_of(shuffled), CLASSES)
