"""What a reader of kernel names falls into, one trap a test; where only counters tell, what a name may not claim."""

from __future__ import annotations

import pytest

from trtprof.kernels import classify
from trtprof.model import DType, KernelRole, Unit

WGRAD = "sm80_xmma_wgrad_implicit_gemm_indexed"
TAIL = "tilesize96x64x64_stage3_warpsize2x2x1"


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        (f"sm80_xmma_gemm_f32f32_f32f32_f32_nn_n_{TAIL}_ffma_execute_kernel_trt", Unit.CUDA_CORE),
        ("sm50_xmma_pooling_fw_4d_FP16FP32NCHW_Max", Unit.CUDA_CORE),
        ("sm80_xmma_pooling_coalescedC_NHWC_kMAX_3_False", Unit.CUDA_CORE),
        ("sm80_my_add_kernel", Unit.CUDA_CORE),
    ],
)
def test_xmma_and_sm80_alone_do_not_make_a_tensor_core(name: str, unit: Unit) -> None:
    found = classify(name)
    assert (found.unit, found.mma) == (unit, None)


@pytest.mark.parametrize(
    "name",
    [
        f"sm80_xmma_gemm_f16f16_f16f32_f32_tn_n_{TAIL}_tensor16x8x16_execute_split_k_kernel__5x_cublas",
        f"{WGRAD}_f16f16_f16f32_f32_nhwckrsc_nhwc_{TAIL}_g1_tensor16x8x16_execute_split_k_kernel__5x_cudnn",
        "reorderImma8816Filter",
        "void cask__5x_cudnn::reorderImma8816Filter<32, 2>(cask__5x_cudnn::ReorderImmaFilterParams)",
        "void cublasLt::splitKreduce_kernel<32, 16, int, __half, __half, float, __half>(T1)",
    ],
)
def test_kernels_around_a_product_are_helpers_though_they_carry_its_instruction(name: str) -> None:
    found = classify(name)
    assert (found.unit, found.role, found.mma) == (Unit.NONE, KernelRole.HELPER, None)


@pytest.mark.parametrize(
    ("name", "operand"),
    [
        ("volta_hcudnn_96x64_relu_small_nn_v1", DType.FP16),
        ("volta_fp16_scudnn_fp16_96x64_relu_small_nn_v1", DType.FP16),
        ("ampere_fp16_sgemm_fp16_96x64_nn", DType.FP16),
        (f"sm80_xmma_gemm_f16f16_f32f32_f32_nn_n_{TAIL}_ffma_execute_kernel_trt", DType.FP16),
        ("sm80_xmma_depthwise_convolution_fprop_f16f16_f16f16_f16_nhwckrsc_nhwc_tiling_execute_kernel_trt", DType.FP16),
    ],
)
def test_half_precision_without_matrix_instructions(name: str, operand: DType) -> None:
    found = classify(name)
    assert (found.unit, found.operand, found.mma) == (Unit.CUDA_CORE, operand, None)
    assert found.confidence >= 0.8


@pytest.mark.parametrize(
    "name",
    [
        f"sm80_xmma_gemm_f32f32_tf32f32_f32_nn_n_{TAIL}_tensor16x8x8_execute_kernel_trt",
        "void cutlass::Kernel2<cutlass_80_tensorop_s1688gemm_96x64_16x5_nn_align4>(T1::Params)",
        "cutlass_tensorop_s1688tf32gemm_96x64_16x5_nn_align4",
    ],
)
def test_fp32_tensors_multiplied_in_tf32(name: str) -> None:
    found = classify(name)
    assert (found.unit, found.operand, found.mma) == (Unit.TENSOR_CORE, DType.FP32, DType.TF32)


def test_conv2d_c1_k1_runs_on_cuda_cores_whatever_the_published_lists_say() -> None:
    found = classify("void conv2d_c1_k1_nchw_hw_packed_kernel<__half, float, 3>(float, cudnnTensorStruct)")
    assert (found.unit, found.operation) == (Unit.CUDA_CORE, "depthwise_convolution")


def test_half2_arithmetic_is_cuda_core_work_though_tensor_pipe_counters_fire() -> None:
    found = classify("void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<c10::Half>>(int)")
    assert (found.unit, found.operand, found.mma) == (Unit.CUDA_CORE, DType.FP16, None)


@pytest.mark.parametrize("name", ["Kernel", "Kernel2", "KernelArray", "device_kernel", "kernel", "gemm_kernel", "cask"])
def test_base_names_are_unknown_and_say_what_would_tell(name: str) -> None:
    found = classify(name)
    assert (found.unit, found.confidence) == (Unit.UNKNOWN, 0.0)
    assert found.why


