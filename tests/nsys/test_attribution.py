"""Kernels to layers: nesting, launch APIs, processes, CUDA graphs, and what is left over."""

from __future__ import annotations

from pathlib import Path

import pytest

from trtprof.analysis.attribution import Attribution, Reason, attribute
from trtprof.analysis.cuda_graphs import hidden_graphs
from trtprof.analysis.iterations import Iteration, IterationKind, inferences, named_iterations, spread
from trtprof.analysis.layer_time import (
    HiddenLayers,
    LayerKernel,
    LayerTime,
    LayerTimes,
    launches_with_layers,
    layer_times,
    layers_by_kernel,
)
from trtprof.model import KernelLaunch, Unknown
from trtprof.parsers.nsys_schema import Trace
from trtprof.parsers.nsys_sqlite import NsysExport

from .synthetic_export import GENERATIONS, RUNTIME, SyntheticExport, inference

CONV, REFORMAT, FC = "sm80_xmma_fprop", "genericReformat::copyPacked", "nvjet_tst"


def traced(export: SyntheticExport, tmp_path: Path, *, seed: int | None = None) -> Trace:
    with NsysExport(export.write(tmp_path / "e.sqlite", seed=seed)) as opened:
        return opened.trace()


def attributed(trace: Trace) -> Attribution:
    found = attribute(trace.kernels, trace.calls, trace.ranges, trace.graph_nodes)
    assert isinstance(found, Attribution)
    return found


def layers(trace: Trace) -> LayerTimes:
    hidden = hidden_graphs(trace.graph_runs, trace.graph_creations, trace.calls)
    return layer_times(trace.kernels, trace.calls, trace.ranges, attributed(trace), hidden)


def iterations(trace: Trace) -> tuple[Iteration, ...]:
    hidden = hidden_graphs(trace.graph_runs, trace.graph_creations, trace.calls)
    found = inferences(
        trace.kernels, trace.calls, trace.ranges, attributed(trace), hidden=hidden, runs=trace.graph_runs
    )
    assert isinstance(found, tuple)
    return found


def named(times: LayerTimes) -> dict[str, tuple[int, int, int]]:
    return {layer.layer: (layer.runs, layer.launches, layer.total_ns) for layer in times.layers}


def tensorrt() -> SyntheticExport:
    export = SyntheticExport()
    export.domain("TensorRT", 1, -1_000)
    return export


def test_layers_of_two_inferences(tmp_path: Path) -> None:
    export = tensorrt()
    layer_list = [("conv1 + relu1", CONV, 900), ("folded constant", "", 0), ("fc", FC, 500), ("fc", REFORMAT, 100)]
    done = inference(export, layer_list, 0)
    inference(export, layer_list, done + 50)
    times = layers(traced(export, tmp_path))
    assert (times.total_ns, times.launches, times.attributed_ratio) == (3_000, 6, 1.0)
    assert times.layers == (
        LayerTime("conv1 + relu1", 2, 2, 1_800, 0.6, (LayerKernel(CONV, 2, 1_800, 900, 900),)),
        LayerTime(
            "fc", 4, 4, 1_200, 0.4,
            (LayerKernel(FC, 2, 1_000, 500, 500), LayerKernel(REFORMAT, 2, 200, 100, 100)),
        ),
    )  # fmt: skip
    assert times.layers[0].mean_ns == 900
    assert times.without_kernels == ("folded constant",)
    assert times.unattributed == ()


def test_each_kernel_its_layers_and_each_launch_its_layer(tmp_path: Path) -> None:
    export = tensorrt()
    inference(export, [("conv", CONV, 900), ("conv2", CONV, 950), ("fc", FC, 500)], 0)
    export.launch("outside", 9_000, 9_100, 7)
    trace = traced(export, tmp_path)
    by_kernel = layers_by_kernel(layers(trace))
    assert [(layer, kernel.total_ns) for layer, kernel in by_kernel[CONV]] == [("conv2", 950), ("conv", 900)]
    assert list(by_kernel) == [CONV, FC]
    found = list(launches_with_layers(trace.kernels, trace.ranges, attributed(trace)))
    assert found[0] == KernelLaunch(CONV, 5_000, 900, 0, correlation_id=101, layer="conv")
    assert [launch.layer for launch in found] == ["conv", "conv2", "fc", None]


