"""Real exports: ours from an H100 against nsys's own reports, other people's against numbers pinned here."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from trtprof.analysis.attribution import Reason, attribute, layer_ranges
from trtprof.analysis.counters import compare_with_names, measured_kernels
from trtprof.analysis.cuda_graphs import hidden_graphs
from trtprof.analysis.gaps import device_times
from trtprof.analysis.iterations import IterationKind, inferences, spread
from trtprof.analysis.kernel_time import totals_of, totals_of_columns
from trtprof.analysis.launches import launch_calls
from trtprof.analysis.nvtx_time import range_times
from trtprof.kernels import classify_all
from trtprof.model import Unit, Unknown
from trtprof.parsers.ncu_csv import read_ncu_csv
from trtprof.parsers.nsys_schema import Trace
from trtprof.parsers.nsys_sqlite import NsysExport
from trtprof.parsers.nsys_stats_csv import read_nsys_stats

from .traces import attributed, layers

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "nsys"
ORIN = "trt_edgellm_orin_nano_nsys2025.3.1_schema3.20.sqlite"


def traced(path: Path) -> Trace:
    with NsysExport(path) as export:
        return export.trace()


def names(trace: Trace, layer: int) -> str | None:
    return trace.ranges.names[trace.ranges.name[layer]] if layer >= 0 else None


# --- our own traces of one small net on an H100, with what nsys 2025.3 reports of them


def nvtx_kern_sum() -> Counter[tuple[str, str, int, int]]:
    """Rows of nsys's own report: range, kernel, launches, total time."""
    with (FIXTURES / "h100_eager_nvtx_kern_sum.csv").open(newline="") as file:
        return Counter(
            (row["NVTX Range"], row["Kernel Name"], int(row["Kern Inst"]), int(row["Total Time (ns)"]))
            for row in csv.DictReader(file)
        )


def test_kernel_totals_are_those_of_nsys_stats() -> None:
    with NsysExport(FIXTURES / "h100_eager.sqlite") as export:
        ours, launches = export.kernel_totals(), list(export.launches())
    theirs = read_nsys_stats(FIXTURES / "h100_eager_cuda_gpu_kern_sum.csv").totals
    assert [(one.name, one.launches, one.total_ns, one.min_ns, one.max_ns) for one in ours] == [
        (one.name, one.launches, one.total_ns, one.min_ns, one.max_ns) for one in theirs
    ]
    assert len(ours) == 9
    assert [(one.name, one.total_ns) for one in totals_of(launches)] == [(one.name, one.total_ns) for one in ours]


def test_layers_are_what_nsys_finds_inside_their_ranges() -> None:
    trace = traced(FIXTURES / "h100_eager.sqlite")
    ours: Counter[tuple[str, str, int, int]] = Counter()
    for layer in layers(trace).layers:
        by_kernel: Counter[str] = Counter()
        time: Counter[str] = Counter()
        for kernel in layer.kernels:
            by_kernel[kernel.name] += kernel.launches
            time[kernel.name] += kernel.total_ns
        ours.update((f"TensorRT:{layer.layer}", name, count, time[name]) for name, count in by_kernel.items())
    theirs = Counter(
        row for row in nvtx_kern_sum().elements() if row[0].startswith("TensorRT:") and "ExecutionContext" not in row[0]
    )
    assert ours == theirs
    assert sum(ours.values()) == 9


def test_ranges_are_those_of_nsys() -> None:
    trace = traced(FIXTURES / "h100_eager.sqlite")
    call = launch_calls(trace.kernels, trace.calls)
    ours = {
        f"{one.domain}:{one.name}": (one.launches, one.kernel_ns)
        for one in range_times(trace.kernels, trace.calls, trace.ranges, call)
        if one.launches
    }
    theirs: dict[str, tuple[int, int]] = {}
    for name, _, count, time in nvtx_kern_sum().elements():
        if name:
            known = theirs.get(name, (0, 0))
            theirs[name] = known[0] + count, known[1] + time
    assert ours == theirs
    assert "myelin-exec:myelinGraphExecute " in ours


