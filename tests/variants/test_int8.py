from __future__ import annotations

import contextlib
import io
import logging
from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from trtprof.model import Notice, Precision, Unknown
from trtprof.variants.int8 import quantise
from trtprof.variants.options import VariantOptions
from trtprof.variants.qdq import QuantisedType, weighted_edges
from trtprof.variants.ranges import RangeCache

from .support import (
    FLOAT,
    HALF,
    INT8,
    data_for,
    dequantised_inputs,
    graph_model,
    initializers,
    io_of,
    micro,
    producers,
    save,
)

WEIGHTED = ("Conv", "ConvTranspose", "MatMul", "Gemm")
MODELS = ["residual_micro", "transformer", "mobilenet", "resnet18", "ch_PP-OCRv4_det_infer"]
CACHE = RangeCache()


def quantised(path, remainder=Precision.FP32, data=None, kind=QuantisedType.INT8, **options):
    result = quantise(
        path, onnx.load(path), data or data_for(path, "random:1"), VariantOptions(**options), remainder, kind=kind,
        cache=CACHE,
    )  # fmt: skip
    if not isinstance(result, Unknown):
        onnx.checker.check_model(result.model, full_check=True)
    return result


def qdq_nodes(model):
    return [node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]


@pytest.mark.parametrize("remainder", [Precision.FP16, Precision.FP32])
@pytest.mark.parametrize("name", MODELS)
def test_the_form_tensorrt_accepts(base, name, remainder):
    original = onnx.load(base(name))
    result = quantised(base(name), remainder)
    model, weights = result.model, initializers(result.model)
    assert io_of(model) == io_of(original)
    assert result.remainder is remainder
    assert model.opset_import[0].version >= 19
    scale_type = HALF if remainder is Precision.FP16 else FLOAT
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    for node in qdq_nodes(model):
        scale, zero = node.input[1:]
        attributes = {attribute.name: attribute.i for attribute in node.attribute}
        assert types[scale] == scale_type
        assert types[zero] == INT8
        assert (weights[scale] > 0).all()
        assert np.isfinite(weights[scale]).all()
        assert not weights[zero].any()
        source = node.input[0].removesuffix("_QuantizeLinear_Output")
        if source in weights:
            assert attributes["axis"] in (0, 1)
            assert weights[scale].shape == weights[zero].shape == (weights[source].shape[attributes["axis"]],)
        else:
            assert weights[scale].shape == weights[zero].shape == ()  # [1] would send the convolution back to float
            assert attributes == {}
    if remainder is Precision.FP16:
        assert FLOAT not in types.values() or name == "ch_PP-OCRv4_det_infer"  # scales of Resize
    for op_type in WEIGHTED:
        for inputs in dequantised_inputs(model, op_type).values():
            assert inputs[:2] == [True, True]
            assert not any(inputs[2:])  # a quantised bias is INT32 to TensorRT, which refuses it


@pytest.mark.parametrize("name", MODELS)
def test_nodes_of_the_model_keep_their_names_and_order(base, name):
    before = [node.name for node in onnx.load(base(name)).graph.node]
    after = [node.name for node in quantised(base(name), Precision.FP16).model.graph.node]
    assert [node for node in after if node in set(before)] == before
    assert len(set(after)) == len(after)


@pytest.mark.parametrize("name", ["residual_micro", "resnet18", "mobilenet"])
@pytest.mark.parametrize(
    ("options", "pairs"),
    [
        ({}, Counter({(True, True): 1})),
        ({"residual_inputs": "skip"}, Counter({(True, False): 0.5, (False, True): 0.5})),
        ({"residual_qdq": False}, Counter({(False, False): 1})),
    ],
)
def test_residual_adds(base, name, options, pairs):
    found = Counter(
        tuple(inputs) for inputs in dequantised_inputs(quantised(base(name), **options).model, "Add").values()
    )
    assert set(found) <= set(pairs)
    assert found.total() == {"residual_micro": 1, "resnet18": 8, "mobilenet": 10}[name]


def test_the_skipped_input_is_the_convolution_branch(base):
    model = quantised(base("resnet18"), residual_inputs="skip").model
    made_by = producers(model)
    for add in (node for node in model.graph.node if node.op_type == "Add"):
        (float_input,) = [name for name in add.input if made_by[name].op_type != "DequantizeLinear"]
        assert made_by[float_input].name.endswith("/conv2/Conv")


