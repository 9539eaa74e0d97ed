"""Building blocks of other libraries: CUB, Thrust, cuFFT, cuRAND, cuSPARSE, CuPy, OpenCV, NPP, DALI, RAPIDS.

Sorting, scanning, reducing, transforming: none of it multiplies on Tensor Cores, except what these libraries launch
from cuBLAS, which has its own names. BLAS and LAPACK routines are in `lapack`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family
from trtprof.kernels.spelling import cpp_type
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import FAIR, STRONG, Verdict, cuda, moves, unknown
from trtprof.model import DType

# How CUB's and Thrust's algorithms are called, the more telling word first.
_ALGORITHMS: Final[tuple[tuple[str, str], ...]] = (
    ("Sort", "sort"), ("Merge", "sort"), ("Unique", "sort"), ("TopK", "sort"), ("Histogram", "reduction"),
    ("Reduce", "reduction"), ("ArgM", "reduction"), ("Scan", "scan"), ("Select", "scan"), ("Compact", "scan"),
    ("Partition", "scan"), ("RunLength", "scan"), ("Adjacent", "elementwise"), ("Transform", "elementwise"),
    ("for_each", "elementwise"), ("static_kernel", "elementwise"), ("Memcpy", "copy"), ("fill", "fill"),
    ("copy", "copy"), ("gather", "gather"), ("scatter", "scatter"),
)  # fmt: skip
_MOVING: Final = frozenset(("copy", "fill", "gather", "scatter", "communication"))
_SCOPES: Final[tuple[tuple[str, str, str | None], ...]] = (
    # one part of the namespace path, the library, its operation where it has only one
    (r"cub|CUB_\w+", "CUB", None), (r"thrust|THRUST_\w+|cuda_cub", "Thrust", None), (r"cufft\w*", "cuFFT", "fft"),
    (r"cusparse\w*", "cuSPARSE", "sparse"), (r"cv|cudev", "OpenCV", "image"),
    (r"npp\w*|Npp\w*|dali\w*|nvjpeg\w*|cvcuda|nvcv", "an image library", "image"),
    (r"raft|cuvs|cuml|cudf|cugraph|ML", "RAPIDS", None), (r"gloo", "Gloo", "communication"),
)  # fmt: skip
_IDENTS: Final[tuple[tuple[str, str, str | None], ...]] = (
    (r"\w*fft|bluestein", "cuFFT", "fft"), (r"generate_seed|gen_sequenced|gen_\w*philox", "cuRAND", "random"),
    (r"csr\w*|sddmm|spmm|spmv", "cuSPARSE", "sparse"), (r"cupyx?_", "CuPy", "elementwise"),
    (r"Device[A-Z]\w*|RadixSortScanBins|EmptyKernel|static_kernel", "CUB", None), (r"_kernel_agent", "Thrust", None),
)  # fmt: skip
_BY_SCOPE: Final = tuple((re.compile(pattern), library, operation) for pattern, library, operation in _SCOPES)
_BY_IDENT: Final = tuple((re.compile(pattern), library, operation) for pattern, library, operation in _IDENTS)


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a library's building block, None when neither scope nor identifier names one."""
    kind = cpp_type(symbol.name, symbol.end) if symbol.end < len(symbol.name) else None
    return _verdict(symbol.scope, symbol.ident, kind)


@lru_cache(maxsize=8192)
def _verdict(scope: str, ident: str, kind: DType | None) -> Verdict | None:
    """Return the verdict on a scope and an identifier."""
    found = _library(scope, ident)
    if found is None:
        return None
    library, operation = found
    if "gemm" in ident.lower() or "gemm" in scope:
        return unknown(f"a product of {library}, on an engine the name does not tell", operation="gemm", operand=kind)
    path = scope + ident
    what = operation or next((word for part, word in _ALGORITHMS if part in path), "elementwise")
    why = f"{ident}: {what} by {library}, no matrix instruction"
    if what in _MOVING or ident == "EmptyKernel":
        return moves(what, why, operand=kind)
    return cuda(what, why, operand=kind, confidence=FAIR if library == "RAPIDS" else STRONG)


def _library(scope: str, ident: str) -> tuple[str, str | None] | None:
    """Return the library and its operation, by namespace first."""
    for part in scope.split("::"):
        for pattern, library, operation in _BY_SCOPE:
            if pattern.fullmatch(part):
                return library, operation
    return next(((library, operation) for pattern, library, operation in _BY_IDENT if pattern.match(ident)), None)


FAMILY: Final = Family(
    name="primitives",
    title="CUB, Thrust, cuFFT, cuRAND, cuSPARSE and other libraries",
    ident=r"Device(?:Radix|Reduce|Scan|Select|Segmented|Merge|Unique|Histogram|RunLength|Adjacent|Compact|Partition"
    r"|Transform|Topk|For|ThreeWay|Spmv|Fixed|Batch)|RadixSortScanBins|EmptyKernel|_kernel_agent|static_kernel"
    r"|(?:vector|regular|composite|multi|real|spRadix|dpRadix)\w*fft|bluestein|generate_seed_pseudo|gen_sequenced"
    r"|cupyx?_|csr\w*_kernel|gen_\w*philox",
    scope=r"(?:\w+::)*?(?:cub|thrust|CUB_\w+|THRUST_\w+|cuda_cub)::|cv::|cudev::|cusparse|raft::|cuml::|cudf::|ML::"
    r"|dali::|gloo::|cufft|npp|Npp|nvjpeg|cvcuda::|nvcv::",
    read=read,
)
