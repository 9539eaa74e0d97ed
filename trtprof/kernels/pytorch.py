"""PyTorch's own kernels: ``at::native::`` and its neighbours.

Of the kernels compiled into libtorch for sm_80 and sm_90 only the int4 ``tinygemm_m16n8k16`` multiplies on Tensor
Cores; attention and CUTLASS kernels have families of their own. The operation is in the functor among the template
arguments (``GeluCUDAKernelImpl``, ``direct_copy_kernel_cuda``), in the identifier otherwise; copies, casts, fills and
index shuffles move data only. Nsight shortens the namespace to ``at::``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family
from trtprof.kernels.spelling import cpp_type, mangled_builtin
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import CERTAIN, Verdict, cuda, helps, moves, tensor, unknown
from trtprof.model import DType

_GENERIC: Final = re.compile(
    r"(?:vectorized|unrolled|legacy)?_?elementwise_kernel(?:_manual_unroll)?$|index_elementwise"
)
_FUNCTORS: Final = (  # fragments of functors that only move data
    ("_copy_kernel", "cast"), ("FillFunctor", "fill"), ("fill_kernel", "fill"), ("index_kernel", "gather"),
    ("index_put", "scatter"),
)  # fmt: skip
_IDENTS: Final[tuple[tuple[str, str, str], ...]] = (
    # pattern of the identifier, operation, cuda or none
    (r"CatArray|chunk_cat", "concat", "none"),
    (r"split_with_sizes|add_padding|remove_padding|constant_pad|reflection_pad|replication_pad", "slice", "none"),
    (r"indexSelect|vectorized_gather|gatherKth|index_elementwise|embedding_(?!bag|backward|renorm)", "gather", "none"),
    (r"embedding", "embedding", "cuda"),
    (r"indexFunc|_scatter_gather|indexing_backward|index_copy|index_fill|index_put", "scatter", "none"),
    (r"im2col|vol2col|col2im|vol2im|flip|roll_cuda|triu_tril|tril_indices|triu_indices", "copy", "none"),
    (r"matrix_to_m16n8k16|m16n8k16_matrix_to|sparse_semi_structured", "reformat", "none"),
    (r"elementwise_kernel_with_index|distribution_nullary|tensor_kernel_fill", "fill", "none"),
    (r"distribution|dropout|bernoulli|multinomial|rand|philox|rrelu|poisson|binomial", "random", "cuda"),
    (r"softmax|cunn_Soft|nll_loss|cross_entropy|ctc_loss|multi_?margin|spatial", "softmax", "cuda"),
    (r"norm|batch_norm|layer_norm|GroupNorm|RowwiseMoments|GammaBeta|lpmax|Compute\w*FusedParams", "normalization",
     "cuda"),
    (r"pool", "pooling", "cuda"),
    (r"upsample|grid_sampl|affine_grid|interp", "resize", "cuda"),
    (r"depthwise", "depthwise_convolution", "cuda"),
    (r"conv", "convolution", "cuda"),
    (r"sort|topk|bitonic|Kth|unique|compute_mode|median|mode_", "sort", "cuda"),
    (r"scan|cumsum|cumprod|block_sums", "scan", "cuda"),
    (r"reduce|sum|histogram|bincount|segment|trace|dot|cdist|pdist|renorm|amax|searchsorted|bucketize", "reduction",
     "cuda"),
    (r"int8pack_mm|int4pack_mm|weight_int\d|gemv", "gemv", "cuda"),
    (r"multi_tensor_apply|adam|sgd|lamb|fused_|amp_", "optimizer", "cuda"),
    (r"fft", "fft", "cuda"),
    (r"prepare_grouped_gemm|compute_\w*offsets", "offsets", "helper"),
    (r"lstm|gru_cell|rnn", "recurrent", "cuda"),
    (r"copy|cast|cat_|transpose|permute|fill", "copy", "none"),
)  # fmt: skip
_PRODUCT: Final = re.compile(r"(?i)gemm|matmul|mma(?![a-z])|_mm_|_mm$|conv_|conv\d|attention")
_CUT: Final = 0.75
_COMPILED: Final = tuple((re.compile(pattern), operation, unit) for pattern, operation, unit in _IDENTS)


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a kernel of PyTorch."""
    ident = symbol.ident
    if ident.startswith("tinygemm_m16n8k16"):
        return _TINYGEMM
    name, end = symbol.name, symbol.end
    if end < len(name) and _is_generic(ident):
        moved = next((word for fragment, word in _FUNCTORS if name.find(fragment, end, end + 400) >= 0), None)
        return _elementwise(ident, moved, _kind(symbol))
    return _plain(ident, _kind(symbol), end < len(name))


@lru_cache(maxsize=4096)
def _is_generic(ident: str) -> bool:
    """Return whether the identifier is one of PyTorch's loops, whose functor tells what it computes."""
    return _GENERIC.match(ident) is not None


def _kind(symbol: Symbol) -> DType | None:
    """Return the first element type among the template arguments."""
    if symbol.end >= len(symbol.name):
        return None
    kind = mangled_builtin(symbol.name, symbol.end) if symbol.is_mangled else None
    return kind if kind is not None else cpp_type(symbol.name, symbol.end)


_TINYGEMM: Final = tensor(
    "gemm", "tinygemm_m16n8k16: int4 weights widened to BF16, multiplied by m16n8k16", mma=DType.BF16,
    accumulate=DType.FP32, shape=(16, 8, 16), isa=80, confidence=CERTAIN,
)  # fmt: skip


@lru_cache(maxsize=4096)
def _elementwise(ident: str, moved: str | None, kind: DType | None) -> Verdict:
    """Return the verdict on a pointwise kernel whose functor moves data (``moved``) or computes."""
    if moved is not None:
        return moves(moved, f"{ident} with a functor that only moves data ({moved})", operand=kind)
    return cuda("elementwise", f"{ident}: PyTorch's pointwise kernel", operand=kind)


@lru_cache(maxsize=4096)
def _plain(ident: str, kind: DType | None, whole: bool) -> Verdict:
    """Return the verdict on an identifier; without arguments behind it (``whole``) it may be cut."""
    for pattern, operation, unit in _COMPILED:
        found = pattern.search(ident)
        if found is None:
            continue
        why = f"{found[0]}: a PyTorch kernel, none of which multiplies on Tensor Cores"
        if unit == "helper":
            return helps(operation, why, operand=kind)
        return (cuda if unit == "cuda" else moves)(operation, why, operand=kind)
    if _PRODUCT.search(ident):
        return unknown(f"{ident}: a product of PyTorch's own, on an engine the name does not tell", operand=kind)
    return cuda("elementwise", f"{ident}: a PyTorch kernel, few of which multiply on Tensor Cores", operand=kind,
                confidence=0.9 if whole else _CUT)  # fmt: skip


FAMILY: Final = Family(
    name="pytorch",
    title="PyTorch's native kernels (at::native)",
    ident=r"(?:vectorized|unrolled|legacy)_elementwise_kernel|elementwise_kernel|index_elementwise_kernel|reduce_kernel$"
    r"|CatArrayBatchedCopy|tinygemm_m16n8k16|softmax_warp_|cunn_SoftMax|distribution_elementwise_grid_stride"
    r"|vectorized_layer_norm|indexSelect|indexFunc|indexing_backward|multi_tensor_apply_kernel|elementwise_kernel_with_index",
    scope=r"at::|c10::|c10d::|at_cuda_detail::(?!cub)|caffe2::|torch::",
    read=read,
)
