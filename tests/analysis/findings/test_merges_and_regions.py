"""F303 and F304: lost merges side by side, and regions that cannot be seen into."""

from __future__ import annotations

from pathlib import Path

from tests.analysis.findings.pairs import beside
from tests.analysis.findings.subjects import built, layer, subject, tensor, trex
from trtprof.analysis.findings import horizontal_merge, opaque_region
from trtprof.analysis.findings.subjects import subjects_of
from trtprof.comparison import Built
from trtprof.model import Layer, Unknown
from trtprof.pipeline.measured import inspect

SHAPE = (1, 64, 40, 40)
WIDE = (1, 128, 40, 40)


def half(name: str = "Conv_1 + Relu_2 || Conv_3 + Relu_4") -> Built:
    x, both = tensor("x", "fp16", SHAPE), tensor("both", "fp16", WIDE)
    layers = [
        layer(0, "Conv_0", "CaskConvolution", [tensor("in", "fp16", SHAPE)], [x]),
        layer(1, name, "CaskConvolution", [x], [both]),
    ]
    return built("fp16", layers, [0.2, 0.3])


def apart(second: str = "x") -> Built:
    x = tensor("x", "int8", SHAPE)
    layers: list[Layer] = [
        layer(0, "Conv_0", "CaskConvolution", [tensor("in", "int8", SHAPE)], [x, tensor("other", "int8", SHAPE)]),
        layer(1, "Conv_1 + Relu_2", "CaskConvolution", [x], [tensor("a", "int8", SHAPE)]),
        layer(2, "Conv_3 + Relu_4", "CaskConvolution", [tensor(second, "int8", SHAPE)], [tensor("b", "int8", SHAPE)]),
    ]
    return built("int8", layers, [0.1, 0.2, 0.2])


def test_a_lost_merge_costs_part_of_each_further_convolution() -> None:
    (claim,) = horizontal_merge.RULE.check(beside(apart(), half()))
    assert (claim.savings[1].high, claim.savings[2].low, claim.savings[2].high) == (0.0, 0.0, 0.5)
    assert claim.evidence[0].what == "2 convolutions here, 0.400 ms; one row in the 16-bit engine, 0.300 ms"
    assert claim.modelled


def test_convolutions_of_other_inputs_were_never_merged() -> None:
    assert horizontal_merge.RULE.check(beside(apart("elsewhere"), half())) == ()


def test_a_chain_in_one_row_is_no_merge() -> None:
    assert horizontal_merge.RULE.check(beside(apart(), half("Conv_1 + Relu_2 + Conv_3 + Relu_4"))) == ()


def test_without_the_sibling_it_cannot_be_told() -> None:
    assert isinstance(horizontal_merge.RULE.check(subject(apart())), Unknown)


def test_a_float_engine_is_not_asked() -> None:
    assert horizontal_merge.RULE.check(subject(half())) == ()


def test_published_engines_lost_no_merge(shared: Path) -> None:
    comparison = trex(shared, "tensorflow__resnet__RTX-3090", fp16="fp16", int8="qat")
    found = next(item for item in subjects_of(comparison.engines, comparison.graph) if item.built.name == "int8")
    assert horizontal_merge.RULE.check(found) == ()


def region(times: list[float] | None) -> Built:
    x, y, z = (tensor(name, "fp16", SHAPE) for name in "xyz")
    layers = [
        layer(0, "Conv_0", "CaskConvolution", [x], [y]),
        layer(1, "{ForeignNode[MatMul_1...Softmax_9]}", "Myelin", [y], [z]),
    ]
    return built("int8", layers, times)


def test_a_large_region_is_noted() -> None:
    (claim,) = opaque_region.RULE.check(subject(region([1.0, 1.0])))
    assert claim.cause == "1 opaque region takes 50 % of the time"
    assert isinstance(claim.saving, Unknown)


def test_a_small_region_is_not() -> None:
    assert opaque_region.RULE.check(subject(region([1.0, 0.1]))) == ()


def test_no_region_or_no_times() -> None:
    assert opaque_region.RULE.check(subject(apart())) == ()
    assert isinstance(opaque_region.RULE.check(subject(region(None))), Unknown)


def test_a_real_engine_hides_half_its_time(shared: Path) -> None:
    (engine,) = inspect([shared / "blackwell" / "as_sm80_orin_profile.json"])
    (claim,) = opaque_region.RULE.check(subject(engine))
    assert claim.cause == "2 opaque regions take 47 % of the time"
