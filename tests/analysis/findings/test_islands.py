"""Float work between quantised layers: which rule it belongs to, and what it explains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.analysis.findings.subjects import built, layer, subject, tensor
from tests.graph.qdq import Net
from trtprof.analysis.findings import (
    add_apart,
    attention,
    batch_norm,
    concat_scales,
    consumer_scales,
    float_activation,
    float_operation,
    int8_islands,
    lone_quantize,
    pad_between,
)
from trtprof.analysis.findings.rule import Subject
from trtprof.graph.qdq_facts import qdq_facts
from trtprof.graph.structure import graph_of
from trtprof.model import Layer, LayerKind, Unknown
from trtprof.parsers.layer_kind import kind_of

SHAPE = (1, 64, 32, 32)
RULES = {
    "activation": float_activation.RULE,
    "pad": pad_between.RULE,
    "batch-norm": batch_norm.RULE,
    "concat": concat_scales.RULE,
    "other": float_operation.RULE,
}


def between(name: str, layer_type: str, *, again: bool = True) -> list:
    """A quantised convolution, something in FP16, and (``again``) a quantise and a convolution behind it."""
    a, f, g = tensor("a", "int8", SHAPE), tensor("f", "fp16", SHAPE), tensor("g", "fp16", SHAPE)
    layers = [
        layer(0, "stem.weight + QuantizeLinear_1 + Conv_0", "CaskConvolution", [tensor("x", "int8", SHAPE)], [a]),
        layer(1, "a.weight + QuantizeLinear_2 + Conv_1", "CaskConvolution", [a], [f]),
        layer(2, name, layer_type, [f], [g]),
    ]
    if again:
        q = tensor("q", "int8", SHAPE)
        layers += [
            layer(3, "QuantizeLinear_3", "Reformat", [g], [q], origin="QDQ"),
            layer(4, "b.weight + QuantizeLinear_4 + Conv_4", "CaskConvolution", [q], [tensor("y", "int8", SHAPE)]),
        ]
    return layers


@pytest.mark.parametrize(
    ("kind", "name", "layer_type"),
    [
        ("activation", "PWN(PWN(Sigmoid_2), Mul_3)", "PointWiseV2"),
        ("activation", "LeakyRelu_2", "Activation"),
        ("pad", "Pad_2", "Padding"),
        ("batch-norm", "BatchNormalization_2", "Scale"),
        ("concat", "Concat_2 copy", "Concat"),
        ("other", "Resize_2", "Resize"),
        ("other", "GlobalAveragePool_2", "CaskPooling"),
    ],
)
def test_each_operation_belongs_to_one_rule(kind: str, name: str, layer_type: str) -> None:
    made = subject(built("int8", between(name, layer_type), [1.0] * 5))
    answers = {key: rule.check(made) for key, rule in RULES.items()}
    assert {key for key, answer in answers.items() if answer} == {kind}
    (claim,) = answers[kind]  # type: ignore[misc]
    assert claim.explains == {1, 2, 3}
    assert claim.savings[3].mid == 1.0


def test_a_max_pooling_alone_is_no_island() -> None:
    made = subject(built("int8", between("MaxPool_2", "TiledPooling"), [1.0] * 5))
    assert not any(rule.check(made) for rule in RULES.values())


def test_the_tail_in_float_is_no_island() -> None:
    made = subject(built("int8", between("Softmax_2", "Softmax", again=False), [1.0] * 3))
    assert not any(rule.check(made) for rule in RULES.values())


def test_a_tensor_quantised_twice_and_a_change_of_scale() -> None:
    f = tensor("f", "fp16", SHAPE)
    layers = [
        layer(0, "stem.weight + QuantizeLinear_1 + Conv_0", "CaskConvolution", [tensor("x", "int8", SHAPE)], [f]),
        layer(1, "QuantizeLinear_2", "Reformat", [f], [tensor("p", "int8", SHAPE)], origin="QDQ"),
        layer(2, "QuantizeLinear_2_clone_1", "Reformat", [f], [tensor("q", "int8", SHAPE)], origin="QDQ"),
        layer(3, "a.weight + QuantizeLinear_3 + Conv_1", "CaskConvolution", [tensor("p", "int8", SHAPE)],
              [tensor("r", "int8", SHAPE)]),
        layer(4, "QuantizeLinear_4", "Reformat", [tensor("r", "int8", SHAPE)], [tensor("s", "int8", SHAPE)],
              origin="QDQ"),
        layer(5, "b.weight + QuantizeLinear_5 + Conv_2", "CaskConvolution", [tensor("s", "int8", SHAPE)],
              [tensor("y", "int8", SHAPE)]),
    ]  # fmt: skip
    (claim,) = consumer_scales.RULE.check(subject(built("int8", layers, [1.0] * 6)))
    assert claim.cause == "1 tensor quantised more than once, 1 change of scale from INT8 to INT8"
    assert set(claim.savings) == {2, 4}


def scattered(islands: int, *, contiguous: bool = False) -> list:
    """A chain of 16 convolutions of which every other pair is INT8, or the first half."""
    layers, index, source, quantised_now = [], 0, tensor("x", "fp16", SHAPE), False
    for place in range(16):
        want = place < 8 if contiguous else (place // 2) % 2 == 1 and place // 4 < islands
        if want is not quantised_now:
            result = tensor(f"c{index}", "int8" if want else "fp16", SHAPE)
            name = f"QuantizeLinear_{index}" if want else f"DequantizeLinear_{index}"
            layers.append(layer(index, name, "Reformat", [source], [result], origin="QDQ"))
            index, source, quantised_now = index + 1, result, want
        result = tensor(f"t{index}", "int8" if want else "fp16", SHAPE)
        layers.append(layer(index, f"Conv_{index}", "CaskConvolution", [source], [result]))
        index, source = index + 1, result
    return layers


def test_case_12_scattered_islands_and_the_same_work_in_one_region(shared: Path) -> None:
    assert "minimise number of boundaries" in (shared.parent / "cases/12-resnet50-int8-islands/truth.md").read_text()
    layers = scattered(4)
    (claim,) = int8_islands.RULE.check(subject(built("int8", layers, [1.0] * len(layers))))
    assert claim.cause.startswith("8 of 16 convs and gemms are quantised, in 4 separate islands with 7 conversions")
    shores = {item.index for item in layers if item.kind in (LayerKind.QUANTIZE, LayerKind.DEQUANTIZE)}
    assert claim.explains == shores
    layers = scattered(4, contiguous=True)
    assert int8_islands.RULE.check(subject(built("int8", layers, [1.0] * len(layers)))) == ()


GEMM = "sm80_xmma_gemm_i8f16_i8i32_f32_tn_n_tilesize64x64x64_stage3_warpsize2x2x1_tensor16x8x32"


def attention_layers(fused: bool) -> list:
    dims = (8, 12, 1024, 64)
    q, s, p, y = (tensor(name, "fp16", dims, "linear") for name in "qspy")
    if fused:
        name = "_gemm_mha_v2_myl0_24"
        return [layer(0, name, "kgen", [q], [y], tactic="_gemm_mha_v2_0x957a2f957a2f957a2f957a2f957a2f95")]
    return [
        layer(0, "MatMul_0", "gemm", [tensor("q8", "int8", dims, "linear")], [s], tactic=GEMM),
        layer(1, "Softmax_1", "kgen", [s], [p], tactic="__myl_MaxSubExpSum_0x1"),
        layer(2, "MatMul_2", "gemm", [p], [y]),
    ]  # fmt: skip


def test_case_20_attention_in_pieces_against_the_fused_kernel(shared: Path) -> None:
    assert "_gemm_mha_v2" in (shared.parent / "cases/20-mha-int8-seqlen512/evidence.txt").read_text()
    fused = built("fp16", attention_layers(fused=True), [1.0])
    pieces = built("int8", attention_layers(fused=False), [0.5, 0.7, 0.6])
    (claim,) = attention.RULE.check(subject(fused, pieces))
    assert claim.cause.startswith("1 fused attention kernel of fp16, 0 here")
    assert attention.RULE.check(subject(fused, built("int8", attention_layers(fused=True), [0.8]))) == ()
    (alone,) = attention.RULE.check(subject(pieces))
    assert alone.explains == {1}


def test_a_profile_alone_names_a_batch_normalisation_and_cannot_tell_the_rest() -> None:
    names = ["a.weight + QuantizeLinear_1 + Conv_1 + Relu_2", "BatchNormalization_3", "QuantizeLinear_4"]
    layers = [Layer(place, name, kind_of(None, name, None, None)) for place, name in enumerate(names)]
    made = subject(built("int8", layers, [1.0, 0.5, 0.5]))
    (claim,) = batch_norm.RULE.check(made)
    assert claim.cause == "1 batch normalisation runs as a layer of its own"
    assert claim.explains == {1}
    assert all(isinstance(RULES[kind].check(made), Unknown) for kind in ("activation", "pad", "concat", "other"))
    (lone,) = lone_quantize.RULE.check(made)
    assert set(lone.savings) == {2}


@pytest.mark.parametrize(("skip", "found"), [("int8", True), ("fp16", False)])
def test_a_quantised_sum_by_itself(skip: str, found: bool) -> None:
    a, s, y = tensor("a", "int8", SHAPE), tensor("s", skip, SHAPE), tensor("y", "int8", SHAPE)
    layers = [
        layer(0, "Conv_0", "CaskConvolution", [tensor("x", "int8", SHAPE)], [a]),
        layer(1, "__myl_CastMulCastMulAddReluMulMinMaxRounCast_myl2_18", "kgen", [s, a], [y]),
    ]
    answer = add_apart.RULE.check(subject(built("int8", layers, [1.0, 2.0])))
    assert bool(answer) is found


def test_a_change_of_scale_at_a_concat_is_the_concats() -> None:
    names = ("QuantizeLinear_4", "/cat/Concat_output_0 copy")
    for name, mine, other in ((names[0], consumer_scales, concat_scales), (names[1], concat_scales, consumer_scales)):
        layers = [
            layer(0, "a.weight + QuantizeLinear_1 + Conv_0", "CaskConvolution", [tensor("x", "int8", SHAPE)],
                  [tensor("p", "int8", SHAPE)]),
            layer(1, name, "Reformat", [tensor("p", "int8", SHAPE)], [tensor("q", "int8", SHAPE)], origin="QDQ"),
            layer(2, "b.weight + QuantizeLinear_5 + Conv_2", "CaskConvolution", [tensor("q", "int8", SHAPE)],
                  [tensor("y", "int8", SHAPE)]),
        ]  # fmt: skip
        made = subject(built("int8", layers, [1.0] * 3))
        (claim,) = mine.RULE.check(made)
        assert set(claim.savings) == {1}
        assert other.RULE.check(made) == ()


def test_cases_05_and_17_are_named_from_their_models(shared: Path) -> None:
    cases = shared.parent / "cases"
    assert "concat" in (cases / "05-yolov7-qat-concat-scale" / "evidence.txt").read_text()
    net = Net()
    x = net.qdq("x")
    joined = net.node("Concat", net.qdq(net.conv(x, "a"), 0.1), net.qdq(net.conv(x, "b"), 0.3), name="cat", axis=1)
    (claim,) = concat_scales.RULE.check(from_model(net.model(joined)))
    assert claim.evidence[0].what.startswith("'cat'")
    assert "Pad" in (cases / "17-pad-relu-qdq" / "truth.md").read_text()
    net = Net()
    pads = net.constant("pads", np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    padded = net.node("Pad", net.qdq(net.node("Relu", net.conv(net.qdq("x"), "a"))), pads, name="pad")
    (claim,) = pad_between.RULE.check(from_model(net.model(net.conv(net.qdq(padded), "b"))))
    assert claim.evidence[0].what.startswith("'pad'")


def from_model(model: onnx.ModelProto) -> Subject:
    """The subject of a TensorRT-RTX build of which only the ONNX model is looked at."""
    return subject(built("int8", []), facts=qdq_facts(model), graph=graph_of(model), ahead_of_time=True)
