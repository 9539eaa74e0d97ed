"""The last resort: what the plain words of an identifier say, for kernels that no grammar covers.

``fused_add_rms_norm_kernel`` and ``topKStage2Sampling`` are named by people, in words. Words of movement and of
pointwise or reducing arithmetic are believed, less where the name holds other words too. Words of matrix products are
not: whoever writes ``my_gemm`` may use Tensor Cores or not, so the answer is unknown, unless the name also says
``wmma``, ``mma_m16n8k16`` or ``wgmma``, or says that it is a GEMV. Base names such as ``kernel`` say nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family
from trtprof.kernels.spelling import CODES, cpp_type, mangled_builtin
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import FAIR, LEANING, Verdict, cuda, helps, moves, tensor, unknown
from trtprof.model import DType

_PART: Final = 0.75  # the name holds words that nobody here understands
_DOUBTED: Final = {"fft": _PART, "solver": _PART}  # some write these as matrix products


def _table(text: str) -> dict[str, str]:
    """Return word to heading of a table whose lines read ``heading: word word``."""
    lines = (line.partition(":") for line in text.strip().splitlines())
    return {word: heading.strip() for heading, _, words in lines for word in words.split()}


# Arithmetic without matrix instructions, the more telling operation first.
_MATHS: Final = _table("""
    normalization: norm layernorm rmsnorm groupnorm batchnorm instancenorm rms ln bn lrn normalize welford renorm l2norm
    softmax: softmax logsoftmax crossentropy nll loss
    rotary_embedding: rope rotary mrope
    sampling: sampling sample topk topp topkp top multinomial beam speculative verify penalty logits
    pooling: pool pooling maxpool avgpool roi roialign
    resize: resize upsample interpolate bilinear nearest bicubic
    sort: sort radix bitonic unique nms
    scan: scan cumsum prefix cumprod
    quantize: quantize quant quantized
    dequantize: dequantize dequant
    optimizer: adam adamw sgd optimizer lamb momentum
    random: random rand randperm philox uniform dropout curand rng seed
    fft: fft ifft stft rfft
    solver: cholesky lu qr svd eig trsm potrf getrf
    reduction: reduce reduction sum mean max min amax absmax argmax argmin count histogram asum nrm2 prod logsumexp
    elementwise: elementwise pointwise add mul sub div relu gelu silu swiglu geglu sigmoid tanh exp log sqrt rsqrt pow
    elementwise: sin cos erf clamp clip where compare eltwise activation act unary binary bias scale scal axpy hadamard
    elementwise: swish mish abs neg xor lerp addcmul threshold gate gating gated bcast residual mask masked fma isnan
    elementwise: isinf nan increment
""")
_RANK: Final = {word: rank for rank, word in enumerate(_MATHS)}
_MOVES: Final = _table("""
    copy: copy memcpy move cpy clone load store dup
    transpose: transpose permute permutation permutate nchw nhwc shuffle layout
    cast: cast convert cvt downcast upcast
    concat: concat concatenate cat
    slice: slice split pad padding crop unpad flip roll stack unstack
    gather: gather index select lookup expand repeat
    embedding: embedding embeddings embed
    scatter: scatter put
    fill: fill memset zero zeros ones init initialize arange iota linspace
    communication: allreduce allgather reducescatter alltoall broadcast nccl nvshmem ipc barrier
    reformat: reformat reshape pack unpack interleave deinterleave cache
""")
# Words of matrix products, on whichever engine; "place" words name the part of a network as often as the operation.
_PRODUCTS: Final = _table("""
    product: gemm gemms hgemm sgemm dgemm igemm bgemm matmul mm bmm addmm baddbmm conv convolution mlp ffn fc einsum dot
    product: wgrad dgrad fprop mma product lora bgmv sgmv winograd wkv ssd retention projection proj tensorcore fmha
    product: sdpa flash decoding kda gla solve inverse wy
    place: attention attn mha mqa mla linear dense chunk delta cutlass cublas
""")
_NEUTRAL: Final = frozenset(
    _table("""
    noise: kernel kernels fused simple vectorized vec vector opt fast small large block warp thread cuda gpu device
    noise: global impl generic template stage nd k v n d t x fwd bwd forward backward inference batch batched head heads
    noise: token tokens per group grouped channel channels shared smem aligned unaligned contiguous strided inplace
    noise: float double int uint half bfloat and with to of from in out my new old f b fp bf s h i layer hidden lnd
    noise: grid stride loop unrolled unroll dim last first inner outer row col wise
""")
)
_IMAGES: Final = frozenset(
    _table("""
    image: yuv rgb bgr rgba letterbox affine remap image preprocess decode voxel voxelize pillar bev
