"""Q110: an INT8 engine without INT8, and what keeps it from being one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.analysis.findings.subjects import built, layer, subject, tensor, trex
from trtprof.analysis.findings.never_quantised import RULE
from trtprof.analysis.findings.subjects import subjects_of
from trtprof.engine_facts import EngineFacts
from trtprof.graph_facts import Fact, GraphFact, GraphFacts
from trtprof.model import Device, Layer, Precision, Unknown

SHAPE = (1, 64, 40, 40)
NO_CALIBRATOR = EngineFacts(options={"Build Options": {"Precision": "FP32+FP16+INT8", "Calibration": "Dynamic"}})


def convs(dtype: str, **parameters: object) -> list[Layer]:
    x, y, z = (tensor(name, dtype, SHAPE) for name in "xyz")
    return [
        layer(0, "Conv_0 + Relu_1", "CaskConvolution", [x], [y], **parameters),
        layer(1, "Conv_2", "CaskConvolution", [y], [z]),
    ]


def test_a_float_engine_under_an_int8_name_is_found() -> None:
    (claim,) = RULE.check(subject(built("int8", convs("fp16"), [1.0, 1.0])))
    assert claim.cause == "INT8 was asked for, but no layer reads it"
    assert claim.savings[0].low == 0.08
    assert claim.savings[0].high == 0.45
    assert claim.modelled


def test_from_fp32_more_is_to_be_gained() -> None:
    (claim,) = RULE.check(subject(built("int8", convs("fp32"), [1.0, 1.0])))
    assert claim.savings[0].mid == 0.6


def test_a_grouped_convolution_is_not_promised_a_gain() -> None:
    (claim,) = RULE.check(subject(built("int8", convs("fp16", Groups=64), [1.0, 1.0])))
    assert set(claim.savings) == {1}


def test_cache_keys_of_another_export_are_named() -> None:
    engine = built("int8", convs("fp16"), [1.0, 1.0], facts=EngineFacts(calibrated=("onnx::Conv_190", "onnx::Relu_7")))
    (claim,) = RULE.check(subject(engine))
    assert claim.cause.endswith("none of the 2 keys of its calibration cache is a tensor of this engine")


def test_a_cache_that_fits_is_not_blamed() -> None:
    (claim,) = RULE.check(subject(built("int8", convs("fp16"), [1.0, 1.0], facts=EngineFacts(calibrated=("x", "old")))))
    assert claim.cause == "INT8 was asked for, but no layer reads it"


def test_int8_without_scales_is_named() -> None:
    (claim,) = RULE.check(subject(built("int8", convs("fp16"), [1.0, 1.0], facts=NO_CALIBRATOR)))
    assert claim.cause.endswith("neither a calibration cache nor Q/DQ nodes gave it scales")


def test_a_calibration_file_is_a_calibrator() -> None:
    facts = EngineFacts(command="trtexec --onnx=a.onnx --int8 --calib=a.cache")
    (claim,) = RULE.check(subject(built("int8", convs("fp16"), [1.0, 1.0], facts=facts)))
    assert claim.cause == "INT8 was asked for, but no layer reads it"


def test_the_model_says_what_the_parser_refused() -> None:
    bias = GraphFact(Fact.INT32_BIAS, "Conv_0", "an INT32 bias of 64 values goes through DequantizeLinear")
    (claim,) = RULE.check(
        subject(built("int8", convs("fp32"), [1.0, 1.0]), facts=GraphFacts(2, 6, 2, 2, None, (bias,)))
    )
    assert claim.cause.endswith("'Conv_0': an INT32 bias of 64 values goes through DequantizeLinear")


def test_a_gpu_without_int8_promises_nothing() -> None:
    (claim,) = RULE.check(subject(built("int8", convs("fp32"), [1.0, 1.0], device=Device("Tesla P100", (6, 0)))))
    assert claim.cause.endswith("Tesla P100 has no INT8")
    assert isinstance(claim.saving, Unknown)


def test_flags_ask_too() -> None:
    engine = built("mine", convs("fp16"), [1.0, 1.0], facts=EngineFacts(command="trtexec --onnx=m.onnx --best"))
    assert RULE.check(subject(engine)) != ()


def test_the_engines_own_label_asks() -> None:
    assert RULE.check(subject(built("resnet-int8-ptq", convs("fp16"), [1.0, 1.0]))) != ()


def test_a_large_region_may_hide_it() -> None:
    layers = convs("fp16")
    ends = [tensor("z", "fp16", SHAPE)], [tensor("w", "fp16", SHAPE)]
    layers.append(layer(2, "{ForeignNode[a...b]}", "Myelin", *ends))
    assert isinstance(RULE.check(subject(built("int8", layers, [1.0, 1.0, 1.0]))), Unknown)
    assert RULE.check(subject(built("int8", layers, [1.0, 1.0, 0.1]))) != ()


@pytest.mark.parametrize("name", ["fp16", "fp32"])
def test_a_float_engine_that_was_asked_for_is_healthy(name: str) -> None:
    assert RULE.check(subject(built(name, convs(name), [1.0, 1.0]))) == ()


def test_one_quantised_tensor_is_enough() -> None:
    layers = convs("fp16")
    layers.append(layer(2, "Conv_3", "CaskConvolution", [tensor("z", "int8", SHAPE)], [tensor("w", "fp16", SHAPE)]))
    assert RULE.check(subject(built("int8", layers, [1.0, 1.0, 1.0]))) == ()


def test_names_alone_cannot_tell() -> None:
    names = [Layer(item.index, item.name, item.kind) for item in convs("fp16")]
    assert isinstance(RULE.check(subject(built("int8", names, [1.0, 1.0]))), Unknown)


def test_a_published_fp16_engine_called_int8_is_found(shared: Path) -> None:
    comparison = trex(shared, "pytorch__resnet__A100", fp16="fp16")
    (found,) = subjects_of(comparison.engines, comparison.graph)
    assert RULE.check(found) == ()
    asked = replace(found, built=replace(found.built, precision=Precision.INT8))
    (claim,) = RULE.check(asked)
    assert len(claim.savings) == 21