def test_gpu_time_says_nothing(tmp_path: Path) -> None:
    """A kernel runs while the host is long in another layer, or out of all of them."""
    export = tensorrt()
    export.range("first", 0, 100, domain=1)
    export.range("second", 100, 200, domain=1)
    export.launch("a", 50, 120, 30)
    export.launch("b", 110, 900, 30)
    assert named(layers(traced(export, tmp_path))) == {"first": (1, 1, 30), "second": (1, 1, 30)}


@pytest.mark.parametrize(
    "api",
    ["cudaLaunchKernel_v7000", "cudaLaunchKernelExC_v11060", "cuLaunchKernel", "cuLaunchKernelEx",
     "cuLaunchKernel_ptsz",
     "cudaLaunchCooperativeKernel_v9000", "cuLaunchCooperativeKernel", "cuLaunchGridAsync", "cudaLaunch_v3020",
     "cudaLaunchKernel_ptsz_v7000", "cuLaunchHostFunc", "cudaMemsetAsync_v3020", "cuSomethingNew"],
)  # fmt: skip
def test_every_launch_api(tmp_path: Path, api: str) -> None:
    export = tensorrt()
    export.range("layer", 0, 100, domain=1)
    export.launch("k", 50, 120, 30, api=api)
    assert named(layers(traced(export, tmp_path))) == {"layer": (1, 1, 30)}


def test_the_innermost_layer_wins_and_the_inference_is_none(tmp_path: Path) -> None:
    export = tensorrt()
    export.range("ExecutionContext::execute", 0, 1_000, domain=1)
    export.range("outer", 10, 500, domain=1)
    export.range("inner", 20, 100, domain=1)
    export.range("user code in another domain", 25, 90)
    export.launch("a", 30, 2_000, 1)
    export.launch("b", 200, 2_010, 2)
    export.launch("c", 600, 2_020, 4)
    times = layers(traced(export, tmp_path))
    assert named(times) == {"inner": (1, 1, 1), "outer": (1, 1, 2)}
    (left,) = times.unattributed
    assert (left.reason, left.launches, left.total_ns, left.kernels[0].name) == (Reason.OUTSIDE, 1, 4, "c")
    assert sum(layer.total_ns for layer in times.layers) + left.total_ns == times.total_ns


def test_a_call_that_only_begins_in_a_range_is_not_inside(tmp_path: Path) -> None:
    export = tensorrt()
    export.range("left", 0, 55, domain=1)
    export.range("right", 56, 100, domain=1)
    export.launch("a", 50, 120, 30, call=10)
    assert layers(traced(export, tmp_path)).unattributed[0].launches == 1


def test_threads_and_processes_are_apart(tmp_path: Path) -> None:
    """Correlation ids start over in each process, and ranges enclose calls of their own thread only."""
    export = tensorrt()
    one, two = export.thread(1000, 1), export.thread(1000, 2)
    other = export.thread(2000, 1)
    export.domain("TensorRT", 1, -1_000, thread=other)
    export.range("of one", 0, 100, domain=1, thread=one)
    export.range("of two", 0, 100, domain=1, thread=two)
    export.range("of other", 0, 100, domain=1, thread=other)
    for thread, duration in ((one, 1), (two, 2), (other, 4)):
        export.launch("k", 50, 100 + duration, duration, thread=thread)
    for row, correlation in zip(export.rows[RUNTIME], (7, 8, 7), strict=True):
        row["correlationId"] = correlation
    for row, correlation in zip(export.rows["CUPTI_ACTIVITY_KIND_KERNEL"], (7, 8, 7), strict=True):
        row["correlationId"] = correlation
    times = layers(traced(export, tmp_path))
    assert named(times) == {"of one": (1, 1, 1), "of two": (1, 1, 2), "of other": (1, 1, 4)}