@pytest.mark.parametrize("name", ["eager", "graph_node", "graph_whole", "threads"])
def test_all_launches_inside_layer_ranges_have_a_layer(name: str) -> None:
    """What is left over is what the program launches outside: the copy of the input, and the graph's own set-up."""
    trace = traced(FIXTURES / f"h100_{name}.sqlite")
    found = attributed(trace)
    outside = {trace.kernels.names[place] for place in trace.kernels.name[found.layer < 0]}
    assert all("direct_copy_kernel" in kernel or "FillFunctor<long>" in kernel for kernel in outside)
    (left,) = layers(trace).unattributed
    assert left.reason is Reason.OUTSIDE
    inference = {"eager": 36, "graph_node": 54, "graph_whole": 18, "threads": 76}[name]
    assert int((found.layer >= 0).sum()) == inference == len(trace.kernels) - left.launches


def test_replays_get_the_layers_of_their_capture_which_nsys_leaves_out() -> None:
    """Four replays of 9 kernels beside two eager inferences: every layer ran six times."""
    trace = traced(FIXTURES / "h100_graph_node.sqlite")
    times = layers(trace)
    assert {layer.layer: (layer.runs, layer.launches) for layer in times.layers} == {
        "head (fp32)": (6, 18),
        "{ForeignNode[/attention/MatMul.../attention/MatMul_1]}": (6, 18),
        "Reformatting CopyNode for Output Tensor 0 to conv1": (6, 6),
        "conv1 + relu1": (6, 12),
    }
    opaque = times.layers[1]
    assert [(kernel.operation, kernel.launches) for kernel in opaque.kernels] == [
        ("__myl_Fc", 6), ("__myl_MaxSubExpSumDiv", 6), (None, 6),
    ]  # fmt: skip
    assert times.without_kernels == ("weights + constant folding",)
    found = inferences(trace.kernels, trace.calls, trace.ranges, attributed(trace))
    kinds = [(one.kind, one.launches) for one in found]
    assert kinds == [*[(IterationKind.RANGE, 9)] * 2, *[(IterationKind.REPLAY, 9)] * 4]


def test_a_graph_traced_whole_hides_the_same_layers() -> None:
    trace = traced(FIXTURES / "h100_graph_whole.sqlite")
    times = layers(trace)
    (hidden,) = times.hidden
    assert (hidden.launches, hidden.total_ns, hidden.captured_launches) == (4, 236_517, 9)
    assert set(hidden.layers) == {layer.layer for layer in times.layers}
    graphs = hidden_graphs(trace.graph_runs, trace.graph_creations, trace.calls)
    found = inferences(
        trace.kernels, trace.calls, trace.ranges, attributed(trace), hidden=graphs, runs=trace.graph_runs
    )
    assert [one.kind for one in found] == [*[IterationKind.RANGE] * 2, *[IterationKind.WHOLE_GRAPH] * 4]


def test_two_contexts_on_two_threads() -> None:
    trace = traced(FIXTURES / "h100_threads.sqlite")
    found = inferences(trace.kernels, trace.calls, trace.ranges, attributed(trace))
    assert Counter(one.launches for one in found) == {9: 4, 10: 4}
    assert {layer.layer: layer.runs for layer in layers(trace).layers} == dict.fromkeys(
        ("head (fp32)", "conv1 + relu1", "{ForeignNode[/attention/MatMul.../attention/MatMul_1]}",
         "Reformatting CopyNode for Output Tensor 0 to conv1"), 8,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["h100_ncu_raw.csv", "h100_ncu_details.csv"])
def test_counters_of_the_same_net(name: str) -> None:
    measured = measured_kernels(read_ncu_csv(FIXTURES / name).launches)
    assert isinstance(measured, tuple)
    assert sum(kernel.launches for kernel in measured) == 10
    assert sorted(kernel.name[:14] for kernel in measured if kernel.tensor_core) == [
        "nvjet_sm90_hsh", "nvjet_sm90_hsh", "sm80_xmma_fpro",
    ]  # fmt: skip
    report = compare_with_names(measured, classify_all(kernel.name for kernel in measured))
    assert (report.by_name.precision, report.by_name.recall, report.by_name.false_positive) == (1.0, 1.0, 0)
    assert report.disagreements == ()


# --- exports of other people


@pytest.fixture(scope="module")
def orin(request: pytest.FixtureRequest) -> Trace:
    return traced(request.getfixturevalue("shared") / "nsys_sqlite" / ORIN)


