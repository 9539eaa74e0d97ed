"""The documented Q/DQ rules, each on a graph that breaks it and on one that keeps it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.graph.qdq import Net
from trtprof.graph.qdq_facts import qdq_facts
from trtprof.graph_facts import Fact
from trtprof.model import DType


def found(model: onnx.ModelProto) -> dict[Fact, list[str]]:
    result: dict[Fact, list[str]] = {}
    for item in qdq_facts(model).facts:
        result.setdefault(item.fact, []).append(item.node)
    return result


@pytest.mark.parametrize("quantised", [True, False])
def test_the_skip_input_of_a_residual_add(quantised: bool) -> None:
    net = Net()
    first = net.node("Relu", net.conv(net.qdq("x"), "stem"))
    branch = net.conv(net.qdq(first), "branch")
    add = net.node("Add", branch, net.qdq(first) if quantised else first, name="join")
    model = net.model(net.conv(net.qdq(net.node("Relu", add)), "last"))
    assert found(model).get(Fact.SKIP_NOT_QUANTISED) == (None if quantised else ["join"])


def test_the_model_with_one_sided_residuals(models: Path) -> None:
    facts = qdq_facts(onnx.load(models / "residual_onesided_qdq.onnx"))
    assert facts.of(Fact.SKIP_NOT_QUANTISED)
    assert facts.quantised == facts.weighted


@pytest.mark.parametrize(("scales", "wrong"), [((0.1, 0.1), False), ((0.1, 0.2), True)])
def test_the_scales_that_meet_at_a_concat(scales: tuple[float, float], wrong: bool) -> None:
    net = Net()
    x = net.qdq("x")
    parts = [net.qdq(net.conv(x, f"c{place}"), scale) for place, scale in enumerate(scales)]
    model = net.model(net.node("Concat", *parts, name="cat", axis=1))
    assert found(model).get(Fact.CONCAT_SCALES) == (["cat"] if wrong else None)


def test_a_concat_with_one_unquantised_input_and_one_quantised_behind() -> None:
    net = Net()
    x = net.qdq("x")
    one = net.node("Concat", net.qdq(net.conv(x, "a")), net.conv(x, "b"), name="one", axis=1)
    both = net.node("Concat", net.conv(x, "c"), net.conv(x, "d"), name="both", axis=1)
    assert found(net.model(one, net.qdq(both)))[Fact.CONCAT_SCALES] == ["one"]


def test_one_tensor_with_several_scales_or_a_float_reader() -> None:
    net = Net()
    y = net.conv(net.qdq("x"), "stem")
    outputs = [net.conv(net.qdq(y, scale), f"c{place}") for place, scale in enumerate((0.1, 0.3))]
    facts = found(net.model(*outputs, net.node("Sigmoid", y)))
    assert facts[Fact.CONSUMER_SCALES] == ["stem"]
    assert facts[Fact.FLOAT_CONSUMER] == ["stem"]


def test_an_activation_and_a_pooling_between_quantised_convolutions() -> None:
    net = Net()
    silu = net.node("Sigmoid", net.conv(net.qdq("x"), "a"), name="act")
    pooled = net.node("AveragePool", net.conv(net.qdq(silu), "b"), name="pool", kernel_shape=[1, 1])
    facts = found(net.model(net.conv(net.qdq(pooled), "c")))
    assert facts[Fact.FLOAT_BETWEEN] == ["act"]
    assert facts[Fact.FLOAT_OPERATION] == ["pool"]


def test_the_tail_of_a_network_is_no_island() -> None:
    net = Net()
    assert found(net.model(net.node("Sigmoid", net.conv(net.qdq("x"), "a")))) == {}


def test_padding_with_qdq_behind_it(shared: Path) -> None:
    assert "remove Q/DQ" in (shared.parent / "cases" / "17-pad-relu-qdq" / "truth.md").read_text()
    net = Net()
    pads = net.constant("pads", np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    relu = net.node("Relu", net.conv(net.qdq("x"), "a"))
    padded = net.node("Pad", net.qdq(relu), pads, name="pad")
    assert found(net.model(net.conv(net.qdq(padded), "b")))[Fact.PAD_BETWEEN] == ["pad"]
    net = Net()
    pads = net.constant("pads", np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    relu = net.node("Relu", net.conv(net.qdq("x"), "a"))
    assert Fact.PAD_BETWEEN not in found(net.model(net.conv(net.node("Pad", net.qdq(relu), pads), "b")))


def test_batch_normalisation_behind_a_quantised_convolution() -> None:
    net = Net()
    ones = net.constant("ones", np.ones(8, np.float32))
    y = net.node("BatchNormalization", net.conv(net.qdq("x"), "a"), ones, ones, ones, ones, name="bn")
    assert found(net.model(y)) == {Fact.BATCH_NORM: ["bn"]}


def test_an_int32_bias_that_is_dequantised(shared: Path) -> None:
    assert "INT32" in (shared.parent / "cases" / "15-ort-int32-bias-dq" / "truth.md").read_text()
    net = Net()
    assert found(net.model(net.conv(net.qdq("x"), "a", int32_bias=True))) == {Fact.INT32_BIAS: ["a"]}


@pytest.mark.parametrize(("dtype", "zero", "wrong"), [(np.int8, 0, False), (np.int8, 3, True), (np.uint8, 0, True)])
def test_zero_points(dtype: type, zero: int, wrong: bool) -> None:
    net = Net()
    facts = found(net.model(net.conv(net.qdq("x", zero=zero, dtype=dtype), "a")))
    assert (Fact.ZERO_POINT in facts) == wrong


def test_a_scale_of_shape_1() -> None:
    net = Net()
    assert found(net.model(net.conv(net.qdq("x", shape=(1,)), "a"))) == {Fact.SCALE_SHAPE: ["QuantizeLinear_0"]}


def test_what_stands_between_dq_and_matmul() -> None:
    net = Net()
    turned = net.node("Transpose", net.qdq("x"), name="turn", perm=[0, 1, 3, 2])
    facts = found(
        net.model(
            net.node("MatMul", net.qdq("x"), turned, name="qk"), net.node("MatMul", net.qdq("x"), "x", name="half")
        )
    )
    assert facts[Fact.BETWEEN_DQ_AND_MATMUL] == ["qk"]
    assert facts[Fact.ONE_QUANTISED_MATMUL_INPUT] == ["half"]


def test_a_float_model_has_no_facts(models: Path) -> None:
    facts = qdq_facts(onnx.load(models / "resnet18.onnx"))
    assert (facts.quantize_nodes, facts.quantised, facts.facts) == (0, 0, ())
    assert facts.float_type is DType.FP32
    assert facts.weighted > 20
