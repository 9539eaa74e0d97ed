"""Peaks of GPUs, rows under their roofs, and whether INT8 helped where the roofs let expect it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.test_speedup import engine, row
from tests.analysis.test_times import built as modelled
from tests.pipeline.test_measured import trex
from trtprof.analysis.devices import TARGET_DEVICES, roofs_of
from trtprof.analysis.layer_roofline import engine_roofline, furthest
from trtprof.analysis.speedup_check import rank_correlation, speedup_check
from trtprof.bounds import Bound, Roofs
from trtprof.comparison import Built, NodeGroup, Row
from trtprof.kernels import classify
from trtprof.model import Device, DType, LayerKind, Provenance, Unknown

# Dense tera-operations a second of NVIDIA's data sheets, for FP16, INT8 and TF32.
SHEETS = {
    "Tesla V100-SXM2-16GB": (125, 62.8, None),
    "Tesla T4": (65, 130, None),
    "NVIDIA GeForce RTX 2080 Ti": (107.6, 215, None),
    "NVIDIA A100-SXM4-40GB": (312, 624, 156),
    "NVIDIA A100 80GB PCIe": (312, 624, 156),
    "NVIDIA A30": (165, 330, 82),
    "NVIDIA A10": (125, 250, 62.5),
    "NVIDIA A40": (149.7, 299.3, 74.8),
    "NVIDIA GeForce RTX 3090": (142, 284, 35.6),
    "NVIDIA L4": (121, 242, 60),
    "NVIDIA L40S": (362, 733, 183),
    "NVIDIA GeForce RTX 4090": (330, 661, 82.6),
    "NVIDIA H100 80GB HBM3": (989, 1979, 494.7),
    "NVIDIA H100 PCIe": (756, 1513, 378),
    "NVIDIA H200": (989, 1979, 494.7),
    "NVIDIA B200": (2250, 4500, 1125),
    "NVIDIA GeForce RTX 5090": (419, 838, 104.8),
    "NVIDIA Jetson AGX Orin 64GB": (42.6, 85, 21),
    "NVIDIA Jetson Orin NX": (15, 30, 7.5),
    "NVIDIA Jetson Orin Nano": (10, 20, 5),
    "NVIDIA Jetson AGX Xavier": (11, 22, None),
    "NVIDIA Thor T5000": (258, 517, 129),
}


def known(device: Device) -> Roofs:
    roofs = roofs_of(device)
    assert isinstance(roofs, Roofs)
    return roofs


@pytest.mark.parametrize("name", SHEETS)
def test_peaks_are_those_of_the_data_sheet(name: str) -> None:
    roofs = known(Device(name))
    assert "by its data sheet" in roofs.source
    for dtype, tera in zip((DType.FP16, DType.INT8, DType.TF32), SHEETS[name], strict=True):
        rate = roofs.rate(dtype)
        assert rate == (None if tera is None else pytest.approx(tera * 1e12, rel=0.03))


def test_peaks_follow_the_clock_that_the_files_state() -> None:
    full, half = (known(Device("NVIDIA A100 80GB PCIe", clock_hz=hz)) for hz in (1.41e9, 0.705e9))
    assert half.rate(DType.INT8) == pytest.approx((full.rate(DType.INT8) or 0) / 2)
    assert half.memory_bytes_per_s == full.memory_bytes_per_s
    assert "at 0.705 GHz as the files state" in half.source
    nameless = known(Device("Orin", (8, 7), 16, 1.3e9, 204.8e9))
    assert nameless.rate(DType.INT8) == pytest.approx(85.2e12, rel=0.01), "SMs and capability do without a name"


def test_geforce_sums_in_fp32_at_half_the_rate() -> None:
    roofs = known(Device("NVIDIA GeForce RTX 3090"))
    assert roofs.rate(DType.FP16, accumulate=DType.FP32) == pytest.approx(71e12, rel=0.01)
    assert roofs.rate(DType.FP16, accumulate=DType.FP16) == pytest.approx(142e12, rel=0.01)
    assert roofs.rate(DType.BF16) == pytest.approx(71e12, rel=0.01), "BF16 is always summed in FP32"
    assert roofs.rate(DType.INT8, accumulate=DType.INT32) == pytest.approx(284e12, rel=0.01)
    assert roofs.rate(DType.FP8) is None
    for name in ("GeForce RTX 3090", "L4"):
        target = next(peaks for peaks in TARGET_DEVICES.values() if peaks.device.name == name)
        assert roofs_of(target.device) != Unknown("")


@pytest.mark.parametrize("name", ["NVIDIA RTX 6000", "A100", "NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA A10G"])
def test_a_gpu_that_is_not_known_has_no_peaks(name: str) -> None:
    roofs = roofs_of(Device(name))
    assert isinstance(roofs, Unknown)
    assert name in roofs.reason
    assert roofs_of(None) == Unknown("the files name no GPU")


A100 = Device("NVIDIA A100 80GB PCIe", (8, 0), 108, 1.41e9, 1935e9)


def on_a100(*rows: Row) -> Built:
    item = engine("int8", rows, Provenance.MEASURED)
    return replace(item, engine=replace(item.engine, device=A100))


def conv(index: int, time: float | None, flops: int | None, moved: int | None, **changes: object) -> Row:
    values = {"matmuls": ("c",), "operand": DType.INT8, "flops": flops, "read_bytes": moved, "written_bytes": 0}
    return row(index, ("c",), time, **{**values, **changes})


def bounds(*rows: Row) -> list[Bound | str]:
    return [
        item.bound if isinstance(item.bound, Bound) else item.bound.reason
        for item in engine_roofline(on_a100(*rows)).rows
    ]


def test_what_bounds_a_row() -> None:
    work = 10**11  # 0.16 ms of INT8 on an A100
    assert bounds(
        conv(0, 400_000.0, work, 10**6),
        conv(1, 400_000.0, 10**6, 10**8),
        conv(2, 5_000.0, 10**6, 10**3),
        row(3, ("pool",), 100_000.0, read_bytes=10**8, written_bytes=0),
        conv(4, 9_000.0, work // 20, 10**3),
    ) == [Bound.COMPUTE, Bound.MEMORY, Bound.LAUNCH, Bound.MEMORY, Bound.COMPUTE]  # fmt: skip
    first = engine_roofline(on_a100(conv(0, 400_000.0, work, 10**6))).rows[0]
    assert (first.intensity, first.math) == (10**5, DType.INT8)
    assert first.roof_ns == pytest.approx(work / 623.7e12 * 1e9, rel=1e-3)
    assert first.roof_ratio == pytest.approx(0.4, rel=0.01)
    assert first.at_stake_ns == pytest.approx(400_000 - 160_333, rel=1e-3)


def test_rows_without_a_roof_say_why() -> None:
    assert bounds(
        conv(0, 1.0, None, 10),
        conv(1, 1.0, 10, None),
        conv(2, 1.0, 10, 10, operand=DType.FP8),
        conv(3, 1.0, 10, 10, operand=DType.FP32),
        row(4, (), 1.0, kind=LayerKind.PLUGIN, read_bytes=1, written_bytes=1),
        row(5, (), 1.0, kind=LayerKind.FOREIGN, read_bytes=1, written_bytes=1),
        row(6, (), 1.0, kind=LayerKind.DLA, read_bytes=1, written_bytes=1),
    ) == [
        "its operations cannot be told from the engine",
        "the size of a tensor is not known",
        "no peak is known for FP8 on this GPU",
        "its kernel does not tell whether FP32 is multiplied as TF32",
        "a plugin: the engine does not say what it computes",
        "an opaque region: the engine does not say what is in it",
        "it runs on a DLA, whose peaks are not the GPU's",
    ]
    kernel = classify("ampere_scudnn_128x64_relu_medium_nn_v1")
    plain = engine_roofline(on_a100(conv(0, 1e6, 10**9, 10, operand=DType.FP32, kernel=kernel))).rows[0]
    assert (plain.math, plain.bound) == (DType.FP32, Bound.COMPUTE)


def test_no_row_without_a_kernel_and_no_modelled_engine_is_held_against_a_roof() -> None:
    assert bounds(row(0, (), 0.0, kind=LayerKind.NOOP), row(1, (), 1.0, kind=LayerKind.CONSTANT)) == []
    assert engine_roofline(modelled()[0]).roofs == Unknown("its times are modelled, from a roofline themselves")
    unnamed = engine("int8", (conv(0, 1.0, 1, 1),), Provenance.MEASURED)
    assert engine_roofline(unnamed).roofs == Unknown("the files name no GPU")


def test_without_a_time_there_is_a_roof_and_no_distance() -> None:
    item = on_a100(conv(0, None, 10**11, 10**6))
    (only,) = engine_roofline(replace(item, engine=replace(item.engine, timings=None))).rows
    assert (only.bound, only.roof_ratio, only.at_stake_ns) == (Bound.COMPUTE, None, None)


@given(st.lists(st.tuples(st.integers(1, 10**12), st.integers(1, 10**9), st.floats(1, 1e7)), min_size=1, max_size=9))
def test_roof_time_and_what_lies_above_it_never_contradict(parts) -> None:
    item = engine_roofline(on_a100(*(conv(n, time, flops, moved) for n, (flops, moved, time) in enumerate(parts))))
    for found in item.rows:
        assert found.roof_ns is not None
        assert found.time_ns is not None
        assert found.at_stake_ns is not None
        assert found.roof_ns + found.at_stake_ns == pytest.approx(max(found.time_ns, found.roof_ns))
        if found.bound is Bound.LAUNCH:
            assert found.time_ns <= 16_000
            assert found.roof_ns <= found.time_ns / 2
    stakes = [found.at_stake_ns or 0.0 for found in furthest(item)]
    assert stakes == sorted(stakes, reverse=True)


def test_the_stem_of_the_published_resnet18(shared: Path) -> None:
    comparison = trex(shared, "fp32", "fp16", "qat")
    rooflines = {item.engine: item for item in comparison.rooflines}
    first = furthest(rooflines["int8"])[0]
    assert (first.row, first.bound) == (1, Bound.MEMORY), "the stem: it writes FP32, so bytes bound it"
    assert first.roof_ns == pytest.approx(55_600, rel=0.01)
    assert first.time_ns == pytest.approx(162_500, rel=0.01)
    kinds = {name: {row.math for row in item.rows if row.math} for name, item in rooflines.items()}
    assert kinds == {"fp32": {DType.FP32, DType.TF32}, "fp16": {DType.FP16}, "int8": {DType.INT8}}
    for item in rooflines.values():
        assert all(0 < (row.roof_ratio or 0) < 1 for row in item.rows), "nothing beats its roof"
    against = comparison.speedups[1]
    assert (against.engine, against.reference, len(against.groups)) == ("int8", "fp16", 21)
    stem = against.groups[0]
    assert stem.expected_ratio == pytest.approx(0.57, abs=0.01), "slower than FP16 even at its roof"
    assert stem.got_math_ratio == pytest.approx(0.58, abs=0.01)
    assert against.rank_correlation == pytest.approx(0.38, abs=0.01)
    assert against.roof_correlation == pytest.approx(0.70, abs=0.01)
    assert "which may be chance" in against.sentence
    half = comparison.speedups[0]
    assert (half.rank_correlation, half.roof_correlation) == (
        pytest.approx(-0.43, abs=0.01),
        pytest.approx(0.37, abs=0.01),
    )


def test_resnet50_gains_from_fp16_where_weights_are_large_and_inputs_small(shared: Path) -> None:
    from trtprof.pipeline.measured import read_measured

    files = sorted((shared / "trex").glob("examples__tensorflow__resnet__RTX-3090__*.engine.graph.json"))
    half, quantised = read_measured([(None, file) for file in files], command="test").speedups
    assert half.rank_correlation == pytest.approx(0.72, abs=0.01)
    assert half.sentence.startswith(
        "fp16 against fp32, 50 node groups: rank correlation +0.72 between weights over input and speed-up: the larger "
        "the weights and the smaller the input, the more fp16 helped; "
    )
    assert half.roof_correlation == pytest.approx(0.88, abs=0.01)
    assert quantised.rank_correlation == pytest.approx(0.14, abs=0.01)
    assert quantised.roof_correlation == pytest.approx(0.38, abs=0.01)
    assert (len(half.groups), len(quantised.groups)) == (50, 49)


def test_rank_correlation() -> None:
    line = [(float(x), float(x * x)) for x in range(9)]
    assert rank_correlation(line) == pytest.approx(1)
    assert rank_correlation([(x, -y) for x, y in line]) == pytest.approx(-1)
    # Wikipedia's example of IQ against hours of television.
    data = zip([106, 100, 86, 101, 99, 103, 97, 113, 112, 110], [7, 27, 2, 50, 28, 29, 20, 12, 6, 17], strict=True)
    assert rank_correlation([(float(x), float(y)) for x, y in data]) == pytest.approx(-29 / 165)
    few = rank_correlation([*line[:4], (None, 1.0)])
    assert isinstance(few, Unknown)
    assert few.reason.startswith("4 node groups")
    assert rank_correlation([(1.0, y) for _, y in line]) == Unknown("all node groups are alike in it")
    tied = rank_correlation([(1.0, 1.0), (1.0, 2.0), (2.0, 3.0), (2.0, 4.0), (3.0, 5.0)])
    assert tied == pytest.approx(0.9486, abs=1e-3)


def test_a_check_says_what_it_rests_on() -> None:
    def side(name: str, gain: float) -> Built:
        rows = tuple(
            conv(n, 1e5 / (1 + gain * n), 10**10, 10**5, constant_bytes=1000 * (n + 1), group=n) for n in range(8)
        )
        return replace(on_a100(*rows), name=name)

    groups = tuple(NodeGroup(n, (f"conv{n}",), ()) for n in range(8))
    pair = side("int8", 1.0), side("fp16", 0.0)
    check = speedup_check(*pair, groups, {built.name: engine_roofline(built) for built in pair})
    assert check is not None
    assert check.rank_correlation == pytest.approx(1)
    assert "the larger the weights and the smaller the input, the more int8 helped" in check.sentence
    assert "cannot tell, all node groups are alike" in check.sentence, "the roofs expect the same of each"
    worse = speedup_check(pair[1], pair[0], groups, {built.name: engine_roofline(built) for built in pair})
    assert worse is not None
    assert "the less fp16 helped" in worse.sentence
    assert speedup_check(*modelled(), (), {}) is None