def test_a_tensorrt_run_on_a_jetson(orin: Trace) -> None:
    """TensorRT-Edge-LLM on an Orin Nano: an image encoder, a prefill, and 127 decoding steps in one CUDA graph."""
    times = layers(orin)
    assert (times.launches, times.total_ns) == (1_786, 446_385_088)
    assert (sum(layer.launches for layer in times.layers), len(times.layers)) == (1_137, 781)
    assert times.attributed_ratio == pytest.approx(0.98171, abs=1e-5)
    (left,) = times.unattributed
    assert (left.reason, left.launches, left.total_ns) == (Reason.OUTSIDE, 649, 8_163_904)
    assert all("trt_edgellm::" in kernel.name for kernel in left.kernels)


def test_what_the_jetsons_graph_hides(orin: Trace) -> None:
    (hidden,) = layers(orin).hidden
    assert (hidden.launches, hidden.total_ns, hidden.captured_launches) == (127, 2_104_041_376, 452)
    assert len(hidden.layers) == 365
    assert all(name.endswith(" [profile 1]") for name in hidden.layers)


def test_myelins_operations_name_onnx_nodes(orin: Trace) -> None:
    opaque = next(layer for layer in layers(orin).layers if "blocks.5.attn.proj" in layer.layer)
    kernel = opaque.kernels[0]
    assert (kernel.launches, kernel.total_ns) == (1, 2_224_544)
    assert kernel.name.startswith("trt_ampere_fp16_s16816gemm_fp16")
    assert kernel.onnx_nodes == ("/blocks.5/mlp/linear_fc1/Gemm", "/blocks.5/mlp/act_fn/Gelu")
    operations = {kernel.operation for layer in layers(orin).layers for kernel in layer.kernels}
    assert "__myl_FcAdd" in operations
    assert not any(operation and operation.startswith("myelin") for operation in operations)


def test_the_jetsons_inferences(orin: Trace) -> None:
    graphs = hidden_graphs(orin.graph_runs, orin.graph_creations, orin.calls)
    found = inferences(orin.kernels, orin.calls, orin.ranges, attributed(orin), hidden=graphs, runs=orin.graph_runs)
    assert isinstance(found, tuple)
    assert Counter(one.kind for one in found) == {IterationKind.RANGE: 3, IterationKind.WHOLE_GRAPH: 127}
    steps = spread(one.gpu_ns for one in found if one.kind is IterationKind.WHOLE_GRAPH)
    assert steps is not None
    assert (steps.median_ns, steps.min_ns) == (16_566_336, 16_508_768)


def test_the_jetson_waits_for_nobody_between_steps(orin: Trace) -> None:
    call = launch_calls(orin.kernels, orin.calls)
    window = (orin.graph_runs[0].start_ns, orin.graph_runs[-1].end_ns)
    (device,) = device_times(
        orin.kernels, orin.calls, call, activities=orin.activities, runs=orin.graph_runs, window_ns=window
    )
    assert device.busy_ns / device.span_ns > 0.98


def test_the_sweep_on_the_jetson_against_two_loops(orin: Trace) -> None:
    found = attributed(orin)
    chosen = layer_ranges(orin.ranges).tolist()
    rows = [(int(orin.ranges.start_ns[place]), int(orin.ranges.end_ns[place]), place) for place in chosen]
    for kernel in range(0, len(orin.kernels), 7):
        call = int(found.call[kernel])
        start, end = int(orin.calls.start_ns[call]), int(orin.calls.end_ns[call])
        around = [place for opened, closed, place in rows if opened <= start and closed >= end]
        assert (max(around) if around else -1) == int(found.layer[kernel])