def test_myelins_operations_inside_an_opaque_layer(tmp_path: Path) -> None:
    """Myelin's runtime steps are start/end ranges around its operations; neither is a layer."""
    export = tensorrt()
    export.domain("myelin-exec", 2, 5)
    payload = '{"Name": "__myl_FcAdd", "Layers": "[ONNX Layer: /a/Gemm]\\u001f[ONNX Layer: /a/Add]"}'
    export.range("{ForeignNode[a...b]}", 10, 500, domain=1)
    export.range("myelinGraphExecute ", 20, 400, domain=2, style=60)
    export.range("__myl_FcAdd", 30, 100, domain=2, payload=payload)
    export.range("__myl_Mul", 600, 700, domain=2)
    export.launch("fc", 40, 1_000, 8)
    export.launch("loose", 200, 1_010, 4)
    export.launch("no layer", 650, 1_020, 2)
    times = layers(traced(export, tmp_path))
    assert times.layers[0].kernels == (
        LayerKernel("fc", 1, 8, 8, 8, "__myl_FcAdd", ("/a/Gemm", "/a/Add")),
        LayerKernel("loose", 1, 4, 4, 4),
    )
    assert times.unattributed[0].kernels == (LayerKernel("no layer", 1, 2, 2, 2),)


def test_an_operation_around_a_layer_is_not_inside_it(tmp_path: Path) -> None:
    export = tensorrt()
    export.domain("myelin-exec", 2, 5)
    export.range("__myl_Loop", 10, 500, domain=2)
    export.range("layer", 20, 400, domain=1)
    export.launch("k", 40, 1_000, 8)
    assert layers(traced(export, tmp_path)).layers[0].kernels == (LayerKernel("k", 1, 8, 8, 8),)


def test_a_domain_made_anew_for_every_inference(tmp_path: Path) -> None:
    """Numbers of destroyed domains come back under another name: 2 is first Myelin's, then TensorRT's."""
    export = SyntheticExport()
    export.domain("myelin-exec", 2, 0)
    export.range("not a layer", 10, 50, domain=2)
    export.domain_destroy(2, 60)
    export.domain("TensorRT", 2, 70)
    export.range("a layer", 80, 120, domain=2)
    export.launch("a", 20, 200, 1)
    export.launch("b", 90, 210, 2)
    assert named(layers(traced(export, tmp_path))) == {"a layer": (1, 1, 2)}


def test_a_kernel_without_its_call(tmp_path: Path) -> None:
    export = tensorrt()
    export.range("layer", 0, 100, domain=1)
    export.launch("known", 50, 120, 30)
    export.kernel("before the trace", 10, 15, correlation=3)
    export.kernel("no id", 16, 20, correlation=None)
    (left,) = layers(traced(export, tmp_path)).unattributed
    assert (left.reason, left.launches, left.total_ns) == (Reason.NO_CALL, 2, 9)


