"""Kernels to layers: nesting, launch APIs, processes, and what is left over."""

from __future__ import annotations

from pathlib import Path

import pytest

from trtprof.analysis.attribution import Attribution, Reason, attribute
from trtprof.analysis.layer_time import (
    LayerKernel,
    LayerTime,
    launches_with_layers,
    layer_times,
    layers_by_kernel,
)
from trtprof.model import KernelLaunch, Unknown
from trtprof.parsers.nsys_schema import Trace

from .synthetic_export import GENERATIONS, RUNTIME, SyntheticExport, inference
from .traces import attributed, iterations, layers, named, tensorrt, traced

CONV, REFORMAT, FC = "sm80_xmma_fprop", "genericReformat::copyPacked", "nvjet_tst"


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
