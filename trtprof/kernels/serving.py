"""Kernels of LLM serving stacks: vLLM, SGLang, TensorRT-LLM, TensorRT Edge-LLM, DeepGEMM, AWQ, GPTQ, bitsandbytes.

Marlin, DeepGEMM and the AWQ GEMMs multiply on Tensor Cores; GPTQ's ``gemm_half_q_half`` and everything named GEMV do
not (sm_80 and sm_90 builds of sgl-kernel). What stands around them (norm, RoPE, sampling, caches) is left to `words`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family
from trtprof.kernels.spelling import cpp_type
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import FAIR, LEANING, STRONG, Verdict, cuda, helps, moves, tensor, unknown
from trtprof.model import DType

_DEEP: Final = re.compile(r"sm(\d+)_(fp8|bf16|fp4|m?x?fp8_fp4)_\w*(?:gemm|logits|einsum)\w*")
_TENSOR: Final[tuple[tuple[str, DType | None, str, float], ...]] = (
    (r"Marlin(?!Default)\w*$|marlin_kernel", None, "Marlin: int4 or int8 weights widened for the Tensor Cores", STRONG),
    (r"(?:fp8|bf16)_gemm_kernel|fp8_wgrad_gemm", DType.FP8, "DeepGEMM's gemm: FP8 products on Tensor Cores", STRONG),
    (
        r"gemm_forward_4bit_cuda_m16n|gemm_w4a16_T\d",
        DType.FP16,
        "gemm_forward_4bit or gemm_w4a16: int4 weights widened to FP16, mma.m16n8k16",
        FAIR,
    ),
    (r"fused_a_gemm_kernel", DType.BF16, "TensorRT-LLM's low-latency BF16 GEMM, built on mma.m16n8k16", FAIR),
    (r"dense_kernel0$", DType.INT8, "QServe's dense_kernel0: W4A8 on INT8 Tensor Cores", LEANING),
    (r"qserve_\w*gemm|w4a8_\w*gemm", DType.INT8, "a W4A8 product on INT8 Tensor Cores", FAIR),
)
_CUDA: Final[tuple[tuple[str, str, str, float], ...]] = (
    (r"gemm_half_q_half|gemm_half_q_half_alt", "gemm", "GPTQ's GEMM for few rows, on CUDA cores", STRONG),
    (r"router_gemm_kernel|dsv3_router_gemm|cuda_?[cC]ore_?[gG]emm", "gemm", "a GEMM for few rows, on CUDA cores", FAIR),
    (r"kgemm_4bit_inference_naive|kgemv", "gemv", "bitsandbytes' 4-bit product for one row", 0.9),
    (r"causal_conv1d|selective_scan|conv1d_update", "scan", "Mamba's short convolution or scan, on CUDA cores", FAIR),
    (r"moe_vec_q|gemv_\w*awq|awq_gemv|gemv_kernel", "gemv", "a quantised product for one row, named gemv or vec", FAIR),
)
_MOVES: Final = re.compile(
    r"(?:gptq_|awq_)?marlin_?\w*repack|permute_cols|shuffle_\dbit|make_sequential|reconstruct_|reshape_and_cache"
    r"|concat_and_cache|copy_blocks|swap_blocks|transfer_kernel|transfer_page|gather_cached"
)
_NAMES: Final = (
    r"Marlin|marlin_|sm\d+_(?:fp8|bf16|fp4|m?x?fp8_fp4)_|(?:fp8|bf16)_gemm_kernel|fp8_wgrad|gemm_forward_4bit|gemm_w4a16"
    r"|fused_a_gemm|dense_kernel0|qserve_|w4a8_|gemm_half_q|router_gemm|dsv3_|cuda_?[cC]ore_?[gG]emm|kgem[mv]|smxx_"
    r"|causal_conv1d|selective_scan|moe_vec_q|awq_|gptq_|permute_cols|shuffle_\dbit|make_sequential|reconstruct_"
    r"|reshape_and_cache|concat_and_cache|copy_blocks|swap_blocks|transfer_(?:kernel|page)|gemv_kernel"
)


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a serving stack's kernel, None when the identifier is not one."""
    kind = cpp_type(symbol.name, symbol.end) if symbol.end < len(symbol.name) else None
    return _verdict(symbol.scope, symbol.ident, kind)


@lru_cache(maxsize=4096)
def _verdict(scope: str, ident: str, kind: DType | None) -> Verdict | None:
    """Return the verdict on a scope and an identifier."""
    if "weight_only::" in scope and ident == "kernel":
        return cuda("gemv", "weight_only::kernel: TensorRT-LLM's matrix-vector product", operand=kind, confidence=FAIR)
    verdict = _around(ident, kind) or _multiplied(ident, kind)
    if verdict is not None or "gemm" not in ident:
        return verdict
    return unknown(f"{ident}: a product of a serving stack, on an engine the name does not tell", operand=kind)


def _around(ident: str, kind: DType | None) -> Verdict | None:
    """Return the verdict on a kernel that only prepares or moves, None for a product."""
    if ident.startswith(("smxx_", "MarlinDefault")):
        return helps("reformat", f"{ident}: lays out scale factors, or stands for an architecture without a body")
    moved = _MOVES.match(ident)
    return moves("reformat", f"{moved[0]}: lays data out anew", operand=kind) if moved is not None else None


def _multiplied(ident: str, kind: DType | None) -> Verdict | None:
    """Return the verdict on a product that the tables know."""
    deep = _DEEP.match(ident)
    if deep is not None:
        named = {"fp8": DType.FP8, "bf16": DType.BF16, "fp4": DType.FP4}.get(deep[2], DType.FP8)
        return tensor("gemm", f"{deep[0]}: DeepGEMM, on Tensor Cores", mma=named, accumulate=DType.FP32,
                      isa=int(deep[1]))  # fmt: skip
    for pattern, mma, why, sure in _TENSOR:
        if re.match(pattern, ident):
            return tensor("gemm", why, mma=mma if mma is not None else kind, accumulate=DType.FP32, confidence=sure)
    for pattern, operation, why, sure in _CUDA:
        if re.match(pattern, ident):
            return cuda(operation, why, operand=kind, confidence=sure)
    return None


FAMILY: Final = Family(
    name="serving",
    title="LLM serving: vLLM, SGLang, TensorRT-LLM, DeepGEMM, AWQ, GPTQ",
    ident=_NAMES,
    scope=r"deep_gemm::|marlin|(?:\w+::)*?weight_only::",
    read=read,
)
