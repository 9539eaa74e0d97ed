"""Timing an engine, on a GPU in virtual time: what is measured can be compared with what really passed there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.backends.fake_gpu import US, CudaLibrary, Driver, Gpu
from tests.backends.fake_tensorrt import Module
from trtprof.backends import artefacts, tensorrt_child
from trtprof.backends.cuda_graph import capture
from trtprof.backends.tensorrt_request import TensorrtRequest
from trtprof.backends.tensorrt_runner import Runner
from trtprof.errors import BuildError, InputError, UsageError
from trtprof.model import Unknown
from trtprof.parsers.trtexec_profile import read_profile
from trtprof.parsers.trtexec_times import read_times

SHAPES = (("x", (2, 3, 8, 8)), ("token_mask", (2, 4)))


class Bench:
    """A fake engine on a virtual GPU, loaded as the backend loads a real one."""

    def __init__(self, folder: Path, gpu: Gpu | None = None, *, wants: dict[str, Any] | None = None, **changes: Any):
        self.gpu = gpu or Gpu()
        self.trt, self.cuda = Module(self.gpu, **(wants or {})), Driver(self.gpu)
        settings = {"name": "net", "onnx": folder / "m.onnx", "folder": folder, "precision": "int8", "shapes": SHAPES}
        self.request = TensorrtRequest(**(settings | {"graph": False} | changes))  # type: ignore[arg-type]
        (folder / artefacts.PLAN).write_text(json.dumps({"version": self.trt.__version__}))

    def load(self) -> Runner:
        runner, self.kept = tensorrt_child.load(self.trt, self.cuda, self.request)
        runner.clock = self.gpu.clock
        return runner

    def memory_of(self, name: str) -> Any:
        return self.gpu.memory[self.kept[3]._addresses[name]]


class TestTiming:
    def test_gpu_and_enqueue_time_are_what_passed(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, Gpu(lambda index: (100 + index % 7) * US, enqueue_ns=20 * US))
        runner = bench.load()
        runner.start()
        times = runner.iterate(0, 70)
        assert len(times) == 70
        # Two pieces of work came before: one by start(), and one that found the GPU idle.
        expected = [(100 + index % 7) * US for index in range(2, 72)]
        assert [item.compute_ns for item in times] == pytest.approx(expected, rel=1e-5)
        assert {round(item.enqueue_ns) for item in times} == {21 * US}  # and a look at the clock

    def test_the_gpu_never_waits_for_the_host(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        runner = bench.load()
        runner.start()
        times = runner.iterate(0, 50)
        assert bench.gpu.in_flight_most == 2
        gaps = [after.start_compute_ns - before.end_compute_ns for before, after in pairwise(times)]
        assert max(gaps) == pytest.approx(0, abs=2)  # 32-bit milliseconds

    def test_it_goes_on_for_as_long_as_asked(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        runner = bench.load()
        runner.start()
        times = runner.iterate(0.5, 10)
        assert times[-1].end_compute_ns - times[0].start_enqueue_ns == pytest.approx(0.5e9, rel=0.01)

    def test_a_duration_keeps_its_digits_late_in_a_run(self, tmp_path: Path) -> None:
        """CUDA's milliseconds have 24 bits: an hour in, half a millisecond is lost on a difference of two."""
        bench = Bench(tmp_path)
        runner = bench.load()
        runner.start()
        bench.gpu.now_ns += int(3600e9)
        assert [item.compute_ns for item in runner.iterate(0, 3)] == pytest.approx([100 * US] * 3, rel=1e-6)

    def test_warm_up_goes_on_until_two_windows_agree(self, tmp_path: Path) -> None:
        """A GPU that clocks up: 3 % faster every 1,000 inferences until the 5,000th."""
        bench = Bench(tmp_path, Gpu(lambda index: 100 * US * 0.97 ** min(5, index // 1000)))
        runner = bench.load()
        runner.start()
        warm = runner.warm_up(least_s=0.2, most_s=10)
        assert warm.stable
        assert warm.iterations > 5000
        assert warm.duration_ns < 1e9

    def test_warm_up_lasts_its_least_also_when_stable_at_once(self, tmp_path: Path) -> None:
        runner = Bench(tmp_path).load()
        runner.start()
        warm = runner.warm_up(least_s=0.45, most_s=10)
        assert warm.stable
        assert 0.45e9 <= warm.duration_ns < 0.6e9

    def test_times_that_never_settle_are_said(self, tmp_path: Path) -> None:
        """A GPU that gets hot: slower by a tenth of its first time with each tenth of a second."""
        gpu = Gpu()
        gpu.work_ns = lambda index: 100 * US * (1 + gpu.now_ns / 1e9)
        bench = Bench(tmp_path, gpu, max_warm_up_s=1.0, duration_s=0.1)
        facts = tensorrt_child.time_engine(bench.trt, bench.load(), bench.request, lambda *_: None)
        assert not facts["warm_up"]["stable"]
        assert [notice["code"] for notice in facts["notices"]] == ["warm-up-unstable"]
        assert 1e9 <= facts["warm_up"]["duration_ns"] < 1.3e9

    def test_a_slow_engine_is_warmed_up_by_the_iteration(self, tmp_path: Path) -> None:
        runner = Bench(tmp_path, Gpu(lambda index: 500_000 * US)).load()
        runner.start()
        assert runner.warm_up(least_s=0.2, most_s=60).iterations == 20

    def test_the_clock_is_sampled_while_it_runs(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        runner = bench.load()
        busy: list[bool] = []
        runner.sample = lambda: busy.append(next(iter(bench.gpu.streams.values())).busy_until > bench.gpu.now_ns)
        runner.start()
        runner.iterate(2.0, 1)
        assert len(busy) == 8
        assert all(busy)

    def test_an_inference_that_does_not_run_is_said(self, tmp_path: Path) -> None:
        runner = Bench(tmp_path, wants={"fails_at": 5}).load()
        runner.start()
        with pytest.raises(BuildError, match="TensorRT does not run the engine"):
            runner.iterate(0, 10)


class TestGraph:
    def test_a_launch_replaces_the_enqueue(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        runner = bench.load()
        runner.start()
        library = CudaLibrary(bench.gpu)
        assert runner.use_graph(library) is None
        before = bench.gpu.done
        times = runner.iterate(0, 20)
        assert bench.gpu.done - before == 21
        assert [item.compute_ns for item in times] == pytest.approx([100 * US] * 20, rel=1e-5)
        assert {round(item.enqueue_ns) for item in times} == {3 * US}
        assert runner.graph is not None
        runner.graph.close()
        assert library.calls[-2:] == ["destroy executable", "destroy graph"]

    @pytest.mark.parametrize("call", ["begin", "end", "instantiate"])
    def test_without_one_it_goes_on_without(self, tmp_path: Path, call: str) -> None:
        bench = Bench(tmp_path)
        runner = bench.load()
        runner.start()
        reason = runner.use_graph(CudaLibrary(bench.gpu, {call: 900}))
        assert isinstance(reason, Unknown)
        assert "900" in reason.reason
        assert all(stream.capturing is None for stream in bench.gpu.streams.values())
        assert {round(item.enqueue_ns) for item in runner.iterate(0, 5)} == {21 * US}

    def test_work_that_tensorrt_does_not_enqueue_leaves_no_capture_open(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, wants={"fails_at": 2})
        runner = bench.load()
        runner.start()
        assert isinstance(runner.use_graph(CudaLibrary(bench.gpu)), Unknown)
        assert all(stream.capturing is None for stream in bench.gpu.streams.values())

    def test_an_exception_in_the_capture_ends_it(self) -> None:
        gpu = Gpu()
        stream = Driver(gpu).Stream()

        def fails() -> bool:
            raise ValueError

        with pytest.raises(ValueError):
            capture(stream.handle, fails, CudaLibrary(gpu))
        assert stream.capturing is None

    def test_no_driver_is_a_reason(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("trtprof.backends.cuda_graph.DRIVER", "libnone.so.1")
        assert isinstance(capture(1, lambda: True), Unknown)

    def test_a_missing_graph_is_told_to_the_reader(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("trtprof.backends.cuda_graph.DRIVER", "libnone.so.1")
        bench = Bench(tmp_path, graph=True, duration_s=0.1)
        facts = tensorrt_child.time_engine(bench.trt, bench.load(), bench.request, lambda *_: None)
        assert facts["graph"] is False
        assert [notice["code"] for notice in facts["notices"]] == ["no-cuda-graph"]


class TestLayers:
    def test_each_layer_has_its_distribution_and_equal_names_stay_apart(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        runner = bench.load()
        runner.start()
        layers, count = runner.time_layers(bench.trt, 0, 11)
        assert count == 10  # the first pays for attaching the profiler
        assert [(layer.name, round(layer.median_ns)) for layer in layers] == [
            ("conv1 + relu1", 60_000),
            ('say "hi"\\', 10_000),
            ("conv1 + relu1", 20_000),
        ]
        assert {layer.count for layer in layers} == {10}

    def test_statistics(self) -> None:
        layer = artefacts.distribution("a", [float(value) for value in range(200, 0, -1)])
        assert (layer.min_ns, layer.mean_ns, layer.median_ns, layer.p99_ns) == (1, 100.5, 100.5, 198)
        assert artefacts.distribution("a", [3.0]).p99_ns == 3.0

    @pytest.mark.parametrize(
        ("wants", "said"),
        [({"no_report": True}, "does not report its layer times"), ({"no_layers": True}, "reports no layer times")],
    )
    def test_no_layers_is_an_error_never_an_empty_profile(
        self, tmp_path: Path, wants: dict[str, Any], said: str
    ) -> None:
        bench = Bench(tmp_path, wants=wants)
        runner = bench.load()
        runner.start()
        with pytest.raises(BuildError, match=said):
            runner.time_layers(bench.trt, 0, 5)


class TestFiles:
    def test_they_are_read_back_by_trtexec_s_parsers(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, duration_s=0.05)
        facts = tensorrt_child.time_engine(bench.trt, bench.load(), bench.request, lambda *_: None)
        read = read_times(tmp_path / "times.json")
        assert read.notices == ()
        assert read.warm_up_iterations == 0  # they start after the warm-up, whose 200 ms the parser leaves out
        assert len(read.inference.compute_ns) == facts["iterations"] > 400
        assert read.inference.compute_ns == pytest.approx([100 * US] * facts["iterations"], rel=1e-4)
        assert read.inference.enqueue_ns == pytest.approx([21 * US] * facts["iterations"], rel=1e-4)
        assert read.inference.h2d_ns == ()
        profile = read_profile(tmp_path / "profile.json")
        assert [timing.layer for timing in profile.timings] == ["conv1 + relu1", 'say "hi"\\', "conv1 + relu1"]
        assert [timing.mean_ns for timing in profile.timings] == pytest.approx([60_000, 10_000, 20_000])
        assert sum(timing.ratio or 0 for timing in profile.timings) == pytest.approx(1)
        whole = json.loads((tmp_path / "layer_times.json").read_text())
        assert whole["iterations"] == profile.count
        assert whole["layers"][0]["p99_ns"] == pytest.approx(60_000)

    def test_layers_have_the_dimensions_that_ran(self, tmp_path: Path) -> None:
        Bench(tmp_path).load()
        layers = json.loads((tmp_path / "layers.json").read_text())
        assert layers["Layers"][0]["Inputs"][0]["Dimensions"] == [2, 3, 8, 8]

    def test_under_nsight_systems_they_have_other_names_and_no_profiler_runs(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, prefix="trace.", layer_times=False, duration_s=0.0)
        tensorrt_child.time_engine(bench.trt, bench.load(), bench.request, lambda *_: None)
        assert {path.name for path in tmp_path.glob("*.json")} == {"trace.layers.json", "trace.times.json"}


class TestBuffers:
    def test_sizes_and_contents(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        bench.load()
        x = bench.memory_of("x").view(np.float32)
        assert x.size == 2 * 3 * 8 * 8
        assert abs(float(x.std()) - 1) < 0.1
        assert bench.memory_of("token_mask").view(np.int32).tolist() == [1] * 8
        assert bench.memory_of("y").nbytes == 2 * 10 * 2
        assert bench.memory_of("boxes").nbytes == 4800  # the data decides; TensorRT knows a bound

    def test_the_same_numbers_each_time(self, tmp_path: Path) -> None:
        first, second = Bench(tmp_path), Bench(tmp_path)
        first.load()
        second.load()
        assert first.memory_of("x").tobytes() == second.memory_of("x").tobytes()

    @pytest.mark.parametrize(("kind", "size"), [("HALF", 768), ("BF16", 768), ("FP8", 384), ("INT64", 3072)])
    def test_other_types(self, tmp_path: Path, kind: str, size: int) -> None:
        bench = Bench(tmp_path, wants={"type_of_x": kind})
        bench.load()
        data = bench.memory_of("x")
        assert data.nbytes == size
        if kind == "BF16":
            values = (data.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
            assert abs(float(values.std()) - 1) < 0.1
        if kind == "FP8":
            assert set(data.tolist()) == {0x38}
        if kind == "INT64":
            assert set(data.view(np.int64).tolist()) == {0, 1}

    def test_a_vectorised_dimension_is_filled_up(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, wants={"vectorized": "x", "type_of_x": "INT8"})
        bench.load()
        assert bench.memory_of("x").nbytes == 2 * 4 * 8 * 8

    def test_data_can_be_given(self, tmp_path: Path) -> None:
        x = np.arange(384, dtype=np.float64).reshape(2, 3, 8, 8)
        np.savez(tmp_path / "feed.npz", x=x, token_mask=np.ones((2, 4), np.int64))
        bench = Bench(tmp_path, feed=tmp_path / "feed.npz")
        bench.load()
        assert bench.memory_of("x").view(np.float32).tolist() == list(range(384))

    @pytest.mark.parametrize(
        ("arrays", "said"),
        [
            ({"x": np.zeros((2, 3, 8, 8))}, "expected an array for input 'token_mask', found 'x'"),
            ({"x": np.zeros((1, 3)), "token_mask": np.ones((2, 4))}, "expected 2x3x8x8 for input 'x', found 1x3"),
        ],
    )
    def test_wrong_data_is_refused(self, tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
        np.savez(tmp_path / "feed.npz", **arrays)
        with pytest.raises(InputError, match=said):
            Bench(tmp_path, feed=tmp_path / "feed.npz").load()

    def test_a_file_that_is_no_npz_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "feed.npz").write_text("hello")
        with pytest.raises(InputError, match=r"expected an \.npz file"):
            Bench(tmp_path, feed=tmp_path / "feed.npz").load()

    def test_a_type_that_numpy_lacks_cannot_be_given(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "feed.npz", x=np.zeros((2, 3, 8, 8)), token_mask=np.ones((2, 4)))
        with pytest.raises(UsageError, match="input 'x' is BF16: numpy has no such type"):
            Bench(tmp_path, feed=tmp_path / "feed.npz", wants={"type_of_x": "BF16"}).load()

    def test_shapes(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="input 'x' is dynamic: -1x3x8x8"):
            Bench(tmp_path, shapes=()).load()
        with pytest.raises(UsageError, match="--shapes x:32x3x8x8 is outside of what the engine was built for"):
            Bench(tmp_path, shapes=(("x", (32, 3, 8, 8)),)).load()

    def test_an_output_without_a_bound_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(BuildError, match="does not say how large output 'boxes' may become"):
            Bench(tmp_path, wants={"unbounded": True}).load()

    def test_too_little_memory_is_said(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        bench.gpu.free_bytes = 100
        with pytest.raises(BuildError, match="out of memory") as caught:
            bench.load()
        assert caught.value.hint is not None

    def test_a_shape_tensor_lies_on_the_host_and_must_be_given(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="input 'token_mask' holds a shape"):
            Bench(tmp_path, wants={"on_host": "token_mask"}).load()
        bench = Bench(tmp_path, wants={"on_host": "y"})
        bench.load()
        assert bench.kept[3]._addresses["y"] not in bench.gpu.memory


def test_ranges_nest(tmp_path: Path) -> None:
    bench = Bench(tmp_path, duration_s=0.0, iterations=2)
    runner = bench.load()
    open_ranges: list[str] = []
    seen: set[tuple[str, ...]] = set()

    @contextmanager
    def mark(name: str) -> Iterator[None]:
        open_ranges.append(name)
        seen.add(tuple(open_ranges))
        yield
        open_ranges.pop()

    runner.mark = mark
    with mark("int8"):
        tensorrt_child.time_engine(bench.trt, runner, bench.request, lambda *_: None)
    assert open_ranges == []
    assert seen == {
        ("int8",),
        *(("int8", part) for part in ("warm-up", "timed", "layers")),
        *(("int8", part, "iteration") for part in ("warm-up", "timed", "layers")),
    }


def test_a_plan_of_another_version_is_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    (tmp_path / artefacts.PLAN).write_text(json.dumps({"version": "8.6.1"}))
    with pytest.raises(BuildError, match="net: The engine plan file is not compatible"):
        bench.load()


def test_no_context_is_told(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="net: TensorRT makes no execution context"):
        Bench(tmp_path, wants={"no_context": True}).load()
