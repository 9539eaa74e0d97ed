"""TensorRT's own kernels outside CASK and Myelin: reformats, pointwise, the layers' CUDA implementations, plugins.

The namespaces name the layer (``cuEltwise::``, ``cuResizeLayer::``, ``cuSoftMaxLayer::``); ``genericReformat::``,
``cuInt8::`` and ``permutationKernelPLC3`` only move data. ``cuInt8`` moves FP32 and FP16 too, and the first type of
``copyVectorizedKernel<double, float, __half>`` is the width of its loads, not an element type.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family
from trtprof.kernels.spelling import cpp_type
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import STRONG, Verdict, cuda, helps, moves, tensor
from trtprof.model import DType

_REFORMAT: Final = re.compile(
    r"copy(?:Packed|Vectorized)(?:Run)?Kernel|nc\w*?q?hw\w*?To\w+|nhwc\w*?To\w+|nchw\w*?To\w+|permutationKernel\w*"
    r"|nchhw2\w*|ndhwcTo\w+|ncdhwTo\w+|transposeKernel\w*|reformat\w*|(?:in|de)terleave\w*"
)
_LAYERS: Final[tuple[tuple[str, str, str], ...]] = (
    # namespace, operation, whether it computes or moves
    (r"cuEltwise|cuElementWise|cuScale|cuActivation|cuUnary|pointwise|cuPointwise|cuSelect|cuParametricReLU",
     "elementwise", "cuda"),
    (r"cuResizeLayer|cuResize|cuGridSample", "resize", "cuda"),
    (r"cuPoolingLayer|cuPooling|cuROI\w*", "pooling", "cuda"),
    (r"cuSoftMaxLayer|cuSoftmax\w*|cuRaggedSoftMax\w*", "softmax", "cuda"),
    (r"cuReduce\w*|cuArg\w*", "reduction", "cuda"),
    (r"cuTopK\w*|cuNMS\w*|cuSort\w*", "sort", "cuda"),
    (r"cuNormalization\w*|cuInstanceNorm\w*|cuLRN\w*", "normalization", "cuda"),
    (r"cuQuantize\w*|quantizeLayer|cuQDQ\w*", "quantize", "none"),
    (r"cuGather\w*|cuOneHot\w*|cuNonZero\w*", "gather", "none"),
    (r"cuScatter\w*", "scatter", "none"),
    (r"cuSlice\w*|cuPadding\w*", "slice", "none"),
    (r"cuConcat\w*", "concat", "none"),
    (r"cuShuffle\w*|cuTranspose\w*", "transpose", "none"),
    (r"cuFill\w*|cuConstant\w*", "fill", "none"),
    (r"cuInt8|genericReformat|CUTENSOR_NAMESPACE|cutensor\w*", "reformat", "none"),
)  # fmt: skip
_COMPILED: Final = tuple((re.compile(names), operation, kind) for names, operation, kind in _LAYERS)
_WIDTH: Final = re.compile(r"(?:<|I)(?:double|d|float4|6float4)(?=[,\d_A-Z])")
_SPARSE: Final = re.compile(r"(?:cp)?(Volta|Turing|Ampere|Simt)_((?:[bt]?f\d+|s\d+)+)tnt_\w*?A[01](?:T(\d+))?_")
_SHAPES: Final = {"884": (8, 8, 4), "1688": (16, 8, 8), "16816": (16, 8, 16), "8816": (8, 8, 16), "16832": (16, 8, 32)}
_FLOORS: Final = {"Volta": 70, "Turing": 75, "Ampere": 80}


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a kernel of TensorRT, None when neither scope nor identifier is one."""
    ident, scope = symbol.ident, symbol.scope
    if "cumm::" in scope or ident.startswith(("Volta_", "Turing_", "Ampere_", "Simt_")):
        return _sparse(scope + ident)
    if _HELPERS.match(ident):
        return helps("reformat", f"{ident}: reorders a filter or prepares offsets once, for the kernel that multiplies")
    kind = _moved(symbol)
    if _REFORMAT.match(ident):
        return moves("reformat", f"{ident}: changes layout or type, no arithmetic", operand=kind)
    if ident.startswith("generatedNativePointwise"):
        return cuda("elementwise", "generatedNativePointwise: TensorRT's generated pointwise kernel")
    return _layer(scope, ident, kind)