@pytest.mark.parametrize("generation", ["2022.4", "2023.4", "2025.5", "2026.2"])
@pytest.mark.parametrize("seed", [None, 5])
def test_graph_replays_node_by_node(tmp_path: Path, generation: str, seed: int | None) -> None:
    """Captured, instantiated (each node a clone, with two rows), launched twice outside of any range."""
    export = SyntheticExport(generation)
    export.domain("TensorRT", 1, -1_000)
    export.call("cudaStreamBeginCapture_v10000", 0, 5)
    export.range("ExecutionContext::enqueue", 10, 300, domain=1)
    for place, layer in enumerate(("conv", "fc")):
        at = 20 + 100 * place
        export.range(layer, at, at + 80, domain=1)
        export.call("cuLaunchKernelEx", at + 10, at + 30)
        export.graph_node(1 << 32 | place, at + 20)
    export.call("cudaStreamEndCapture_v10000", 310, 320)
    for place in range(2):
        export.graph_node(2 << 32 | place, 330)
        export.graph_node(2 << 32 | place, 331, original=1 << 32 | place)
    for turn in range(2):
        launch = export.call("cudaGraphLaunch_v10000", 400 + 100 * turn, 410 + 100 * turn)
        export.kernel("k0", 1_000 * (turn + 1), 1_000 * (turn + 1) + 30, correlation=launch, node=2 << 32)
        export.kernel("k1", 1_000 * (turn + 1) + 40, 1_000 * (turn + 1) + 45, correlation=launch, node=2 << 32 | 1)
    trace = traced(export, tmp_path, seed=seed)
    times = layers(trace)
    assert named(times) == {"conv": (2, 2, 60), "fc": (2, 2, 10)}
    assert times.attributed_ratio == 1.0
    assert iterations(trace) == (
        Iteration(IterationKind.REPLAY, 1_000, 1_045, 10, 2, 35),
        Iteration(IterationKind.REPLAY, 2_000, 2_045, 10, 2, 35),
    )


def test_a_capture_tells_more_than_the_place_of_the_replay(tmp_path: Path) -> None:
    """Launched inside a range and inside an inference: the layer is the captured one, the inference the one around."""
    export = tensorrt()
    export.range("ExecutionContext::enqueue", 0, 200, domain=1)
    export.range("captured", 10, 100, domain=1)
    export.graph_node(1, 50)
    export.graph_node(2, 300, original=1)
    export.range("ExecutionContext::enqueue", 390, 600, domain=1)
    export.range("graph launcher", 395, 500, domain=1)
    export.kernel("k", 1_000, 1_010, correlation=export.call("cudaGraphLaunch_v10000", 400, 410), node=2)
    trace = traced(export, tmp_path)
    assert named(layers(trace)) == {"captured": (1, 1, 10)}
    assert iterations(trace) == (Iteration(IterationKind.RANGE, 1_000, 1_010, 210, 1, 10),)


def test_a_clone_of_a_clone(tmp_path: Path) -> None:
    export = tensorrt()
    export.range("layer", 0, 100, domain=1)
    export.graph_node(1, 50)
    export.graph_node(2, 200, original=1)
    export.graph_node(3, 300, original=2)
    export.kernel("k", 1_000, 1_010, correlation=export.call("cudaGraphLaunch_v10000", 400, 410), node=3)
    assert named(layers(traced(export, tmp_path))) == {"layer": (1, 1, 10)}


def test_clones_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    export = tensorrt()
    export.range("layer", 0, 100, domain=1)
    export.graph_node(1, 50, original=2)
    export.graph_node(2, 60, original=1)
    export.kernel("k", 1_000, 1_010, correlation=export.call("cudaGraphLaunch_v10000", 400, 410), node=1)
    (left,) = layers(traced(export, tmp_path)).unattributed
    assert left.reason is Reason.NOT_CAPTURED


def test_a_graph_captured_before_the_trace(tmp_path: Path) -> None:
    """The clones are known, the capture is not: no layer, and the reason says why."""
    export = tensorrt()
    export.range("layer", 0, 100, domain=1)
    export.launch("eager", 50, 120, 30)
    export.graph_node(2, 200, original=1)
    export.kernel("k", 1_000, 1_010, correlation=export.call("cudaGraphLaunch_v10000", 400, 410), node=2)
    times = layers(traced(export, tmp_path))
    assert named(times) == {"layer": (1, 1, 30)}
    assert [(left.reason, left.total_ns) for left in times.unattributed] == [(Reason.NOT_CAPTURED, 10)]


