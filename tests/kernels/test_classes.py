"""Every family reads its names in full: unit, operation, the three types, shape, ISA floor, role and confidence."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.kernels.conftest import table
from trtprof.kernels import classify, classify_all
from trtprof.kernels.registry import FAMILIES
from trtprof.kernels.verdict import OPERATIONS
from trtprof.model import KernelClass, KernelRole, Unit

ROWS = table()


@pytest.mark.parametrize("expected", ROWS, ids=[row.name[:60] for row in ROWS])
def test_the_whole_answer(expected: KernelClass) -> None:
    assert replace(classify(expected.name), why="") == expected


def test_every_family_has_rows_in_the_table() -> None:
    assert {row.family for row in ROWS} == {family.name for family in FAMILIES}


@pytest.mark.parametrize("name", [row.name for row in ROWS if row.confidence >= 0.8])
def test_why_quotes_the_name(name: str) -> None:
    why = classify(name).why
    plain = name.lower().replace("_", "")
    assert any(word.lower().replace("_", "") in plain for word in re.findall(r"\w{2,}", why)), why


def test_answers_are_consistent_in_themselves() -> None:
    for row in (classify(row.name) for row in ROWS):
        assert row.operation is None or row.operation in OPERATIONS
        assert 0 <= row.confidence <= 1
        assert (row.unit is Unit.UNKNOWN) == (row.confidence == 0), row
        assert row.unit is Unit.TENSOR_CORE or (row.mma is None and row.mma_shape is None), row
        assert row.role is KernelRole.MAIN or row.unit is not Unit.TENSOR_CORE, row


@pytest.mark.parametrize(
    ("name", "unit", "mma"),
    [
        ("volta_h884gemm_128x64_ldg8_nn", Unit.TENSOR_CORE, "fp16"),
        ("turing_int8_i8816cudnn_int8_128x64_ldg16_relu_nt_v1", Unit.TENSOR_CORE, "int8"),
        ("volta_hcudnn_128x64_relu_small_nn_v1", Unit.CUDA_CORE, None),
        ("volta_int8x4_icudnn_int8x4_128x64_relu_small_nn_v1", Unit.CUDA_CORE, None),
        ("volta_scudnn_128x64_relu_small_nn_v1", Unit.CUDA_CORE, None),
    ],
)
def test_the_five_patterns_that_the_field_began_with(name: str, unit: Unit, mma: str | None) -> None:
    found = classify(name)
    assert (found.unit, found.mma and found.mma.value, found.confidence >= 0.95) == (unit, mma, True)


def test_classify_all_answers_distinct_names_in_order_of_appearance() -> None:
    names = ["device_kernel", "volta_sgemm_96x64_nn", "device_kernel", "[CUDA memset]", "volta_sgemm_96x64_nn"]
    found = classify_all(iter(names))
    assert list(found) == ["device_kernel", "volta_sgemm_96x64_nn", "[CUDA memset]"]
    assert all(found[name] == classify(name) for name in names)
