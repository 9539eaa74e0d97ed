"""Each repair: what it changes, that the function stays, and what it leaves alone, with the reason."""

from __future__ import annotations

import collections
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.graph.qdq import Net
from tests.graph.repairs.running import EXACT, furthest, repaired
from trtprof.graph.lint_facts import lint_facts
from trtprof.graph_facts import Fact


def operators(model: onnx.ModelProto) -> collections.Counter[str]:
    return collections.Counter(node.op_type for node in model.graph.node)


def has(model: onnx.ModelProto, fact: Fact) -> bool:
    return bool(lint_facts(onnx.shape_inference.infer_shapes(model)).of(fact))


def weights(net: Net, tensor: str, name: str, **attributes: object) -> str:
    """A quantised convolution with weights of every size and sign, scaled per channel."""
    rng = np.random.default_rng(len(name))
    channels = net.shape[1]
    values = rng.standard_normal((channels, channels, 1, 1)).astype(np.float32) / channels
    scale = net.constant(f"{name}.ws", (np.abs(values).max(axis=(1, 2, 3)) / 127).astype(np.float32))
    zero = net.constant(f"{name}.wz", np.zeros(channels, np.int8))
    w = net.constant(f"{name}.w", values)
    quantised = net.node("QuantizeLinear", w, scale, zero, axis=0)
    return net.node("Conv", tensor, net.node("DequantizeLinear", quantised, scale, zero, axis=0), name=name)


def test_the_model_with_one_sided_residuals(models: Path) -> None:
    model = onnx.load(models / "residual_onesided_qdq.onnx")
    after, made, left = repaired(model)
    assert [(item.code, item.node, item.exact) for item in made] == [("Q101", "/block/Add", False)]
    assert left == []
    assert made[0].what == (
        "its skip input '/relu/Relu_output_0' has Q/DQ now, with the scale 0.05 of '/block/conv1/Conv/0/QuantizeLinear'"
    )
    assert not has(after, Fact.SKIP_NOT_QUANTISED)
    assert operators(after)["QuantizeLinear"] == operators(model)["QuantizeLinear"] + 1


def residual(*, downsampled: bool) -> onnx.ModelProto:
    net = Net()
    first = net.node("Relu", weights(net, net.qdq("x", 0.1), "stem"))
    skip = weights(net, net.qdq(first, 0.02), "down") if downsampled else first
    branch = weights(net, net.qdq(net.node("Relu", weights(net, net.qdq(first, 0.02), "a")), 0.02), "bb")
    add = net.node("Add", branch, skip, name="join")
    return net.model(weights(net, net.qdq(net.node("Relu", add), 0.02), "last"))


def test_a_skip_input_shares_the_scale_of_the_tensor() -> None:
    model = residual(downsampled=False)
    after, made, _ = repaired(model, "Q101")
    (rounding,) = made[0].roundings
    assert (rounding.before, rounding.after) == (None, pytest.approx(0.02))
    assert 0 < furthest(model, after) < 0.02 * 4


def test_a_skip_input_behind_a_convolution_needs_data() -> None:
    model = residual(downsampled=True)
    after, made, left = repaired(model, "Q101")
    assert (made, left[0].node) == ([], "join")
    assert "give --calib" in left[0].why
    assert not furthest(model, after)
    after, made, left = repaired(model, "Q101", {"down:0": 2.54})
    assert left == []
    assert made[0].what.endswith("with the scale 0.02 from data")
    assert furthest(model, after) < 0.02 * 4


def test_a_pair_that_nothing_reads_gives_its_scale_and_stays() -> None:
    model = residual(downsampled=True)
    net = Net()
    scale, zero = net.constant("spare.s", np.float32(0.03)), net.constant("spare.z", np.int8(0))
    pair = net.node("QuantizeLinear", "down:0", scale, zero, name="spare")
    pair = net.node("DequantizeLinear", pair, scale, zero, name="unread")
    model.graph.node.extend(net.nodes)
    model.graph.initializer.extend(net.constants.values())
    after, made, left = repaired(model, ranges={})
    assert left == []
    assert "with the scale 0.03 of 'spare'" in made[0].what
    assert pair in {name for node in after.graph.node for name in node.output}


