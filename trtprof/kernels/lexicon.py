"""What the words between the underscores of a kernel name mean, and how a name is cut into them.

These are the words that several families share: tile sizes, stages, layouts, alignments, epilogues. A family adds what
only its position can tell (the third group of an xmma name) in its own ``spell``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from trtprof.kernels.family import Token
from trtprof.kernels.spelling import CODES

_WORDS: Final[tuple[tuple[str, str], ...]] = (
    (r"xmma", "NVIDIA's CASK kernel library"),
    (r"cutlass3x", "CUTLASS 3.x"),
    (r"cutlass", "CUTLASS"),
    (r"tensorop", "multiplies on Tensor Cores"),
    (r"bssptensorop", "multiplies sparse, block-scaled operands on Tensor Cores"),
    (r"bstensorop", "multiplies block-scaled operands on Tensor Cores"),
    (r"sptensorop", "multiplies 2:4 sparse operands on Tensor Cores"),
    (r"wmma", "multiplies on Tensor Cores through the WMMA interface"),
    (r"simt", "multiplies on CUDA cores"),
    (r"ffma2?", "multiplies on CUDA cores (FFMA, FP32)"),
    (r"sptensor(\d+x\d+x\d+)", "sparse Tensor Core instruction of M x N x K = {0}"),
    (r"tensor(\d+x\d+x\d+)", "Tensor Core instruction of M x N x K = {0}"),
    (r"(?:sp)?tensor(\d*)", "Tensor Core instruction {0}"),
    (r"warpgroupsize(\S+)", "warpgroups a tile ({0}): Hopper's Tensor Core instructions (GMMA)"),
    (r"[hiqd]g?mma\S*", "Tensor Core instruction"),
    (r"maxwell|pascal|volta|turing|ampere|ada|hopper|blackwell", "GPU generation it was written for"),
    (r"trt", "built for TensorRT"),
    (r"cudnn|5x|infer", "built for cuDNN or cuBLAS"),
    (r"cublas", "built for cuBLAS"),
    (r"cusparse(?:lt)?", "built for cuSPARSELt"),
    (r"fprop|fwd", "forward pass"),
    (r"dgrad", "gradient of the data"),
    (r"wgrad", "gradient of the weights"),
    (r"bprop|bwd", "backward pass"),
    (r"gemm|matmul|mm", "matrix product"),
    (r"gemv|gemvx|gemv2[tn]", "matrix-vector product"),
    (r"implicit", "convolution as an implicit matrix product"),
    (r"winograd|wngd\S*", "Winograd convolution: fewer multiplications, CUDA cores"),
    (r"indexed", "offsets from a table"),
    (r"interleaved", "channels interleaved (NC/xHWx)"),
    (r"image|first|layer", "specialised for a network's first layer"),
    (r"depthwise|depthwisehmma", "one channel a filter"),
    (r"pooling|maxpool|avgpool", "pooling"),
    (r"deconv", "transposed convolution"),
    (r"tilesize(\S+)", "tile of the output, M x N x K = {0}"),
    (r"warptilesize(\S+)", "tile of one warp, {0}"),
    (r"tile(\d\S*)", "tile of {0}"),
    (r"stages?(\d*)", "depth of the load pipeline {0}"),
    (r"warpsize(\S+)", "warps a tile, {0}"),
    (r"cgasize(\S+)|cga(\S+)", "thread blocks a cluster {0}"),
    (r"g(\d+)", "channels a group: {0}"),
    (r"t(\d+)r(\d+)s(\d+)", "filter specialised for {1} x {2}"),
    (r"align([abc])(\d+)", "operand {0} is read {1} aligned elements at a time"),
    (r"align(\d+)", "operands are read {0} aligned elements at a time"),
    (r"execute|kernel", "entry point"),
    (r"split|splitk", "K split over blocks, summed afterwards"),
    (r"segment", "K split inside the kernel"),
    (r"helper", "helper kernel: does not multiply"),
    (r"fused", "several operations in one kernel"),
    (r"relu|gelu|silu|swish|sigmoid|tanh|bias|biasadd", "epilogue"),
    (r"beta0", "does not read the old output"),
    (r"nhwckrsc", "input NHWC, filter KRSC"),
    (r"nchwkcrs|nchwkrsc", "input NCHW, filter KCRS or KRSC"),
    (r"nhwc|nchw|ndhwc|ncdhw|ncxhwx", "tensor layout"),
    (r"kcrs|krsc", "filter layout"),
    (r"[ntcuh]{2,4}", "transposition of the operands (n: no, t: yes)"),
    (r"ldg(\d+)", "loads of {0} elements"),
    (r"f2f", "converts the result"),
    (r"large|medium|small|interior", "which problem sizes and borders it is for"),
    (r"sliced(\S+)", "K sliced over warps {0}"),
    (r"exp", "expanded indexing"),
    (r"1sm|2sm|[12]cta", "thread blocks that share one Blackwell Tensor Core instruction"),
    (r"warpspecialized|cooperative|pingpong", "schedule of the warps"),
    (r"v(\d+)", "version {0}"),
    (r"fp16x2|fp16|half", "FP16"),
    (r"bf16", "BF16"),
    (r"tf32", "TF32"),
    (r"fp32|f32|float", "FP32"),
    (r"int8x4|int8x32|int8|s8|i8", "INT8"),
    (r"u8|uint8", "UINT8"),
    (r"f64|fp64|cf64", "FP64"),
    (r"cf32", "complex FP32"),
    (r"e4m3|e5m2|fp8|f8", "FP8"),
    (r"e2m1|fp4|f4|xf4", "FP4"),
    (r"e3m2|e2m3|f6", "FP6"),
    (r"int32|s32", "INT32"),
    (r"f16", "FP16"),
    (r"int4|s4|u4", "INT4"),
    (r"void", "none"),
    (r"elementwise|pointwise", "one operation for each element"),
    (r"vectorized", "several elements a load"),
    (r"unrolled", "loop unrolled"),
    (r"reduce|reduction", "reduction"),
    (r"softmax", "softmax"),
    (r"norm|layernorm|rmsnorm|batchnorm", "normalisation"),
    (r"transpose|permute", "transposition"),
    (r"copy|cpy", "copy"),
    (r"quantize|quant", "quantisation"),
    (r"dequantize|dequant", "dequantisation"),
    (r"rope|rotary", "rotary position embedding"),
    (r"splitkv", "keys and values split over blocks, combined afterwards"),
    (r"combine|merge", "combines the parts of a split"),
    (r"block", "scale factors a block"),
    (r"scaled", "scaled"),
    (r"vs(\d+)", "one scale factor for {0} elements"),
    (r"loop", "XLA's loop over the output's elements"),
    (r"input", "XLA's reduction or transposition"),
    (r"fusion", "several operations in one kernel"),
    (r"wrapped", "one operation as a kernel"),
    (r"winograd", "Winograd convolution"),
    (r"few|fixed|channels", "variant for few or a fixed number of channels"),
    (r"optimized|analytic", "how the addresses are computed"),
    (r"unity|strided?", "stride of the convolution"),
    (r"grouped", "many products in one launch"),
    (r"stream", "work spread evenly over the processors (stream-K)"),
    (r"i32|int32", "INT32"),
    (r"flash", "flash attention: softmax and both products in one pass"),
    (r"sdpa|fmha|mha|attention|fmhca", "attention"),
    (r"wgmma", "Hopper's Tensor Core instruction"),
    (r"knob", "number of the engine's setting"),
    (r"causal", "causal mask"),
    (r"[1-9]\d*x\d+(?:x\d+)*", "tile or cluster size"),
    (r"0x[0-9a-f]+|[0-9a-f]{16,}", "hash of the kernel"),
    (r"myl\d*", "TensorRT's Myelin compiler"),
    (r"triton", "generated by Triton"),
    (r"poi", "pointwise"),
    (r"red", "reduction in a loop"),
    (r"per", "reduction held in registers"),
    (r"tem", "from a template"),
)
_COMPILED: Final = tuple((re.compile(pattern), meaning) for pattern, meaning in _WORDS)
_SPLIT: Final = re.compile(r"[^_]+|_+")
_SIZE: Final = re.compile(r"\d+x\d+(?:x\d+)*")
_SCALED: Final = re.compile(r"(u?e\dm\d)x(\w+)")
_CAPABILITY: Final = re.compile(r"(?:sm_?)?(\d{1,2})(\d)[af]?")


def word_meaning(word: str) -> str:
    """Return what a word between underscores means, empty where nobody says."""
    lowered = word.lower()
    if lowered.startswith("sm") and _CAPABILITY.fullmatch(lowered):
        return capability(lowered)
    scaled = _SCALED.fullmatch(lowered)
    if scaled is not None:
        return f"{word_meaning(scaled[2]) or scaled[2]} data, one {scaled[1].upper()} scale factor a block"
    for pattern, meaning in _COMPILED:
        found = pattern.fullmatch(lowered)
        if found is not None:
            return meaning.format(*(group or "" for group in found.groups())).strip()
    return ""


def capability(digits: str) -> str:
    """Return what ``sm80`` or ``80`` says of the GPU."""
    found = _CAPABILITY.fullmatch(digits)
    return f"compiled for compute capability {found[1]}.{found[2]} or newer" if found is not None else ""


def spell_words(text: str, sizes: Iterable[str] = (), types: Iterable[str] = ()) -> Iterator[Token]:
    """Yield the words of ``text`` and the underscores between them.

    ``sizes`` and ``types`` are what the first, second, ... size (``128x64``) and element type in the text stand for,
    where the family knows it by position.
    """
    roles, places = iter(types), iter(sizes)
    for piece in _SPLIT.findall(text):
        meaning = "" if piece.startswith("_") else word_meaning(piece)
        if _SIZE.fullmatch(piece):
            meaning = next(places, meaning)
        elif piece.lower() in CODES or _SCALED.fullmatch(piece.lower()):
            role = next(roles, "")
            meaning = f"{role}: {meaning}" if role else meaning
        yield Token(piece, meaning)