def test_a_graph_launched_inside_a_layer_falls_back_on_it(tmp_path: Path) -> None:
    export = tensorrt()
    export.range("plugin", 300, 500, domain=1)
    export.graph_node(2, 200, original=1)
    export.kernel("k", 1_000, 1_010, correlation=export.call("cudaGraphLaunch_v10000", 400, 410), node=2)
    assert named(layers(traced(export, tmp_path))) == {"plugin": (1, 1, 10)}


@pytest.mark.parametrize("generation", ["2025.5", "2026.2"])
def test_a_graph_traced_whole_says_what_it_hides(tmp_path: Path, generation: str) -> None:
    export = SyntheticExport(generation)
    export.domain("TensorRT", 1, -1_000)
    inference(export, [("conv", CONV, 900), ("fc", FC, 500)], 0)
    export.call("cudaStreamBeginCapture_v10000", 10_000, 10_010)
    export.graph_created(1, 10_005)
    export.range("ExecutionContext::enqueue", 10_020, 10_500, domain=1)
    for place, layer in enumerate(("conv", "fc", "only in the graph")):
        export.range(layer, 10_030 + 100 * place, 10_110 + 100 * place, domain=1)
        export.call("cuLaunchKernel", 10_040 + 100 * place, 10_050 + 100 * place)
    export.call("cudaStreamEndCapture_v10000", 10_510, 10_520)
    for turn in range(3):
        start = 20_000 + 1_000 * turn
        launch = export.call("cudaGraphLaunch_v10000", start, start + 20)
        export.graph_run(1, 2, start + 50, start + 550, correlation=launch)
    export.graph_run(9, 10, 30_000, 30_007, correlation=None)
    trace = traced(export, tmp_path)
    (notice,) = trace.notices
    assert notice.message.startswith("4 launches of CUDA graphs were traced as a whole: 0.002 ms of GPU time")
    assert "--cuda-graph-trace=node" in notice.message
    times = layers(trace)
    assert named(times) == {"conv": (1, 1, 900), "fc": (1, 1, 500)}
    assert times.hidden == (
        HiddenLayers(1, 3, 1_500, 3, ("conv", "fc", "only in the graph")),
        HiddenLayers(9, 1, 7, None, None),
    )
    assert times.without_kernels == ()
    assert [(one.kind.value, one.launches, one.gpu_ns, one.host_ns) for one in iterations(trace)] == [
        ("range", 2, 1_410, 350), *[("whole_graph", None, 500, 20)] * 3,
    ]  # fmt: skip


def test_two_captures_are_not_mixed_up(tmp_path: Path) -> None:
    export = tensorrt()
    for graph, start in ((1, 0), (2, 1_000)):
        export.call("cudaStreamBeginCapture_v10000", start, start + 10)
        export.graph_created(graph, start + 5)
        export.range(f"layer {graph}", start + 20, start + 90, domain=1)
        export.call("cuLaunchKernel", start + 30, start + 40)
        export.call("cudaStreamEndCapture_v10000", start + 100, start + 110)
        export.graph_run(graph, graph + 10, start + 5_000, start + 5_000 + 100 * graph, correlation=None)
    export.graph_created(3, 1_500)
    export.graph_run(3, 13, 9_000, 9_001, correlation=None)
    assert layers(traced(export, tmp_path)).hidden == (
        HiddenLayers(2, 1, 200, 1, ("layer 2",)),
        HiddenLayers(1, 1, 100, 1, ("layer 1",)),
        HiddenLayers(3, 1, 1, None, None),
    )


def test_no_tensorrt_in_the_trace(tmp_path: Path) -> None:
    export = SyntheticExport()
    export.range("step", 0, 100)
    export.launch("k", 50, 120, 30)
    trace = traced(export, tmp_path)
    found = attribute(trace.kernels, trace.calls, trace.ranges)
    assert isinstance(found, Unknown)
    assert "domain TensorRT" in found.reason
    other = attribute(trace.kernels, trace.calls, trace.ranges, domain="")
    assert isinstance(other, Attribution)
    assert named(layer_times(trace.kernels, trace.calls, trace.ranges, other, domain="")) == {"step": (1, 1, 30)}