@pytest.mark.parametrize(("before", "pairs"), [(False, 1), (True, 1)])
def test_a_pair_behind_pad(before: bool, pairs: int) -> None:
    net = Net()
    pads = net.constant("pads", np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    relu = net.node("Relu", weights(net, net.qdq("x"), "a"))
    padded = net.node("Pad", net.qdq(relu) if before else relu, pads, name="pad")
    model = net.model(weights(net, net.qdq(padded), "bb"))
    after, made, left = repaired(model, "Q103")
    assert ([item.exact for item in made], left) == ([True], [])
    assert not has(after, Fact.PAD_BETWEEN)
    assert furthest(model, after) == 0
    count = operators(after)["QuantizeLinear"] - 3  # one for x, one for the weights of each
    assert count == pairs


def test_a_pad_that_is_left() -> None:
    net = Net()
    pads = net.constant("pads", np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    one = net.constant("one", np.float32(0.123))
    padded = net.node("Pad", net.node("Relu", weights(net, net.qdq("x"), "a")), pads, one, name="pad")
    model = net.model(weights(net, net.qdq(padded), "bb"))
    _, made, left = repaired(model, "Q103")
    assert (made, left[0].why) == ([], "it pads with another value than 0, which quantisation may change")
    shown = net.node("Sigmoid", padded)
    _, made, left = repaired(net.model(weights(net, net.qdq(padded), "cc"), shown), "Q103")
    assert (made, left[0].why) == ([], "something else reads the padded tensor too")


def test_scales_at_a_concat_and_on_what_else_reads_its_inputs() -> None:
    net = Net()
    x = net.qdq("x", 0.1)
    one, two = weights(net, x, "a"), weights(net, x, "bb")
    cat = net.node("Concat", net.qdq(one, 0.01), net.qdq(two, 0.02), name="cat", axis=1)
    other = weights(net, net.qdq(one, 0.015), "other")
    model = net.model(net.node("Relu", net.qdq(cat, 0.018)), other)
    after, made, left = repaired(model, "Q106")
    assert left == []
    assert made[0].what == "scales 0.01, 0.015, 0.018 are 0.02 now"
    assert not has(after, Fact.CONCAT_SCALES)
    assert not has(after, Fact.CONSUMER_SCALES)
    assert 0 < furthest(model, after, size=0.2) <= 0.02 * 2


def test_scales_too_far_apart_and_inputs_without_are_left() -> None:
    net = Net()
    x = net.qdq("x", 0.1)
    far = net.node("Concat", net.qdq(weights(net, x, "a"), 0.001), net.qdq(weights(net, x, "bb"), 0.1), axis=1)
    half = net.node("Concat", net.qdq(weights(net, x, "ccc"), 0.1), weights(net, x, "dddd"), axis=1)
    _, made, left = repaired(net.model(far, half), "Q106")
    assert made == []
    assert "too far apart" in left[0].why
    assert left[1].why == "1 of its inputs have no Q/DQ, whose scales are not known"


def test_consumers_of_one_tensor_and_of_an_input_of_the_model() -> None:
    net = Net()
    one = weights(net, net.qdq("x", 0.05), "a")
    two = weights(net, net.qdq("x", 0.06), "bb")
    model = net.model(weights(net, net.qdq(one, 0.01), "c"), weights(net, net.qdq(one, 0.011), "d"), two)
    after, made, _ = repaired(model, "Q107")
    assert [item.what for item in made] == ["scales 0.01 are 0.011 now", "scales 0.05 are 0.06 now"]
    assert not has(after, Fact.CONSUMER_SCALES)


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_batch_normalisation_is_folded_into_quantised_weights(stored: bool, bias: bool) -> None:
    net = Net()
    rng = np.random.default_rng(1)
    parameters = [rng.uniform(0.5, 2, 8) * rng.choice([-1, 1], 8), rng.normal(size=8), rng.normal(size=8)]
    parameters = [*parameters, rng.uniform(0.5, 2, 8)]
    parameters[0][3] = 0.0
    names = [net.constant(f"bn{i}", value.astype(np.float32)) for i, value in enumerate(parameters)]
    scale = net.constant("ws", rng.uniform(0.03, 0.05, 8).astype(np.float32))
    zero = net.constant("wz", np.zeros(8, np.int8))
    if stored:
        w = net.constant("w", rng.integers(-127, 128, (8, 8, 1, 1), dtype=np.int8))
    else:
        w = net.constant("w", rng.normal(size=(8, 8, 1, 1)).astype(np.float32))
        w = net.node("QuantizeLinear", w, scale, zero, axis=0)
    inputs = [net.qdq("x"), net.node("DequantizeLinear", w, scale, zero, axis=0)]
    if bias:
        inputs.append(net.constant("b", rng.normal(size=8).astype(np.float32)))
    model = net.model(net.node("BatchNormalization", net.node("Conv", *inputs, name="a"), *names, name="bn"))
    after, made, left = repaired(model, "Q104")
    assert ([item.node for item in made], left) == (["bn"], [])
    assert operators(after)["BatchNormalization"] == 0
    assert furthest(model, after) < EXACT * 10


def test_batch_normalisation_that_is_left() -> None:
    net = Net()
    ones = net.constant("ones", np.ones(8, np.float32))
    y = net.conv(net.qdq("x"), "a")
    norm = net.node("BatchNormalization", y, ones, ones, ones, ones, name="bn")
    _, made, left = repaired(net.model(norm, net.node("Relu", y)), "Q104")
    assert (made, left[0].why) == ([], "something else reads 'a' too")
    net = Net()
    ones, minus = (net.constant(f"of{value}", np.full(8, value, np.float32)) for value in (1, -1))
    lowest = net.constant("w", np.full((8, 8, 1, 1), -1.28, np.float32))
    conv = net.node("Conv", net.qdq("x"), net.qdq(lowest, 0.01), name="a")
    _, made, left = repaired(net.model(net.node("BatchNormalization", conv, minus, ones, ones, ones)), "Q104")
    assert (made, left[0].why) == ([], "a weight of -128 would have to change its sign, and there is no 128")


def test_an_int32_bias_becomes_float() -> None:
    net = Net()
    model = net.model(net.conv(net.qdq("x"), "a", int32_bias=True))
    after, made, left = repaired(model)
    assert ([(item.code, item.node, item.exact) for item in made], left) == ([("Q111", "a", True)], [])
    assert furthest(model, after) == 0
    assert not has(after, Fact.INT32_BIAS)


def test_a_bias_with_a_scale_for_each_channel() -> None:
    net = Net()
    bias = net.constant("b", np.arange(8, dtype=np.int32))
    scale = net.constant("bs", np.linspace(0.01, 0.1, 8, dtype=np.float32))
    w = net.qdq(net.constant("w", np.ones((8, 8, 1, 1), np.float32)))
    model = net.model(net.node("Conv", net.qdq("x"), w, net.node("DequantizeLinear", bias, scale, axis=0), name="a"))
    after, _, _ = repaired(model)
    assert furthest(model, after) == 0


def test_uint8_in_the_middle_is_int8_and_other_zero_points_are_left() -> None:
    for zero, kept in ((128, False), (0, True), (3, True)):
        net = Net()
        model = net.model(weights(net, net.qdq("x", zero=zero, dtype=np.uint8), "a"))
        after, made, left = repaired(model, "Q112")
        assert (bool(made), bool(left)) == (not kept, kept)
        assert furthest(model, after) == 0
        assert has(after, Fact.ZERO_POINT) == kept


@pytest.mark.parametrize("stored", [True, False])
def test_asymmetric_weights_that_fit_are_shifted(stored: bool) -> None:
    for zero, low, high, fits in ((100, 0, 200, True), (100, 0, 255, False)):
        net = Net()
        integers = np.linspace(low, high, 64).astype(np.uint8).reshape(8, 8, 1, 1)
        s, z = net.constant("s", np.float32(0.01)), net.constant("z", np.uint8(zero))
        if stored:
            w = net.constant("w", integers)
        else:
            floats = (integers.astype(np.float32) - zero) * np.float32(0.01)
            w = net.node("QuantizeLinear", net.constant("w", floats), s, z)
        model = net.model(net.node("Conv", net.qdq("x"), net.node("DequantizeLinear", w, s, z), name="a"))
        after, made, left = repaired(model, "Q112")
        assert (bool(made), bool(left)) == (fits, not fits)
        assert furthest(model, after) == 0


def test_a_scale_of_shape_1_becomes_a_scalar() -> None:
    net = Net()
    model = net.model(net.conv(net.qdq("x", shape=(1,)), "a"))
    after, made, _ = repaired(model)
    assert [item.code for item in made] == ["Q113"]
    assert furthest(model, after) == 0
    assert not has(after, Fact.SCALE_SHAPE)


def test_scales_in_constant_nodes_are_copied_where_they_come_too_late() -> None:
    model = residual(downsampled=False)
    constants = [
        helper.make_node("Constant", [], [tensor.name], f"c{place}", value=tensor)
        for place, tensor in enumerate(model.graph.initializer)
    ]
    nodes: list[onnx.NodeProto] = []
    waiting = {node.output[0]: node for node in constants}
    for node in model.graph.node:  # each constant right before the first node that reads it
        nodes += [waiting.pop(name) for name in node.input if name in waiting]
        nodes.append(node)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.node.extend(nodes)
    _, made, left = repaired(model)
    assert ([item.code for item in made], left) == (["Q101"], [])


def test_what_a_body_reads_is_kept() -> None:
    net = Net()
    bias = net.node("DequantizeLinear", net.constant("b", np.ones(8, np.int32)), net.constant("bs", np.float32(0.5)))
    body = helper.make_graph(
        [helper.make_node("Identity", [bias], ["inner"])], "then", [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [8])],
    )  # fmt: skip
    condition = net.constant("yes", np.array(True))
    chosen = net.node("If", condition, name="if", then_branch=body, else_branch=body)
    model = net.model(chosen)
    after, made, _ = repaired(model)
    assert [item.code for item in made] == ["Q111"]
    assert {tensor.name for tensor in after.graph.initializer} == {bias, "yes"}
    assert numpy_helper.to_array(after.graph.initializer[0]).size in (1, 8)


def test_a_zero_point_of_128_does_not_hide_a_skip_input_from_the_repair_after_it() -> None:
    """Shapes are known after each repair: a residual Add is told from a broadcast by them."""
    net = Net()
    skip = net.conv(net.qdq("x"))
    block = net.conv(net.qdq(skip))
    total = net.node("Add", net.qdq(block, 0.1, 128, dtype=np.uint8), skip)
    after, made, _ = repaired(net.model(net.conv(net.qdq(total))))
    assert [item.code for item in made] == ["Q112", "Q101"]
    assert not lint_facts(onnx.shape_inference.infer_shapes(after)).of(Fact.SKIP_NOT_QUANTISED)
