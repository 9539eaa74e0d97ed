from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from trtprof.model import DType
from trtprof.variants import ranges
from trtprof.variants.calibration import open_calibration
from trtprof.variants.ranges import RangeCache, TensorRange, find_ranges
from trtprof.variants.thresholds import entropy_threshold, mse_threshold, ort_entropy_threshold, percentile_threshold

from .support import data_for, graph_model, save


@pytest.fixture
def relu(tmp_path):
    model = graph_model([helper.make_node("Relu", ["x"], ["y"])], {"x": (1, 1000)}, {"y": (1, 1000)}, {})
    return save(model, tmp_path / "relu.onnx")


def calib(tmp_path, values):
    np.savez(tmp_path / "c.npz", x=np.asarray(values, np.float32))
    return open_calibration(str(tmp_path / "c.npz"), (("x", (1, 1000), DType.FP32),))


def found(model, tensors, data, method="minmax", percentile=99.0):
    return find_ranges(model, tensors, data, method=method, percentile=percentile, threads=1)


def test_minmax_takes_the_largest_magnitude_of_all_batches(tmp_path, relu):
    values = np.zeros((3, 1000))
    values[0, 5], values[1, 7], values[2, 0] = 2.0, -9.0, 3.0
    assert found(relu, ["x", "y"], calib(tmp_path, values)) == {
        "x": TensorRange("x", 9.0, 9.0),
        "y": TensorRange("y", 3.0, 3.0),
    }


@pytest.mark.parametrize("method", ["minmax", "entropy", "percentile", "mse", "entropy-ort"])
def test_zero_tensor(tmp_path, relu, method):
    data = calib(tmp_path, -np.ones((2, 1000)))
    assert found(relu, ["y"], data, method)["y"] == TensorRange("y", 0.0, 0.0)


@pytest.mark.parametrize("method", ["minmax", "entropy", "percentile", "mse", "entropy-ort"])
@pytest.mark.parametrize("first", [1e38, 1.0])
def test_infinite_and_nan_tensors(tmp_path, method, first):
    """x * x overflows; x * x - x * x is then NaN."""
    nodes = [helper.make_node("Mul", ["x", "x"], ["s"]), helper.make_node("Sub", ["s", "s"], ["d"])]
    path = save(graph_model(nodes, {"x": (1, 1000)}, {"d": (1, 1000)}, {}), tmp_path / "m.onnx")
    data = calib(tmp_path, np.stack([np.full(1000, first), np.full(1000, 1e38)]))
    result = found(path, ["s", "d"], data, method)
    assert result["s"].amax == result["d"].amax == np.inf


def test_percentile_clips_outliers(tmp_path, relu):
    values = np.random.default_rng(0).uniform(-1, 1, (4, 1000))
    values[2, 3] = 100.0
    result = found(relu, ["x"], calib(tmp_path, values), "percentile", 99.0)["x"]
    assert result.observed == 100.0
    assert 0.95 < result.amax < 1.1
    everything = found(relu, ["x"], calib(tmp_path, values), "percentile", 100.0)["x"]
    assert everything.amax == 100.0


def test_entropy_clips_outliers_and_is_not_minmax(tmp_path, relu):
    values = np.random.default_rng(0).standard_normal((20, 1000))
    values[2, 3] = 40.0
    result = found(relu, ["x"], calib(tmp_path, values), "entropy")["x"]
    assert result.observed == 40.0
    assert 2.5 < result.amax < 10


def test_batches_in_any_order_give_nearly_the_same(tmp_path, relu):
    values = np.random.default_rng(1).standard_normal((6, 1000)) * np.array([[1], [2], [4], [8], [3], [0.5]])
    a = found(relu, ["x"], calib(tmp_path, values), "percentile", 99.0)["x"].amax
    b = found(relu, ["x"], calib(tmp_path, values[::-1]), "percentile", 99.0)["x"].amax
    assert a == pytest.approx(b, rel=0.02)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.001, 0.1, 1.0]), st.floats(50, 100))
