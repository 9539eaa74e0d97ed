from __future__ import annotations

import math
import sys

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import TensorProto, helper

from trtprof.errors import MissingDependency
from trtprof.model import DType, Unknown
from trtprof.variants import accuracy
from trtprof.variants.accuracy import References, compare_outputs
from trtprof.variants.calibration import open_calibration
from trtprof.variants.make import VariantOptions, make_variant
from trtprof.variants.ranges import RangeCache
from trtprof.variants.spec import parse_variant

from .support import FLOAT, data_for, exact_half_scales, graph_model, save


def scaled(path, factor, shape=(1, 4), op_type="Mul", out_shape=None):
    nodes = [helper.make_node(op_type, ["x", "k"], ["y"])]
    return save(graph_model(nodes, {"x": shape}, {"y": out_shape or shape}, {"k": np.asarray(factor, float)}), path)


@pytest.fixture
def calib(tmp_path):
    def make(values, shape=(1, 4)):
        np.savez(tmp_path / "c.npz", x=np.asarray(values, np.float32))
        return open_calibration(str(tmp_path / "c.npz"), (("x", shape, DType.FP32),))

    return make


def test_equal_models(tmp_path, calib):
    a = scaled(tmp_path / "a.onnx", 1.0)
    (found,) = compare_outputs(a, a, calib(np.eye(4)))
    assert (found.output, found.samples, found.cosine, found.sqnr_db) == ("y", 4, 1.0, math.inf)
    assert (found.max_abs_error, found.top1_agreement) == (0.0, 1.0)


def test_figures_are_over_all_batches(tmp_path, calib):
    values = np.array([[1, 2, 3, 4], [8, 7, 6, 5], [0, 0, 1, 0]])
    a, b = scaled(tmp_path / "a.onnx", np.ones(4)), scaled(tmp_path / "b.onnx", [1, 1, 1.5, 1])
    (found,) = compare_outputs(a, b, calib(values))
    other = values * [1, 1, 1.5, 1]
    assert found.samples == 3
    assert found.max_abs_error == 3.0
    assert found.top1_agreement == pytest.approx(1 / 3)
    assert found.sqnr_db == pytest.approx(10 * math.log10((values**2).sum() / ((values - other) ** 2).sum()))
    cosine = (values * other).sum() / math.sqrt((values**2).sum() * (other**2).sum())
    assert found.cosine == pytest.approx(cosine)


def result_of(x, y):
    sums = accuracy.OutputSums("y")
    sums.add(x, y)
    return sums.result()


VECTORS = arrays(np.float32, (3, 5), elements=st.floats(-1000, 1000, width=32))


@settings(max_examples=100, deadline=None)
@given(VECTORS, VECTORS)
def test_properties(x, y):
    found = result_of(x, y)
    assert found.cosine is None or -1 <= found.cosine <= 1
    assert 0 <= found.top1_agreement <= 1
    assert found.max_abs_error == pytest.approx(float(np.abs(x.astype(float) - y).max()))
    assert (found.sqnr_db == math.inf) == bool((x == y).all())
    doubled = result_of(2 * x, 2 * y)
    assert doubled.sqnr_db == (None if found.sqnr_db is None else pytest.approx(found.sqnr_db, abs=1e-3))
    assert result_of(x, x).sqnr_db == math.inf


@settings(max_examples=50, deadline=None)
@given(VECTORS)
def test_adding_in_parts_is_adding_at_once(x):
    y = np.round(x)
    parts = accuracy.OutputSums("y")
    for row in range(3):
        parts.add(x[row : row + 1], y[row : row + 1])
    whole, split = result_of(x, y), parts.result()
    assert split.top1_agreement == whole.top1_agreement
    assert split.cosine == (None if whole.cosine is None else pytest.approx(whole.cosine))


def test_twenty_decibels():
    x = np.ones((1, 100), np.float32)
    assert result_of(x, x * np.float32(1.1)).sqnr_db == pytest.approx(20, abs=1e-4)


def test_zeros():
    zeros, ones = np.zeros((1, 4), np.float32), np.ones((1, 4), np.float32)
    assert result_of(zeros, zeros).sqnr_db == math.inf
    found = result_of(zeros, ones)
    assert (found.cosine, found.sqnr_db, found.max_abs_error) == (None, None, 1.0)
    found = result_of(ones, zeros)
    assert (found.cosine, found.sqnr_db) == (None, 0.0)


@pytest.mark.parametrize(
    ("shape", "dtype", "is_class_vector"),
    [
        ((2, 10), np.float32, True),
        ((2, 10, 1, 1), np.float32, True),
        ((2, 1), np.float32, False),
        ((2, 10, 7, 7), np.float32, False),
        ((2, 3, 10), np.float32, False),
        ((10,), np.float32, False),
        ((), np.float32, False),
        ((2, 10), np.int64, False),
        ((2, 0), np.float32, False),
    ],
)
def test_class_vectors(shape, dtype, is_class_vector):
    value = np.ones(shape, dtype)
    found = result_of(value, value)
    assert (found.top1_agreement is not None) == is_class_vector
    assert found.sqnr_db == math.inf


