from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from trtprof.graph.residual import ResidualAdd, residual_adds

from .support import ROOT, graph_model, load_script


class Sketch:
    """A graph drawn with a few words: every convolution keeps the shape 1x4x8x8."""

    def __init__(self, shape=(1, 4, 8, 8)):
        self.shape = shape
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, Any] = {}

    def op(self, op_type, *inputs, name=None, **attributes):
        name = name or f"{op_type.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, inputs, [f"{name}.y"], name=name, **attributes))
        return f"{name}.y"

    def constant(self, value):
        name = f"k{len(self.weights)}"
        self.weights[name] = value
        return name

    def conv(self, x, kernel=3):
        weight = self.constant(np.zeros((4, 4, kernel, kernel)))
        return self.op("Conv", x, weight, pads=[kernel // 2] * 4)

    def linear(self, x, width=8):
        product = self.op("MatMul", x, self.constant(np.zeros((width, width))))
        return self.op("Add", product, self.constant(np.zeros(width)))

    def adds(self, last):
        model = graph_model(self.nodes, {"x": self.shape}, {last: None}, self.weights)
        return list(residual_adds(model))


def test_identity_shortcut_is_the_input_with_fewer_convolutions():
    s = Sketch()
    x = s.op("Relu", s.conv("x"))
    y = s.conv(s.op("Relu", s.conv(x)))
    a = s.op("Add", y, x, name="add")
    b = s.op("Add", x, s.conv(s.op("Relu", a)), name="swapped")
    assert s.adds(s.op("Relu", b)) == [ResidualAdd("add", 1), ResidualAdd("swapped", 0)]


def test_downsampling_shortcut():
    s = Sketch()
    main = s.conv(s.op("Relu", s.conv("x")))
    assert s.adds(s.op("Add", main, s.conv("x", kernel=1), name="add")) == [ResidualAdd("add", 1)]


def test_branches_of_equal_depth_have_no_shortcut():
    s = Sketch()
    assert s.adds(s.op("Add", s.conv("x"), s.conv("x"), name="add")) == [ResidualAdd("add", None)]


@pytest.mark.parametrize("between", ["Relu", "Sigmoid", "HardSwish", "Tanh", "Identity", "Softplus"])
def test_light_nodes_are_walked_through(between):
    s = Sketch()
    assert s.adds(s.op("Add", s.op(between, s.conv("x")), "x", name="add")) == [ResidualAdd("add", 1)]


def test_batch_norm_pooling_and_swish_are_walked_through():
    s = Sketch()
    four = [s.constant(np.ones(4)) for _ in range(4)]
    y = s.op("BatchNormalization", s.conv("x"), *four)
    y = s.op("Mul", y, s.op("Sigmoid", y))
    y = s.op("MaxPool", y, kernel_shape=[3, 3], pads=[1] * 4)
    assert s.adds(s.op("Add", y, "x", name="add")) == [ResidualAdd("add", 1)]


def test_squeeze_and_excitation_by_gemm_is_still_a_convolution_branch():
    s = Sketch()
    y = s.conv("x")
    gate = s.op("Gemm", s.op("Flatten", s.op("GlobalAveragePool", y)), s.constant(np.zeros((4, 4))))
    gate = s.op("Reshape", s.op("Sigmoid", gate), s.constant(np.array([1, 4, 1, 1])))
    assert s.adds(s.op("Add", s.op("Mul", y, gate), "x", name="add")) == [ResidualAdd("add", 1)]


@pytest.mark.parametrize("other", [np.zeros((1, 4, 1, 1)), np.zeros((1, 4, 8, 8)), np.zeros(())])
def test_a_constant_is_a_bias(other):
    s = Sketch()
    assert s.adds(s.op("Add", s.conv("x"), s.constant(other))) == []


def test_a_broadcast_is_no_residual():
    s = Sketch()
    pooled = s.op("GlobalAveragePool", s.conv("x"))
    assert s.adds(s.op("Add", s.conv("x"), pooled)) == []


def test_a_tensor_added_to_itself_is_no_residual():
    s = Sketch()
    y = s.conv("x")
    assert s.adds(s.op("Add", y, y)) == []


def test_adds_without_convolution():
    s = Sketch()
    assert s.adds(s.op("Add", s.op("Relu", "x"), s.op("Tanh", "x"))) == []


def test_vit_stream_behind_a_patch_embedding():
    s = Sketch()
    x = s.op("Transpose", s.op("Reshape", s.conv("x"), s.constant(np.array([1, 4, 64]))), perm=[0, 2, 1])
    x = s.op("Add", x, s.linear(x, 4))
    assert s.adds(s.op("Add", x, s.linear(s.op("Relu", s.linear(x, 4)), 4))) == []


def test_post_norm_stream():
    s = Sketch((1, 16, 8))
    ones = s.constant(np.ones(8))
    x = "x"
    for _ in range(2):
        x = s.op("LayerNormalization", s.op("Add", x, s.linear(x)), ones, axis=-1)
    assert s.adds(x) == []


def test_convnext_stream_stays_float_though_it_begins_with_a_convolution():
    """Depthwise convolution, then matrix products on the last axis, added to a stream that reaches the stem."""
    s = Sketch()
    x = s.conv("x")
    for block in range(2):
        y = s.op("Transpose", s.conv(x), perm=[0, 2, 3, 1])
        y = s.linear(s.op("Relu", s.linear(y, 4)), 4)
        y = s.op("Transpose", s.op("Mul", y, s.constant(np.ones(4))), perm=[0, 3, 1, 2])
        x = s.op("Add", x, y, name=f"stream{block}")
    assert s.adds(x) == []


def test_sum_of_three_branches():
    s = Sketch()
    inner = s.op("Add", s.conv("x"), s.conv("x", 1), name="inner")
    assert [a.node for a in s.adds(s.op("Add", inner, "x", name="outer"))] == ["inner", "outer"]


@pytest.mark.parametrize(
    ("name", "count"), [("resnet18", 8), ("mobilenet", 10), ("transformer", 0), ("residual_micro", 1)]
)
def test_fixture_models(name, count):
    model = load_script(ROOT / "fixtures/models/make_models.py").MODELS[name]()
    found = residual_adds(onnx.shape_inference.infer_shapes(model))
    assert len(found) == count
    assert all(add.shortcut is not None for add in found)
