"""K202, K203 and K204: grouped, transposed and 3-D convolutions that quantisation does not help."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.analysis.findings.pairs import beside
from tests.analysis.findings.subjects import built, layer, subject, tensor
from trtprof.analysis.findings import conv_3d, grouped_conv, transposed_conv
from trtprof.analysis.findings.rule import Rule
from trtprof.comparison import Built
from trtprof.model import Layer, Unknown

FLAT, DEEP = (1, 64, 40, 40), (1, 64, 8, 40, 40)
KINDS: list[tuple[Rule, str, str, dict[str, object], Sequence[int]]] = [
    (grouped_conv.RULE, "Conv_1", "CaskConvolution", {"Groups": 64}, FLAT),
    (transposed_conv.RULE, "ConvTranspose_1", "CaskDeconvolutionV2", {"Groups": 1}, FLAT),
    (conv_3d.RULE, "Conv_1", "CaskConvolution", {"Kernel": [3, 3, 3], "Groups": 1}, DEEP),
]


def chain(dtype: str, node: str, kind: str, given: dict[str, object], shape: Sequence[int]) -> list[Layer]:
    """A plain convolution, the one in question, and another plain one."""
    a, b = tensor("a", dtype, shape), tensor("b", dtype, shape)
    return [
        layer(0, "Conv_0", "CaskConvolution", [tensor("x", dtype, FLAT)], [a]),
        layer(1, node, kind, [a], [b], **given),
        layer(2, "Conv_2", "CaskConvolution", [b], [tensor("y", dtype, FLAT)], Kernel=[1, 1]),
    ]


def pair(case: tuple, mine: float, other: float) -> tuple[Built, Built]:
    _, *what = case
    return (
        built("int8", chain("int8", *what), [0.1, mine, 0.1]),
        built("fp16", chain("fp16", *what), [0.2, other, 0.2]),
    )


@pytest.mark.parametrize("case", KINDS, ids=lambda case: case[0].code)
def test_slower_than_in_16_bits_even_with_conversions(case: tuple) -> None:
    (claim,) = case[0].check(beside(*pair(case, 1.0, 0.3)))
    share = claim.savings[1]
    assert set(claim.savings) == {1}
    assert share.high == pytest.approx(0.7)  # without the conversions that 16 bits would add
    assert 0 < share.low < share.mid < share.high
    assert "takes 1.000 ms, 0.300 ms in the 16-bit engine" in claim.evidence[0].what


@pytest.mark.parametrize("case", KINDS, ids=lambda case: case[0].code)
def test_faster_than_in_16_bits_is_healthy(case: tuple) -> None:
    assert case[0].check(beside(*pair(case, 0.3, 0.4))) == ()


@pytest.mark.parametrize("case", KINDS, ids=lambda case: case[0].code)
def test_a_loss_below_the_price_of_two_conversions_is_kept(case: tuple) -> None:
    """Two conversions take at least as long as two of the shortest layers: 0.2 ms here."""
    assert case[0].check(beside(*pair(case, 0.5, 0.4))) == ()


@pytest.mark.parametrize("case", KINDS, ids=lambda case: case[0].code)
def test_without_the_sibling_it_is_a_note(case: tuple) -> None:
    mine, _ = pair(case, 1.0, 0.3)
    (claim,) = case[0].check(subject(mine))
    assert isinstance(claim.saving, Unknown)
    assert claim.savings == {}


@pytest.mark.parametrize("case", KINDS, ids=lambda case: case[0].code)
def test_a_small_one_is_not_worth_a_note(case: tuple) -> None:
    mine = built("int8", chain("int8", *case[1:]), [1.0, 0.01, 1.0])
    assert case[0].check(subject(mine)) == ()


@pytest.mark.parametrize("case", KINDS, ids=lambda case: case[0].code)
def test_without_times_it_cannot_be_told(case: tuple) -> None:
    assert isinstance(case[0].check(subject(built("int8", chain("int8", *case[1:])))), Unknown)


@pytest.mark.parametrize("case", KINDS, ids=lambda case: case[0].code)
def test_a_float_engine_has_no_such_thing(case: tuple) -> None:
    _, half = pair(case, 1.0, 0.3)
    assert case[0].check(subject(half)) == ()


def test_its_own_conversions_count_and_go() -> None:
    a, b, c = tensor("a", "fp16", FLAT), tensor("b", "int8", FLAT), tensor("c", "fp16", FLAT)
    mine = [
        layer(0, "Conv_0", "CaskConvolution", [tensor("x", "int8", FLAT)], [a]),
        layer(1, "QuantizeLinear_9", "Reformat", [a], [b], origin="QDQ"),
        layer(2, "Conv_1", "CaskConvolution", [b], [c], Groups=64),
        layer(3, "Conv_2", "CaskConvolution", [c], [tensor("y", "fp16", FLAT)]),
    ]
    half = chain("fp16", "Conv_1", "CaskConvolution", {"Groups": 64}, FLAT)
    (claim,) = grouped_conv.RULE.check(
        beside(built("int8", mine, [0.3, 0.2, 0.3, 0.1]), built("fp16", half, [0.2] * 3))
    )
    assert claim.savings[1].mid == 1.0  # the quantise goes
    assert claim.savings[2].mid == pytest.approx(1 / 3)  # 0.2 of 0.3 ms, and both sides are float already
    assert claim.evidence[0].what == "takes 0.500 ms with 1 conversion of its own, 0.200 ms in the 16-bit engine"


def test_a_convolution_on_tensor_cores_gets_no_note() -> None:
    layers = chain("int8", "Conv_1", "CaskConvolution", {"Groups": 2}, FLAT)
    tactic = "sm80_xmma_fprop_implicit_gemm_interleaved_i8i8_i8i32_f32_nchw_vect_c_32kcrs_vect_c_32_tensor16x8x32"
    layers[1] = layer(1, "Conv_1", "CaskConvolution", layers[1].inputs or (), layers[1].outputs or (),
                      tactic=tactic, Groups=2)  # fmt: skip
    assert grouped_conv.RULE.check(subject(built("int8", layers, [0.1, 1.0, 0.1]))) == ()


def test_fp8_has_a_cure_of_its_own() -> None:
    (claim,) = grouped_conv.RULE.check(subject(built("fp8", chain("fp8", *KINDS[0][1:]), [0.1, 1.0, 0.1])))
    assert claim.cure is not None
    assert "no optimised FP8 kernel" in claim.cure


def test_a_3d_convolution_that_stays_in_float_is_a_note() -> None:
    a = tensor("a", "fp16", DEEP)
    layers = [
        layer(0, "Conv_0", "CaskConvolution", [tensor("x", "int8", FLAT)], [tensor("z", "int8", FLAT)]),
        layer(1, "Conv_1", "CaskConvolution", [a], [tensor("b", "fp16", DEEP)], Kernel=[3, 3, 3]),
    ]
    (claim,) = conv_3d.RULE.check(subject(built("int8", layers, [1.0, 1.0])))
    assert claim.cause == "1 3-D convolution stays in float, 50 % of the time"
    assert isinstance(claim.saving, Unknown)


def test_a_convolution_that_is_split_by_its_groups_is_one_loss() -> None:
    a, half = tensor("a", "int8", FLAT), chain("fp16", "Conv_1", "CaskConvolution", {}, FLAT)
    parts = [
        layer(1 + k, "Conv_1", "CaskConvolution", [a], [tensor(f"b{k}", "int8", (1, 16, 40, 40))]) for k in range(4)
    ]
    first = layer(0, "Conv_0", "CaskConvolution", [tensor("x", "int8", FLAT)], [a])
    (claim,) = grouped_conv.RULE.check(
        beside(built("int8", [first, *parts], [0.1, 0.4, 0.4, 0.4, 0.4]), built("fp16", half, [0.2, 0.3, 0.2]))
    )
    assert set(claim.savings) == {1, 2, 3, 4}
    assert claim.cause == "1 grouped or depthwise convolution is slower quantised than in 16 bits"


def test_a_neighbour_in_the_same_group_is_not_mixed_in() -> None:
    """The sibling fuses both convolutions with one addition, so they share a group; only the other one is slower."""
    a, b = tensor("a", "int8", FLAT), tensor("b", "int8", FLAT)
    mine = [
        layer(0, "Conv_0 + Add_2", "CaskConvolution", [tensor("x", "int8", FLAT)], [a]),
        layer(1, "Conv_1 + Add_2", "CaskConvolution", [a], [b], Groups=64),
    ]
    half = [
        layer(0, "Conv_0 + Add_2", "CaskConvolution", [tensor("x", "fp16", FLAT)], [tensor("a", "fp16", FLAT)]),
        layer(
            1, "Conv_1 + Add_2", "CaskConvolution", [tensor("a", "fp16", FLAT)], [tensor("b", "fp16", FLAT)], Groups=64
        ),
    ]
    assert grouped_conv.RULE.check(beside(built("int8", mine, [2.0, 0.2]), built("fp16", half, [0.3, 0.3]))) == ()
