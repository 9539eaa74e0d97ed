from __future__ import annotations

import warnings

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import TensorProto, helper

from trtprof.model import DType, Notice
from trtprof.variants.half import convert_to_half
from trtprof.variants.rounding import round_tensor, round_values

from .support import DTYPES, FLOAT, HALF, data_for, graph_model, initializers, io_of, micro

BF16 = TensorProto.BFLOAT16


def converted(model, dtype=DType.FP16):
    result = onnx.ModelProto()
    result.CopyFrom(model)
    info = convert_to_half(result, dtype)
    onnx.checker.check_model(result, full_check=True)
    assert io_of(result) == io_of(model)
    return result, info


def run(model, feeds):
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def same(model, feeds, tolerance=5e-3):
    """The FP16 form gives what the model gives."""
    result, info = converted(model)
    for expected, found in zip(run(model, feeds), run(result, feeds), strict=True):
        assert expected.dtype == found.dtype
        assert np.allclose(expected, found, atol=tolerance, rtol=tolerance)
    return result, info


def x(*shape):
    return {"x": np.random.default_rng(0).standard_normal(shape).astype(np.float32)}


def ops(model):
    return [node.op_type for node in model.graph.node]


def test_everything_inside_is_half():
    result, info = same(micro(), x(1, 3, 8, 8))
    assert ops(result) == ["Cast", "Conv", "Relu", "Cast"]
    assert {tensor.data_type for tensor in result.graph.initializer} == {HALF}
    assert {v.name: v.type.tensor_type.elem_type for v in result.graph.value_info} == {"c": HALF}
    assert [node.name for node in result.graph.node] == ["x_fp16_Cast", "conv", "relu", "y_Cast"]
    assert info.notices == ()


def test_bf16():
    model = onnx.version_converter.convert_version(micro(), 22)
    result, info = converted(model, DType.BF16)
    assert {tensor.data_type for tensor in result.graph.initializer} == {BF16}
    assert info.notices == ()


def test_bf16_below_its_opset_stays_fp32_and_says_so():
    result, info = converted(micro(), DType.BF16)
    assert info.kept_operators == {"Conv"}
    assert info.notices == (Notice("bf16-fp32-kept", "opset 19 has no BF16 form of Conv: FP32 there, between casts"),)
    assert initializers(result)["w"].dtype == np.float32


def test_resize_runs_in_half_and_keeps_its_scales():
    node = helper.make_node("Resize", ["x", "", "s"], ["y"], mode="nearest")
    model = graph_model([node], {"x": (1, 2, 4, 4)}, {"y": (1, 2, 8, 8)}, {"s": np.array([1.0, 1, 2, 2])})
    result, info = same(model, x(1, 2, 4, 4))
    assert ops(result) == ["Cast", "Resize", "Cast"]
    assert initializers(result)["s"].dtype == np.float32
    assert info.notices == ()


def test_a_constant_both_kinds_of_input_read_exists_twice():
    nodes = [
        helper.make_node("Resize", ["x", "", "s"], ["r"], mode="nearest"),
        helper.make_node("Mul", ["r", "s"], ["y"]),
    ]
    model = graph_model(nodes, {"x": (1, 1, 2, 4)}, {"y": (1, 1, 4, 4)}, {"s": np.array([1.0, 1, 2, 1])})
    result, _ = same(model, x(1, 1, 2, 4))
    assert {name: array.dtype.name for name, array in initializers(result).items()} == {
        "s": "float16",
        "s_fp32": "float32",
    }


@pytest.mark.parametrize("op_type", ["Min", "Max"])
def test_operators_the_library_keeps_in_fp32_are_half_here(op_type):
    model = graph_model([helper.make_node(op_type, ["x", "k"], ["y"])], {"x": (1, 4)}, {"y": (1, 4)}, {"k": np.ones(4)})
    assert ops(same(model, x(1, 4))[0]) == ["Cast", op_type, "Cast"]