def test_thresholds_are_inside_the_histogram(seed, density, percentile):
    rng = np.random.default_rng(seed)
    histogram = rng.integers(1, 1000, 2048) * (rng.random(2048) < density)
    histogram[rng.integers(2048)] += 1
    assert 0 < percentile_threshold(histogram, 3.0, percentile) <= 3.0
    assert 0 < entropy_threshold(histogram, 3.0) <= 3.0


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 2047), st.floats(60, 99.9))
def test_percentile_keeps_at_least_its_share(peak, percentile):
    counts = np.ones(2048, np.int64)
    counts[peak] += 5000
    threshold = percentile_threshold(counts, 1.0, percentile)
    kept = counts[: round(threshold * 2048)].sum() / counts.sum()
    assert kept >= percentile / 100 - 1e-9


def test_uniform_values_are_not_clipped():
    assert entropy_threshold(np.full(2048, 100), 1.0) == 1.0


@pytest.mark.parametrize("kind", ["normal", "laplace", "rectified", "tail", "few"])
def test_the_search_of_onnxruntime_is_onnxruntimes(kind):
    """Within one bin of what its calibrator finds on the same histogram; the search itself is the same."""
    calibrate = pytest.importorskip("onnxruntime.quantization.calibrate")
    rng = np.random.default_rng(3)
    values = {
        "normal": rng.standard_normal(100_000),
        "laplace": rng.laplace(size=100_000),
        "rectified": np.maximum(rng.standard_normal(100_000), 0),
        "tail": rng.standard_t(3, 100_000),
        "few": rng.standard_normal(300),
    }[kind]
    edge, bins = float(np.abs(values).max()), 256
    counts, edges = np.histogram(values, 2 * bins, range=(-edge, edge))
    collector = calibrate.HistogramCollector("entropy", True, 2 * bins, 128, 99.9, "same")
    low, high = collector.get_entropy_threshold((counts, edges, values.min(), values.max(), edge), 128)
    signed = np.stack([counts[:bins][::-1], counts[bins:]])
    assert ort_entropy_threshold(signed, edge) == pytest.approx(max(-low, high), abs=edge / bins * 1.001)


def test_least_error_clips_a_long_tail_and_keeps_a_flat_one():
    rng = np.random.default_rng(0)
    tail = np.abs(rng.standard_t(3, 200_000))
    edge = float(tail.max())
    counts = np.histogram(tail, 2048, range=(0, edge))[0]
    threshold = mse_threshold(counts, edge)

    def error(clip: float) -> float:
        step = clip / 127
        return float(((np.clip(np.rint(tail / step), 0, 127) * step - tail) ** 2).mean())

    # Nothing in a scan of the values themselves is better by more than 2 %.
    assert error(threshold) <= 1.02 * min(error(edge * share) for share in np.linspace(0.03, 1, 400))
    assert threshold < edge * 0.7
    assert mse_threshold(np.full(2048, 100), 1.0) > 0.98


def test_cache_runs_the_model_once_for_what_it_knows(tmp_path, relu, monkeypatch):
    data = data_for(relu)
    calls = []
    real = ranges.find_ranges
    monkeypatch.setattr(ranges, "find_ranges", lambda *a, **k: calls.append(a[1]) or real(*a, **k))
    cache = RangeCache()
    ask = lambda tensors, method="minmax": cache.of(  # noqa: E731
        relu, tensors, data, method=method, percentile=99.0, threads=1
    )
    assert set(ask(["x"])) == {"x"}
    assert set(ask(["x", "y"])) == {"x", "y"}
    assert set(ask(["y"])) == {"y"}
    ask(["y"], "entropy")
    assert calls == [["x"], ["y"], ["y"]]


def test_nothing_is_printed_or_left_behind(tmp_path, relu, capfd):
    before = set(tmp_path.iterdir())
    found(relu, ["x", "y"], data_for(relu), "entropy")
    assert capfd.readouterr() == ("", "")
    assert set(tmp_path.iterdir()) == before


def test_weights_in_external_data(tmp_path, relu):
    model = graph_model([helper.make_node("MatMul", ["x", "w"], ["y"])], {"x": (1, 4)}, {"y": (1, 4)}, {"w": np.eye(4)})
    onnx.save(model, tmp_path / "big.onnx", save_as_external_data=True, location="big.data", size_threshold=0)
    result = find_ranges(
        tmp_path / "big.onnx", ["x", "y"], data_for(model), method="minmax", percentile=99.0, threads=1
    )
    assert result["x"].amax == pytest.approx(result["y"].amax)
