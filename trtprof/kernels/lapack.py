"""BLAS and LAPACK routines as kernels of their own: cuSOLVER and MAGMA.

cuSOLVER names kernels after the routine (``larft_T_64``, ``kernel<getrf_wo_pivot_params_<...>>``), MAGMA puts the type
letter before it (``zlaswp_kernel``). Measured on an H100 and read in libtorch's MAGMA: CUDA cores all of them, but for
MAGMA's half-precision GEMM, which is built with and without WMMA.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family
from trtprof.kernels.spelling import cpp_type
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import FAIR, Verdict, cuda, moves, unknown
from trtprof.model import DType

_ROUTINES: Final = (
    r"[sdcz]?(?:lacpy|laset|lascl|lan(?:he|sy|ge)|laswp|larf\w|geqr|getrf|getf2|getrs|getri|potrf|potf2|potrs|trsm_|trsv"
    r"|trmm_|trtri|syrk|herk|syr2k|her2k|symv|hemv|ungqr|orgqr|ormqr|ormtr|sytrd|hetrd|gebrd|gesvd|syev"
    r"|stedc)|[sdcz](?:symm_|hemm_|swap|scal_|axpy|transpose|displace|computecolumn|dot\w*_|nrm2|gemv|geru|gemm_batched)|i[sdcz]amax"
    r"|adjust_ipiv|stepinit_ipiv|ipiv_|xxtrf\d|create_pivot|batch_eye|gemm_template_v?batched|herk_template"
    r"|gemmcn_skinny|gem[vm][cnt]\w*_batched|i?displace_pointers|zero_\w*pivot|setup_pivinfo|kernel_[sdcz]set_pointer"
    r"|magma|cusolver"
)
_MATCH: Final = re.compile(_ROUTINES)
_PARAMS: Final = re.compile(r"<([a-z]\w{2,24}?)_(?:\w{1,24}_)?params_?<")
# Products that anybody may write with Tensor Cores; MAGMA's own carry one of its words.
_PRODUCT: Final = re.compile(r"[sdcz]?(?:gemm|syrk|herk|syr2k|her2k|symm|hemm|trmm|trsm)")
_SIGNED: Final = re.compile(r"template|batched|smallsq|skinny|magma|cusolver|_param")
_BOOKKEEPING: Final = re.compile(r"lacpy|laset|swap|laswp|transpose|displace|ipiv|pivot|pivinfo|pointer|eye|set_info")


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a routine, None for a kernel of another origin that only begins like one."""
    kind = cpp_type(symbol.name, symbol.end) if symbol.end < len(symbol.name) else None
    if symbol.ident == "kernel":
        params = _PARAMS.match(symbol.name, symbol.end)
        return _verdict(params[1], kind) if params is not None and _MATCH.match(params[1]) else None
    return _verdict(symbol.ident, kind)


@lru_cache(maxsize=4096)
def _verdict(ident: str, kind: DType | None) -> Verdict:
    """Return the verdict on a routine."""
    if "hgemm" in ident:
        return unknown("MAGMA's half-precision GEMM is built with and without WMMA", operation="gemm", operand=kind)
    if _BOOKKEEPING.search(ident):
        return moves("copy", f"{ident}: bookkeeping of a factorisation", operand=kind, confidence=FAIR)
    operation = "gemm" if "gemm" in ident else "gemv" if "mv" in ident else "solver"
    doubt = _PRODUCT.match(ident) is not None and _SIGNED.search(ident) is None
    return cuda(operation, f"{ident}: a BLAS or LAPACK routine of cuSOLVER or MAGMA, on CUDA cores", operand=kind,
                confidence=0.75 if doubt else FAIR)  # fmt: skip


FAMILY: Final = Family(
    name="lapack",
    title="BLAS and LAPACK routines of cuSOLVER and MAGMA",
    ident=_ROUTINES + r"|kernel$",
    scope=r"cusolver|magma",
    read=read,
)