def test_integer_outputs(tmp_path, calib):
    def model(path, largest):
        nodes = [helper.make_node("ArgMax", ["x"], ["y"], axis=1, keepdims=0, select_last_index=largest)]
        return save(graph_model(nodes, {"x": (1, 4)}, {"y": (1,)}, {}, types={"y": TensorProto.INT64}), tmp_path / path)

    data = calib([[1, 0, 1, 0], [0, 1, 0, 0]])
    (found,) = compare_outputs(model("a.onnx", 0), model("b.onnx", 1), data)
    assert (found.max_abs_error, found.samples, found.top1_agreement) == (2.0, 2, None)


def test_boolean_outputs(tmp_path, calib):
    nodes = [helper.make_node("Greater", ["x", "k"], ["y"])]
    types = {"y": TensorProto.BOOL}
    paths = [
        save(graph_model(nodes, {"x": (1, 4)}, {"y": (1, 4)}, {"k": np.array(k)}, types=types), tmp_path / f"{k}.onnx")
        for k in (0.0, 1.5)
    ]
    (found,) = compare_outputs(*paths, calib([[0, 1, 2, 3]]))
    assert (found.max_abs_error, found.top1_agreement) == (1.0, None)


def test_infinity_in_both_is_equal_and_in_the_variant_alone_is_said(tmp_path, calib):
    nodes = [helper.make_node("Exp", ["x"], ["y"]), helper.make_node("Relu", ["x"], ["z"])]
    model = graph_model(nodes, {"x": (1, 4)}, {"y": (1, 4), "z": (1, 4)}, {})
    save(model, tmp_path / "a.onnx")
    nodes[0].CopyFrom(helper.make_node("Mul", ["e", "k"], ["y"], name="Mul"))
    harder = graph_model(
        [helper.make_node("Exp", ["x"], ["e"]), *nodes], {"x": (1, 4)}, {"y": (1, 4), "z": (1, 4)},
        {"k": np.array(1e38)},
    )  # fmt: skip
    save(harder, tmp_path / "b.onnx")
    data = calib([[0, 1, 2, 3], [200, 200, 0, 200], [30, 1, 1, 1], [-80, -80, -80, -80]])
    assert compare_outputs(tmp_path / "a.onnx", tmp_path / "b.onnx", data) == Unknown(
        "output 'y' is NaN or infinite in 2 of 4 samples where the original is finite; FP16 ends at 65504"
    )
    found = compare_outputs(tmp_path / "a.onnx", tmp_path / "a.onnx", data)
    assert [(entry.output, entry.sqnr_db) for entry in found] == [("y", math.inf), ("z", math.inf)]


def test_outputs_in_another_order(tmp_path, calib):
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Neg", ["x"], ["z"])]
    a = save(graph_model(nodes, {"x": (1, 4)}, {"y": (1, 4), "z": (1, 4)}, {}), tmp_path / "a.onnx")
    b = save(graph_model(nodes, {"x": (1, 4)}, {"z": (1, 4), "y": (1, 4)}, {}), tmp_path / "b.onnx")
    assert [entry.sqnr_db for entry in compare_outputs(a, b, calib(np.eye(4)))] == [math.inf, math.inf]


class TestUnknown:
    def test_other_outputs(self, tmp_path, calib):
        a = scaled(tmp_path / "a.onnx", 1.0)
        b = save(
            graph_model([helper.make_node("Relu", ["x"], ["w"])], {"x": (1, 4)}, {"w": (1, 4)}, {}), tmp_path / "b.onnx"
        )
        assert compare_outputs(a, b, calib(np.eye(4))) == Unknown("its outputs are w, the original's y")

    def test_other_shape(self, tmp_path, calib):
        a = scaled(tmp_path / "a.onnx", 1.0)
        b = scaled(tmp_path / "b.onnx", np.ones((2, 1)), out_shape=(2, 4))
        assert compare_outputs(a, b, calib(np.eye(4))) == Unknown(
            "onnxruntime on the CPU cannot run it: output 'y' has shape (2, 4), the original's (1, 4)"
        )

    def test_variant_that_does_not_run(self, tmp_path, calib):
        a = scaled(tmp_path / "a.onnx", 1.0)
        (tmp_path / "b.onnx").write_bytes(b"no model")
        answer = compare_outputs(a, tmp_path / "b.onnx", calib(np.eye(4)))
        assert answer.reason.startswith("onnxruntime on the CPU cannot run it: ")
        assert "[ONNXRuntimeError]" not in answer.reason

    def test_original_that_does_not_run(self, tmp_path, calib):
        (tmp_path / "a.onnx").write_bytes(b"no model")
        b = scaled(tmp_path / "b.onnx", 1.0)
        answer = compare_outputs(tmp_path / "a.onnx", b, calib(np.eye(4)))
        assert answer.reason.startswith("onnxruntime cannot run the original: ")

    def test_bf16_on_a_cpu(self, base, tmp_path):
        path = base("residual_micro")
        data = data_for(path, "random:1")
        made = make_variant(parse_variant("bf16"), path, tmp_path / "b.onnx", data, VariantOptions(), "sm89")
        assert compare_outputs(path, made.path, data) == Unknown(
            "onnxruntime on the CPU cannot run it: Could not find an implementation for Conv(22) node with name "
            "'/stem/Conv'"
        )


