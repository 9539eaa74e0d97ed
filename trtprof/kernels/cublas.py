"""cuBLAS kernels that are neither CASK, CUTLASS nor nvjet: GEMV, the oldest GEMMs, split-K sums, vector operations.

A GEMV is too thin for a matrix instruction; ``gemmSN``, ``sgemm_128x128x8`` and ``gemm_kernel2x2`` predate Tensor
Cores. ``cublasLt_fused_imma_dgemm`` and the ``oz`` kernels around nvjet emulate an FP64 product with INT8 ones.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family
from trtprof.kernels.spelling import cpp_type
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import FAIR, STRONG, Verdict, cuda, helps, moves, tensor
from trtprof.model import DType

_EMULATED: Final = re.compile(r"fused_(imma|hmma|qmma)_([dszc])gemm")
_HELPER: Final = re.compile(
    r"splitKreduce|globalKernel|reduce_split|set_device_ptrs|prolog_mod|epilog|oz\d?_|minmax_block"
)
_RULES: Final[tuple[tuple[str, str, str], ...]] = (
    (r"gemvx|gemv\w*|gemvNSP|ger_kernel|dot_kernel|dotc?_", "gemv", "a matrix-vector product"),
    (r"gemmk1|gemmSN|gemm_kernel|[sdcz]gemm_\w*|gemm\d*_?\w*kernel|cgemm|largek|maxwell_", "gemm",
     "a GEMM from before Tensor Cores"),
    (r"trsm|trmm|symm|syrk|trsv|trmv|syr2?", "solver", "a triangular or symmetric product"),
    (r"reduce_1Block|asum|nrm2|amax|iamax|amin", "reduction", "a reduction"),
    (r"scal|axpy|rot|swap|geam|dgmm", "elementwise", "a vector operation"),
    (r"copy|transpose|gemm_trans", "copy", "a copy"),
)  # fmt: skip
# Names that others give their kernels too, which may well multiply on Tensor Cores; cuBLAS's own carry its parameters.
_SHARED: Final = re.compile(r"dot|gemm(?!SN|k1|_kernel\dx\d)|[sdcz]gemm_(?!\d|largek|(?:strided_batched_)?sm)|maxwell_")
_COMPILED: Final = tuple((re.compile(pattern), operation, what) for pattern, operation, what in _RULES)


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a kernel of cuBLAS, None when no word of it is one's."""
    kind = cpp_type(symbol.name, symbol.end) if symbol.end < len(symbol.name) else None
    gemv = "gemvx" in symbol.scope or (symbol.ident == "kernel" and "Gemv" in symbol.rest)
    return _verdict("gemv" if gemv else symbol.ident, kind, "cublas" in symbol.name)


@lru_cache(maxsize=2048)
def _verdict(ident: str, kind: DType | None, signed: bool) -> Verdict | None:
    """Return the verdict on an identifier; ``signed`` where the name says cuBLAS, in namespace or parameters."""
    emulated = _EMULATED.search(ident)
    if emulated is not None:
        mma = {"imma": DType.INT8, "hmma": DType.FP16, "qmma": DType.FP8}[emulated[1]]
        operand = DType.FP64 if emulated[2] in "dz" else DType.FP32
        return tensor("gemm", f"{emulated[0]}: a {operand.value} product put together from {mma.value} ones",
                      mma=mma, operand=operand, accumulate=DType.INT32 if mma is DType.INT8 else DType.FP32,
                      confidence=STRONG)  # fmt: skip
    helper = _HELPER.search(ident)
    if helper is not None:
        word = "split_k_reduction" if "plit" in helper[0] else "offsets"
        return helps(word, f"{helper[0]}: works before or after the kernel that multiplies", operand=kind)
    if not signed and _SHARED.match(ident):
        return None
    for pattern, operation, what in _COMPILED:
        found = pattern.match(ident)
        if found is not None and operation == "copy":
            return moves("copy", f"{found[0]}: {what} of cuBLAS", operand=kind, confidence=FAIR)
        if found is not None:
            return cuda(operation, f"{found[0]}: {what} of cuBLAS, on CUDA cores", operand=kind,
                        confidence=_sure(operation, signed=signed))  # fmt: skip
    return None


def _sure(operation: str, *, signed: bool) -> float:
    """Return the confidence in a name: cuBLAS's own grammar, then words others use too, last a triangular product."""
    return STRONG if signed or operation in {"gemm", "gemv"} else 0.75 if operation == "solver" else FAIR


FAMILY: Final = Family(
    name="cublas",
    title="cuBLAS: GEMV, old GEMMs, split-K sums, vector operations",
    ident=r"splitKreduce_kernel|gemv[2N]\w*|gemvx|gemvNSP|gemmk1_kernel|gemmSN_|gemm_kernel\dx\d"
    r"|[sdcz]gemm_(?:\d+x\d+x\d+|largek|(?:strided_batched_)?sm(?:[2-6]\d|_heavy))|dot_kernel|reduce_1Block|scal_kernel|axpy_kernel|nrm2_kernel|asum_kernel"
    r"|iamax_kernel|copy_kernel$|cublas|globalKernel|trsm_|trsv_|prolog_mod|ger_kernel|rot_kernel|swap_kernel|oz\d?_",
    scope=r"cublas|internal::|epilogue::",
    read=read,
)