def test_a_transformer_has_no_quantised_add(base):
    adds = dequantised_inputs(quantised(base("transformer")).model, "Add")
    assert len(adds) == 14
    assert not any(flag for flags in adds.values() for flag in flags)


def test_an_unquantised_reader_of_a_quantised_tensor_reads_the_tensor_itself(tmp_path):
    """onnxruntime's quantiser would give the residual stream of this post-norm block the dequantised tensor."""
    ones = np.ones(8)
    nodes = [
        helper.make_node("LayerNormalization", ["x", "g"], ["n"], name="norm"),
        helper.make_node("MatMul", ["n", "w"], ["m"], name="fc"),
        helper.make_node("Add", ["m", "n"], ["y"], name="stream"),
    ]
    path = save(
        graph_model(nodes, {"x": (1, 4, 8)}, {"y": (1, 4, 8)}, {"g": ones, "w": np.eye(8)}), tmp_path / "m.onnx"
    )
    model = quantised(path).model
    (add,) = [node for node in model.graph.node if node.name == "stream"]
    assert list(add.input) == ["m", "n"]


def test_outputs_of_the_model_are_never_quantised(tmp_path):
    weight = np.random.default_rng(0).standard_normal((3, 3, 1, 1))
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="first"),
        helper.make_node("Conv", ["a", "w"], ["b"], name="second"),
    ]
    path = save(
        graph_model(nodes, {"x": (1, 3, 4, 4)}, {"a": (1, 3, 4, 4), "b": (1, 3, 4, 4)}, {"w": weight}),
        tmp_path / "m.onnx",
    )
    model = quantised(path).model
    made_by = producers(model)
    assert {made_by[value.name].op_type for value in model.graph.output} == {"Conv"}
    assert sum(node.op_type == "QuantizeLinear" for node in model.graph.node) == 3  # x, a, and w once for both


@pytest.mark.parametrize("name", ["residual_micro", "resnet18", "mobilenet", "transformer"])
def test_against_onnxruntimes_quantiser(base, name, tmp_path):
    """The same edges and scales as ``quantize_static`` with the options TensorRT accepts, called on those nodes."""
    import onnxruntime
    from onnxruntime import quantization as ort

    path, data = base(name), data_for(base(name), "random:2")
    ours = quantised(path, data=data).model
    ours_pairs = {
        (node, index) for op in (*WEIGHTED, "Add") for node, flags in dequantised_inputs(ours, op).items()
        for index, flag in enumerate(flags) if flag
    }  # fmt: skip

    class Reader(ort.CalibrationDataReader):
        def __init__(self):
            self.batches = data.batches()

        def get_next(self):
            return next(self.batches, None)

    types = [*WEIGHTED, "Add"]
    with contextlib.redirect_stdout(io.StringIO()):
        logging.disable(logging.WARNING)
        ort.quantize_static(
            path, tmp_path / "ort.onnx", Reader(), quant_format=ort.QuantFormat.QDQ, per_channel=True,
            activation_type=ort.QuantType.QInt8, weight_type=ort.QuantType.QInt8, op_types_to_quantize=types,
            nodes_to_quantize=sorted({node for node, _ in ours_pairs}),
            extra_options={
                "ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False,
                "AddQDQPairToWeight": True, "DedicatedQDQPair": True, "OpTypesToExcludeOutputQuantization": types,
            },
        )  # fmt: skip
        logging.disable(logging.NOTSET)
    theirs = onnx.load(tmp_path / "ort.onnx")
    expected = {key: value for key, value in initializers(theirs).items() if key.endswith("_scale")}
    found = {key: value for key, value in initializers(ours).items() if key.endswith("_scale")}
    assert set(found) == set(expected)
    # 1.20 takes 1 for the largest output of any Softmax, 1.23 looks.
    looks = tuple(map(int, onnxruntime.__version__.split(".")[:2])) >= (1, 23)
    for key, value in expected.items():
        assert found[key].shape == value.shape, key
        assert np.allclose(found[key], value, rtol=1e-5) or ("Softmax" in key and not looks), key
    assert {node.name for node in qdq_nodes(ours)} == {node.name for node in qdq_nodes(theirs)}


@pytest.mark.parametrize("method", ["minmax", "entropy", "percentile"])
def test_methods(base, method):
    result = quantised(base("residual_micro"), method=method, percentile=90.0)
    ranges = {found.tensor: found for found in result.ranges}
    scales = {name: array for name, array in initializers(result.model).items() if name.endswith("_scale")}
    assert {f"{name}_scale" for name in ranges} == {name for name in scales if scales[name].shape == ()}
    for name, found in ranges.items():
        assert scales[f"{name}_scale"] == pytest.approx(found.amax / 127)
        assert found.amax == found.observed if method == "minmax" else found.amax <= found.observed
    if method != "minmax":
        assert any(found.amax < found.observed for found in ranges.values())