@pytest.mark.parametrize(
    ("name", "versions", "figures"),
    [
        ("flameox_rtx3060_nsys2025.5.2_schema3.24.0", ("2025.5.2.266", "3.24.0"), (3, 1, 3_840, 1_056, 1_440)),
        ("fuser_h100_nsys2024.6.2_schema3.16.1", ("2024.6.2.25", "3.16.1"), (19, 15, 401_436, 4_096, 135_838)),
        ("fuser_h200_nsys2025.1.1_schema3.17.1", ("2025.1.1.110", "3.17.1"), (18, 16, 10_167_602, 1_216, 2_187_752)),
        ("nsysai_h100_2gpu_nsys2026.2.1_schema3.25.0", ("2026.2.1.210", "3.25.0"),
         (3_442, 41, 44_829_522, 896, 306_210)),
        ("nsysai_h100_healthy1pct_schema3.24.14", ("2026.1.1.204", "3.24.14"),
         (400, 2, 400_000_000, 1_000_000, 1_000_000)),
        ("nsysai_mock_rtx3080_schema3.24.14", ("2026.1.1.204", "3.24.14"), (2, 2, 4_129, 1_440, 2_689)),
        ("trt_edgellm_orin_nano_nsys2025.3.1_schema3.20", ("2025.3.2.0", "3.20.3"),
         (1_786, 58, 446_385_088, 2_720, 7_512_096)),
    ],
)  # fmt: skip
def test_other_exports(shared: Path, name: str, versions: tuple[str, str], figures: tuple[int, ...]) -> None:
    """Launches, distinct names, total, shortest and longest, as plain SQL over the file gives them."""
    with NsysExport(shared / "nsys_sqlite" / f"{name}.sqlite") as export:
        totals, trace = export.kernel_totals(), export.trace()
        assert (export.schema.product_version, export.schema.schema_version) == versions
    assert figures == (
        sum(total.launches for total in totals),
        len({total.name for total in totals}),
        sum(total.total_ns for total in totals),
        min(total.min_ns for total in totals),
        max(total.max_ns for total in totals),
    )
    key = {(one.name, one.device): (one.launches, one.total_ns, one.min_ns, one.max_ns) for one in totals}
    columns = totals_of_columns(trace.kernels)
    assert key == {(one.name, one.device): (one.launches, one.total_ns, one.min_ns, one.max_ns) for one in columns}


def test_two_processes_with_the_same_correlation_ids(shared: Path) -> None:
    """Joined without the process, a kernel of one would get cudaEventDestroy of the other for its launch."""
    trace = traced(shared / "nsys_sqlite" / "nsysai_h100_2gpu_nsys2026.2.1_schema3.25.0.sqlite")
    call = launch_calls(trace.kernels, trace.calls)
    apis = Counter(trace.calls.apis[trace.calls.api[place]] for place in call[call >= 0])
    assert apis == {"cudaLaunchKernel_v7000": 1_336, "cudaLaunchKernelExC_v11060": 296}
    assert int((call < 0).sum()) == 1_810
    assert isinstance(attribute(trace.kernels, trace.calls, trace.ranges), Unknown)


def test_operators_of_pytorch_are_summed_over_their_numbers(shared: Path) -> None:
    trace = traced(shared / "nsys_sqlite" / "nsysai_h100_2gpu_nsys2026.2.1_schema3.25.0.sqlite")
    call = launch_calls(trace.kernels, trace.calls)
    found = {one.name: one for one in range_times(trace.kernels, trace.calls, trace.ranges, call)}
    assert len(found) < 200 < len(trace.ranges.names)
    multiply = found["aten::mm"]
    assert (multiply.ranges, multiply.launches, multiply.kernel_ns) == (280, 244, 19_866_482)


def test_ncu_of_a_jetson_lacks_the_counters_that_tell(shared: Path) -> None:
    raw = read_ncu_csv(shared / "jetson_ncu" / "ncu_raw_fp16.csv")
    summary = read_ncu_csv(shared / "jetson_ncu" / "ncu_per_kernel_fp16.csv")
    assert sum(one.launches for one in raw.launches) == sum(one.launches for one in summary.launches) == 46
    assert [notice.code for notice in summary.notices] == ["ncu-empty-sections"]
    by_name: Counter[str] = Counter(one.name for one in raw.launches)
    summed: Counter[str] = Counter()
    for one in summary.launches:
        summed[one.name] += one.launches
    assert by_name == summed
    times = (
        sum(one.duration_ns for one in raw.launches),
        sum(one.duration_ns * one.launches for one in summary.launches),
    )
    assert times[0] == pytest.approx(times[1], rel=1e-3)
    found = measured_kernels(raw.launches)
    assert isinstance(found, Unknown)
    assert "sm__inst_executed_pipe_tensor* is there, but counts other instructions too" in found.reason


def test_nsys_stats_of_a_jetson(shared: Path) -> None:
    totals = read_nsys_stats(shared / "jetson_ncu" / "nsys_stats_cuda_gpu_kern_sum_fp16.csv").totals
    assert (len(totals), sum(total.launches for total in totals)) == (26, 4_633)
    classes = classify_all(total.name for total in totals)
    assert classes[totals[1].name].unit is Unit.TENSOR_CORE


def test_the_program_in_the_documentation_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = FIXTURES.parents[1]
    (program,) = re.findall(r"```python\n(.*?)```", (root / "docs" / "nsys.md").read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(root)
    exec(compile(program, "docs/nsys.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 7
    assert printed[1] == "head (fp32) 6 16330.833333333334 cuda_core"