@pytest.mark.parametrize("length", range(22, 86))
def test_a_cut_name_does_not_turn_to_the_other_unit(length: int) -> None:
    for name in (
        "void cutlass::Kernel2<cutlass_80_tensorop_s1688gemm_96x64_16x5_nn_align4>(T1::Params)",
        "void cutlass::Kernel2<cutlass_80_simt_sgemm_96x64_8x5_nn_align1>(T1::Params)",
        f"sm80_xmma_gemm_f32f32_f32f32_f32_nn_n_{TAIL}_ffma_execute_kernel_trt",
    ):
        found, whole = classify(name[:length]), classify(name)
        assert found.unit in {whole.unit, Unit.UNKNOWN} or found.confidence < 0.8, found


def test_helper_words_among_template_arguments_do_not_demote() -> None:
    found = classify(
        "void cutlass::device_kernel<cutlass::fmha::kernel::Sm100FmhaMlaKernelTmaWarpspecialized<"
        "cutlass::bfloat16_t, float, cutlass::fmha::kernel::Sm100MlaPersistentTileScheduler, Reduction>>(T1::Params)"
    )
    assert (found.unit, found.role, found.mma) == (Unit.TENSOR_CORE, KernelRole.MAIN, DType.BF16)


def test_fp8_for_ada_keeps_its_floor_so_that_a_newer_gpu_can_be_told_to_widen_it() -> None:
    # On sm_90 and sm_100 the compiler widens FP8 mma.sync to FP16: still a Tensor Core, but which type only SASS knows.
    found = classify(f"sm89_xmma_gemm_e4m3f32_e4m3f32_f32_tn_n_{TAIL}_tensor16x8x32_execute_kernel__5x_cublas")
    assert (found.unit, found.mma, found.isa_floor) == (Unit.TENSOR_CORE, DType.FP8, 89)


def test_one_name_for_two_engines_is_unknown() -> None:
    found = classify("void mul_mat_q<(ggml_type)8, 96, 8, true>(char const *, char const *, float *)")
    assert (found.unit, found.operation, found.confidence) == (Unit.UNKNOWN, "gemm", 0.0)


def test_builds_for_other_architectures_are_told_apart_by_their_floor() -> None:
    names = [f"fmha_cutlassF_f16_aligned_64x64_rf_sm{floor}(Params)" for floor in (70, 75, 80)]
    assert [classify(name).isa_floor for name in names] == [70, 75, 80]


@pytest.mark.parametrize(
    ("name", "operand"),
    [
        ("void cuInt8::nchwTonhwc<float, 32, 32, 2>(const T1 *, T1 *)", DType.FP32),
        ("void genericReformat::copyVectorizedKernel<double, __half, __half, true, false, 1>(unsigned)", DType.FP16),
    ],
)
def test_a_reformat_moves_what_it_holds_not_what_its_namespace_or_vector_width_says(name: str, operand: DType) -> None:
    found = classify(name)
    assert (found.unit, found.operation, found.operand) == (Unit.NONE, "reformat", operand)


def test_the_floor_lets_a_gpu_without_the_instruction_veto() -> None:
    # INT8 came to Tensor Cores with sm_72: the same name cannot have run on an sm_70.
    assert classify("volta_int8_i8816cudnn_int8_96x64_ldg16_relu_small_nt_v1").isa_floor == 72
    assert classify("volta_h884gemm_96x64_nn").isa_floor == 70
    assert classify("volta_sgemm_96x64_nn").unit is Unit.CUDA_CORE


PRODUCTS = """
    gemm sgemm_kernel hgemm_kernel matmul_kernel _matmul_kernel batched_gemm_kernel gemm_kernel conv2d_kernel
    conv_relu_kernel implicit_gemm_kernel winograd_gemm dot_kernel attention_kernel _attn_fwd flash_decode_kernel
    fused_moe_kernel w4a8_kernel chunk_scan_fwd grouped_gemm_kernel int8_gemm fused_mlp_kernel gemm_softmax_kernel
    all_gather_matmul layernorm_linear_kernel gather_gemm_scatter im2col_gemm lora_shrink_kernel syrk_kernel
    triton_tem_fused_mm_3 gemm_fusion_dot_7 wrapped_dot_2 cublas_gemm_1 __myl_FcAdd_myl0_3
"""


@pytest.mark.parametrize("name", PRODUCTS.split())
def test_a_product_in_plain_words_is_never_a_confident_answer(name: str) -> None:
    for spelled in (name, f"void {name}<float>(float *, int)", f"void mine::{name}<__half>(T1)"):
        assert classify(spelled).confidence < 0.8, spelled