def test_dead_and_unbounded_tensors(tmp_path):
    nodes = [
        helper.make_node("Mul", ["x", "zero"], ["dead"], name="mul"),
        helper.make_node("MatMul", ["dead", "w"], ["a"], name="on_dead"),
        helper.make_node("Log", ["dead"], ["minus_infinity"], name="log"),
        helper.make_node("MatMul", ["minus_infinity", "w"], ["b"], name="on_infinite"),
        helper.make_node("Add", ["a", "b"], ["y"], name="sum"),
    ]
    weights = {"zero": np.array(0.0), "w": np.array([[0.0, 1], [0, 1]])}
    path = save(graph_model(nodes, {"x": (1, 2)}, {"y": (1, 2)}, weights), tmp_path / "m.onnx")
    result = quantised(path)
    assert result.notices == (
        Notice(
            "range-infinite", "'minus_infinity' is NaN or infinite on the calibration data: not quantised",
            "minus_infinity",
        ),
        Notice("range-zero", "'dead' is 0 in all calibration data: its scale is a guess, for ±1", "dead"),
    )  # fmt: skip
    assert dequantised_inputs(result.model, "MatMul") == {"on_dead": [True, True], "on_infinite": [False, False]}
    values = initializers(result.model)
    assert values["dead_scale"] == pytest.approx(1 / 127)
    assert values["w_scale"] == pytest.approx([1 / 127, 1 / 127])  # the first column is all zeros
    assert [found.tensor for found in result.ranges] == ["dead"]


def test_every_range_unbounded(tmp_path):
    nodes = [helper.make_node("Mul", ["x", "k"], ["big"]), helper.make_node("MatMul", ["big", "w"], ["y"])]
    model = graph_model(nodes, {"x": (1, 2)}, {"y": (1, 2)}, {"k": np.array(np.inf), "w": np.eye(2)})
    result = quantised(save(model, tmp_path / "m.onnx"))
    assert result == Unknown("every tensor to quantise is NaN or infinite on 1 batch of seeded random numbers (seed 0)")


def test_tensors_beyond_fp16_are_reported_for_an_fp16_remainder(tmp_path):
    nodes = [helper.make_node("Mul", ["x", "k"], ["big"]), helper.make_node("MatMul", ["big", "w"], ["y"])]
    model = graph_model(nodes, {"x": (1, 2)}, {"y": (1, 2)}, {"k": np.array(1e6), "w": np.eye(2)})
    path = save(model, tmp_path / "m.onnx")
    (notice,) = [n for n in quantised(path, Precision.FP16).notices if n.code == "fp16-overflow"]
    assert notice.message == "1 tensor beyond FP16's 65504 in the FP16 remainder; int8-fp32 holds them"
    assert quantised(path).notices == ()


def test_nothing_to_quantise(tmp_path):
    path = save(
        graph_model([helper.make_node("Relu", ["x"], ["y"])], {"x": (1, 2)}, {"y": (1, 2)}, {}), tmp_path / "m.onnx"
    )
    assert quantised(path) == Unknown(
        "no Conv, ConvTranspose, MatMul or Gemm with FP32 operands, so there is nothing to quantise"
    )


def test_quantised_already(base):
    assert quantised(base("residual_onesided_qdq")) == Unknown(
        "the model has Q/DQ nodes already; give it as it is: --variant int8=FILE"
    )


def test_opset_that_cannot_be_raised(tmp_path, base, monkeypatch):
    def refuse(model, target):
        raise RuntimeError("no adapter")

    monkeypatch.setattr("onnx.version_converter.convert_version", refuse)
    low = save(micro_at(12), tmp_path / "12.onnx")
    assert quantised(low) == Unknown("opset 12 cannot be raised to 13, which INT8 Q/DQ needs; export at 13")
    middle = save(micro_at(17), tmp_path / "17.onnx")
    result = quantised(middle, Precision.FP16)
    assert result.remainder is Precision.FP32
    assert result.notices == (
        Notice(
            "int8-remainder-fp32",
            "opset 17 cannot be raised to 19, which FP16 scales need: INT8 with an FP32 remainder",
        ),
    )
    assert quantised(middle, Precision.FP16, kind=QuantisedType.FP8) == Unknown(
        "opset 17 cannot be raised to 19, which FP8 Q/DQ needs; export at 19"
    )


