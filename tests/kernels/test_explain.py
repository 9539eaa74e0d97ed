"""A name taken apart says what each piece stands for, and says nothing where nobody knows."""

from __future__ import annotations

import pytest

from tests.kernels.conftest import table
from trtprof.kernels import explain
from trtprof.model import Unit

ROWS = table()


def meaning(name: str, text: str, nth: int = 0) -> str:
    """What the ``nth`` token of that text means."""
    return [token.meaning for token in explain(name) if token.text == text][nth]


def test_xmma_groups_by_position() -> None:
    name = (
        "sm80_xmma_fprop_implicit_gemm_interleaved_i8f16_i8i32_f32_nchw_vect_c_32kcrs_vect_c_32_nchw_vect_c_32"
        "_tilesize96x64x64_stage4_warpsize2x2x1_g1_tensor16x8x32_t1r3s3_execute_kernel_trt"
    )
    assert meaning(name, "sm80") == "compiled for compute capability 8.0 or newer"
    assert meaning(name, "i8f16") == "operand and output types"
    assert meaning(name, "i8i32") == "multiply and accumulate types"
    assert "epilogue" in meaning(name, "f32")
    assert meaning(name, "kcrs_vect_c_32") == "filter laid out as KCRS, 32 channels together"
    assert meaning(name, "nchw_vect_c_32", 1).startswith("output")
    assert meaning(name, "tensor16x8x32").startswith("Tensor Core instruction")
    assert meaning(name, "t1r3s3") == "filter specialised for 3 x 3"


def test_legacy_number_is_the_instruction() -> None:
    name = "volta_fp16_h884cudnn_96x128_ldg8_relu_exp_small_nhwc_tn_v1"
    assert meaning(name, "884") == "Tensor Core instruction, M x N x K = 8 x 8 x 4"
    assert meaning(name, "h") == "sums in FP16"
    assert meaning(name, "fp16").startswith("output")


def test_nvjet_letters_by_position() -> None:
    name = "nvjet_sm90_qqtst_96x64_128x6_1x2_h_bz_TNT"
    assert [meaning(name, "q", 0), meaning(name, "q", 1)] == ["A: fp8", "B: fp8"]
    assert [meaning(name, "t", 0), meaning(name, "t", 1)] == ["C: bf16", "D: bf16"]
    assert meaning(name, "s") == "compute: fp32"
    assert meaning(name, "96x64") == "tile of the output, M x N"
    assert meaning(name, "bz") == ""


@pytest.mark.parametrize(
    "spelled",
    [
        "void cutlass::Kernel2<{}>(T1::Params)",
        "{}",
        "_ZN7cutlass7Kernel2I52{}EEvNT_6ParamsE",
    ],
)
def test_cutlass_reads_the_same_in_every_wrapping(spelled: str) -> None:
    name = spelled.format("cutlass_80_tensorop_s16816gemm_bf16_96x64_64x4_tn_al")
    assert meaning(name, "80") == "compiled for compute capability 8.0 or newer"
    assert meaning(name, "16816").endswith("16 x 8 x 16")
    assert meaning(name, "bf16") == "operand A: BF16"
    assert meaning(name, "64x4") == "K x stages"


def test_launchers_namespaces_and_types_are_named() -> None:
    name = "void cutlass::Kernel2<volta_sgemm_96x64_nn>(T1::Params)"
    assert meaning(name, "void ") == "returns nothing, as every kernel"
    assert meaning(name, "Kernel2").startswith("launches the kernel")
    assert meaning("void at::native::softmax_kernel<c10::Half>(T1)", "c10::Half") == "fp16"


def test_myelin_operations_one_by_one() -> None:
    name = "__myl_CasMeanRsqFcAddEtc_0x00000000000000000000000000000001"
    assert [token.text for token in explain(name)][:7] == ["__myl_", "Cas", "Mean", "Rsq", "Fc", "Add", "Etc"]
    assert meaning(name, "Rsq") == "reciprocal square root"
    assert "matrix product" in meaning(name, "Fc")
    assert "cut" in meaning(name, "Etc")
    assert meaning(name, "0x00000000000000000000000000000001") == "hash of the kernel"


def test_attention_numbers_by_position() -> None:
    name = "fmha_v2_flash_attention_fp16_fp32_64_32_S_qkv_96_causal_sm87_kernel_nl"
    assert (meaning(name, "64"), meaning(name, "96")) == ("rows of Q a step", "head size")
    assert meaning("fmha_v2_int8_384_64_sm86_kernel", "384") == "sequence length"


@pytest.mark.parametrize("name", ["Kernel2", "", "qqq", "_"])
def test_what_nobody_documents_has_no_meaning(name: str) -> None:
    assert [token.meaning for token in explain(name)] == [""] * len(explain(name))


def test_every_name_that_has_an_answer_has_an_explained_token() -> None:
    unexplained = [
        row.name
        for row in ROWS
        if row.unit is not Unit.UNKNOWN and row.family != "words" and not any(t.meaning for t in explain(row.name))
    ]
    assert unexplained == []
