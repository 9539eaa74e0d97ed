"""What holds for any text: an answer, the same answer twice, the same unit however a profiler spells the name."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.conftest import table
from trtprof.kernels import classify, classify_all, explain
from trtprof.model import KernelClass, Unit

ROWS = table()
PIECES = [
    "sm80_", "xmma_", "f16", "f32f32", "_", "fprop_", "gemm", "tf32", "cutlass_", "cutlass3x_sm90_", "tensorop_",
    "simt_", "s16816", "_128x64", "volta_", "cudnn", "nvjet_", "hsh_", "__myl_", "Add", "Fc", "Etc", "_Z", "_ZN", "I",
    "E", "7cutlass", "6__half", "99999999999999999999", "<", ">", "(", ")", "::", " ", "void ",
    "(anonymous namespace)::", "<unnamed>::", "std::enable_if<", "::type ", "Kernel2<", "device_kernel<",
    "enable_sm90<", "flash_fwd", "fmha_", "triton_", "poi", "_fusion", ".", "-", "$", "é", "\n", "\0", "tensor16x8x",
    "trt_turing_xmma_", "stages", "compute", "Offsets", "reorder", "cudnn_generated_", "sdpa", "bmm_", "E4m3", "Mma",
    "MMA_", "SM80_16x8x16_F32", "GemmShape<", "ILi16E", "reduce", "conv", "mul_mat_q", "dp4a", "splitK",
    "ncclKernel_", "Memcpy", "__nv_static_", "__ZN", "T1::Params",
]  # fmt: skip
texts = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    st.tuples(st.sampled_from(ROWS), st.integers(0, 300)).map(lambda pair: pair[0].name[: pair[1]]),
)
plain = st.sampled_from([row for row in ROWS if row.name.isidentifier() and not row.name.startswith("_Z")])
unwrapped = st.sampled_from([row for row in ROWS if "Kernel2" not in row.name and "device_kernel" not in row.name])


@given(texts)
@settings(max_examples=500, deadline=None)
def test_any_text_gets_an_answer_with_a_reason(name: str) -> None:
    found = classify(name)
    assert isinstance(found, KernelClass)
    assert found.name == name
    assert found.why
    assert (found.unit is Unit.UNKNOWN) == (found.confidence == 0)


@given(texts)
@settings(max_examples=500, deadline=None)
def test_the_tokens_of_any_text_give_it_back(name: str) -> None:
    tokens = explain(name)
    assert "".join(token.text for token in tokens) == name
    assert all(token.text for token in tokens)


@given(st.lists(texts, max_size=8))
@settings(max_examples=150, deadline=None)
def test_an_answer_depends_on_its_name_only(names: list[str]) -> None:
    first = classify_all(names)
    assert classify_all(names[::-1] + names) == first
    assert all(classify(name) == found for name, found in first.items())


@given(unwrapped)
def test_a_return_type_changes_nothing_but_the_name(row: KernelClass) -> None:
    if row.name.startswith(("void ", "_Z", "std::", "[", "Mem")):
        return
    bare, typed = classify(row.name), classify(f"void {row.name}")
    assert (typed.unit, typed.role, typed.family) == (bare.unit, bare.role, bare.family)


@given(plain, st.sampled_from(["<(int)4>(T1::Params)", "<float, 128, true>(const T1 *, int)", "(void)", "<>"]))
def test_template_arguments_and_parameters_do_not_change_the_unit(row: KernelClass, tail: str) -> None:
    if row.unit is not Unit.UNKNOWN:
        assert classify(f"void {row.name}{tail}").unit in {row.unit, Unit.UNKNOWN}
        assert classify(f"void {row.name}{tail}").role is row.role


@given(plain)
def test_mangling_does_not_change_the_unit(row: KernelClass) -> None:
    length = len(row.name)
    for mangled in (f"_Z{length}{row.name}PfS_i", f"_ZN4acme{length}{row.name}EPfS_i"):
        assert classify(mangled).unit is row.unit, mangled


@given(plain.filter(lambda row: row.family in {"cutlass", "xmma", "legacy"}))
def test_a_launcher_is_looked_through(row: KernelClass) -> None:
    for spelled in (
        f"void cutlass::Kernel2<{row.name}>(T1::Params)",
        f"void cutlass::device_kernel<{row.name}>(T1::Params)",
        f"_ZN7cutlass7Kernel2I{len(row.name)}{row.name}EEvNT_6ParamsE",
    ):
        found = classify(spelled)
        assert (found.unit, found.mma, found.mma_shape, found.role) == (row.unit, row.mma, row.mma_shape, row.role)


@pytest.mark.parametrize("row", ROWS, ids=[row.name[:60] for row in ROWS])
def test_no_cut_turns_a_tensor_core_into_a_cuda_core_or_back(row: KernelClass) -> None:
    other = {Unit.TENSOR_CORE: Unit.CUDA_CORE, Unit.CUDA_CORE: Unit.TENSOR_CORE}.get(row.unit)
    for length in range(20, len(row.name)):  # no profiler cuts shorter
        found = classify(row.name[:length])
        assert found.unit is not other or found.confidence < 0.8, found


@pytest.mark.parametrize(
    "piece",
    ["_", "a<", "a::", "f16", "(anonymous namespace)::", "128x64_", "Mul", "_Z1a", "N1aI", "attention", "x_K", "<>"],
)
@pytest.mark.parametrize(
    "head", ["", "sm80_xmma_", "__myl_", "cutlass_tensorop_", "_ZN", "void flash_fwd_", "fmha_v2_"]
)
def test_long_names_take_time_in_proportion(head: str, piece: str) -> None:
    name = head + piece * (30_000 // len(piece))
    started = time.process_time()
    classify(name)
    explain(name)
    assert time.process_time() - started < 3
