"""K205: padding of channels, and when it does not matter."""

from __future__ import annotations

import pytest

from tests.analysis.findings.pairs import beside
from tests.analysis.findings.subjects import built, layer, subject, tensor
from trtprof.analysis.findings.channel_alignment import RULE, waste
from trtprof.model import Layer


def convs(dtype: str, channels: int, maps: int, **given: object) -> list[Layer]:
    x, y = tensor("x", dtype, (1, channels, 80, 80)), tensor("y", dtype, (1, maps, 80, 80))
    return [
        layer(0, "Conv_0", "CaskConvolution", [x], [y], **given),
        layer(1, "Conv_1", "CaskConvolution", [tensor("p", dtype, (1, 64, 80, 80))],
              [tensor("q", dtype, (1, 64, 80, 80))]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("dtype", "channels", "maps", "expected"),
    [("int8", 18, 64, 1 - 18 / 32), ("int8", 18, 36, 1 - 18 / 32 * 36 / 64), ("fp16", 18, 64, 1 - 18 / 24),
     ("fp32", 18, 64, 1 - 18 / 20), ("int8", 64, 128, 0.0), ("fp16", 24, 40, 0.0)],
)  # fmt: skip
def test_the_padded_share_follows_the_type(dtype: str, channels: int, maps: int, expected: float) -> None:
    row = subject(built(dtype, convs(dtype, channels, maps), [1.0, 1.0])).rows[0]
    assert waste(row) == pytest.approx(expected)


def test_padding_may_cost_nothing_and_at_most_its_share() -> None:
    (claim,) = RULE.check(subject(built("int8", convs("int8", 18, 64), [1.0, 1.0])))
    share = claim.savings[0]
    assert (share.low, share.high) == (0.0, pytest.approx(0.4375))
    assert claim.modelled
    assert claim.evidence[0].what == (
        "18 channels in, 64 out: padded to multiples of 32, 44 % of the products are padding"
    )


@pytest.mark.parametrize(
    ("channels", "maps", "times", "given"),
    [(3, 64, (1.0, 1.0), {}), (62, 64, (1.0, 1.0), {}), (18, 64, (0.01, 1.0), {}), (18, 64, (0.009, 0.009), {}),
     (18, 18, (1.0, 1.0), {"Groups": 18})],
    ids=["stem", "little padding", "little time", "bound by its launch", "depthwise"],
)  # fmt: skip
def test_where_it_does_not_matter(
    channels: int, maps: int, times: tuple[float, float], given: dict[str, object]
) -> None:
    assert RULE.check(subject(built("int8", convs("int8", channels, maps, **given), times))) == ()


def test_a_layer_that_int8_speeds_up_well_does_not_suffer() -> None:
    fast, slow = (
        RULE.check(
            beside(built("int8", convs("int8", 18, 64), [time, 1.0]), built("fp16", convs("fp16", 18, 64), [1.0] * 2))
        )
        for time in (0.5, 0.9)
    )
    assert fast == ()
    assert isinstance(slow, tuple)
    assert slow[0].savings[0].mid == pytest.approx(0.4375 / 2)


def test_real_channels_count_not_padded_ones() -> None:
    row = subject(built("int8", convs("int8", 64, 96, OutMaps=85), [1.0, 1.0])).rows[0]
    assert waste(row) == pytest.approx(1 - 85 / 96)