def micro_at(opset):
    model = micro()
    model.opset_import[0].version = opset
    return model


def test_opset_is_raised_and_ranges_come_from_what_was_raised(tmp_path):
    path = save(micro_at(12), tmp_path / "12.onnx")
    result = quantised(path, Precision.FP16)
    assert result.model.opset_import[0].version == 19
    assert {found.tensor for found in result.ranges} == {"x"}
    assert {entry.name for entry in tmp_path.iterdir()} == {"12.onnx"}


@pytest.mark.parametrize(
    ("op_type", "shape", "attributes", "axis"),
    [
        ("Gemm", (8, 4), {}, 1),
        ("Gemm", (4, 8), {"transB": 1}, 0),
        ("MatMul", (8, 4), {}, 1),
        ("MatMul", (8,), {}, None),
    ],
)
def test_channel_axis_of_matrices(op_type, shape, attributes, axis):
    node = helper.make_node(op_type, ["x", "w"], ["y"], **attributes)
    model = graph_model([node], {"x": (2, 8)}, {"y": None}, {"w": np.ones(shape)})
    assert [(edge.index, edge.weight, edge.axis) for edge in weighted_edges(model)] == [
        (0, False, None),
        (1, True, axis),
    ]


def test_channel_axis_of_transposed_convolutions_and_batched_matrices():
    nodes = [
        helper.make_node("ConvTranspose", ["x", "w"], ["t"], name="t"),
        helper.make_node("MatMul", ["b", "t"], ["y"], name="m"),
    ]
    model = graph_model(
        nodes, {"x": (1, 2, 4, 4)}, {"y": None}, {"w": np.ones((2, 6, 1, 1)), "b": np.ones((1, 6, 4, 4))}
    )
    assert [(edge.node, edge.index, edge.weight, edge.axis) for edge in weighted_edges(model)] == [
        ("t", 0, False, None), ("t", 1, True, 0), ("m", 0, True, None), ("m", 1, False, None),
    ]  # fmt: skip


def test_nodes_that_are_left_float():
    types = {"i": TensorProto.INT64, "j": TensorProto.INT64}
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["a"], name="weight_is_no_constant"),
        helper.make_node("MatMul", ["i", "i"], ["j"], name="integers"),
        helper.make_node("MatMul", ["p", "q"], ["b"], name="constants"),
        helper.make_node("MatMul", ["x", "x"], ["c"], name="activations"),
    ]
    model = graph_model(
        nodes, {"x": (1, 3, 4, 4), "k": (3, 3, 1, 1), "i": (2, 2)}, {"a": None, "j": None, "b": None, "c": None},
        {"p": np.eye(2), "q": np.eye(2)}, types=types,
    )  # fmt: skip
    assert {edge.node for edge in weighted_edges(model)} == {"activations"}


def test_gemm_keeps_beta_and_bias(tmp_path):
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="g", beta=0.5, alpha=2.0)
    path = save(
        graph_model([node], {"x": (1, 4)}, {"y": (1, 4)}, {"w": np.eye(4), "b": np.ones(4)}), tmp_path / "m.onnx"
    )
    (gemm,) = [n for n in quantised(path).model.graph.node if n.name == "g"]
    assert {a.name: a.f for a in gemm.attribute} == {"beta": 0.5, "alpha": 2.0}
    assert gemm.input[2] == "b"


def test_fp8(base):
    result = quantised(base("residual_micro"), Precision.FP16, kind=QuantisedType.FP8)
    zeros = {node.input[2] for node in qdq_nodes(result.model)}
    assert {t.data_type for t in result.model.graph.initializer if t.name in zeros} == {TensorProto.FLOAT8E4M3FN}
    scales = initializers(result.model)
    for found in result.ranges:
        assert scales[f"{found.tensor}_scale"] == pytest.approx(found.amax / 448, rel=1e-3)


def test_same_bytes_on_every_run(base):
    first = quantised(base("residual_micro"), Precision.FP16).model.SerializeToString(deterministic=True)
    data = data_for(base("residual_micro"), "random:1")
    fresh = quantise(base("residual_micro"), onnx.load(base("residual_micro")), data, VariantOptions(), Precision.FP16)
    assert fresh.model.SerializeToString(deterministic=True) == first


def test_nothing_is_printed_or_logged(base, capfd, caplog):
    quantised(base("residual_micro"), Precision.FP16, method="entropy")
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