def test_operators_without_a_half_form_are_between_casts_and_chains_of_them_share():
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("CumSum", ["a", "axis"], ["b"]),
        helper.make_node("CumSum", ["b", "axis"], ["c"]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    model = graph_model(nodes, {"x": (1, 4)}, {"y": (1, 4)}, {"axis": np.array(1)}, opset=13)
    schema = onnx.defs.get_schema("CumSum", 13)
    assert "tensor(float16)" not in schema.inputs[0].types
    result, info = same(model, x(1, 4), 0.05)
    assert ops(result) == ["Cast", "Relu", "Cast", "CumSum", "CumSum", "Cast", "Relu", "Cast"]
    assert info.kept_operators == {"CumSum"}


def test_inputs_and_outputs_that_are_read_inside_too():
    nodes = [
        helper.make_node("Relu", ["x"], ["y"]),
        helper.make_node("Add", ["x", "y"], ["z"]),
        helper.make_node("CumSum", ["x", "axis"], ["w"]),
    ]
    outputs = {"y": (1, 4), "z": (1, 4), "w": (1, 4)}
    model = graph_model(nodes, {"x": (1, 4)}, outputs, {"axis": np.array(1)}, opset=13)
    result, _ = same(model, x(1, 4))
    assert ops(result).count("Cast") == 3  # x in; y and z out; CumSum reads and writes FP32 as it is


def test_passthrough_and_constant_outputs():
    model = graph_model([helper.make_node("Relu", ["x"], ["y"])], {"x": (1, 4)}, {"y": (1, 4)}, {"k": np.ones(3)})
    model.graph.output.append(helper.make_tensor_value_info("k", FLOAT, [3]))
    model.graph.output.append(helper.make_tensor_value_info("x", FLOAT, [1, 4]))
    result, _ = converted(model)
    assert initializers(result)["k"].dtype == np.float32


def test_casts_and_integers():
    nodes = [
        helper.make_node("Cast", ["ids"], ["f"], to=FLOAT),
        helper.make_node("Mul", ["f", "k"], ["m"]),
        helper.make_node("Cast", ["m"], ["n"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "n"], ["y"]),
    ]
    model = graph_model(
        nodes, {"ids": (3,)}, {"y": (3, 2)}, {"k": np.array(1.0), "table": np.arange(8.0).reshape(4, 2)},
        types={"ids": TensorProto.INT64},
    )  # fmt: skip
    result, _ = same(model, {"ids": np.array([0, 3, 1])})
    assert [node.attribute[0].i for node in result.graph.node if node.op_type == "Cast"] == [HALF, TensorProto.INT64, 1]


def test_constant_nodes_and_shapes():
    value = helper.make_tensor("v", FLOAT, [1], [2.5])
    nodes = [
        helper.make_node("Constant", [], ["a"], value_float=1.5),
        helper.make_node("Constant", [], ["b"], value_floats=[1.0, 2, 3, 4]),
        helper.make_node("ConstantOfShape", ["shape"], ["c"], value=value),
        helper.make_node("ConstantOfShape", ["shape"], ["d"]),
        helper.make_node("Sum", ["x", "a", "b", "c", "d"], ["y"]),
    ]
    model = graph_model(nodes, {"x": (1, 4)}, {"y": (1, 4)}, {"shape": np.array([1, 4])})
    assert ops(same(model, x(1, 4))[0])[-3:] == ["Cast", "Sum", "Cast"]


def test_random_numbers_keep_their_own_type():
    nodes = [
        helper.make_node("RandomNormal", [], ["r"], shape=[1, 4], seed=1.0),
        helper.make_node("Add", ["x", "r"], ["y"]),
    ]
    result, _ = converted(graph_model(nodes, {"x": (1, 4)}, {"y": (1, 4)}, {}))
    run(result, x(1, 4))


def test_types_the_model_does_not_declare_follow_the_operators():
    model = graph_model(
        [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("CumSum", ["a", "axis"], ["y"])],
        {"x": (1, 4)}, {"y": (1, 4)}, {"axis": np.array(1)}, opset=13,
    )  # fmt: skip
    del model.graph.value_info[:]
    same(model, x(1, 4))


def subgraph(name, nodes, outputs, inputs=(), weights=()):
    return helper.make_graph(
        nodes,
        name,
        list(inputs),
        [helper.make_tensor_value_info(output, FLOAT, None) for output in outputs],
        list(weights),
    )


def test_if_reads_around_it_and_both_branches_agree():
    scale = helper.make_tensor("k", FLOAT, [1], [3.0])
    then = subgraph("then", [helper.make_node("Mul", ["a", "k"], ["t"])], ["t"], weights=[scale])
    other = subgraph("other", [helper.make_node("CumSum", ["x", "axis"], ["e"])], ["e"])
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("If", ["flag"], ["y"], then_branch=then, else_branch=other),
    ]
    model = graph_model(
        nodes, {"x": (1, 4), "flag": ()}, {"y": None}, {"axis": np.array(1)}, opset=13, types={"flag": TensorProto.BOOL}
    )
    for flag in (True, False):
        same(model, {**x(1, 4), "flag": np.array(flag)})


def test_loop_carries_half():
    body = helper.make_graph(
        [
            helper.make_node("Add", ["carried", "a"], ["next"]),
            helper.make_node("Identity", ["go"], ["still"]),
            helper.make_node("Relu", ["next"], ["scanned"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", FLOAT, [1, 4]),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", FLOAT, [1, 4]),
            helper.make_tensor_value_info("scanned", FLOAT, [1, 4]),
        ],
    )
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Loop", ["n", "", "x"], ["y", "all"], body=body),
    ]
    model = graph_model(nodes, {"x": (1, 4)}, {"y": (1, 4), "all": (3, 1, 4)}, {"n": np.array(3)})
    same(model, x(1, 4), 0.02)