""")
)
_VECTORS: Final = frozenset(("gemv", "matvec", "vecmat", "gevm"))
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_MMA: Final = re.compile(
    r"(?i)(?:^|_|[a-z\d](?=[A-Z]))(wgmma|tcgen05|umma|wmma|hmma|imma|mma_?m?\d+n\d+k\d+|mma_sync|m\d+n\d+k\d+|tensor_?op"
    r"|tensor_?cores?)(?![a-z])"
)
_HELPER: Final = re.compile(
    r"(?i)split_?k_?(?:reduce|reduction)|reduce_?split_?k|stream_?k_fixup|compute_?(?:problem|expert|arg|gemm)\w*"
    r"|get_\w{0,40}?(?:starts|metadata)|align_block_size|pre_?compute|offsets?(?:_?kernel)?$|set_?device|init_device|repack"
)
_COLLECTIVE: Final = re.compile(r"(?i)all_?reduce|all_?gather|reduce_?scatter|all_?to_?all")
_COLUMNS: Final = re.compile(r"(?i)(?:im|vol|image)2col|col2(?:im|vol)")
_CASTS: Final = re.compile(r"(?:float|half|bfloat|bf|fp|int|uint)\d*_to_(?:float|half|bfloat|bf|fp|int|uint)\d*")


def read(symbol: Symbol) -> Verdict:
    """Return the verdict by words; never None."""
    if not symbol.ident:
        return _EMPTY
    # A trailing number is an instance, so that my_kernel_1 to my_kernel_999 are judged once.
    return _verdict(symbol.ident.rstrip("0123456789") or symbol.ident, _element(symbol))


def _element(symbol: Symbol) -> DType | None:
    """Return the first element type among the template arguments or parameters."""
    if symbol.end >= len(symbol.name):
        return None
    kind = mangled_builtin(symbol.name, symbol.end) if symbol.is_mangled else None
    return kind if kind is not None else cpp_type(symbol.name, symbol.end)


_EMPTY: Final = unknown("there is no word in this name")


@lru_cache(maxsize=16384)
def _verdict(ident: str, kind: DType | None) -> Verdict:
    """Return the verdict on an identifier."""
    words = [word.lower() for word in _WORD.findall(ident)]
    if not words:
        return _EMPTY
    return _by_phrase(ident, words, kind) or _by_product(words, kind) or _by_words(ident, words, kind)


def _by_phrase(ident: str, words: list[str], kind: DType | None) -> Verdict | None:
    """Return the verdict on words that only tell together, None where there are none."""
    if _COLUMNS.search(ident) and not any(word in _PRODUCTS for word in words):
        return moves("reformat", f"{ident}: lays a convolution's windows out as columns", operand=kind,
                     confidence=_PART)  # fmt: skip
    helper, instruction = _HELPER.search(ident), _MMA.search(ident)
    if helper is not None:
        return helps("offsets", f"{helper[0]}: prepares or finishes the work of another kernel", operand=kind,
                     confidence=FAIR)  # fmt: skip
    if _COLLECTIVE.search(ident) and not any(word in _PRODUCTS for word in words):
        return moves("communication", f"{ident}: moves data between GPUs, summing on the way", operand=kind,
                     confidence=FAIR)  # fmt: skip
    if instruction is not None and "depthwise" not in words and not any(word in _MOVES for word in words):
        return tensor("gemm" if "gemm" in words else None, f"{instruction[1]} is a Tensor Core instruction",
                      operand=kind, mma=kind, confidence=FAIR)  # fmt: skip
    return None


def _by_product(words: list[str], kind: DType | None) -> Verdict | None:
    """Return the verdict on a name with a word of products, None without one or where it only names a place."""
    thin = next((word for word in words if word in _VECTORS or word == "depthwise"), None)
    if thin is not None:
        return cuda("depthwise_convolution" if thin == "depthwise" else "gemv",
                    f"{thin}: too thin for a matrix instruction", operand=kind, confidence=_PART)  # fmt: skip
    products = [word for word in words if word in _PRODUCTS]
    if not products and "fused moe" not in " ".join(words):
        return None
    move = _MOVES.get(words[0])
    if move is not None and all(_PRODUCTS[word] == "place" for word in products):
        # "concat_mla_q" moves what an attention reads; "rope_attention" may be all of it
        return moves(move, f"{words[0]}: moves or converts data", operand=kind, confidence=LEANING)
    word = products[0] if products else "fused moe"
    return unknown(f"{word} may mean a matrix product, and nothing says on which core", operand=kind)


def _by_words(ident: str, words: list[str], kind: DType | None) -> Verdict:
    """Return the verdict on a name without products: arithmetic first, then movement."""
    maths = min((word for word in words if word in _MATHS), key=_RANK.__getitem__, default=None)
    move = next((word for word in words if word in _MOVES), None)
    known = all(word in _MATHS or word in _MOVES or word in _NEUTRAL or word in CODES for word in words)
    sure = FAIR if known else _PART
    if maths is not None:
        sure = min(sure, _DOUBTED.get(_MATHS[maths], sure))
        return cuda(_MATHS[maths], f"{maths}: arithmetic that needs no matrix instruction", operand=kind,
                    confidence=sure)  # fmt: skip
    if move is not None or _CASTS.search(ident):
        return moves(_MOVES[move] if move else "cast", f"{move or 'to'}: moves or converts data", operand=kind,
                     confidence=sure)  # fmt: skip
    image = next((word for word in words if word in _IMAGES), None)
    if image is not None:
        return cuda("image", f"{image}: image or point processing", operand=kind, confidence=_PART)
    if _NEUTRAL.issuperset(words):
        why = f"{ident} is a base name: the template arguments or the demangled name would tell"
        return unknown(why, operand=kind)
    return unknown(f"no family's grammar and no word of {ident} tells", operand=kind)


FAMILY: Final = Family(
    name="words",
    title="kernels read by their plain words",
    read=read,
)
