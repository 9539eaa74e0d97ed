"""cuDNN's kernels outside CASK, CUTLASS and attention: direct, Winograd, FFT, generated engines, RNN, norm, pooling.

The direct and Winograd convolutions (``implicit_convolve_sgemm``, ``conv2d_c1_k1_*``, ``*grouped_direct*``,
``winograd*``) run on CUDA cores: conv2d_c1_k1 stands on several public lists as a Tensor Core kernel and was measured
not to be. ``*_HMMA`` in a recurrent kernel is one. A generated engine (``cudnn_generated_*``) says what it computes:
``matMul`` and ``conv`` multiply on Tensor Cores, a norm or a pointwise graph does not.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family
from trtprof.kernels.spelling import cpp_type
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import CERTAIN, FAIR, Verdict, cuda, helps, moves, tensor, unknown
from trtprof.model import DType, Unit

_HELPER: Final = re.compile(
    r"compute\w{0,80}Offsets|kern_precompute|compute_gemm_pointers|init_device|generateWinogradTiles|winogradWgradDelta"
    r"|reorder\w{0,80}Filter|flip_filter|computeBOffsets|set_\w{0,80}params|scalePackedTensor|setTensor\w{0,80}Kernel|reduce_wgrad"
    r"|wgrad_\w{0,80}reduc|splitKReduce|cudnn_reduce_split"
)
_MOVES: Final = re.compile(
    r"nchwToNhwc|nhwcToNchw|nchw2nhwc|nchwToFold|foldedN|convertTensor|nhwcAddPadding|transpose_readWrite|AddPadding"
    r"|nc\w{0,40}hw\w{0,40}To\w{1,80}|transform\w{0,80}Tensor|permute|copy_kernel|im2col|tensorTransform|transposeNC"
)
# What the word in an identifier computes: the convolutions first, then the layers around them.
_CONVOLUTIONS: Final = (
    (r"conv2d_c1_k1|depthwise|dwconv|conv\w*2d_c1", "depthwise_convolution"),
    (r"dgrad|data_grad|BwdData", "convolution_dgrad"),
    (r"wgrad|calc_bias_diff|filter_grad", "convolution_wgrad"),
    (r"implicit_convolve|explicit_convolve|precomputed_convolve|convolve_common_engine|cudnn_convolve", "convolution"),
    (r"conv\w*grouped_direct|conv1d|conv2d|conv3d|conv_kernel|winograd", "convolution"),
    (r"fft", "fft"),
)
_LAYERS: Final = (
    (r"bn_|batch_?norm|[Nn]orm|lrn|ln_", "normalization"),
    (r"pool", "pooling"),
    (r"softmax|ctc|CTC", "softmax"),
    (r"RNN|LSTM|GRU|rnn", "recurrent"),
    (r"reduce|reduced_|dot_", "reduction"),
    (r"dropout", "random"),
    (r"op_tensor|op_generic_tensor|add_tensor|activation|pointwise|addBias|scale|elem|Elem|alphaBeta", "elementwise"),
    (r"spatial_tf|resample|bilinear", "resize"),
    (r"initGPUData|setTensor|fill", "fill"),
)
_RULES: Final = tuple(
    (re.compile(pattern), operation, kind)
    for table, kind in ((_CONVOLUTIONS, "direct, Winograd or FFT convolution"), (_LAYERS, "layer kernel"))
    for pattern, operation in table
)
_TRAITS: Final = re.compile(
    r"(Volta|Turing|Ampere|Ada|Hopper|Blackwell)_([hiqd]g?mma)_(fp16|fp32|bf16|tf32|int8|e4m3|fp64)?"
)
_SCALAR_TRAITS: Final = re.compile(r"_(?:ffma|simt|hfma2?|dfma|imad)_")


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a kernel of cuDNN, None when it is not one."""
    ident = symbol.ident
    if symbol.scope.startswith("xmma_"):
        return _traits(symbol.name)
    bare = symbol.end == len(symbol.name)
    verdict = _verdict(symbol.scope, ident, None if bare else cpp_type(symbol.name, symbol.end))
    if bare and verdict is not None and ident.startswith("RNN_") and verdict.unit is Unit.CUDA_CORE:
        return verdict._replace(confidence=0.75)  # the _HMMA at its end may have been cut off
    return verdict


@lru_cache(maxsize=4096)
def _verdict(scope: str, ident: str, kind: DType | None) -> Verdict | None:
    """Return the verdict on a scope and an identifier."""
    if ident.startswith("cudnn_generated_"):
        return _generated(ident)
    if "HMMA" in ident:
        mma = kind if kind in {DType.FP16, DType.BF16} else DType.FP16
        return tensor("recurrent", "HMMA is a Tensor Core instruction", mma=mma, operand=kind, isa=70)
    return _around(ident, kind) or _computed(scope, ident, kind)


