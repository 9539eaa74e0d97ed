"""Each limit of the DLA, just kept and just broken, and models that break none or many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from trtprof.backends.trtexec_flags import Version
from trtprof.jetson.dla_rules import check_dla

OLD, NEW = Version(8, 5, 2), Version(11, 4, 1)


def model(node: onnx.NodeProto, dims: list[object], weights: dict[str, np.ndarray] | None = None) -> onnx.ModelProto:
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def conv(kernel: int = 3, dims: list[object] | None = None, maps: int = 4, **attributes: object) -> onnx.ModelProto:
    group = int(attributes.get("group", 1))  # type: ignore[call-overload]
    weights = np.zeros((maps, 4 // group, kernel, kernel), np.float32)
    return model(helper.make_node("Conv", ["x", "w"], ["y"], "c", **attributes), dims or [1, 4, 64, 64], {"w": weights})


def plain(op: str, count: int = 1, dims: list[object] | None = None, **attributes: object) -> onnx.ModelProto:
    return model(helper.make_node(op, ["x"] * count, ["y"], "n", **attributes), dims or [1, 4, 8, 8])


def rules(made: onnx.ModelProto, trt: Version = OLD) -> list[str]:
    return [f"{item.rule}: {item.found}" for item in check_dla(made, trt)]


KEPT = {
    "conv": conv(32, strides=[8, 8], pads=[31] * 4, dilations=[1, 1]),
    "grouped conv": conv(group=4),
    "max pool": plain("MaxPool", kernel_shape=[8, 8], pads=[7, 7, 7, 7], strides=[8, 8]),
    "global pool": plain("GlobalAveragePool"),
    "relu": plain("Relu"),
    "add": plain("Add", 2),
    "concat": plain("Concat", 2, axis=1),
    "negative concat": plain("Concat", 2, axis=-3),
    "softmax": plain("Softmax", axis=1),
    "batch": plain("Relu", dims=[4096, 4]),
    "relu6": model(
        helper.make_node("Clip", ["x", "lo", "hi"], ["y"], "n"), [1, 4],
        {"lo": np.array(0, np.float32), "hi": np.array(6, np.float32)},
    ),
    "gemm": model(helper.make_node("Gemm", ["x", "w"], ["y"], "n"), [1, 4], {"w": np.zeros((4, 2), np.float32)}),
    "resize": model(
        helper.make_node("Resize", ["x", "", "s"], ["y"], "n"), [1, 4, 8, 8], {"s": np.array([1, 1, 2, 2], np.float32)}
    ),
}  # fmt: skip
BROKEN = {
    "kernel: 33x33": conv(33),
    "stride: 9x1": conv(strides=[9, 1]),
    "padding: 32x0x0x0": conv(pads=[32, 0, 0, 0]),
    "dilation: 33x1": conv(1, dilations=[33, 1]),
    "output maps: 8193": conv(1, maps=8193),
    "window: 9x9": plain("MaxPool", kernel_shape=[9, 9], pads=[1] * 4),
    "window: 14x14": plain("GlobalAveragePool", dims=[1, 4, 14, 14]),
    "stride: 17x1": plain("AveragePool", kernel_shape=[2, 2], strides=[17, 1], dims=[1, 4, 64, 64]),
    "operator: Exp": plain("Exp"),
    "operator: Div": plain("Div", 2),
    "operator: InstanceNormalization": plain("InstanceNormalization", 3),
    "concatenation: along axis 2": plain("Concat", 2, axis=2),
    "softmax: over 9000": plain("Softmax", axis=1, dims=[1, 9000]),
    "batch: 4097": plain("Relu", dims=[4097, 4]),
    "weights: computed": plain("MatMul", 2, dims=[4, 4]),
    "slopes: computed": plain("PRelu", 2),
    "dynamic shapes: 1 dynamic dimensions": plain("Relu", dims=["n", 4]),
    "window: 4": plain("LRN", size=4),
    "clip: to 200": model(
        helper.make_node("Clip", ["x", "lo", "hi"], ["y"], "n"), [1, 4],
        {"lo": np.array(0, np.float32), "hi": np.array(200, np.float32)},
    ),
    "clip: from -1": model(
        helper.make_node("Clip", ["x", "lo"], ["y"], "n"), [1, 4], {"lo": np.array(-1, np.float32)}
    ),
    "scales: 1x2": model(
        helper.make_node("Resize", ["x", "", "s"], ["y"], "n"), [1, 4, 8, 8], {"s": np.array([1, 2, 2, 2], np.float32)}
    ),
    "slice step: 2": model(
        helper.make_node("Slice", ["x", "a", "b", "c", "d"], ["y"], "n"), [1, 4, 8, 8],
        {"a": np.array([0]), "b": np.array([8]), "c": np.array([2]), "d": np.array([2])},
    ),
    "batch: 1 becomes 4": model(
        helper.make_node("Reshape", ["x", "s"], ["y"], "n"), [1, 4, 8, 8], {"s": np.array([4, 1, 8, 8])}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_a_limit_that_is_kept_is_not_mentioned(name: str) -> None:
    assert rules(KEPT[name]) == []


@pytest.mark.parametrize("words", BROKEN)
def test_a_limit_that_is_broken_is_named_with_what_was_found(words: str) -> None:
    assert words in rules(BROKEN[words])
    assert all(item.limit for item in check_dla(BROKEN[words], OLD))


def test_deconvolution_takes_no_padding_groups_or_dilation() -> None:
    weights = {"w": np.zeros((4, 2, 3, 3), np.float32)}
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], "n", group=2, pads=[1] * 4, dilations=[2, 2])
    assert rules(model(node, [1, 4, 8, 8], weights)) == ["padding: 1x1x1x1", "groups: 2", "dilation: 2x2"]


def test_q_dq_is_taken_since_11_4_1_alone() -> None:
    scale = {"s": np.array(1, np.float32), "z": np.array(0, np.int8)}
    quantised = model(helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"], "q"), [1, 4], scale)
    assert [item.rule for item in check_dla(quantised, OLD)] == ["quantisation"]
    assert check_dla(quantised, NEW) == ()


def test_whole_models(models: Path) -> None:
    found = check_dla(onnx.load(models / "residual_micro.onnx"), OLD)
    assert all(item.node and item.limit for item in found)
    assert {item.rule for item in found} <= {"window", "operator", "type"}


def test_a_node_without_a_name_is_named_by_its_place() -> None:
    made = plain("Exp")
    made.graph.node[0].name = ""
    assert check_dla(made, OLD)[0].node == "Exp 0"
