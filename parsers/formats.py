"""TensorRT's words for a tensor's type and layout, of every version, as records.

Sources: real exports of TensorRT 8.2 to 10.16, the verbose log of TensorRT-RTX 1.7 (same wording as 11.x), and the
format strings of NVIDIA/TensorRT's ``NvInfer.h``. Imports the model only.
"""

from __future__ import annotations

import re
from functools import lru_cache

from trtprof.model import DType, Layout, TensorFormat

_DTYPES = {
    "float": DType.FP32,
    "fp32": DType.FP32,
    "half": DType.FP16,
    "fp16": DType.FP16,
    "bfloat16": DType.BF16,
    "bf16": DType.BF16,
    "fp8": DType.FP8,
    "e4m3": DType.FP8,
    "e5m2": DType.FP8,
    "fp4": DType.FP4,
    "e2m1": DType.FP4,
    "int8": DType.INT8,
    "uint8": DType.UINT8,
    "int4": DType.INT4,
    "int32": DType.INT32,
    "int64": DType.INT64,
    "bool": DType.BOOL,
}
_DTYPE_WORD = re.compile(r"\b(" + "|".join(sorted(_DTYPES, key=len, reverse=True)) + r")\b", re.IGNORECASE)
_WIDTHS = {"two": 2, "four": 4, "eight": 8, "sixteen": 16, "thirty-two": 32}
_VECTORIZED = re.compile(r"(two|four|sixteen|thirty-two|\d{1,4}) wide channel vectorized", re.IGNORECASE)
_CHANNEL_PADDED = re.compile(r"(four|eight|sixteen) channel .{0,80}padded|channel % (\d{1,4}) == 0", re.IGNORECASE)
_DLA_STRIDE = re.compile(r"column stride % \d{1,6} == 0", re.IGNORECASE)


def read_dtype(text: str) -> DType | None:
    """Return the first number format named in the text, or ``None`` (``N/A due to dynamic shapes``)."""
    found = _DTYPE_WORD.search(text)
    return _DTYPES[found[1].lower()] if found else None


@lru_cache(maxsize=1024)
def read_format(text: str) -> tuple[DType | None, TensorFormat | None]:
    """Return type and layout of a format phrase.

    Reads the one phrase of TensorRT up to 10 (``Thirty-two wide channel vectorized row major Int8 format``), the split
    ``Format`` of 11 (``(NHWC) Channel major format``) and bare types (``Half``, then without a layout).
    """
    phrase = text.strip().rstrip(".")
    dtype = read_dtype(phrase)
    if not phrase or phrase.lower().startswith(("n/a", "unknown")):
        return dtype, None
    layout = _layout(phrase)
    if layout is None:
        return dtype, None if dtype and _DTYPE_WORD.fullmatch(phrase) else TensorFormat(Layout.UNKNOWN, 1, phrase)
    return dtype, layout


def _layout(phrase: str) -> TensorFormat | None:
    lower = phrase.lower()
    if _DLA_STRIDE.search(phrase):
        return TensorFormat(Layout.DLA, 4 if "channel == 4" in lower else 1, phrase)
    if vectorized := _VECTORIZED.search(phrase):
        word = vectorized[1].lower()
        return TensorFormat(Layout.CHANNEL_VECTOR, _WIDTHS.get(word) or int(word), phrase)
    if padded := _CHANNEL_PADDED.search(phrase):
        return TensorFormat(Layout.CHANNEL_LAST, _WIDTHS[padded[1].lower()] if padded[1] else int(padded[2]), phrase)
    for word, layout in (
        ("channel major", Layout.CHANNEL_LAST),
        ("nhwc", Layout.CHANNEL_LAST),
        ("transposed", Layout.TRANSPOSED),
        ("row major", Layout.LINEAR),
        ("linear", Layout.LINEAR),
    ):
        if word in lower:
            return TensorFormat(layout, 1, phrase)
    return None