def _around(ident: str, kind: DType | None) -> Verdict | None:
    """Return the verdict on a helper or a change of layout, None for a kernel that computes."""
    helper, moved = _HELPER.search(ident), _MOVES.search(ident)
    if helper is not None:
        return helps("offsets", f"{helper[0]}: prepares or finishes another kernel's work", operand=kind)
    if moved is not None:
        return moves("reformat", f"{moved[0]}: cuDNN changing layout or type", operand=kind)
    return None


def _computed(scope: str, ident: str, kind: DType | None) -> Verdict | None:
    """Return the verdict on a kernel that computes, all of them on CUDA cores."""
    for pattern, operation, what in _RULES:
        found = pattern.search(ident) or (pattern.search(scope) if operation == "convolution" else None)
        if found is not None:
            return cuda(operation, f"{found[0]}: a {what} of cuDNN, on CUDA cores", operand=kind)
    if scope.startswith("cudnn::"):
        return cuda(None, "a kernel of cuDNN that names no product", operand=kind, confidence=0.7)
    return None


def _generated(ident: str) -> Verdict:
    """Return the verdict on an engine that cuDNN generated for a graph of operations."""
    sm = re.search(r"_sm(\d+)_", ident)
    floor = int(sm[1]) if sm is not None else None
    product = re.search(r"(?i)matmul|conv(?!ert)|fprop|dgrad|wgrad|gemm", ident)
    if re.search(r"wgmma|_wmma|_h?mma_", ident) or (product is not None and (floor or 0) >= 70):
        what = "gemm" if product is None or "atmul" in product[0].lower() else "convolution"
        return tensor(what, f"{product[0] if product else 'wgmma'}: a product in a generated engine, on Tensor Cores",
                      isa=floor, confidence=CERTAIN if "mma" in ident else FAIR)  # fmt: skip
    if product is not None:
        return unknown("a generated engine with a product, for a GPU it does not name", operation="gemm")
    around = re.search(r"(?i)norm|softmax|reduc|pointwise|resample|bn_", ident)
    if around is None:
        return unknown("a generated engine whose operations the name does not hold", isa=floor)
    what = "normalization" if "norm" in around[0].lower() else "elementwise"
    return cuda(what, f"{around[0]}: a generated engine without a product", isa=floor, confidence=FAIR)


_TRAIT_TYPES: Final = {
    "fp16": DType.FP16, "fp32": DType.FP16, "bf16": DType.BF16, "tf32": DType.TF32, "int8": DType.INT8,
    "e4m3": DType.FP8, "fp64": DType.FP64,
}  # fmt: skip
_TRAIT_FLOORS: Final = {"Volta": 70, "Turing": 75, "Ampere": 80, "Ada": 89, "Hopper": 90, "Blackwell": 100}


def _traits(name: str) -> Verdict | None:
    """Return the verdict on an xmma template by its traits: ``xmma_cudnn::Ampere_hmma_tf32_traits<...>``."""
    found = _TRAITS.search(name)
    operation = "convolution" if "implicit_gemm" in name or "conv" in name else "gemm"
    if found is not None:
        # hmma_fp32_traits multiplies FP16 and sums in FP32: the word is the accumulator's
        mma = _TRAIT_TYPES.get(found[3] or "")
        return tensor(operation, f"{found[0]}: traits of a Tensor Core instruction", mma=mma,
                      isa=_TRAIT_FLOORS[found[1]], confidence=CERTAIN)  # fmt: skip
    scalar = _SCALAR_TRAITS.search(name)
    if scalar is not None:
        return cuda(operation, f"{scalar[0]}: traits of a CUDA core instruction", confidence=CERTAIN)
    return unknown("an xmma template whose traits are cut off", operation=operation)


FAMILY: Final = Family(
    name="cudnn",
    title="cuDNN's direct, Winograd, recurrent, generated and layer kernels",
    ident=r"(?:im|ex)plicit_convolve|precomputed_convolve|convolve_common_engine|(?:conv|dgrad|wgrad)2d_c1_k1|cudnn_"
    r"|(?:conv|dgrad|wgrad)\w*_grouped_direct|dgrad_engine|wgrad_alg|dgrad\w*_alg|winograd(?:_nonfused|[A-Z])|generateWinograd|fft[12]d_"
    r"|calc_bias_diff|bn_(?:fw|bw)_|(?:RNN|LSTM|GRU)_|persistRNN|elemWiseRNN|pooling_(?:fw|bw)|softmax_(?:fw|bw)"
    r"|op_(?:generic_)?tensor|add_tensor_kernel|nchwToNhwcKernel|nhwcToNchwKernel|nhwcAddPadding|convertTensor"
    r"|scalePackedTensor|compute_gemm_pointers|computeOffsetsKernel|kern_precompute|flip_filter|transpose_readWrite"
    r"|lrnForward|dropout_fp|CTCForward|activation_(?:fw|bw)|wgrad2d_|dgrad2d_|cudnn",
    scope=r"cudnn|engines_precompiled::|xmma_\w+::|winograd|cnn::|ops::",
    read=read,
)
