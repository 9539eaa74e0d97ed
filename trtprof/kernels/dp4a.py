"""INT8 dot products of four on CUDA cores: dp4a.

INT8 arithmetic without Tensor Cores, at a fraction of their rate: an INT8 layer that lands here is a reason why INT8
is not faster. cuDNN's ``icudnn``, CUTLASS's ``simt_igemm`` and ggml's ``mul_mat_vec_q`` are dp4a too, and are read by
their own families; this one takes every other kernel that spells the instruction.
"""

from __future__ import annotations

from typing import Final

from trtprof.kernels.family import Family
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import STRONG, Verdict, cuda
from trtprof.model import DType


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a kernel that spells dp4a in its identifier, None for any other."""
    ident = symbol.ident.lower()
    return _INT8 if "dp4a" in ident or "dp2a" in ident else None


_INT8: Final = cuda(
    "gemm", "dp4a: INT8 dot products of four on CUDA cores", operand=DType.INT8, accumulate=DType.INT32, isa=61,
    confidence=STRONG,
)  # fmt: skip

FAMILY: Final = Family(name="dp4a", title="INT8 on CUDA cores (dp4a)", read=read)
