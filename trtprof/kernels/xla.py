"""Kernels that XLA generates for JAX and TensorFlow, named after the instruction they stand for.

``loop_*_fusion``, ``input_*_fusion`` and ``wrapped_*`` are pointwise, reducing or moving code on CUDA cores.
``gemm_fusion_dot*`` is a product that XLA gave to Triton because a Tensor Core can do it; FP32 at the highest
precision is the exception that the name does not show, so the answer leans and does not assert.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import FAIR, STRONG, Verdict, cuda, helps, moves, tensor, unknown

_NUMBER: Final = re.compile(r"(?:[_.]\d+)*(?:_impl|__\d+)?$")
_AUTOTUNER: Final = re.compile(r".*(?:redzone|buffercomparator|repeatbuffer)|delay_?kernel|repeat_buffer")
_PRODUCT: Final = re.compile(r"gemm|dot|cublas|matmul|convolution|conv(?!ert)")
_OPERATIONS: Final[tuple[tuple[str, str], ...]] = (
    ("softmax", "softmax"), ("reduce", "reduction"), ("scatter", "scatter"), ("transpose", "transpose"),
    ("concatenate", "concat"), ("gather", "gather"), ("dynamic_update_slice", "copy"), ("slice", "slice"),
    ("pad", "slice"), ("broadcast", "fill"), ("iota", "fill"), ("copy", "copy"), ("convert", "cast"), ("sort", "sort"),
    ("rng", "random"), ("threefry", "random"),
)  # fmt: skip
_ARITHMETIC: Final = re.compile(
    r"add|sub|mul|div|exp|log|tanh|sqrt|max|min|select|compare|pow|neg|abs|and|or|xor|clamp|sin|cos|erf|rem|sign|reduce"
    r"|softmax|shift|logistic|not"
)
_MOVES: Final = frozenset(("transpose", "concat", "gather", "copy", "slice", "fill", "cast", "scatter"))


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on an XLA kernel, None when the identifier is not one of its names."""
    return _verdict(_NUMBER.sub("", symbol.name if "." in symbol.name[:80] else symbol.ident))


@lru_cache(maxsize=8192)
def _verdict(ident: str) -> Verdict | None:
    """Return the verdict on an identifier without its number."""
    lowered = ident.lower()
    tuner = _AUTOTUNER.match(lowered)
    if tuner is not None:
        return helps("synchronisation", f"{tuner[0]}: XLA's autotuner, around the kernels it compares")
    if "threefry" in lowered:
        return cuda("random", "threefry: JAX's random numbers", confidence=STRONG)
    product = _PRODUCT.search(lowered)
    return _product(lowered, product[0]) if product is not None else _loop(ident, lowered)


def _product(lowered: str, word: str) -> Verdict:
    """Return the verdict on a fusion around a product."""
    if "gemm_fusion" in lowered or "triton_gemm" in lowered or "fusion_dot" in lowered:
        why = "gemm_fusion: a product that XLA gave to Triton, for Tensor Cores unless it is FP32 at highest precision"
        return tensor("gemm", why, confidence=0.7)
    return unknown(f"{word}: a product whose engine the name does not tell", operation="gemm")


def _loop(ident: str, lowered: str) -> Verdict:
    """Return the verdict on a loop, a reduction or a movement."""
    operation = next((word for part, word in _OPERATIONS if part in lowered), "elementwise")
    if operation in _MOVES and not _ARITHMETIC.search(lowered.replace("fusion", "").replace("broadcast", "")):
        return moves(operation, f"{ident}: XLA code that moves data", confidence=FAIR)
    if ident in {"fusion", "fused_computation"}:
        return cuda("elementwise", "fusion: XLA code without a product, in the versions that name it so",
                    confidence=0.7)  # fmt: skip
    return cuda(operation, f"{ident}: XLA's generated loop or reduction", confidence=0.9)


FAMILY: Final = Family(
    name="xla",
    title="XLA (JAX, TensorFlow)",
    ident=r"(?:wrapped|loop)_\w+|[a-z_]*fusion(?:[_.]\d+)*$|gemm_fusion|nested_gemm"
    r"|triton_(?:gemm|softmax|dot)|[Rr]edzone|RedzoneAllocator|BufferComparator|ThreeFry|threefry|delay_kernel"
    r"|repeat_buffer",
    scope=r"xla::|stream_executor::",
    read=read,
)
