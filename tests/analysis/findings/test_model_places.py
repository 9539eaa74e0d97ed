"""Q111, Q112, Q113 and Q115: what the ONNX model and the options say."""

from __future__ import annotations

import pytest

from tests.analysis.findings.subjects import built, layer, subject, tensor
from trtprof.analysis.findings import int32_bias, refit, scale_shape, zero_point
from trtprof.analysis.findings.rule import Rule
from trtprof.engine_facts import EngineFacts
from trtprof.graph_facts import Fact, GraphFact, GraphFacts
from trtprof.model import Layer, Unknown

SHAPE = (1, 64, 40, 40)
RULES = [
    (int32_bias.RULE, Fact.INT32_BIAS),
    (zero_point.RULE, Fact.ZERO_POINT),
    (scale_shape.RULE, Fact.SCALE_SHAPE),
]


def convs(first: str) -> list[Layer]:
    """Two convolutions, the first in a type of its own."""
    return [
        layer(0, "Conv_0", "CaskConvolution", [tensor("x", first, SHAPE)], [tensor("y", "fp16", SHAPE)]),
        layer(1, "w + QuantizeLinear_1 + Conv_2", "CaskConvolution", [tensor("q", "int8", SHAPE)],
              [tensor("z", "int8", SHAPE)]),
    ]  # fmt: skip


def facts(*found: Fact) -> GraphFacts:
    return GraphFacts(2, 4, 2, 1, None, tuple(GraphFact(item, "Conv_0", "as it should not be") for item in found))


@pytest.mark.parametrize(("rule", "fact"), RULES)
def test_a_place_whose_layer_stays_in_float_costs_its_gain(rule: Rule, fact: Fact) -> None:
    (claim,) = rule.check(subject(built("int8", convs("fp16"), [1.0, 1.0]), facts=facts(fact)))
    assert [item.source for item in claim.evidence] == ["onnx", "layers"]
    assert set(claim.savings) == {0}
    assert claim.modelled


@pytest.mark.parametrize(("rule", "fact"), RULES)
def test_a_place_that_the_layers_do_not_show_has_no_known_cost(rule: Rule, fact: Fact) -> None:
    (claim,) = rule.check(subject(built("int8", convs("int8"), [1.0, 1.0]), facts=facts(fact)))
    assert isinstance(claim.saving, Unknown)
    assert claim.savings == {}


@pytest.mark.parametrize(("rule", "fact"), RULES)
def test_other_places_are_other_rules(rule: Rule, fact: Fact) -> None:
    others = [item for _, item in RULES if item is not fact]
    assert rule.check(subject(built("int8", convs("fp16"), [1.0, 1.0]), facts=facts(*others))) == ()


@pytest.mark.parametrize(("rule", "fact"), RULES)
def test_without_the_model_nothing_can_be_told(rule: Rule, fact: Fact) -> None:
    assert isinstance(rule.check(subject(built("int8", convs("fp16"), [1.0, 1.0]))), Unknown)


@pytest.mark.parametrize(("rule", "fact"), RULES)
def test_an_engine_without_qdq_needs_no_model(rule: Rule, fact: Fact) -> None:
    plain = [layer(0, "Conv_0", "CaskConvolution", [tensor("x", "fp16", SHAPE)], [tensor("y", "fp16", SHAPE)])]
    assert rule.check(subject(built("fp16", plain, [1.0]))) == ()
    assert rule.check(subject(built("int8", convs("int8"), [1.0, 1.0]), explicit=False)) == ()


def with_refit(text: str) -> EngineFacts:
    return EngineFacts(options={"Build Options": {"Refit": text}})


def test_a_refittable_engine_with_qdq_is_noted() -> None:
    (claim,) = refit.RULE.check(subject(built("int8", convs("int8"), [1.0, 1.0], facts=with_refit("Enabled"))))
    assert isinstance(claim.saving, Unknown)
    assert claim.evidence[0].what == "trtexec says 'Refit: Enabled'"


def test_the_flag_alone_tells() -> None:
    asked = EngineFacts(command="trtexec --onnx=m.onnx --int8 --refit")
    (claim,) = refit.RULE.check(subject(built("int8", convs("int8"), [1.0, 1.0], facts=asked)))
    assert claim.evidence[0].what == "built with --refit"


def test_without_refitting_or_without_quantisation_there_is_nothing() -> None:
    off = subject(built("int8", convs("int8"), [1.0, 1.0], facts=with_refit("Disabled")))
    assert refit.RULE.check(off) == ()
    ahead = subject(built("int8", convs("int8"), [1.0, 1.0]), ahead_of_time=True)
    assert refit.RULE.check(ahead) == ()
    plain = [layer(0, "Conv_0", "CaskConvolution", [tensor("x", "fp16", SHAPE)], [tensor("y", "fp16", SHAPE)])]
    assert refit.RULE.check(subject(built("fp16", plain, [1.0], facts=with_refit("Enabled")))) == ()


def test_unknown_options_cannot_tell() -> None:
    assert isinstance(refit.RULE.check(subject(built("int8", convs("int8"), [1.0, 1.0]))), Unknown)
    no_origin = subject(built("int8", convs("int8"), [1.0, 1.0], facts=with_refit("Enabled")), explicit=None)
    assert isinstance(refit.RULE.check(no_origin), Unknown)