def test_without_onnxruntime(tmp_path, calib, monkeypatch):
    a = scaled(tmp_path / "a.onnx", 1.0)
    data = calib(np.eye(4))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependency):
        compare_outputs(a, a, data)


def test_the_original_runs_once_for_all_variants(tmp_path, calib, monkeypatch):
    paths = [scaled(tmp_path / f"{factor}.onnx", factor) for factor in (1.0, 1.1, 1.2)]
    opened = []
    real = accuracy.open_session
    monkeypatch.setattr(accuracy, "open_session", lambda path, **kw: opened.append(path.name) or real(path, **kw))
    with References(paths[0], calib(np.eye(4))) as references:
        answers = [compare_outputs(references, path) for path in paths[1:]]
        again = compare_outputs(references, paths[1])
    assert opened == ["1.0.onnx", "1.1.onnx", "1.2.onnx", "1.1.onnx"]
    assert answers[0] == again
    assert [round(entry.sqnr_db, 1) for (entry,) in answers] == [20.0, 14.0]
    assert references._directory is None


@exact_half_scales
@pytest.mark.parametrize(
    ("name", "fp16_db", "int8_db"), [("residual_micro", 55, 35), ("resnet18", 45, 30), ("transformer", 45, 28)]
)
def test_variants_are_close_to_the_original(base, tmp_path, name, fp16_db, int8_db):
    path, cache = base(name), RangeCache()
    data = data_for(path, "random:2")
    found = {}
    with References(path, data) as references:
        for variant in ("fp32", "fp16", "int8", "int8-fp32", "fp8"):
            out = tmp_path / f"{variant}.onnx"
            made = make_variant(parse_variant(variant), path, out, data, VariantOptions(), "sm89", cache=cache)
            (found[variant],) = compare_outputs(references, made.path)
    assert found["fp32"].sqnr_db == math.inf
    assert found["fp16"].sqnr_db > fp16_db
    assert found["int8"].sqnr_db > int8_db
    assert found["fp8"].sqnr_db > 20
    # Quantising biases beside FP16 scales, as onnxruntime's optimiser does, would cost tens of decibels here.
    assert found["int8"].sqnr_db == pytest.approx(found["int8-fp32"].sqnr_db, abs=2)


@exact_half_scales
def test_biases_are_not_quantised_behind_our_back(tmp_path):
    """Small scales and large biases: their quotient overflows FP16 if onnxruntime takes it."""
    rng = np.random.default_rng(0)
    weights = {"w": rng.standard_normal((8, 3, 3, 3)) * 1e-3, "b": rng.standard_normal(8)}
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], name="conv", pads=[1] * 4)
    path = save(graph_model([node], {"x": (1, 3, 16, 16)}, {"y": (1, 8, 16, 16)}, weights), tmp_path / "m.onnx")
    data = data_for(path, "random:1")
    made = make_variant(parse_variant("int8"), path, tmp_path / "v.onnx", data, VariantOptions(), "sm89")
    (found,) = compare_outputs(path, made.path, data)
    assert found.sqnr_db > 60


@pytest.mark.parametrize("variant", ["int8", "fp8", "fp16", "int8-fp32"])
def test_an_onnxruntime_that_cannot_compute_half_scales(base, tmp_path, monkeypatch, variant):
    path = base("residual_micro")
    data = data_for(path, "random:1")
    made = make_variant(parse_variant(variant), path, tmp_path / "v.onnx", data, VariantOptions(), "sm89")
    monkeypatch.setattr("onnxruntime.__version__", "1.29.2")
    found = compare_outputs(path, made.path, data)
    if variant in {"int8", "fp8"}:
        assert found == Unknown(
            "onnxruntime 1.29.2 computes Q/DQ with FP16 scales wrongly on the CPU; 1.30 and later do not (Python 3.11+)"
        )
    else:
        assert found[0].sqnr_db > 30


def test_dynamic_originals_are_fed_the_static_shapes(tmp_path, calib):
    model = graph_model([helper.make_node("Relu", ["x"], ["y"])], {"x": (1, 4)}, {"y": (1, 4)}, {})
    static = save(model, tmp_path / "static.onnx")
    for value in (*model.graph.input, *model.graph.output):
        value.CopyFrom(helper.make_tensor_value_info(value.name, FLOAT, ["batch", 4]))
    onnx.save(model, tmp_path / "dynamic.onnx")
    (found,) = compare_outputs(tmp_path / "dynamic.onnx", static, calib(np.eye(4)))
    assert found.sqnr_db == math.inf