_HELPERS: Final = re.compile(r"reorder[A-Z]\w*|compute\w*Offsets\w*|kern_precompute_indices")


def _moved(symbol: Symbol) -> DType | None:
    """Return the element type a reformat reads, skipping the type that only gives its loads their width."""
    if symbol.end >= len(symbol.name):
        return None
    width = _WIDTH.match(symbol.name, symbol.end)
    return cpp_type(symbol.name, width.end() if width is not None and "copyVectorized" in symbol.ident else symbol.end)


@lru_cache(maxsize=4096)
def _layer(scope: str, ident: str, kind: DType | None) -> Verdict | None:
    """Return the verdict on a layer's kernel by its namespace."""
    first = scope.partition("::")[0] or ident
    for names, operation, unit in _COMPILED:
        if names.fullmatch(first):
            why = f"{first}: TensorRT's {operation} layer"
            return (cuda if unit == "cuda" else moves)(operation, why, operand=kind)
    known = _NAMES.match(ident)
    if known is not None:
        return cuda(_PLAIN[known[0]], f"{known[0]}: a TensorRT plugin or layer on CUDA cores", operand=kind,
                    confidence=0.9)  # fmt: skip
    return None


_PLAIN: Final = {
    "fusedConvolutionReluKernel": "convolution", "gatherTopDetections_kernel": "sort", "allClassNMS_kernel": "sort",
    "decodeBBoxes_kernel": "elementwise", "sortScoresPer": "sort", "embLayerNorm": "normalization",
    "skipLayerNorm": "normalization", "skln": "normalization", "geluKernel": "elementwise", "scaledSoftmax": "softmax",
    "maskedSoftmax": "softmax", "priorBox": "elementwise", "EfficientNMS": "sort", "cuTopk": "sort",
}  # fmt: skip
_NAMES: Final = re.compile("|".join(_PLAIN))


@lru_cache(maxsize=1024)
def _sparse(path: str) -> Verdict | None:
    """Return the verdict on spconv's sparse convolutions, which TensorRT plugins for lidar bring along."""
    found = _SPARSE.search(path)
    if found is None:
        return None
    types = re.findall(r"[bt]?f\d+|s\d+", found[2])
    operand = _TYPES.get(types[0])
    if found[1] == "Simt" or found[3] is None:
        return cuda("convolution", f"{found[1]} without a T<shape>: sparse convolution on CUDA cores", operand=operand)
    mma = DType.TF32 if operand is DType.FP32 else operand
    return tensor("convolution", f"T{found[3]} is the Tensor Core instruction", mma=mma, operand=operand,
                  accumulate=_TYPES.get(types[3]), shape=_SHAPES.get(found[3]), isa=_FLOORS[found[1]],
                  confidence=STRONG)  # fmt: skip


_TYPES: Final = {
    "f16": DType.FP16, "bf16": DType.BF16, "f32": DType.FP32, "tf32": DType.TF32, "s8": DType.INT8, "s32": DType.INT32,
}  # fmt: skip

FAMILY: Final = Family(
    name="tensorrt",
    title="TensorRT's reformats, layers and plugins",
    ident=r"copy(?:Packed|Vectorized)(?:Run)?Kernel|generatedNativePointwise|permutationKernel|reorder[A-Z]"
    r"|cuInt8|nc\w*?q?hw\w*?To|nhwc\w*?To|nchw\w*?To|ndhwcTo|ncdhwTo|compute\w*Offsets\w*Kernel|kern_precompute_indices"
    r"|(?:cp)?(?:Volta|Turing|Ampere|Simt)_\w+tnt_|" + "|".join(_PLAIN),
    scope=r"genericReformat::|cuInt8::|cu[A-Z]\w*::|CUTENSOR_NAMESPACE::|cutensor\w*::|nvinfer1::|\w*?::?cumm::"
    r"|spconv\w*::|\w+::cumm::|cumm::",
    read=read,
)
