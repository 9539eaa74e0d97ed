"""Q109: FP32 beside INT8 where 16 bits were possible."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.analysis.findings.pairs import beside
from tests.analysis.findings.subjects import built, layer, subject, tensor, trex
from trtprof.analysis.findings.remainder_fp32 import RULE
from trtprof.analysis.findings.subjects import subjects_of
from trtprof.engine_facts import EngineFacts
from trtprof.graph_facts import GraphFacts
from trtprof.model import Device, DType, Layer, Unknown

SHAPE = (1, 64, 40, 40)
ONLY_INT8 = EngineFacts(options={"Build Options": {"Precision": "FP32+INT8"}})
BOTH = EngineFacts(options={"Build Options": {"Precision": "FP32+FP16+INT8"}})
TIMES = (0.1, 1.0, 0.2, 0.6, 0.3, 1.0)


def chain(rest: str) -> list[Layer]:
    """INT8 convolutions around a resize that runs in another type, with conversions at both borders."""
    a, b = tensor("a", "int8", SHAPE), tensor("b", "int8", SHAPE)
    up, down = tensor("up", rest, SHAPE), tensor("down", rest, SHAPE)
    return [
        layer(0, "in", "Reformat", [tensor("x", "fp32", SHAPE, "linear")], [tensor("q", "int8", SHAPE)]),
        layer(1, "Conv_0", "CaskConvolution", [tensor("q", "int8", SHAPE)], [a]),
        layer(2, "to float", "Reformat", [a], [up]),
        layer(3, "Resize_1", "Resize", [up], [down]),
        layer(4, "to int8", "Reformat", [down], [b]),
        layer(5, "Conv_2", "CaskConvolution", [b], [tensor("y", "int8", SHAPE)]),
    ]


def test_float_layers_and_their_conversions_are_found_and_the_input_is_not() -> None:
    (claim,) = RULE.check(subject(built("int8", chain("fp32"), TIMES, facts=ONLY_INT8)))
    assert set(claim.savings) == {2, 3, 4}
    assert claim.savings[3].mid == 0.5
    assert claim.modelled
    assert claim.cause == "3 layers work in FP32, 34 % of the time, and none in 16 bits"
    assert claim.evidence[0].what == "trtexec says 'Precision: FP32+INT8'"


def test_types_alone_are_enough() -> None:
    (claim,) = RULE.check(subject(built("int8", chain("fp32"), TIMES)))
    assert set(claim.savings) == {2, 3, 4}
    assert claim.cure is None


def test_the_16_bit_sibling_narrows_the_saving() -> None:
    shape = SHAPE
    half = [
        layer(0, "Conv_0", "CaskConvolution", [tensor("x", "fp16", shape)], [tensor("a", "fp16", shape)]),
        layer(1, "Resize_1", "Resize", [tensor("a", "fp16", shape)], [tensor("b", "fp16", shape)]),
        layer(2, "Conv_2", "CaskConvolution", [tensor("b", "fp16", shape)], [tensor("y", "fp16", shape)]),
    ]
    (claim,) = RULE.check(beside(built("int8", chain("fp32"), TIMES), built("fp16", half, (1.0, 0.24, 1.0))))
    assert claim.savings[3].mid == pytest.approx(0.6)  # 0.24 of 0.6 ms
    assert claim.savings[3].high - claim.savings[3].low < 0.2


@pytest.mark.parametrize(("rest", "facts"), [("fp16", ONLY_INT8), ("fp32", BOTH)])
def test_with_16_bits_used_or_allowed_there_is_no_such_cause(rest: str, facts: EngineFacts) -> None:
    assert RULE.check(subject(built("int8", chain(rest), TIMES, facts=facts))) == ()


def test_a_trivial_tail_in_fp32_is_healthy() -> None:
    assert RULE.check(subject(built("int8", chain("fp32"), (0.1, 9.0, 0.01, 0.02, 0.01, 9.0), facts=ONLY_INT8))) == ()


@pytest.mark.parametrize(("facts", "found"), [(None, 0), (ONLY_INT8, 1)])
def test_one_small_layer_counts_only_where_fp16_is_known_to_be_ruled_out(facts: EngineFacts | None, found: int) -> None:
    answer = RULE.check(subject(built("int8", chain("fp32"), (0.1, 5.0, 0.1, 0.3, 0.1, 5.0), facts=facts)))
    assert isinstance(answer, tuple)
    assert len(answer) == found


def test_a_gpu_without_fast_fp16_had_no_choice() -> None:
    pascal = Device("Tesla P4", (6, 1))
    assert RULE.check(subject(built("int8", chain("fp32"), TIMES, facts=ONLY_INT8, device=pascal))) == ()


def test_an_epilogue_that_tensorrt_rtx_runs_apart_in_fp32_is_its_own_way() -> None:
    accumulated = tensor("sum", "fp32", SHAPE)
    layers = [
        layer(0, "Conv_0", "CaskConvolution", [tensor("x", "int8", SHAPE)], [accumulated]),
        layer(1, "epilogue", "kgen", [accumulated], [tensor("y", "int8", SHAPE)]),
        layer(2, "Resize_1", "Resize", [tensor("u", "fp32", SHAPE)], [tensor("v", "fp32", SHAPE)]),
    ]
    (claim,) = RULE.check(subject(built("int8", layers, (1.0, 1.0, 1.0)), ahead_of_time=True))
    assert set(claim.savings) == {2}
    alone = built("int8", layers[:2], (1.0, 1.0))
    assert RULE.check(subject(alone, ahead_of_time=True)) == ()


def test_before_tf32_a_product_gains_more() -> None:
    layers = chain("fp32")
    layers[3] = layer(3, "Conv_1", "CaskConvolution", layers[3].inputs or (), layers[3].outputs or ())
    old, new = (
        RULE.check(subject(built("int8", layers, TIMES, device=Device("gpu", capability))))
        for capability in ((7, 5), (8, 6))
    )
    assert not isinstance(old, Unknown)
    assert not isinstance(new, Unknown)
    assert old[0].savings[3].mid > new[0].savings[3].mid


def test_a_strongly_typed_build_is_cured_in_the_model() -> None:
    facts = GraphFacts(2, 4, 2, 2, DType.FP32, ())
    engine = built("int8", chain("fp32"), TIMES, tool_version="11.2.1")
    (claim,) = RULE.check(subject(engine, facts=facts))
    assert claim.cure is not None
    assert "AutoCast" in claim.cure
    assert claim.evidence[0].what == "what is not quantised is FP32 in the ONNX model"


def test_names_alone_tell_the_cause_from_the_options_but_not_its_cost() -> None:
    names = [Layer(item.index, item.name, item.kind) for item in chain("fp32")]
    (claim,) = RULE.check(subject(built("int8", names, TIMES, facts=ONLY_INT8)))
    assert isinstance(claim.saving, Unknown)
    assert isinstance(RULE.check(subject(built("int8", names, TIMES))), Unknown)


@pytest.mark.parametrize(
    ("family", "part"),
    [("pytorch__resnet__A100", "qat"), ("pytorch__resnet__A100", "qat-residual"),
     ("tensorflow__resnet__RTX-3090", "qat")],
)  # fmt: skip
def test_published_engines_were_allowed_fp16_and_do_not_look_otherwise(shared: Path, family: str, part: str) -> None:
    comparison = trex(shared, family, int8=part)
    (found,) = subjects_of(comparison.engines, comparison.graph)
    assert RULE.check(found) == ()
    without_options = replace(found, built=replace(found.built, engine=replace(found.built.engine, facts=None)))
    assert RULE.check(without_options) == ()