def test_an_unknown_part_makes_the_answer_unknown(tmp_path: Path) -> None:
    trace = traced(tensorrt(), tmp_path)
    reason = Unknown("for a reason")
    assert attribute(trace.kernels, reason, trace.ranges) is reason
    trace_with_calls = traced_with_calls(tmp_path)
    assert attribute(trace_with_calls.kernels, trace_with_calls.calls, reason) is reason


def traced_with_calls(tmp_path: Path) -> Trace:
    export = tensorrt()
    export.launch("k", 50, 120, 30)
    (tmp_path / "other").mkdir()
    return traced(export, tmp_path / "other")


def test_inferences_one_by_one(tmp_path: Path) -> None:
    export = tensorrt()
    inference(export, [("conv", CONV, 900), ("fc", FC, 500)], 0)
    inference(export, [("conv", CONV, 940), ("fc", FC, 500)], 20_000)
    export.range("ExecutionContext::enqueue", 40_000, 40_100, domain=1)
    found = iterations(traced(export, tmp_path))
    assert found == (
        Iteration(IterationKind.RANGE, 5_000, 6_410, 350, 2, 1_400),
        Iteration(IterationKind.RANGE, 25_000, 26_450, 350, 2, 1_440),
    )
    kernel_time = spread(one.kernel_ns for one in found)
    assert kernel_time is not None
    assert (kernel_time.count, kernel_time.mean_ns, kernel_time.median_ns) == (2, 1_420, 1_420)
    assert (kernel_time.min_ns, kernel_time.max_ns) == (1_400, 1_440)
    assert kernel_time.stdev_ns == pytest.approx(28.284, abs=1e-3)


def test_spread_of_nothing_and_of_one() -> None:
    assert spread([None, None]) is None
    one = spread([None, 7])
    assert one is not None
    assert (one.mean_ns, one.stdev_ns) == (7, None)


def test_iterations_of_any_program_by_the_name_of_their_range(tmp_path: Path) -> None:
    export = SyntheticExport()
    for turn in range(3):
        start = 1_000 * turn
        export.range("step", start, start + 500)
        export.range("forward", start + 10, start + 400)
        export.launch("k", start + 20, start + 600, 30 + turn)
    trace = traced(export, tmp_path)
    call = attribute(trace.kernels, trace.calls, trace.ranges, domain="").call
    found = named_iterations(trace.kernels, trace.calls, trace.ranges, call, "step")
    assert [(one.kernel_ns, one.host_ns) for one in found] == [(30, 500), (31, 500), (32, 500)]
    assert isinstance(named_iterations(trace.kernels, trace.calls, trace.ranges, call, "epoch"), Unknown)
    assert isinstance(
        inferences(trace.kernels, trace.calls, trace.ranges, attribute_default(trace)), Unknown
    )  # fmt: skip


def attribute_default(trace: Trace) -> Attribution:
    found = attribute(trace.kernels, trace.calls, trace.ranges, domain="")
    assert isinstance(found, Attribution)
    return found


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("seed", [6, 7])
def test_shuffled_rows_give_the_same_layers(tmp_path: Path, generation: str, seed: int) -> None:
    export = SyntheticExport(generation)
    export.domain("TensorRT", 1, -1_000)
    at = 0
    for turn in range(4):
        at = inference(export, [(f"layer {place}", f"kernel {place % 3}", 100 + turn) for place in range(6)], at) + 9
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    in_order, shuffled = traced(export, tmp_path / "a"), traced(export, tmp_path / "b", seed=seed)
    assert layers(in_order) == layers(shuffled)
    assert iterations(in_order) == iterations(shuffled)
