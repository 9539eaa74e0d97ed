"""llama.cpp's kernels (ggml), whose quantised products are built on dp4a or on MMA.

``mul_mat_vec_q`` is always dp4a. ``mul_mat_q`` as a template is MMA in llama.cpp since 2024 and was dp4a before, under
one name: unknown. The older spelling with the format in the name (``mul_mat_q4_K``), which vLLM and SGLang still carry,
was dp4a wherever it was looked at. Attention says which it is: ``_vec`` and ``_tile`` run on CUDA cores,
``flash_attn_ext_f16`` on MMA tiles.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family
from trtprof.kernels.spelling import cpp_type
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import FAIR, STRONG, Verdict, cuda, helps, moves, tensor, unknown
from trtprof.model import DType

_HELPER: Final = re.compile(
    r"\w*stream_k_fixup|flash_attn_(?:combine|mask|stream)|k_compute_batched_ptrs|mm_ids_helper"
)
_OLD: Final = re.compile(r"(?:mul_mat|moe)_q\d_\w+")
_MOVES: Final[tuple[tuple[str, str], ...]] = (
    (r"dequantize_\w+|convert_unary|cpy_\w+|k_copy\w*", "cast"), (r"k_(?:get|set)_rows\w*", "gather"),
    (r"quantize_(?:q8_1|mmq_q8_1)\w*", "quantize"), (r"concat_\w+|k_repeat\w*", "concat"), (r"im2col\w*", "copy"),
)  # fmt: skip
_MATHS: Final[tuple[tuple[str, str], ...]] = (
    (r"k_bin_bcast\w*|unary_\w+|\w*gated_op\w*|scale_f32|clamp\w*", "elementwise"),
    (r"(?:rms_|l2_|group_)?norm_f32\w*", "normalization"), (r"rope_\w+", "rotary_embedding"),
    (r"soft_max_\w+", "softmax"), (r"k_argsort\w*|argmax\w*", "sort"), (r"k_sum_rows\w*|sum_rows\w*", "reduction"),
    (r"ssm_\w+|rwkv_\w+", "scan"),
)  # fmt: skip


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a ggml kernel, None when the identifier is not one."""
    kind = cpp_type(symbol.name, symbol.end) if symbol.end < len(symbol.name) else None
    return _verdict(symbol.ident, kind)


@lru_cache(maxsize=4096)
def _verdict(ident: str, kind: DType | None) -> Verdict | None:
    """Return the verdict on an identifier."""
    if _HELPER.match(ident):
        return helps("split_k_reduction", f"{ident}: prepares or sums for another kernel", operand=kind)
    if ident.startswith(("mul_mat", "moe_q")):
        return _product(ident, kind)
    if ident.startswith("flash_attn"):
        return _attention(ident, kind)
    for pattern, operation in _MOVES:
        if re.fullmatch(pattern, ident):
            return moves(operation, f"{ident}: ggml converting or moving data", operand=kind)
    for pattern, operation in _MATHS:
        if re.fullmatch(pattern, ident):
            return cuda(operation, f"{ident}: ggml, on CUDA cores", operand=kind)
    return None


def _product(ident: str, kind: DType | None) -> Verdict:
    """Return the verdict on a ggml matrix product."""
    if ident.startswith(("mul_mat_vec", "mul_mat_p021", "mul_mat_nc")):
        quantised = "_vec_q" in ident
        return cuda("gemv", "mul_mat_vec: one row" + (", by dp4a" if quantised else ", a dot product"),
                    operand=DType.INT8 if quantised else kind)  # fmt: skip
    if ident == "mul_mat_f":
        mma = DType.TF32 if kind is DType.FP32 else kind
        return tensor("gemm", "mul_mat_f: llama.cpp's product of MMA tiles", mma=mma, operand=kind, confidence=FAIR)
    if _OLD.match(ident):
        return cuda("gemm", "mul_mat_q with the format in the name: ggml's older copy, built on dp4a",
                    operand=DType.INT8, accumulate=DType.INT32, confidence=0.75)  # fmt: skip
    return unknown("mul_mat_q is dp4a in older ggml and MMA in newer, under one name", operation="gemm",
                   operand=DType.INT8)  # fmt: skip


def _attention(ident: str, kind: DType | None) -> Verdict:
    """Return the verdict on llama.cpp's attention."""
    if "_vec" in ident or "_tile" in ident:
        return cuda("attention", f"{ident}: llama.cpp's attention without matrix instructions", operand=kind,
                    confidence=STRONG)  # fmt: skip
    return tensor("attention", f"{ident}: llama.cpp's attention on WMMA or MMA tiles", mma=DType.FP16, confidence=FAIR)


FAMILY: Final = Family(
    name="ggml",
    title="llama.cpp (ggml)",
    ident=r"mul_mat|moe_q\d_|flash_attn_(?:ext|vec|tile|combine|mask|stream)|dequantize_(?:block|mul_mat)|quantize_(?:q8_1|"
    r"mmq)|k_bin_bcast|k_(?:get|set)_rows|k_repeat|k_sum_rows|k_argsort|k_compute_batched|convert_unary|cpy_(?:flt|scalar|"
    r"f\d|q\d)|(?:rms_|l2_|group_)?norm_f32|rope_(?:norm|neox|multi|vision)|soft_max_f|unary_(?:gated_)?op|ssm_(?:conv|"
    r"scan)|rwkv_",
    read=read,
)
