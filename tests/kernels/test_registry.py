"""The registry is what its documentation promises: ordered, closed, and one family a name."""

from __future__ import annotations

import re

import pytest

from trtprof.kernels.family import Family
from trtprof.kernels.registry import FAMILIES, family_of
from trtprof.kernels.symbol import take_apart


def test_family_names_are_distinct_and_titled() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    assert all(family.title for family in FAMILIES)


def test_the_last_family_is_asked_about_everything() -> None:
    last = FAMILIES[-1]
    assert (last.ident, last.scope) == (None, None)
    assert last.read(take_apart("")) is not None


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_patterns_hold_no_groups_of_their_own(family: Family) -> None:
    # The dispatcher joins the patterns of all families and knows a family by the number of its group.
    for pattern in (family.ident, family.scope):
        assert pattern is None or re.compile(pattern).groups == 0


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("volta_h884gemm_96x64_nn", "legacy"),
        ("sm80_xmma_gemm_f16f16_f16f32_f32_tn_n_tilesize96x64x64_tensor16x8x16_execute_kernel", "xmma"),
        ("void at::native::(anonymous namespace)::softmax_kernel<float>(T1)", "pytorch"),
        ("void cutlass::Kernel2<volta_h884gemm_96x64_nn>(T1::Params)", "legacy"),
        ("something_else_entirely", "words"),
    ],
)
def test_the_first_family_that_answers_is_asked(name: str, family: str) -> None:
    assert family_of(take_apart(name)).name == family
