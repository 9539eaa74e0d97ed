"""The timeline of an engine: one inference at kernel level, the run in bins, and what ties kernels to rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trtprof.analysis.gaps import device_times
from trtprof.analysis.launches import launch_calls
from trtprof.analysis.timeline import MOST_BINS, TraceParts, _time_in, engine_timeline
from trtprof.gpu_timeline import EngineTimeline, GapCause
from trtprof.model import Unit, Unknown
from trtprof.parsers.nsys_schema import KernelColumns, Trace
from trtprof.parsers.nsys_sqlite import NsysExport

from .synthetic_export import SyntheticExport, inference
from .traces import tensorrt, traced

CONV, FC = "sm80_xmma_fprop_implicit_gemm_f16f16_f16f16_f16_nhwckrsc_nhwc_tilesize128x64x64_stage3", "copyPackedKernel"
ROWS = {"conv": 3, "fc": 5}


def parts(trace: Trace) -> TraceParts:
    assert isinstance(trace.kernels, KernelColumns)
    return TraceParts(
        "trace.sqlite", trace.kernels, trace.calls, trace.ranges, trace.activities, trace.graph_nodes,
        trace.graph_runs, trace.graph_creations, {0: "GPU"},
    )  # fmt: skip


def timeline(export: SyntheticExport, tmp_path: Path, rows: dict[str, int] = ROWS) -> EngineTimeline | Unknown:
    return engine_timeline(parts(traced(export, tmp_path)), rows)


def known(export: SyntheticExport, tmp_path: Path, rows: dict[str, int] = ROWS) -> EngineTimeline:
    found = timeline(export, tmp_path, rows)
    assert isinstance(found, EngineTimeline)
    return found


def three(durations: tuple[int, int, int] = (900, 940, 2_000)) -> SyntheticExport:
    export = tensorrt()
    for place, duration in enumerate(durations):
        inference(export, [("conv", CONV, duration), ("fc", FC, 500)], place * 20_000)
    return export


def test_the_inference_nearest_the_median_is_shown(tmp_path: Path) -> None:
    found = known(three(), tmp_path)
    assert (found.shown, found.inferences, found.others, found.median_ns) == (2, 3, 0, 1_450)
    assert [(kernel.start_ns, kernel.duration_ns, kernel.layer, kernel.row) for kernel in found.kernels] == [
        (0, 940, "conv", 3), (950, 500, "fc", 5)
    ]  # fmt: skip
    assert [kernel.stream for kernel in found.kernels] == [7, 7]
    assert dict(found.units) == {Unit.TENSOR_CORE: 940, Unit.NONE: 500}
    assert (found.span_ns, found.idle_ns, found.gap_count) == (1_450, 10, 1)
    assert [(gap.start_ns, gap.duration_ns, gap.cause) for gap in found.gaps] == [(940, 10, GapCause.QUEUED)]


def test_of_equals_the_earlier_is_shown(tmp_path: Path) -> None:
    assert known(three((900, 900, 900)), tmp_path).shown == 1


def test_a_profile_behind_the_name_of_a_layer_is_no_other_layer(tmp_path: Path) -> None:
    export = tensorrt()
    inference(export, [("conv [profile 1]", CONV, 900), ("other", FC, 100)], 0)
    found = known(export, tmp_path)
    assert [(kernel.layer, kernel.row) for kernel in found.kernels] == [("conv [profile 1]", 3), ("other", None)]


def test_inferences_of_another_engine_are_left_out_and_counted(tmp_path: Path) -> None:
    export = three()
    for place in range(5):
        inference(export, [("vision", CONV, 90)], 100_000 + place * 20_000)
    found = known(export, tmp_path)
    assert (found.inferences, found.others, found.shown) == (3, 5, 2)


def test_where_no_layer_is_one_of_the_engine_all_inferences_count_and_no_kernel_has_a_row(tmp_path: Path) -> None:
    found = known(three(), tmp_path, {"elsewhere": 1})
    assert (found.inferences, found.others) == (3, 0)
    assert {kernel.row for kernel in found.kernels} == {None}


def test_a_graph_traced_as_a_whole_is_one_kernel_of_unknown_unit(tmp_path: Path) -> None:
    export = tensorrt()
    export.call("cudaStreamBeginCapture_v10000", 10_000, 10_010)
    export.graph_created(1, 10_005)
    export.range("ExecutionContext::enqueue", 10_020, 10_500, domain=1)
    export.range("conv", 10_030, 10_110, domain=1)
    export.call("cuLaunchKernel", 10_040, 10_050)
    export.call("cudaStreamEndCapture_v10000", 10_510, 10_520)
    export.graph_run(1, 2, 20_050, 21_050, correlation=export.call("cudaGraphLaunch_v10000", 20_000, 20_020))
    found = known(export, tmp_path)
    assert [(kernel.unit, kernel.duration_ns, kernel.row) for kernel in found.kernels] == [(Unit.UNKNOWN, 1_000, None)]


@pytest.mark.parametrize("missing", ["calls", "ranges"])
def test_what_the_trace_lacks_is_said(tmp_path: Path, missing: str) -> None:
    from dataclasses import replace

    whole = parts(traced(three(), tmp_path))
    found = engine_timeline(replace(whole, **{missing: Unknown("not recorded")}), ROWS)  # type: ignore[arg-type]
    assert found == Unknown("no inference can be told in the trace: not recorded")


def test_a_run_is_binned_and_its_shares_add_up(tmp_path: Path) -> None:
    found = known(three(), tmp_path)
    run = found.run
    assert (run.launches, run.span_ns) == (6, 42_510)
    assert len(run.units[0][1]) == MOST_BINS
    for place in range(MOST_BINS):
        assert sum(shares[place] for _, shares in (*run.units, *run.gaps)) == pytest.approx(1, abs=2e-3)
    busy = {unit: sum(shares) * run.bin_ns for unit, shares in run.units}
    assert busy[Unit.TENSOR_CORE] == pytest.approx(900 + 940 + 2_000, rel=0.01)
    assert run.shown_ns == (20_000, 21_450)


def test_kernels_beside_each_other_share_the_time_they_ran(tmp_path: Path) -> None:
    export = three()
    export.launch(CONV, 20_010, 25_000, 940, stream=8)
    run = known(export, tmp_path).run
    for place in range(MOST_BINS):
        assert sum(shares[place] for _, shares in (*run.units, *run.gaps)) == pytest.approx(1, abs=2e-3)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 3_000)), min_size=1, max_size=30), st.integers(1, 200))
def test_time_in_bins_adds_up_to_the_time_of_the_intervals(spans: list[tuple[int, int]], bins: int) -> None:
    start = np.array([at for at, _ in spans])
    length = np.array([time for _, time in spans])
    found = _time_in(start, start + length, np.linspace(0, 13_000, bins + 1))
    assert found.sum() == pytest.approx(length.sum(), abs=1e-3)
    assert (found >= -1e-6).all()


def test_a_real_trace_of_tensorrt_on_orin(shared: Path) -> None:
    path = shared / "nsys_sqlite" / "trt_edgellm_orin_nano_nsys2025.3.1_schema3.20.sqlite"
    with NsysExport(path) as export:
        trace = export.trace()
    found = engine_timeline(parts(trace), {"/model/layers.0/self_attn/qkv_proj/k_proj/MatMulPlugin": 1})
    assert isinstance(found, EngineTimeline)
    assert (found.inferences, found.others, found.shown, len(found.kernels)) == (2, 128, 1, 452)
    assert found.span_ns == 56_378_336
    assert dict(found.causes)[GapCause.LAUNCH] == 34_004_352
    assert {kernel.stream for kernel in found.kernels} == {13}
    kernels = trace.kernels
    assert isinstance(kernels, KernelColumns)
    assert not isinstance(trace.calls, Unknown)
    (device,) = device_times(
        kernels, trace.calls, launch_calls(kernels, trace.calls), activities=trace.activities, runs=trace.graph_runs
    )
    for total in device.causes:
        binned = sum(dict(found.run.gaps)[total.cause]) * found.run.bin_ns
        assert binned == pytest.approx(total.total_ns, rel=0.03, abs=device.span_ns * 1e-4)
