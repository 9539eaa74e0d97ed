"""The documented rules that only a linter looks for, each on a graph that breaks it and on one that keeps it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.graph.qdq import Net
from trtprof.graph.lint_facts import lint_facts
from trtprof.graph_facts import Fact


def found(model: onnx.ModelProto) -> dict[Fact, list[str]]:
    result: dict[Fact, list[str]] = {}
    for item in lint_facts(model).facts:
        if item.fact is not Fact.WEIGHT_PER_TENSOR:  # every conv of the small nets
            result.setdefault(item.fact, []).append(item.node)
    return result


def opset(model: onnx.ModelProto, version: int) -> onnx.ModelProto:
    model.opset_import[0].version = version
    return model


def test_a_kept_net_has_no_facts_but_its_weights_scales() -> None:
    net = Net()
    model = net.model(net.conv(net.qdq(net.node("Relu", net.conv(net.qdq("x"), "a"))), "b"))
    assert [item.node for item in lint_facts(model).facts] == ["a", "b"]
    assert found(model) == {}


def test_integer_operators() -> None:
    net = Net()
    x = net.node("QuantizeLinear", "x", net.constant("s", np.float32(0.1)), net.constant("z", np.int8(0)), name="q")
    w = net.constant("w", np.ones((8, 8, 1, 1), np.int8))
    net.node("ConvInteger", x, w, name="inside")
    model = net.model(net.node("Cast", "inside:0", to=TensorProto.FLOAT))
    assert found(model) == {Fact.INTEGER_OPERATOR: ["inside"], Fact.DANGLING: ["q"]}


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_scales_that_cannot_be(scale: float) -> None:
    net = Net()
    model = net.model(net.conv(net.qdq("x", scale), "a"))
    assert found(model) == {Fact.SCALE_VALUE: ["QuantizeLinear_0", "DequantizeLinear_1"]}


def test_a_scale_that_is_computed() -> None:
    net = Net()
    largest = net.node("ReduceMax", "x", name="amax", keepdims=0)
    zero = net.constant("z", np.int8(0))
    pair = net.node("DequantizeLinear", net.node("QuantizeLinear", "x", largest, zero, name="q"), largest, name="d")
    assert found(net.model(net.conv(pair, "a")))[Fact.SCALE_COMPUTED] == ["q", "d"]


def test_the_opset_that_scales_and_types_need() -> None:
    net = Net()
    w = net.constant("w", np.ones((8, 8, 1, 1), np.float32))
    model = net.model(net.node("Conv", net.qdq("x"), net.qdq(w, shape=(8,)), name="a"))
    assert Fact.OPSET not in found(opset(model, 13))
    assert found(opset(model, 12))[Fact.OPSET] == ["QuantizeLinear_2", "DequantizeLinear_3"]
    net = Net()
    half = net.constant("h", np.float16(0.1))
    zero = net.constant("z", np.int8(0))
    model = net.model(net.node("DequantizeLinear", net.node("QuantizeLinear", "x", half, zero, name="q"), half, zero))
    assert Fact.OPSET not in found(opset(model, 19))
    assert found(opset(model, 18))[Fact.OPSET][0] == "q"
    net = Net()
    four = helper.make_tensor("w4", TensorProto.INT4, [8, 8, 1, 1], bytes(32), raw=True)
    net.constants["w4"] = four
    net.node("DequantizeLinear", "w4", net.constant("s", np.float32(0.1)), name="d4")
    model = net.model(net.node("Conv", net.qdq("x"), "d4:0", name="a"))
    assert Fact.OPSET not in found(opset(model, 21))
    assert found(opset(model, 20))[Fact.OPSET] == ["d4"]


def test_an_activation_with_a_scale_for_each_channel_and_weights_along_the_wrong_axis() -> None:
    net = Net()
    w = net.constant("w", np.ones((8, 8, 1, 1), np.float32))
    model = net.model(net.node("Conv", net.qdq("x", shape=(8,)), net.qdq(w, shape=(8,)), name="a"))
    assert found(model) == {Fact.ACTIVATION_PER_CHANNEL: ["QuantizeLinear_0"], Fact.WEIGHT_AXIS: ["a"]}


def test_a_pair_of_two_scales() -> None:
    net = Net()
    one, two, zero = (net.constant(*item) for item in (("s", np.float32(1)), ("t", np.float32(2)), ("z", np.int8(0))))
    pair = net.node("DequantizeLinear", net.node("QuantizeLinear", "x", one, zero), two, zero, name="d")
    assert found(net.model(net.conv(pair, "a"))) == {Fact.PAIR_SCALES: ["d"]}


def test_one_quantised_operand_and_none() -> None:
    net = Net()
    w = net.constant("w", np.ones((8, 8, 1, 1), np.float32))
    data = net.node("Conv", net.qdq("x"), w, name="data")
    weights = net.node("Conv", data, net.qdq(w), name="weights")
    model = net.model(net.node("Conv", weights, w, name="none"))
    assert found(model) == {Fact.ONE_QUANTISED_OPERAND: ["data", "weights"], Fact.LEFT_IN_FLOAT: ["none"]}


def test_a_pair_between_a_convolution_and_what_it_fuses_with() -> None:
    net = Net()
    relu = net.node("Relu", net.qdq(net.conv(net.qdq("x"), "a")))
    assert found(net.model(net.conv(net.qdq(relu), "b"))) == {Fact.OUTPUT_QUANTISED: ["a"]}


def test_a_pair_on_the_skip_input_behind_a_convolution_is_right_on_the_other_it_is_not() -> None:
    net = Net()
    x = net.node("Relu", net.conv(net.qdq("x"), "stem"))
    skip = net.qdq(net.conv(net.qdq(x), "down"))
    branch = net.conv(net.qdq(net.conv(net.qdq(x), "a")), "b")
    right = net.node("Add", branch, skip, name="right")
    wrong = net.node("Add", net.qdq(branch), skip, name="wrong")
    assert found(net.model(right, wrong))[Fact.OUTPUT_QUANTISED] == ["b"]


def test_groups_of_three_channels_and_depthwise() -> None:
    for channels, groups, wrong in ((6, 2, True), (16, 2, False), (8, 8, False)):
        net = Net(channels)
        w = net.constant("w", np.ones((channels, channels // groups, 1, 1), np.float32))
        model = net.model(net.node("Conv", net.qdq("x"), net.qdq(w), name="g", group=groups))
        assert found(model) == ({Fact.GROUP_ALIGNMENT: ["g"]} if wrong else {})


def test_a_cast_beside_a_quantiser_and_a_dangling_pair() -> None:
    net = Net()
    half = net.node("Cast", "x", name="to16", to=TensorProto.FLOAT16)  # of the model's input
    cast = net.node("Cast", half, name="back", to=TensorProto.FLOAT)
    y = net.conv(net.qdq(cast), "a")
    scale, zero = net.constant("s", np.float32(1)), net.constant("z", np.int8(0))
    net.node("QuantizeLinear", y, scale, zero, name="unread")
    net.node("DequantizeLinear", net.node("QuantizeLinear", y, scale, zero), scale, zero, name="unread pair")
    facts = found(net.model(y))
    assert facts == {Fact.CAST_BESIDE: ["back"], Fact.DANGLING: ["unread", "unread pair"]}


def test_a_plugin_between_quantised_layers() -> None:
    net = Net()
    plugin = net.node("Mine", net.qdq("x"), name="mine", domain="com.me")
    y = net.conv(net.qdq(plugin), "a")
    x, out = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", y))
    graph = helper.make_graph(net.nodes, "net", [x], [out], list(net.constants.values()))
    assert found(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])) == {Fact.PLUGIN: ["mine"]}
