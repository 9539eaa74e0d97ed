"""How each dialect of kernel names spells an element type.

Three dialects: the short codes of CASK and CUTLASS (``f16``, ``i8``, ``e4m3``), the words of legacy names (``fp16``,
``int8x4``), and C++ types inside template arguments, demangled (``cutlass::half_t``) or mangled (``6half_t``).
"""

from __future__ import annotations

import re
from typing import Final

from trtprof.model import DType

CODES: Final[dict[str, DType | None]] = {
    "f64": DType.FP64, "cf64": DType.FP64, "f32": DType.FP32, "cf32": DType.FP32, "tf32": DType.TF32,
    "f16": DType.FP16, "cf16": DType.FP16, "bf16": DType.BF16, "cbf16": DType.BF16,
    "e4m3": DType.FP8, "e5m2": DType.FP8, "f8": DType.FP8, "e2m1": DType.FP4, "f4": DType.FP4,
    "e3m2": None, "e2m3": None, "f6": None, "s2": None, "u2": None, "void": None,  # 6 and 2 bits: no DType of ours
    "i8": DType.INT8, "s8": DType.INT8, "u8": DType.UINT8, "i4": DType.INT4, "s4": DType.INT4, "u4": DType.INT4,
    "b1": DType.INT1, "i1": DType.INT1, "u1": DType.INT1, "i16": DType.INT16, "s16": DType.INT16,
    "i32": DType.INT32, "s32": DType.INT32, "u32": DType.INT32, "i64": DType.INT64, "s64": DType.INT64,
    "fp64": DType.FP64, "fp32": DType.FP32, "fp16": DType.FP16, "fp16x2": DType.FP16, "fp8": DType.FP8,
    "fp4": DType.FP4, "int32": DType.INT32, "int16": DType.INT16, "int8": DType.INT8, "int8x4": DType.INT8,
    "int8x32": DType.INT8, "uint8": DType.UINT8, "uint8x4": DType.UINT8, "int4": DType.INT4, "int4x8": DType.INT4,
    "int64": DType.INT64, "half": DType.FP16, "float": DType.FP32, "double": DType.FP64, "bfloat16": DType.BF16,
    "mxe4m3": DType.FP8, "mxe2m1": DType.FP4, "mxint4": DType.INT4, "bool": DType.BOOL,
}  # fmt: skip
"""A type's short spelling in lower case. None: a type that the model has no name for."""

ACCUMULATORS: Final[dict[str, DType]] = {
    "h": DType.FP16, "s": DType.FP32, "d": DType.FP64, "i": DType.INT32, "c": DType.FP32, "z": DType.FP64,
    "gc": DType.FP32, "gz": DType.FP64, "cf": DType.FP32, "b": DType.BF16,
}  # fmt: skip
"""The BLAS letter before gemm, cudnn or fprop: what the kernel sums in (c, z: complex; g: Gaussian complex)."""

_BUILTIN: Final = {"f": DType.FP32, "d": DType.FP64, "a": DType.INT8, "h": DType.UINT8, "l": DType.INT64}
_MANGLED_FIRST: Final = re.compile(r"I(?:L[a-z]\d+E)*([fdahl])")


def cpp_type(text: str, start: int = 0) -> DType | None:
    """Return the first element type spelled in C++ within reach of ``start``, None where there is none.

    ``str.find`` for a few fragments is some twenty times faster than one alternation tried at every character.
    """
    end = start + _REACH
    first, kind = end, None
    for fragment, meant in _FRAGMENTS:
        at = text.find(fragment, start, first + len(fragment))
        if 0 <= at < first:
            first, kind = at, meant
    return _FLOATS.get(_around(text, first), DType.FP32) if kind is DType.FP32 else kind


_REACH: Final = 600  # characters; what a kernel computes in stands early in its template arguments
_FRAGMENTS: Final = (
    ("loat", DType.FP32), ("alf", DType.FP16), ("double", DType.FP64), ("bf16", DType.BF16), ("int8_t", DType.INT8),
    ("signed char", DType.INT8), ("fp8", DType.FP8), ("fp4", DType.FP4),
)  # fmt: skip
_FLOATS: Final = {
    "bf": DType.BF16, "BF": DType.BF16, "tf": DType.TF32, "f8": DType.FP8, "F8": DType.FP8, "f16": DType.FP16,
    "f_e4": DType.FP8, "f_e5": DType.FP8, "f_u": DType.FP8, "f_e2": DType.FP4,
}  # fmt: skip
_AFTER: Final = re.compile(r"loat(8|16(?!\d)|_e[245]|_u)")


def _around(text: str, at: int) -> str:
    """Return what tells ``float`` at ``at - 1`` from its relatives: bfloat16, tfloat32, float8, float_e4m3."""
    before = text[max(at - 2, 0) : at]
    if before in {"bf", "BF", "tf"}:
        return before
    after = _AFTER.match(text, at)
    return before[-1:] + after[1] if after is not None else ""


def mangled_builtin(text: str, start: int) -> DType | None:
    """Return the type behind the first builtin code of a mangled template list that opens at ``start``."""
    found = _MANGLED_FIRST.match(text, start)
    return _BUILTIN.get(found[1]) if found is not None else None


def instruction_shape(digits: str) -> tuple[int, int, int] | None:
    """Return M, N, K of ``16x8x16`` or of the run-together ``16816``; None for what no instruction has."""
    if "x" not in digits:
        return _RUNS.get(digits)
    m, n, k = (int(part) for part in digits.split("x")[:3])
    return (m, n, k) if k in _DEPTHS else None


_DEPTHS: Final = frozenset((4, 8, 16, 32, 64, 96, 128, 256))  # a K of 1, 3 or 6 is what truncation leaves of these


_RUNS: Final[dict[str, tuple[int, int, int]]] = {
    "884": (8, 8, 4), "8816": (8, 8, 16), "8832": (8, 8, 32), "88128": (8, 8, 128),
    "1684": (16, 8, 4), "1688": (16, 8, 8), "16816": (16, 8, 16), "16832": (16, 8, 32), "16864": (16, 8, 64),
    "168128": (16, 8, 128), "168256": (16, 8, 256), "161616": (16, 16, 16), "32816": (32, 8, 16), "83216": (8, 32, 16),
    "16168": (16, 16, 8), "161632": (16, 16, 32), "32832": (32, 8, 32),
}  # fmt: skip