def test_plugins_keep_fp32():
    node = helper.make_node("Fancy", ["x"], ["p"], domain="my.plugins")
    graph = helper.make_graph(
        [node, helper.make_node("Relu", ["p"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", FLOAT, [1, 4])],
        value_info=[helper.make_tensor_value_info("p", FLOAT, [1, 4])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19), helper.make_opsetid("my.plugins", 1)])
    info = convert_to_half(model, DType.FP16)
    assert ops(model) == ["Fancy", "Cast", "Relu", "Cast"]
    assert info.notices == (Notice("fp16-unknown-operator", "not in the ONNX standard, FP32 between casts: Fancy"),)


def test_qdq_pairs_become_half_from_opset_19():
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    weights = {"s": np.array(1e-9), "z": np.array(0, np.int8)}
    result, _ = converted(graph_model(nodes, {"x": (1, 4)}, {"y": (1, 4)}, weights))
    assert initializers(result)["s"].dtype == np.float16
    assert initializers(result)["s"] == np.float16(6e-8)
    below, info = converted(graph_model(nodes, {"x": (1, 4)}, {"y": (1, 4)}, weights, opset=18))
    assert initializers(below)["s"].dtype == np.float32
    assert info.kept_operators == {"QuantizeLinear", "DequantizeLinear"}


def test_constants_beyond_the_type_are_reported():
    weights = {"a": np.array([7e4, 1.0]), "b": np.array([-1e30, 0.0]), "c": np.array([np.inf, 1e-12])}
    nodes = [helper.make_node("Sum", ["x", "a", "b", "c"], ["y"])]
    result, info = converted(graph_model(nodes, {"x": (2,)}, {"y": (2,)}, weights))
    assert info.notices == (Notice("fp16-constants-clamped", "2 constants beyond ±65504 clamped to it: a, b", "a"),)
    values = initializers(result)
    assert (values["a"][0], values["b"][0], values["c"][0]) == (65504, -65504, np.inf)
    assert values["b"][1] == 0
    assert values["c"][1] > 0


def test_taken_names():
    nodes = [helper.make_node("Relu", ["x"], ["x_fp16"], name="y_Cast"), helper.make_node("Neg", ["x_fp16"], ["y"])]
    same(graph_model(nodes, {"x": (1, 4)}, {"y": (1, 4)}, {}), x(1, 4))


@pytest.mark.parametrize("name", ["residual_micro", "transformer"])
def test_against_onnxconverter_common(base, name):
    """The library's model where it keeps nothing in FP32: the same weights, the same numbers."""
    float16 = pytest.importorskip("onnxconverter_common.float16")
    model = onnx.load(base(name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it warns of each tensor with values below 1e-7
        theirs = float16.convert_float_to_float16(
            onnx.load(base(name)), min_positive_val=2.0**-24, max_finite_val=65504, keep_io_types=True, op_block_list=[]
        )
    ours, _ = converted(model)
    expected = {k: v for k, v in initializers(theirs).items() if v.dtype == np.float16}
    assert {k for k, v in initializers(ours).items() if v.dtype == np.float16} == set(expected)
    assert all(np.array_equal(initializers(ours)[k], v) for k, v in expected.items())
    (feeds,) = data_for(model, "random:1").batches()
    assert np.array_equal(run(ours, feeds)[0], run(theirs, feeds)[0])


FLOATS = arrays(np.float32, 20, elements=st.floats(width=32, allow_nan=False))


@settings(max_examples=200, deadline=None)
@given(FLOATS)
def test_rounding_to_fp16_is_numpys_inside_the_range(values):
    bits, clamped = round_values(values, DType.FP16)
    rounded = bits.view(np.float16)
    assert clamped == bool((np.isfinite(values) & (np.abs(values) >= 65520)).any())  # below it rounds to 65504
    inside = (np.abs(values) <= 65504) & ((np.abs(values) >= 2.0**-24) | (values == 0))
    assert np.array_equal(rounded[inside], values[inside].astype(np.float16))
    assert np.array_equal(np.isfinite(values), np.isfinite(rounded))
    assert np.array_equal(values == 0, rounded == 0)
    assert np.array_equal(np.signbit(values), np.signbit(rounded))


@settings(max_examples=200, deadline=None)
@given(FLOATS)
def test_rounding_to_bf16_is_ml_dtypes(values):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    bits, _ = round_values(values, DType.BF16)
    rounded = bits.view(ml_dtypes.bfloat16)
    limit = float(ml_dtypes.finfo(ml_dtypes.bfloat16).max)
    inside = (np.abs(values) <= limit) & ((np.abs(values) >= 2.0**-133) | (values == 0))
    assert np.array_equal(rounded[inside], values[inside].astype(ml_dtypes.bfloat16))
    assert np.array_equal(np.isfinite(values), np.isfinite(rounded.astype(np.float32)))
    assert np.array_equal(values == 0, rounded.astype(np.float32) == 0)


@pytest.mark.parametrize("dtype", [DType.FP16, DType.BF16])
def test_nan_stays_nan(dtype):
    tensor, clamped = round_tensor(onnx.numpy_helper.from_array(np.float32(np.nan), "n"), dtype)
    assert np.isnan(np.asarray(onnx.numpy_helper.to_array(tensor), np.float32))
    assert not clamped


def test_dtypes_of_the_tests_are_the_models():
    assert DTYPES[HALF] is DType.FP16
