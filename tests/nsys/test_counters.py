"""Counters against names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trtprof.analysis.counters import (
    METRICS,
    PREFIX,
    SOURCES,
    MeasuredKernel,
    Score,
    compare_with_names,
    measured_kernels,
)
from trtprof.model import DType, KernelClass, KernelRole, Unit, Unknown
from trtprof.parsers.ncu_csv import MeasuredLaunches

H100 = (9, 0)
ZERO = {f"{PREFIX}{source}.sum": 0.0 for source in SOURCES[H100]}
FP16 = f"{PREFIX}fp16.sum"


def launch(name: str, duration: float | None = 10.0, *, count: int = 1, capability=H100, **metrics: float):
    values = ZERO | {key.replace("__DOT__", "."): value for key, value in metrics.items()}
    return MeasuredLaunches(name, count, duration, capability, values, values)


def with_metrics(name: str, metrics: dict[str, float], capability: tuple[int, int] | None = H100) -> MeasuredLaunches:
    return MeasuredLaunches(name, 1, 10.0, capability, metrics, metrics)


def kernels(*launches: MeasuredLaunches) -> dict[str, MeasuredKernel]:
    found = measured_kernels(launches)
    assert isinstance(found, tuple)
    return {kernel.name: kernel for kernel in found}


def test_operations_on_the_tensor_path_are_the_truth() -> None:
    found = kernels(launch("tc", **{FP16: 5.0}), launch("cuda"), launch("tc", 30.0, **{FP16: 5.0}))
    assert found["tc"] == MeasuredKernel("tc", 2, 2, 0, 40.0, 40.0, (DType.FP16,))
    assert found["cuda"] == MeasuredKernel("cuda", 1, 0, 0, 10.0, 0, ())
    assert (found["tc"].tensor_core, found["cuda"].tensor_core) == (True, False)
    assert list(found) == ["tc", "cuda"]


def test_the_tensor_pipes_instructions_are_not() -> None:
    """Seen on an H100: a layout change executes 75,264 HMMA-pipe instructions and no tensor operation."""
    pipe = {"sm__inst_executed_pipe_tensor_op_hmma.sum": 75_264.0}
    assert kernels(with_metrics("copy", ZERO | pipe))["copy"].tensor_core is False
    alone = measured_kernels([with_metrics("copy", pipe)])
    assert isinstance(alone, Unknown)
    assert "sm__inst_executed_pipe_tensor* is there, but counts other instructions too" in alone.reason
    assert f"ncu --metrics '{METRICS}'" in alone.reason


@pytest.mark.parametrize(
    ("rollup", "is_measure"),
    [
        (".sum", True), (".avg", True), (".max", True), (".sum.per_second", True), (".sum.per_cycle_elapsed", True),
        (".sum.pct_of_peak_sustained_active", True), ("", True), (".sum.peak_sustained", False),
        (".sum.peak_sustained_elapsed.per_second", False), (".avg.peak_sustained_active", False),
    ],
)  # fmt: skip
def test_what_a_gpu_could_reach_is_no_measurement(rollup: str, is_measure: bool) -> None:
    """``.peak_sustained`` is above zero for every kernel of the GPU, whatever it does."""
    found = kernels(with_metrics("k", ZERO | {f"{PREFIX}fp16{rollup}": 4_096.0}))
    assert found["k"].tensor_core is is_measure


@pytest.mark.parametrize(
    ("metric", "types"),
    [
        ("sm__ops_path_tensor_src_int8.sum", (DType.INT8,)),
        ("sm__ops_path_tensor_src_int8_sparsity_on.sum", (DType.INT8,)),
        ("sm__ops_path_tensor_src_bf16_dst_fp32.sum", (DType.BF16,)),
        ("sm__ops_path_tensor_src_fp16_dst_fp16_sparsity_off.sum", (DType.FP16,)),
        ("sm__ops_path_tensor_src_tf32_dst_fp32_realtime.avg", (DType.TF32,)),
        ("sm__ops_path_tensor_op_hgmma_src_fp16.sum", (DType.FP16,)),
        ("sm__ops_path_tensor_op_utcqmma_src_fp4_fp6_fp8_dst_fp32.sum", (DType.FP4, DType.FP8)),
        ("sm__ops_path_tensor_src_fp16_bf16_tf32_dst_fp32.sum", (DType.FP16, DType.BF16, DType.TF32)),
        ("sm__ops_path_tensor_src_fp64.sum", (DType.FP64,)),
    ],
)
def test_types(metric: str, types: tuple[DType, ...]) -> None:
    assert kernels(with_metrics("k", {metric: 1.0}))["k"].mma == types


@pytest.mark.parametrize("capability", [*SOURCES, None, (7, 0)])
def test_no_takes_every_counter_of_the_gpu(capability: tuple[int, int] | None) -> None:
    """An INT8 kernel does no FP16 operation: without the INT8 counter nothing is settled."""
    sources = SOURCES.get(capability, ("fp16_dst_fp32", "int8")) if capability else ("fp16", "int8")
    all_zero = {f"{PREFIX}{source}.sum": 0.0 for source in sources}
    assert kernels(with_metrics("k", all_zero, capability))["k"].tensor_core is False
    part = {name: value for name, value in all_zero.items() if "int8" not in name}
    assert isinstance(measured_kernels([with_metrics("k", part, capability)]), Unknown)
    some = kernels(with_metrics("k", part, capability), with_metrics("yes", {FP16: 1.0}, capability))
    assert (some["k"].tensor_core, some["yes"].tensor_core) == (None, True)


def test_a_kernel_that_does_both_is_mixed() -> None:
    found = kernels(launch("k", 10.0, **{FP16: 1.0}), launch("k", 30.0, count=2))
    assert found["k"] == MeasuredKernel("k", 3, 1, 0, 70.0, 10.0, (DType.FP16,))
    assert kernels(launch("k", 10.0, count=4, **{FP16: 1.0}))["k"].tensor_ns == 40.0
    assert found["k"].is_mixed
    assert not kernels(launch("k"))["k"].is_mixed


def test_a_summary_counts_by_its_highest_launch() -> None:
    """A mean of 3 launches may round to 0.00 where one of them did a few operations."""
    summary = MeasuredLaunches("k", 3, 1.0, H100, ZERO, ZERO | {FP16: 2.0})
    assert kernels(summary)["k"].tensor_core is True


def test_no_launch_at_all() -> None:
    assert measured_kernels([]) == ()


def kernel_class(name: str, unit: Unit, mma: DType | None = None) -> KernelClass:
    return KernelClass(name, "test", unit, None, mma, mma, None, None, None, KernelRole.MAIN, 0.9, "says so")


CLASSES = {
    "right": kernel_class("right", Unit.TENSOR_CORE, DType.FP16),
    "missed": kernel_class("missed", Unit.CUDA_CORE),
    "claimed": kernel_class("claimed", Unit.TENSOR_CORE, DType.INT8),
    "plain": kernel_class("plain", Unit.NONE),
    "silent": kernel_class("silent", Unit.UNKNOWN),
    "quiet": kernel_class("quiet", Unit.UNKNOWN),
    "type": kernel_class("type", Unit.TENSOR_CORE, DType.TF32),
    "vague": kernel_class("vague", Unit.TENSOR_CORE),
}


def test_scores_by_name_launch_and_time() -> None:
    on = {FP16: 1.0}
    found = measured_kernels(
        [launch("right", 40.0, **on), launch("right", 40.0, **on), launch("missed", 100.0, **on),
         launch("claimed", 7.0), launch("plain", 5.0), launch("silent", 3.0, **on), launch("quiet", 2.0)]
    )  # fmt: skip
    report = compare_with_names(found, CLASSES)
    assert report.by_name == Score(1, 1, 1, 1, 1, 1)
    assert report.by_launch == Score(2, 1, 1, 1, 1, 1)
    assert report.by_time == Score(80, 7, 5, 100, 3, 2)
    assert (report.by_name.precision, report.by_name.recall, report.by_name.accuracy) == (0.5, 1 / 3, 2 / 6)
    assert report.by_launch.precision == pytest.approx(2 / 3)
    assert report.by_time.recall == pytest.approx(80 / 183)
    assert [(one.measured.name, one.is_unit) for one in report.disagreements] == [("missed", True), ("claimed", True)]


def test_types_that_disagree_come_behind_units() -> None:
    found = measured_kernels(
        [launch("type", 900.0, **{FP16: 1.0}), launch("claimed", 1.0), launch("vague", **{FP16: 1.0})]
    )
    report = compare_with_names(found, CLASSES)
    assert [(one.measured.name, one.is_unit) for one in report.disagreements] == [("claimed", True), ("type", False)]


def test_one_counter_for_several_types_agrees_with_each() -> None:
    found = measured_kernels([with_metrics("type", {f"{PREFIX}fp16_bf16_tf32_dst_fp32.sum": 1.0}, (7, 5))])
    assert compare_with_names(found, CLASSES).disagreements == ()


def test_without_durations_there_is_no_score_by_time() -> None:
    found = measured_kernels([launch("right", None, **{FP16: 1.0})])
    report = compare_with_names(found, CLASSES)
    assert report.by_time is None
    assert report.by_name.recall == 1.0


def test_unsettled_kernels_are_named_and_not_scored() -> None:
    found = measured_kernels([launch("right", **{FP16: 1.0}), with_metrics("plain", {FP16: 0.0})])
    report = compare_with_names(found, CLASSES)
    assert report.unmeasured == ("plain",)
    assert report.by_name.total == 1


def test_nothing_claimed_has_no_precision() -> None:
    report = compare_with_names(measured_kernels([launch("plain")]), CLASSES)
    assert (report.by_name.precision, report.by_name.recall, report.by_name.accuracy) == (None, None, 1.0)


def test_a_mixed_kernel_counts_each_launch_by_itself() -> None:
    found = measured_kernels([launch("right", 10.0, **{FP16: 1.0}), launch("right", 30.0)])
    report = compare_with_names(found, CLASSES)
    assert (report.by_launch, report.by_time) == (Score(1, 1), Score(10, 30))
    assert replace(found[0], tensor_launches=0).tensor_core is False
