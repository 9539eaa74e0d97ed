"""CUDA graphs: replays traced node by node, and graphs traced whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from trtprof.analysis.attribution import Reason
from trtprof.analysis.iterations import Iteration, IterationKind
from trtprof.analysis.layer_time import HiddenLayers

from .synthetic_export import SyntheticExport, inference
from .traces import iterations, layers, named, tensorrt, traced

CONV, FC = "sm80_xmma_fprop", "nvjet_tst"


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


def test_a_kernel_captured_outside_of_every_layer(tmp_path: Path) -> None:
    export = tensorrt()
    export.range("layer", 0, 20, domain=1)
    export.graph_node(1, 50)
    export.graph_node(2, 200, original=1)
    export.kernel("k", 1_000, 1_010, correlation=export.call("cudaGraphLaunch_v10000", 400, 410), node=2)
    (left,) = layers(traced(export, tmp_path)).unattributed
    assert left.reason is Reason.OUTSIDE


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
        export.call("cudaGraphLaunch_v10000", start + 50, start + 60)
        export.call("cudaStreamEndCapture_v10000", start + 100, start + 110)
        export.graph_run(graph, graph + 10, start + 5_000, start + 5_000 + 100 * graph, correlation=None)
    for graph, created in ((3, 1_500), (4, 500)):  # behind both captures, and between them
        export.graph_created(graph, created)
        export.graph_run(graph, graph + 10, 9_000, 9_001, correlation=None)
    assert layers(traced(export, tmp_path)).hidden == (
        HiddenLayers(2, 1, 200, 1, ("layer 2",)),
        HiddenLayers(1, 1, 100, 1, ("layer 1",)),
        HiddenLayers(3, 1, 1, None, None),
        HiddenLayers(4, 1, 1, None, None),
    )
