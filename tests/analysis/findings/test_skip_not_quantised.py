"""Q101 on the published engine whose cause is known, and on small ones that isolate each condition."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.analysis.findings.subjects import built, layer, subject, tensor, trex
from trtprof.analysis.findings.skip_not_quantised import RULE
from trtprof.analysis.findings.subjects import diagnose
from trtprof.model import Estimate, Severity, Unknown

SHAPE = (8, 64, 56, 56)


def residual_block(skip: str, result: str) -> list:
    """A quantised convolution that adds a residual of one type and writes another, then its reader."""
    x, y, s = tensor("x", "int8", SHAPE), tensor("y", result, SHAPE), tensor("s", skip, SHAPE)
    layers = [
        layer(0, "stem.weight + QuantizeLinear_1 + Conv_0", "CaskConvolution", [tensor("in", "int8", SHAPE)], [s]),
        layer(1, "a.weight + QuantizeLinear_2 + Conv_1", "CaskConvolution", [tensor("in", "int8", SHAPE)], [x]),
        layer(2, "b.weight + QuantizeLinear_3 + Conv_2 + Add_3", "CaskConvolution", [x, s], [y]),
    ]
    if result != "int8":
        q = tensor("q", "int8", SHAPE)
        layers.append(layer(3, "QuantizeLinear_4", "Reformat", [y], [q], origin="QDQ"))
        y = q
    layers.append(
        layer(4, "c.weight + QuantizeLinear_5 + Conv_4", "CaskConvolution", [y], [tensor("z", "int8", SHAPE)])
    )
    return layers


def test_case_01_the_skip_leads_and_its_distant_effects_follow(shared: Path) -> None:
    comparison = trex(shared, "pytorch__resnet__A100", fp16="fp16", int8="qat")
    diagnosis = diagnose(comparison.engines, comparison.graph)
    first = diagnosis.findings[0]
    assert (first.engine, first.code, first.severity) == ("int8", "Q101", Severity.CRITICAL)
    assert isinstance(first.saving_ns, Estimate)
    assert first.saving_ns.low < 0.337e6 < first.saving_ns.high  # measured on the mended engine


def test_case_01_without_its_sibling_the_range_is_wider_and_still_holds(shared: Path) -> None:
    alone, paired = (
        diagnose(c.engines, c.graph).findings[0].saving_ns
        for c in (
            trex(shared, "pytorch__resnet__A100", int8="qat"),
            trex(shared, "pytorch__resnet__A100", fp16="fp16", int8="qat"),
        )
    )
    assert isinstance(alone, Estimate)
    assert isinstance(paired, Estimate)
    assert alone.low < paired.low < 0.337e6 < paired.high <= alone.high


def test_the_mended_engine_has_no_skip_left(shared: Path) -> None:
    comparison = trex(shared, "pytorch__resnet__A100", int8="qat-residual")
    assert RULE.code not in {item.code for item in diagnose(comparison.engines, comparison.graph).findings}


def test_a_float_skip_is_found_with_the_quantise_behind_it() -> None:
    (claim,) = RULE.check(subject(built("int8", residual_block("fp16", "fp16"), [1.0] * 5)))
    assert claim.explains == {0, 2, 3}
    assert claim.savings[3].mid == 1.0
    assert "1 residual Add without Q/DQ on the skip input" in claim.cause


def test_a_quantised_skip_is_healthy() -> None:
    assert RULE.check(subject(built("int8", residual_block("int8", "int8"), [1.0] * 4))) == ()


def test_a_calibrated_engine_is_not_blamed_for_missing_nodes() -> None:
    layers = [item for item in residual_block("fp16", "fp16") if item.origin is None]
    plain = [layer(item.index, item.name.split(" + ", 2)[-1], item.type, item.inputs, item.outputs) for item in layers]
    assert RULE.check(subject(built("int8", plain, [1.0] * len(plain)))) == ()


def test_an_engine_of_names_alone_cannot_tell() -> None:
    names = built("int8", residual_block("fp16", "fp16"), [1.0] * 5)
    answer = RULE.check(subject(names, explicit=None))
    assert isinstance(answer, Unknown)


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_a_float_engine_has_no_such_thing(precision: str) -> None:
    layers = [
        layer(0, "Conv_0", "CaskConvolution", [tensor("in", precision, SHAPE)], [tensor("s", precision, SHAPE)]),
        layer(1, "Conv_1 + Add_2", "CaskConvolution", [tensor("in", precision, SHAPE), tensor("s", precision, SHAPE)],
              [tensor("y", precision, SHAPE)]),
    ]  # fmt: skip
    assert RULE.check(subject(built(precision, layers, [1.0, 1.0]))) == ()
